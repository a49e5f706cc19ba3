"""Commands to the scheduler: given by anybody, claimed once, and their outcome."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, update

from db.errors import RecordNotFoundError
from db.job_records import CommandStatus, JobCommand
from db.models.base import table_of
from db.models.operations import JobCommand as Row
from db.records import DataKind
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction

_COLUMNS = table_of(Row).columns


def add(
    tx: Transaction,
    job: str,
    command: str,
    *,
    arguments: Mapping[str, Any],
    requested_by: str,
    at: datetime,
) -> int:
    """Ask for something; the id by which its outcome is found."""
    data_versions.bump(tx, DataKind.JOBS)
    row = {
        "job": job,
        "command": command,
        "arguments": arguments,
        "status": CommandStatus.WAITING,
        "requested_at": at,
        "requested_by": requested_by,
    }
    return tx.connection.execute(insert(Row).values(row).returning(Row.id)).scalar_one()


def are_waiting(reader: Reader) -> bool:
    """Whether there is anything to claim. It only reads."""
    query = select(Row.id).where(Row.status == CommandStatus.WAITING).limit(1)
    return reader.connection.execute(query).one_or_none() is not None


def claim(tx: Transaction, holder: str, *, at: datetime, limit: int = 20) -> tuple[JobCommand, ...]:
    """Take the oldest waiting commands. However many claim at once, each command goes to one."""
    oldest = (
        select(Row.id)
        .where(Row.status == CommandStatus.WAITING)
        .order_by(Row.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer and knows no locks
    )
    claimed = (
        update(Row)
        .where(Row.id.in_(oldest.scalar_subquery()))
        .values(status=CommandStatus.CLAIMED, claimed_at=at, claimed_by=holder)
        .returning(*_COLUMNS)
    )
    rows = tx.connection.execute(claimed).all()
    if rows:
        data_versions.bump(tx, DataKind.JOBS)
    return tuple(sorted((_command(row._mapping) for row in rows), key=lambda one: one.id))


def finish(
    tx: Transaction, command_id: int, *, claimed_by: str, error: str | None, at: datetime
) -> bool:
    """Note what became of a command (``error`` None: it is done); False: it is not theirs."""
    data_versions.bump(tx, DataKind.JOBS)
    status = CommandStatus.DONE if error is None else CommandStatus.FAILED
    theirs = update(Row).where(
        Row.id == command_id, Row.status == CommandStatus.CLAIMED, Row.claimed_by == claimed_by
    )
    ended = tx.connection.execute(theirs.values(status=status, finished_at=at, error=error))
    return ended.rowcount == 1


def give_back_claims(tx: Transaction, *, but: str) -> int:
    """Let unfinished commands of every holder but this one wait again; how many there were."""
    given = tx.connection.execute(
        update(Row)
        .where(Row.status == CommandStatus.CLAIMED, Row.claimed_by != but)
        .values(status=CommandStatus.WAITING, claimed_at=None, claimed_by=None)
    )
    if given.rowcount:
        data_versions.bump(tx, DataKind.JOBS)
    return given.rowcount


def get(reader: Reader, command_id: int) -> JobCommand:
    """The command of that id. Raises ``RecordNotFoundError``."""
    row = reader.connection.execute(select(*_COLUMNS).where(Row.id == command_id)).one_or_none()
    if row is None:
        raise RecordNotFoundError(
            f"command {command_id} is not stored (any more)",
            next_step="look at the job's runs for what became of it",
        )
    return _command(row._mapping)


def purge(tx: Transaction, *, before: datetime) -> int:
    """Delete commands that ended before that time; how many."""
    return tx.connection.execute(delete(Row).where(Row.finished_at < before)).rowcount


def _command(row: RowMapping) -> JobCommand:
    return to_record(row, JobCommand, arguments=msgspec.json.decode(row["arguments"]))
