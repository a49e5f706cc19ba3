"""Runs of imports: what was read, and what became of it."""

from datetime import datetime

from sqlalchemy import RowMapping, insert, select, update

from db.errors import RecordNotFoundError
from db.models.base import table_of
from db.models.operations import Import
from db.records import DataKind, ImportRun, ImportStatus, Stored
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction


def start(
    tx: Transaction, kind: DataKind, *, source_name: str, digest: str | None, at: datetime
) -> int:
    """Note that an import has begun; its id is for ``finish`` or ``fail``."""
    data_versions.bump(tx, DataKind.IMPORTS)
    row = {
        "kind": kind,
        "source_name": source_name,
        "digest": digest,
        "rows_read": 0,
        "rows_new": 0,
        "rows_known": 0,
        "rows_changed": 0,
        "rows_refused": 0,
        "started_at": at,
        "status": ImportStatus.RUNNING,
    }
    return tx.connection.execute(insert(Import).values(row).returning(Import.id)).scalar_one()


def finish(tx: Transaction, run: int, stored: Stored, *, rows_refused: int, at: datetime) -> None:
    """Note that an import has ended well. Call it in the transaction that stores the rows."""
    read = stored.new + stored.known + stored.changed + rows_refused
    _end(
        tx,
        run,
        rows_read=read,
        rows_new=stored.new,
        rows_known=stored.known,
        rows_changed=stored.changed,
        rows_refused=rows_refused,
        finished_at=at,
        status=ImportStatus.SUCCEEDED,
    )


def fail(tx: Transaction, run: int, error: str, *, at: datetime) -> None:
    """Note that an import has failed, and why. Nothing of it was stored."""
    _end(tx, run, finished_at=at, status=ImportStatus.FAILED, error=error)


def fail_unfinished(tx: Transaction, *, started_before: datetime, at: datetime) -> int:
    """Close runs that a process left behind when it died; how many there were."""
    data_versions.bump(tx, DataKind.IMPORTS)
    closed = tx.connection.execute(
        update(Import)
        .where(Import.status == ImportStatus.RUNNING, Import.started_at < started_before)
        .values(
            status=ImportStatus.FAILED,
            finished_at=at,
            error="the program stopped in the middle of it; nothing of it was stored",
        )
    )
    return closed.rowcount


def list_runs(
    reader: Reader, *, kind: DataKind | None = None, limit: int = 100, offset: int = 0
) -> tuple[ImportRun, ...]:
    """The runs, newest first."""
    query = select(*table_of(Import).columns).order_by(Import.id.desc())
    if kind is not None:
        query = query.where(Import.kind == kind)
    rows = reader.connection.execute(query.limit(limit).offset(offset))
    return tuple(_run(row._mapping) for row in rows)


def latest_success(reader: Reader, kind: DataKind) -> ImportRun | None:
    """The newest import of a kind that ended well: how old the data are. None: there was none."""
    query = (
        select(*table_of(Import).columns)
        .where(Import.kind == kind, Import.status == ImportStatus.SUCCEEDED)
        .order_by(Import.id.desc())
        .limit(1)
    )
    row = reader.connection.execute(query).one_or_none()
    return None if row is None else _run(row._mapping)


def _end(tx: Transaction, run: int, **values: object) -> None:
    data_versions.bump(tx, DataKind.IMPORTS)
    ended = tx.connection.execute(update(Import).where(Import.id == run).values(**values))
    if ended.rowcount != 1:
        raise RecordNotFoundError(
            f"import run {run} is not stored", next_step="start the import again"
        )


def _run(row: RowMapping) -> ImportRun:
    return to_record(row, ImportRun)
