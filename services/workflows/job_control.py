"""What screens and commands do about jobs: see them, pause and resume them, run one now.

Everything passes through the database: the scheduler that leads follows within a second, and
whoever asked reads there what became of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from db.job_records import (
    CommandStatus,
    Job,
    JobCommand,
    JobRun,
    JobSchedule,
    JobScope,
    RunStatus,
)
from db.repositories import (
    audit,
    clusters,
    customers,
    events,
    job_commands,
    job_control,
    job_runs,
    jobs,
    leases,
)
from db.session import Database, Reader, Transaction
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError

__all__ = ["CommandStatus", "JobCommand", "JobRun", "JobScope", "RunStatus"]

LEASE = "scheduler"
RUN = "run"


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job on one target, as a table shows it. ``target`` is '' for global jobs.

    ``target_name`` is the cluster's or customer's name. None: it never ran, or never succeeded.
    ``waits_for`` says what is missing before it can start.
    """

    name: str
    does: str
    every: str
    scope: JobScope
    target: str
    target_name: str
    is_paused: bool
    last_status: RunStatus | None
    last_started_at: datetime | None
    last_seconds: float | None  # of a run on its way: None
    last_error: str | None
    last_facts: Mapping[str, Any]
    progress: float | None  # of a run on its way
    last_success_at: datetime | None
    failures: int  # in a row
    next_run_at: datetime | None
    waits_for: str


class SchedulerState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a scheduler works on this database; ``holder`` is host:process:start."""

    is_running: bool
    holder: str | None
    since: datetime | None


def list_jobs(database: Database) -> tuple[JobRow, ...]:
    """Every job on every target, in the catalogue's order.

    Empty where no scheduler ever ran on this database. A job without a target has one row.
    """
    with database.reader() as reader:
        catalogue = jobs.list_catalogue(reader)
        runs = jobs.latest_runs(reader)
        paused = job_control.paused_jobs(reader)
        names = _target_names(reader)
        schedules: dict[str, list[JobSchedule]] = {}
        for one in jobs.list_schedules(reader):
            schedules.setdefault(one.job, []).append(one)
    return tuple(
        _row(
            job,
            schedule,
            runs.get((job.name, schedule.target)),
            names.get((job.scope, schedule.target), schedule.target),
            job.name in paused,
        )
        for job in catalogue
        for schedule in schedules.get(job.name) or [JobSchedule(job=job.name)]
    )


def list_runs(
    database: Database, *, job: str | None = None, target: str | None = None, limit: int = 100
) -> tuple[JobRun, ...]:
    """The newest runs, newest first."""
    with database.reader() as reader:
        return job_runs.list_runs(reader, job=job, target=target, limit=limit)


def scheduler_state(database: Database) -> SchedulerState:
    """Whether a scheduler holds the lease at present."""
    with database.reader() as reader:
        lease = leases.load(reader, LEASE)
        now = leases.database_time(reader)
    is_running = lease is not None and lease.expires_at > now
    return SchedulerState(
        is_running=is_running,
        holder=lease.holder if lease is not None and is_running else None,
        since=lease.acquired_at if lease is not None and is_running else None,
    )


def pause(database: Database, job: str, *, actor: Actor, at: datetime) -> None:
    """Let a job run no more by itself; a run on its way goes on. Again: nothing changes."""
    _set_paused(database, job, True, actor, at)


def resume(database: Database, job: str, *, actor: Actor, at: datetime) -> None:
    """Let a paused job run again at its next time."""
    _set_paused(database, job, False, actor, at)


def run_now(
    database: Database, job: str, *, target: str | None = None, actor: Actor, at: datetime
) -> int:
    """Ask for a run now, also of a paused job; the command's id for ``command_status``.

    ``target`` is a cluster's or a customer's id; None: every target that the job has. Raises
    InvalidInputError for a job or a target that is not there.
    """
    authorise(actor, Role.OPERATOR, "run jobs")
    with database.transaction() as tx:
        found = _known_job(tx, job)
        if target is not None:
            _check_target(tx, found, target)
        command = job_commands.add(
            tx,
            job,
            RUN,
            arguments={} if target is None else {"target": target},
            requested_by=actor.name,
            at=at,
        )
        _tell(tx, "job.run", job, actor, at, {"command": command, "target": target})
    return command


def command_status(database: Database, command_id: int) -> JobCommand:
    """What became of a command. Raises ``RecordNotFoundError``."""
    with database.reader() as reader:
        return job_commands.get(reader, command_id)


def runs_of_command(database: Database, command_id: int) -> tuple[JobRun, ...]:
    """The runs that a command began, newest first."""
    with database.reader() as reader:
        return job_runs.list_runs(reader, command_id=command_id)


def _row(
    job: Job, schedule: JobSchedule, run: JobRun | None, target_name: str, is_paused: bool
) -> JobRow:
    is_on_its_way = run is not None and run.finished_at is None
    seconds = None
    if run is not None and run.finished_at is not None:
        seconds = (run.finished_at - run.started_at).total_seconds()
    return JobRow(
        name=job.name,
        does=job.does,
        every=job.every,
        scope=job.scope,
        target=schedule.target,
        target_name=target_name,
        is_paused=is_paused,
        last_status=None if run is None else run.status,
        last_started_at=None if run is None else run.started_at,
        last_seconds=seconds,
        last_error=None if run is None else run.error,
        last_facts={} if run is None else run.facts,
        progress=run.progress if run is not None and is_on_its_way else None,
        last_success_at=schedule.last_success_at,
        failures=schedule.failures,
        next_run_at=schedule.next_run_at,
        waits_for=schedule.waits_for,
    )


def _target_names(reader: Reader) -> Mapping[tuple[JobScope, str], str]:
    return {
        **{(JobScope.CLUSTER, one.id): one.name for one in clusters.list_all(reader)},
        **{(JobScope.CUSTOMER, one.id): one.company for one in customers.list_all(reader)},
    }


def _set_paused(database: Database, job: str, paused: bool, actor: Actor, at: datetime) -> None:
    authorise(actor, Role.OPERATOR, "pause and resume jobs")
    with database.transaction() as tx:
        _known_job(tx, job)
        if (job in job_control.paused_jobs(tx)) is paused:
            return
        job_control.set_paused(tx, job, paused=paused, changed_by=actor.name, at=at)
        _tell(tx, "job.paused" if paused else "job.resumed", job, actor, at, {"paused": paused})


def _tell(
    tx: Transaction, action: str, job: str, actor: Actor, at: datetime, after: Mapping[str, Any]
) -> None:
    """Who did it stands in the audit log, that it was done in the events."""
    audit.append(tx, actor=actor.name, action=action, object_name=job, at=at, after=after)
    events.append(tx, action, subject=job, at=at, payload=after)


def _known_job(reader: Reader, name: str) -> Job:
    catalogue = {one.name: one for one in jobs.list_catalogue(reader)}
    if not catalogue:
        raise InvalidInputError(
            f"job {name!r}",
            "no scheduler has run on this database yet",
            next_step="start one: python -m scheduler",
        )
    if name not in catalogue:
        raise InvalidInputError(
            f"job {name!r}", "is not known", next_step=f"the jobs are {', '.join(catalogue)}"
        )
    return catalogue[name]


def _check_target(reader: Reader, job: Job, target: str) -> None:
    known = {one.target for one in jobs.list_schedules(reader) if one.job == job.name}
    if target not in known:
        has = f"it runs on {', '.join(sorted(known))}" if any(known) else "it has no targets"
        raise InvalidInputError(
            f"job {job.name!r}", f"does not run on {target!r}", next_step=f"leave it out; {has}"
        )
