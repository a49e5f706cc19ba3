"""Import market data from a file: read, check, store, and keep a record of the run.

An import stores a whole file or nothing of it: the readers refuse a file before the first row is
written, and all rows of a file are written in one transaction. So a failing import leaves the last
good data as they were. Importing a file again changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePath
from typing import TypeVar

import msgspec

from db.records import DataKind, Stored
from db.repositories import advisor, imports, instance_types, on_demand, spot_prices
from db.session import Database, Reader, Transaction
from engines.contracts.pricing import InstanceType, OnDemandPrice, SpotPriceHistory
from services.errors import CloudOptimError
from services.files.bundled_catalogue import CATALOGUE_REGION
from services.files.instance_types import read_instance_types
from services.files.on_demand import read_on_demand_prices
from services.files.price_band import OnDemandByType, bundled_on_demand
from services.files.price_list import is_price_list, read_price_list
from services.files.reading import FileReading
from services.files.recognise import MarketKind, recognise
from services.files.source import SourceFile
from services.files.spot_advisor import AdvisorData, read_spot_advisor
from services.files.spot_prices import read_spot_prices

T = TypeVar("T")

LONGEST_IMPORT = timedelta(hours=1)
"""A run that began longer ago and has not ended died with its process."""

Clock = Callable[[], datetime]


class ImportStage(StrEnum):
    """What an import is busy with."""

    READING = "reading"
    STORING = "storing"


class ImportProgress(msgspec.Struct, frozen=True):
    """How far an import is: rows read so far; when storing, all that were read."""

    stage: ImportStage
    rows: int


OnProgress = Callable[[ImportProgress], None]


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that were left out, why, and the line of the first."""

    reason: str
    count: int
    first_line: int


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every row of a file: read = new + known + changed + dropped.

    ``changed`` rows were stored before with another value, which the file's replaced. ``as_of`` is
    the moment the data speak of; ``digest`` the file's SHA-256.
    """

    kind: MarketKind
    source: str
    digest: str
    rows_read: int
    rows_new: int
    rows_known: int
    rows_changed: int
    rows_dropped: int
    dropped: tuple[Dropped, ...]
    as_of: datetime
    regions: tuple[str, ...]
    warnings: tuple[str, ...]


def import_market_file(
    database: Database,
    source: SourceFile,
    *,
    as_of: datetime | None = None,
    on_progress: OnProgress | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> ImportReport:
    """Import a file of any kind, which its columns or keys tell.

    ``as_of`` says when the data were true, for the kinds whose files do not say it.
    """
    kind = recognise(source)
    return import_market_data(
        database, source, kind, as_of=as_of, on_progress=on_progress, clock=clock
    )


def import_market_data(
    database: Database,
    source: SourceFile,
    kind: MarketKind,
    *,
    as_of: datetime | None = None,
    on_progress: OnProgress | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> ImportReport:
    """Import a file of one kind; ``InvalidInputError`` if it is not such a file or not sound.

    The run is recorded, also when it fails. Where neither the file nor ``as_of`` says when the
    data were true, the file's own time counts, and the report says so.
    """
    job = _Import(database, source, kind, on_progress, clock)
    match kind:
        case MarketKind.SPOT_PRICES:
            return _import_spot_prices(job)
        case MarketKind.ON_DEMAND_PRICES:
            return _import_on_demand(job)
        case MarketKind.SPOT_ADVISOR:
            return _import_advisor(job, as_of)
        case MarketKind.INSTANCE_TYPES:
            return _import_instance_types(job, as_of)


def _import_spot_prices(job: "_Import") -> ImportReport:
    def read() -> FileReading[SpotPriceHistory]:
        return read_spot_prices(
            job.source,
            now=job.started_at,
            on_demand=job.known_on_demand(),
            on_progress=job.report_rows,
        )

    def store(tx: Transaction, reading: FileReading[SpotPriceHistory]) -> Stored:
        return spot_prices.save_history(tx, reading.data)

    return job.run(read, store)


def _import_on_demand(job: "_Import") -> ImportReport:
    def read() -> FileReading[tuple[OnDemandPrice, ...]]:
        is_aws = is_price_list(job.source.head())
        return (read_price_list if is_aws else read_on_demand_prices)(
            job.source,
            now=job.started_at,
            on_demand=job.known_on_demand(),
            on_progress=job.report_rows,
        )

    def store(tx: Transaction, reading: FileReading[tuple[OnDemandPrice, ...]]) -> Stored:
        return on_demand.save(tx, reading.data, source=job.file_name)

    return job.run(read, store)


def _import_advisor(job: "_Import", as_of: datetime | None) -> ImportReport:
    def read() -> FileReading[AdvisorData]:
        return job.dated(read_spot_advisor(job.source), as_of)

    def store(tx: Transaction, reading: FileReading[AdvisorData]) -> Stored:
        return advisor.save_rates(
            tx,
            reading.data.rates,
            published_at=known_moment(reading),
            source=job.file_name,
            document=b"".join(job.source.blocks()),
        )

    return job.run(read, store)


def _import_instance_types(job: "_Import", as_of: datetime | None) -> ImportReport:
    def read() -> FileReading[tuple[InstanceType, ...]]:
        return job.dated(read_instance_types(job.source), as_of)

    def store(tx: Transaction, reading: FileReading[tuple[InstanceType, ...]]) -> Stored:
        return instance_types.save(
            tx, reading.data, source=job.file_name, as_of=known_moment(reading)
        )

    return job.run(read, store)


def known_moment(reading: FileReading[T]) -> datetime:
    """When the data were true; every reading that is stored has been dated."""
    if reading.as_of is None:
        raise ValueError("a reading must be dated before it is stored")
    return reading.as_of


def known_on_demand(database: Database, at: datetime) -> OnDemandByType:
    """On-demand prices that judge whether a price can be true: stored ones, then bundled."""
    with database.reader() as reader:
        return {**bundled_on_demand(), **_stored_on_demand(reader, at)}


class _Import:
    """One run: what it reads, its record, and the order of its steps."""

    def __init__(
        self,
        database: Database,
        source: SourceFile,
        kind: MarketKind,
        on_progress: OnProgress | None,
        clock: Clock,
    ) -> None:
        self.source = source
        self.file_name = PurePath(source.name).name
        self.started_at = clock()
        self._database = database
        self._kind = kind
        self._on_progress = on_progress
        self._clock = clock

    def run(
        self,
        read: Callable[[], FileReading[T]],
        store: Callable[[Transaction, FileReading[T]], Stored],
    ) -> ImportReport:
        """Read, then store all rows and the end of the run in one transaction."""
        digest = self.source.digest()
        number = self._start(digest)
        try:
            reading = read()
            self._report(ImportStage.STORING, reading.rows_read)
            with self._database.transaction() as tx:
                stored = store(tx, reading)
                imports.finish(
                    tx, number, stored, rows_refused=reading.rows_dropped, at=self._clock()
                )
        except CloudOptimError as error:
            self._fail(number, str(error))
            raise
        except KeyboardInterrupt:
            self._fail(number, "interrupted; nothing of it was stored")
            raise
        return self._to_report(digest, reading, stored)

    def report_rows(self, rows: int) -> None:
        """Tell how many rows have been read."""
        self._report(ImportStage.READING, rows)

    def known_on_demand(self) -> OnDemandByType:
        """On-demand prices that judge whether a price can be true."""
        return known_on_demand(self._database, self.started_at)

    def dated(self, reading: FileReading[T], as_of: datetime | None) -> FileReading[T]:
        """The reading with the time its data were true, and a warning where that is a guess."""
        if as_of is not None:
            if as_of > self.started_at:
                raise self.source.refuse(
                    f"its data cannot be of {as_of.isoformat()}, which is in the future",
                    next_step="give the time when the file was published",
                )
            return replace(reading, as_of=as_of)
        written_at = self.source.modified_at()
        moment = min(written_at or self.started_at, self.started_at)
        basis = "when the file was written" if written_at else "the time of this import"
        warning = (
            f"the file does not say when its data were published; {moment:%Y-%m-%d %H:%M} UTC, "
            f"{basis}, is taken"
        )
        return replace(reading, as_of=moment, warnings=(*reading.warnings, warning))

    def _start(self, digest: str) -> int:
        with self._database.transaction() as tx:
            imports.fail_unfinished(
                tx, started_before=self.started_at - LONGEST_IMPORT, at=self.started_at
            )
            return imports.start(
                tx,
                DataKind(self._kind.value),
                source_name=self.source.name,
                digest=digest,
                at=self.started_at,
            )

    def _fail(self, number: int, reason: str) -> None:
        with self._database.transaction() as tx:
            imports.fail(tx, number, reason, at=self._clock())

    def _report(self, stage: ImportStage, rows: int) -> None:
        if self._on_progress is not None:
            self._on_progress(ImportProgress(stage, rows))

    def _to_report(self, digest: str, reading: FileReading[T], stored: Stored) -> ImportReport:
        return ImportReport(
            kind=self._kind,
            source=self.source.name,
            digest=digest,
            rows_read=reading.rows_read,
            rows_new=stored.new,
            rows_known=stored.known,
            rows_changed=stored.changed,
            rows_dropped=reading.rows_dropped,
            dropped=tuple(
                Dropped(reason=one.reason, count=one.count, first_line=one.first_line)
                for one in reading.dropped
            ),
            as_of=known_moment(reading),
            regions=reading.regions,
            warnings=reading.warnings,
        )


def _stored_on_demand(reader: Reader, at: datetime) -> dict[str, Decimal]:
    """By type: the price of the catalogue's region where it is stored, else of any region."""
    prices = on_demand.load(reader, at=at)
    anywhere = {price.instance_type: price.hourly_price for price in prices}
    at_home = {
        price.instance_type: price.hourly_price
        for price in prices
        if price.region == CATALOGUE_REGION
    }
    return anywhere | at_home
