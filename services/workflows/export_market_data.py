"""Export stored market data as CSV or JSON files, gz where the name ends so.

The columns are those that imports read, so an exported file can be imported again. A file is
written beside its destination and put in place when it is complete. Cells of a CSV that a
spreadsheet would take for a formula get an apostrophe in front.
"""

import contextlib
import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO

import msgspec

from db.records import SeriesFilter
from db.repositories import advisor, instance_types, on_demand, spot_prices
from db.session import Database, Reader
from engines.contracts.pricing import InstanceType, to_usd
from services.errors import CloudOptimError, InvalidInputError
from services.files.complete import complete_file
from services.files.recognise import MarketKind
from services.workflows.name_patterns import fits, matching

PROGRESS_ROWS = 10_000
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | float | Decimal | bool | datetime | None


class ExportError(CloudOptimError):
    """The file could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """What to export; None: all. Times bound Spot prices only, both inclusive.

    ``instance_types`` are names or patterns such as ``m5.*``.
    On-demand prices and Spot Advisor rates are those in force at ``until`` (None: the newest).
    """

    regions: tuple[str, ...] | None = None
    instance_types: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written where."""

    kind: MarketKind
    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class _Table:
    header: tuple[str, ...]
    rows: Callable[[Reader, ExportFilter], Iterator[Sequence[Cell]]]


def export_market_data(
    database: Database,
    kind: MarketKind,
    path: Path,
    wanted: ExportFilter,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> ExportReport:
    """Write the stored rows to ``path``: .csv, .csv.gz, .json or .json.gz.

    An empty selection writes an empty table: its ``rows`` are 0. Raises ``InvalidInputError`` for
    another name, ``ExportError`` where the file cannot be written.
    """
    form = _form_of(path)
    table = _TABLES[kind]
    try:
        with database.reader() as reader, _text_file(path) as stream:
            rows = _counted(table.rows(reader, wanted), on_progress)
            count = _WRITERS[form](stream, table.header, rows)
    except OSError as error:
        raise ExportError(
            f"cannot write {path}: {error.strerror or error}",
            next_step="choose another folder or free some room",
        ) from error
    return ExportReport(kind=kind, path=str(path), rows=count)


def neutralised(cell: Cell) -> str:
    """A cell's text for a CSV, harmless in a spreadsheet; numbers stay numbers."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return moment_text(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA_STARTS) else text


def moment_text(moment: datetime) -> str:
    """A moment as the price API writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _form_of(path: Path) -> str:
    form = path.name.removesuffix(".gz").rpartition(".")[2]
    if form not in _WRITERS:
        raise InvalidInputError(
            str(path),
            "the name tells no known format",
            next_step="end it in .csv, .csv.gz, .json or .json.gz",
        )
    return form


@contextlib.contextmanager
def _text_file(path: Path) -> Iterator[IO[str]]:
    """A text stream whose content appears at ``path`` at the end, or not at all."""
    with complete_file(path, mode=0o644) as raw:
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream:
            yield stream


def _counted(
    rows: Iterator[Sequence[Cell]], on_progress: Callable[[int], None] | None
) -> Iterator[Sequence[Cell]]:
    for number, row in enumerate(rows, start=1):
        yield row
        if on_progress is not None and number % PROGRESS_ROWS == 0:
            on_progress(number)


def _write_csv(stream: IO[str], header: Sequence[str], rows: Iterator[Sequence[Cell]]) -> int:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow([neutralised(cell) for cell in row])
        count += 1
    return count


def _write_json(stream: IO[str], header: Sequence[str], rows: Iterator[Sequence[Cell]]) -> int:
    encoder = msgspec.json.Encoder(decimal_format="number")
    count = 0
    stream.write("[")
    for row in rows:
        cells = (moment_text(cell) if isinstance(cell, datetime) else cell for cell in row)
        record = encoder.encode(dict(zip(header, cells, strict=True))).decode()
        stream.write(f"{',' if count else ''}\n{record}")
        count += 1
    stream.write("\n]\n")
    return count


_WRITERS = {"csv": _write_csv, "json": _write_json}


def _spot_price_rows(reader: Reader, wanted: ExportFilter) -> Iterator[Sequence[Cell]]:
    known = spot_prices.choices(reader).instance_types
    series_filter = SeriesFilter(
        regions=wanted.regions,
        products=wanted.products,
        instance_types=matching(known, wanted.instance_types),
    )
    histories = spot_prices.iter_export(
        reader, series_filter, since=wanted.since, until=wanted.until
    )
    for history in histories:
        timestamps, prices = history.timestamps.tolist(), history.micro_usd.tolist()
        for at, one in enumerate(history.series):
            for point in range(int(history.starts[at]), int(history.starts[at + 1])):
                yield (
                    one.instance_type,
                    one.availability_zone,
                    one.region,
                    one.product_description,
                    to_usd(prices[point]),
                    datetime.fromtimestamp(timestamps[point], UTC),
                )


def _on_demand_rows(reader: Reader, wanted: ExportFilter) -> Iterator[Sequence[Cell]]:
    prices = on_demand.load(
        reader,
        at=wanted.until or END_OF_TIME,
        regions=wanted.regions,
        operating_system=None,
    )
    for one in prices:
        if fits(one.instance_type, wanted.instance_types):
            yield (
                one.region,
                one.instance_type,
                one.operating_system.value,
                one.hourly_price,
                one.effective_date,
            )


def _advisor_rows(reader: Reader, wanted: ExportFilter) -> Iterator[Sequence[Cell]]:
    rates = advisor.load_rates(
        reader,
        at=wanted.until,
        regions=wanted.regions,
        operating_system=None,
    )
    for one in rates:
        if fits(one.instance_type, wanted.instance_types):
            yield (
                one.region,
                one.operating_system.value,
                one.instance_type,
                one.savings_percent,
                one.interruption_bucket.value,
            )


def _instance_type_rows(reader: Reader, wanted: ExportFilter) -> Iterator[Sequence[Cell]]:
    for one in instance_types.load(reader).values():
        if fits(one.instance_type, wanted.instance_types):
            yield tuple(getattr(one, name) for name in INSTANCE_TYPE_FIELDS)


INSTANCE_TYPE_FIELDS = tuple(field.name for field in msgspec.structs.fields(InstanceType))

_TABLES = {
    MarketKind.SPOT_PRICES: _Table(
        (
            "instance_type",
            "availability_zone",
            "region",
            "product_description",
            "spot_price",
            "timestamp",
        ),
        _spot_price_rows,
    ),
    MarketKind.ON_DEMAND_PRICES: _Table(
        ("region", "instance_type", "operating_system", "hourly_price", "effective_date"),
        _on_demand_rows,
    ),
    MarketKind.SPOT_ADVISOR: _Table(
        ("region", "operating_system", "instance_type", "savings_percent", "interruption_bucket"),
        _advisor_rows,
    ),
    MarketKind.INSTANCE_TYPES: _Table(INSTANCE_TYPE_FIELDS, _instance_type_rows),
}
