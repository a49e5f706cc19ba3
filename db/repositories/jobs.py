"""The scheduler's catalogue as it was last seen, and the schedule of each job on each target."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Row as ResultRow
from sqlalchemy import delete, func, insert, select, tuple_, update

from db.bulk import upsert
from db.job_records import Job, JobRun, JobSchedule
from db.models.base import table_of
from db.models.operations import Job as JobRow
from db.models.operations import JobRun as RunRow
from db.models.operations import JobSchedule as Row
from db.records import DataKind
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction

_SCHEDULE = table_of(Row).columns
_RUN = table_of(RunRow).columns
Key = tuple[str, str]  # job, target


def save_catalogue(tx: Transaction, catalogue: Sequence[Job]) -> None:
    """Replace the catalogue; schedules and runs of jobs that are gone stay until they age out."""
    data_versions.bump(tx, DataKind.JOBS)
    tx.connection.execute(delete(JobRow))
    rows = [
        {"position": position, **msgspec.structs.asdict(job)}
        for position, job in enumerate(catalogue)
    ]
    tx.connection.execute(insert(JobRow), rows)


def list_catalogue(reader: Reader) -> tuple[Job, ...]:
    """The jobs, in the catalogue's order; empty before a scheduler ran for the first time."""
    query = select(*table_of(JobRow).columns).order_by(JobRow.position)
    return tuple(to_record(row._mapping, Job) for row in reader.connection.execute(query))


def list_schedules(reader: Reader) -> tuple[JobSchedule, ...]:
    """Every job on every target, sorted."""
    query = select(*_SCHEDULE).order_by(Row.job, Row.target)
    return tuple(to_record(row._mapping, JobSchedule) for row in reader.connection.execute(query))


def latest_runs(reader: Reader) -> Mapping[Key, JobRun]:
    """The last run of every job on every target that ever ran there."""
    query = select(*_RUN).join(Row, Row.last_run_id == RunRow.id)
    runs = (_run(row) for row in reader.connection.execute(query))
    return {(one.job, one.target): one for one in runs}


def _run(row: ResultRow[tuple[object, ...]]) -> JobRun:
    return to_record(row._mapping, JobRun, facts=msgspec.json.decode(row._mapping["facts"]))


def plan(
    tx: Transaction, job: str, target: str, *, next_run_at: datetime | None, waits_for: str = ""
) -> None:
    """Note when a job runs next on a target, and what it waits for."""
    data_versions.bump(tx, DataKind.JOBS)
    _save(tx, job, target, next_run_at=next_run_at, waits_for=waits_for)


def note_start(tx: Transaction, job: str, target: str, *, run_id: int) -> None:
    """Note the run that has just begun."""
    _save(tx, job, target, last_run_id=run_id, waits_for="")


def note_success(tx: Transaction, job: str, target: str, *, at: datetime) -> None:
    """Note that the last run went well; of a target that was forgotten nothing is noted."""
    here = update(Row).where(Row.job == job, Row.target == target)
    tx.connection.execute(here.values(failures=0, last_success_at=at))


def note_failure(tx: Transaction, job: str, target: str) -> int:
    """Note that the last run failed; how many failed since the last success.

    0: the target was forgotten meanwhile, and nothing is noted.
    """
    here = update(Row).where(Row.job == job, Row.target == target)
    counted = here.values(failures=Row.failures + 1).returning(Row.failures)
    return tx.connection.execute(counted).scalar_one_or_none() or 0


def forget(tx: Transaction, keys: Sequence[Key]) -> None:
    """Drop the schedules of targets that are not worked on any more."""
    if keys:
        data_versions.bump(tx, DataKind.JOBS)
        tx.connection.execute(delete(Row).where(tuple_(Row.job, Row.target).in_(keys)))


def count_failing(reader: Reader) -> int:
    """How many jobs on targets have failed since their last success."""
    query = select(func.count()).select_from(Row).where(Row.failures > 0)
    return reader.connection.execute(query).scalar_one()


def _save(tx: Transaction, job: str, target: str, **values: object) -> None:
    fresh = {"waits_for": "", "failures": 0, **values}
    tx.connection.execute(
        upsert(tx, Row)
        .values(job=job, target=target, **fresh)
        .on_conflict_do_update(index_elements=[Row.job, Row.target], set_=values)
    )
