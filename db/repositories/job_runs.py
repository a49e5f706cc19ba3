"""Runs of jobs: begun, on their way, ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, update

from db.job_records import JobRun, NewRun, RunStatus
from db.models.base import table_of
from db.models.operations import JobRun as Row
from db.records import DataKind
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction

_COLUMNS = table_of(Row).columns


def start(tx: Transaction, new: NewRun, *, at: datetime) -> int:
    """Note that a run has begun; its id."""
    data_versions.bump(tx, DataKind.JOBS)
    row = {
        **msgspec.structs.asdict(new),
        "started_at": at,
        "status": RunStatus.RUNNING,
        "progress": 0.0,
        "facts": {},
    }
    return tx.connection.execute(insert(Row).values(row).returning(Row.id)).scalar_one()


def report(tx: Transaction, run_id: int, *, progress: float, facts: Mapping[str, Any]) -> None:
    """Note how far a run has come (a share) and what it counted so far."""
    data_versions.bump(tx, DataKind.JOBS)
    values = {"progress": progress, "facts": facts}
    tx.connection.execute(
        update(Row).where(Row.id == run_id, Row.status == RunStatus.RUNNING).values(values)
    )


def finish(
    tx: Transaction,
    run_id: int,
    status: RunStatus,
    *,
    facts: Mapping[str, Any],
    error: str | None,
    at: datetime,
) -> bool:
    """Note how a run ended; False: it had an end already, which stands."""
    data_versions.bump(tx, DataKind.JOBS)
    values: dict[str, Any] = {"status": status, "facts": facts, "error": error, "finished_at": at}
    if status is RunStatus.SUCCEEDED:
        values["progress"] = 1.0
    ended = update(Row).where(Row.id == run_id, Row.status == RunStatus.RUNNING)
    return tx.connection.execute(ended.values(values)).rowcount == 1


def close_left_behind(tx: Transaction, *, but: str, at: datetime) -> int:
    """End the runs of every holder but this one as failed; how many there were."""
    closed = tx.connection.execute(
        update(Row)
        .where(Row.status == RunStatus.RUNNING, Row.holder != but)
        .values(
            status=RunStatus.FAILED,
            finished_at=at,
            error="the scheduler that ran it stopped before its end",
        )
    )
    if closed.rowcount:
        data_versions.bump(tx, DataKind.JOBS)
    return closed.rowcount


def list_runs(
    reader: Reader,
    *,
    job: str | None = None,
    target: str | None = None,
    command_id: int | None = None,
    limit: int = 100,
) -> tuple[JobRun, ...]:
    """The newest runs, newest first."""
    query = select(*_COLUMNS).order_by(Row.started_at.desc(), Row.id.desc()).limit(limit)
    for column, wanted in ((Row.job, job), (Row.target, target), (Row.command_id, command_id)):
        if wanted is not None:
            query = query.where(column == wanted)
    return tuple(_run(row._mapping) for row in reader.connection.execute(query))


def purge(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete at most so many runs that began before that time; how many."""
    old = select(Row.id).where(Row.started_at < before).limit(limit)
    return tx.connection.execute(delete(Row).where(Row.id.in_(old.scalar_subquery()))).rowcount


def _run(row: RowMapping) -> JobRun:
    return to_record(row, JobRun, facts=msgspec.json.decode(row["facts"]))
