"""The record of a fetch: noted when it is over, however it ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec

from db.records import DataKind, Stored
from db.repositories import imports
from db.session import Database, Transaction
from services.aws.session import AwsAccount
from services.errors import CloudOptimError
from services.files.reading import DroppedRows
from services.workflows.endpoints import check_aws_url
from services.workflows.import_market_data import Dropped


class FetchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fetched document; rows read = new + known + changed + dropped.

    ``is_unchanged``: the stored edition is still the published one, and nothing was read.
    """

    kind: DataKind
    source: str
    is_unchanged: bool = False
    rows_read: int = 0
    rows_new: int = 0
    rows_known: int = 0
    rows_changed: int = 0
    rows_dropped: int = 0
    dropped: tuple[Dropped, ...] = ()
    regions: tuple[str, ...] = ()


def check_account(database: Database, account: AwsAccount) -> None:
    """Refuse to mix: a sandbox database takes prices of a pretend account only, a real one of AWS.

    Judged is where calls really go, by whatever setting. Raises InvalidInputError.
    """
    check_aws_url("AWS endpoint", account.endpoint("ec2"), database.check().kind)


class FetchRun:
    """One run. ``finish`` belongs into the transaction that stores the rows."""

    def __init__(self, database: Database, kind: DataKind, source: str, at: datetime) -> None:
        self._database = database
        self._kind = kind
        self._source = source
        self._at = at
        self._started = time.monotonic()

    @contextmanager
    def recording_failure(self) -> Iterator[None]:
        """Note why the block failed; nothing of it was stored then."""
        try:
            yield
        except CloudOptimError as error:
            self._fail(str(error))
            raise
        except KeyboardInterrupt:
            self._fail("interrupted; nothing of it was stored")
            raise

    def finish(
        self, tx: Transaction, stored: Stored, dropped: tuple[DroppedRows, ...]
    ) -> FetchReport:
        """Note the end of the run; its report."""
        rows_dropped = sum(one.count for one in dropped)
        imports.finish(tx, self._start(tx), stored, rows_refused=rows_dropped, at=self._now())
        return FetchReport(
            kind=self._kind,
            source=self._source,
            rows_read=stored.new + stored.known + stored.changed + rows_dropped,
            rows_new=stored.new,
            rows_known=stored.known,
            rows_changed=stored.changed,
            rows_dropped=rows_dropped,
            dropped=tuple(
                Dropped(reason=one.reason, count=one.count, first_line=one.first_line)
                for one in dropped
            ),
        )

    def unchanged(self) -> FetchReport:
        """The report of a run that found nothing new; it is not noted."""
        return FetchReport(kind=self._kind, source=self._source, is_unchanged=True)

    def _fail(self, reason: str) -> None:
        with self._database.transaction() as tx:
            imports.fail(tx, self._start(tx), reason, at=self._now())

    def _start(self, tx: Transaction) -> int:
        return imports.start(tx, self._kind, source_name=self._source, digest=None, at=self._at)

    def _now(self) -> datetime:
        """The present moment, told from the one at which the run began."""
        return self._at + timedelta(seconds=time.monotonic() - self._started)
