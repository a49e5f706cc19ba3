"""One run of a job on one target: noted when it begins, fenced while it works, noted at its end.

A failure stays its own: it is noted, counted and tried again with back-off. While the database is
away the end of a run waits for it. A run that takes too long is given up: it counts as failed, and
what its thread still wants to write is refused.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import structlog

from db.errors import DatabaseError, LeaseLostError
from db.job_records import JobRun, JobSchedule, NewRun, RunStatus
from db.repositories import job_runs, jobs, leases
from db.session import Database, Transaction
from scheduler.lanes import Key
from scheduler.leadership import LEASE, Leadership, fenced
from scheduler.work import Facts, JobSpec, RunStoppedError, Work
from services.errors import CloudOptimError
from services.metrics import JOB_LAST_SUCCESS, JOB_RUNS, JOB_SECONDS
from services.secrets import SecretBox
from services.settings import Settings

FIRST_RETRY = timedelta(seconds=15)  # doubled with each further failure, up to the job's interval
REPORT_SECONDS = 1.0  # progress is written at most so often
RETRY_END_SECONDS = 1.0  # between two attempts to note the end of a run

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """How a job last ended on a target, as ``/healthz`` tells it."""

    status: RunStatus
    finished_at: datetime
    error: str | None


@dataclass(kw_only=True)
class OpenRun:
    """A run on its way. ``stopped`` says why it is to end; None: it may go on."""

    id: int
    spec: JobSpec
    target: str
    term: int
    began: float = field(default_factory=monotonic)
    stopped: str | None = None
    is_given_up: bool = False
    reported: float = 0.0

    @property
    def key(self) -> Key:
        """The job and its target."""
        return (self.spec.name, self.target)

    @property
    def is_overdue(self) -> bool:
        """Whether it takes longer than its job may."""
        return monotonic() - self.began > self.spec.timeout.total_seconds()


class Runner:
    """Carries out runs, from whatever thread calls ``run``."""

    def __init__(
        self,
        database: Database,
        leadership: Leadership,
        settings: Settings,
        secrets: SecretBox,
        plan_next: Callable[[JobSpec, str, timedelta | None], datetime | None],
    ) -> None:
        """``plan_next`` tells when a job runs next, brought forward to a retry where one is due."""
        self._database = database
        self._leadership = leadership
        self._settings = settings
        self._secrets = secrets
        self._plan_next = plan_next
        self._lock = threading.Lock()
        self._open: dict[int, OpenRun] = {}
        self._failures: dict[Key, int] = {}
        self.last_runs: dict[Key, LastRun] = {}
        self.is_stopping = threading.Event()

    def know(self, schedules: Mapping[Key, JobSchedule], last_runs: Mapping[Key, JobRun]) -> None:
        """Take over what earlier schedulers counted, and how their runs ended."""
        self._failures = {key: one.failures for key, one in schedules.items() if one.failures}
        self.last_runs = {
            key: LastRun(status=one.status, finished_at=one.finished_at, error=one.error)
            for key, one in last_runs.items()
            if one.finished_at is not None
        }

    def run(self, spec: JobSpec, target: str, command_id: int | None = None) -> str | None:
        """Do it; None: it succeeded, else why not."""
        structlog.contextvars.bind_contextvars(job=spec.name, target=target or None)
        try:
            run = self._begin(spec, target, command_id)
        except DatabaseError as error:
            log.warning("run could not begin", problem=error.problem)
            self._plan_next(spec, target, FIRST_RETRY)
            return error.problem
        if run is None:
            return "this scheduler does not lead any more"
        structlog.contextvars.bind_contextvars(run=run.id)
        facts, error_text = self._work(run)
        with self._lock:
            del self._open[run.id]
        return self._end(run, facts, error_text)

    def open_runs(self) -> tuple[OpenRun, ...]:
        """The runs on their way."""
        with self._lock:
            return tuple(self._open.values())

    def give_up_overdue(self) -> tuple[Key, ...]:
        """Note runs that take too long as failed; the keys whose places are free by that."""
        overdue = [one for one in self.open_runs() if one.is_overdue and not one.is_given_up]
        for run in overdue:
            run.is_given_up = True
            run.stopped = f"it took longer than {_seconds(run.spec.timeout)} and was given up"
            self._end(run, {}, run.stopped, is_last_word=True)
        return tuple(run.key for run in overdue)

    def stop_all(self, reason: str) -> None:
        """Ask every run to end at its next report."""
        for run in self.open_runs():
            run.stopped = run.stopped or reason

    def park_open(self) -> int:
        """Note the runs that did not end in time as cancelled; how many there were."""
        left = [one for one in self.open_runs() if not one.is_given_up]
        for run in left:
            run.is_given_up = True
            with suppress(DatabaseError), fenced(self._database, run.term).transaction() as tx:
                self._note_end(tx, run, RunStatus.CANCELLED, {}, run.stopped)
        return len(left)

    def _begin(self, spec: JobSpec, target: str, command_id: int | None) -> OpenRun | None:
        term = self._leadership.term
        if term is None or self.is_stopping.is_set():
            return None
        key = (spec.name, target)
        new = NewRun(
            job=spec.name,
            target=target,
            holder=self._leadership.holder,
            attempt=self._failures.get(key, 0) + 1,
            command_id=command_id,
        )
        with fenced(self._database, term).transaction() as tx:
            run_id = job_runs.start(tx, new, at=_now())
            jobs.note_start(tx, spec.name, target, run_id=run_id)
            self._note_next(tx, spec, target, None)
        run = OpenRun(id=run_id, spec=spec, target=target, term=term)
        with self._lock:
            self._open[run_id] = run
        return run

    def _work(self, run: OpenRun) -> tuple[Facts, str | None]:
        """What the job counted, and why it failed (None: it did not)."""
        work = Work(
            database=self._database.guarded(lambda tx: _refuse_stopped(tx, run)),
            settings=self._settings,
            secrets=self._secrets,
            target=run.target,
            at=_now(),
            report=lambda share, facts: self._report(run, share, facts),
        )
        try:
            return run.spec.run(work), None
        except CloudOptimError as error:
            return {}, f"{error.problem}; {error.next_step}"
        except Exception as error:
            log.exception("job failed by a fault of the program")
            return {}, f"internal error, {type(error).__name__}: {error}"

    def _report(self, run: OpenRun, share: float, facts: Facts) -> None:
        if run.stopped is not None:
            raise RunStoppedError(run.stopped, next_step="it begins anew at its next time")
        if monotonic() - run.reported < REPORT_SECONDS:
            return
        run.reported = monotonic()
        with fenced(self._database, run.term).transaction() as tx:
            job_runs.report(tx, run.id, progress=min(max(share, 0.0), 1.0), facts=facts)

    def _end(
        self, run: OpenRun, facts: Facts, error: str | None, *, is_last_word: bool = False
    ) -> str | None:
        """Note the end, however long the database is away; a run given up has its end already."""
        if run.is_given_up and not is_last_word:
            log.warning("given-up run has ended at last")
            return run.stopped
        status = self._status(run, error)
        facts = {**facts, "seconds": round(monotonic() - run.began, 3)}
        while True:
            try:
                with fenced(self._database, run.term).transaction() as tx:
                    self._note_end(tx, run, status, facts, error)
                break
            except LeaseLostError:
                log.warning("run's end is not noted: another scheduler works by now")
                return "the lease was lost"
            except DatabaseError as trouble:
                if not trouble.is_retryable or self.is_stopping.wait(RETRY_END_SECONDS):
                    log.error("run's end could not be noted", problem=trouble.problem)
                    return trouble.problem
        self._tell(run, status, facts, error)
        return error

    def _status(self, run: OpenRun, error: str | None) -> RunStatus:
        if error is None:
            return RunStatus.SUCCEEDED
        is_parked = self.is_stopping.is_set() and run.stopped is not None
        return RunStatus.CANCELLED if is_parked else RunStatus.FAILED

    def _note_end(
        self,
        tx: Transaction,
        run: OpenRun,
        status: RunStatus,
        facts: Mapping[str, Any],
        error: str | None,
    ) -> None:
        """In one transaction: the run, how often it failed, and when it is tried again."""
        job_runs.finish(tx, run.id, status, facts=facts, error=error, at=_now())
        retry = None
        if status is RunStatus.SUCCEEDED:
            self._failures.pop(run.key, None)
            jobs.note_success(tx, *run.key, at=_now())
        elif status is RunStatus.FAILED:
            self._failures[run.key] = jobs.note_failure(tx, *run.key)
            retry = retry_after(max(self._failures[run.key], 1), run.spec.longest_wait())
        self._note_next(tx, run.spec, run.target, retry)

    def _note_next(
        self, tx: Transaction, spec: JobSpec, target: str, retry: timedelta | None
    ) -> None:
        next_run = self._plan_next(spec, target, retry)
        if next_run is not None:  # the target may be gone by now
            jobs.plan(tx, spec.name, target, next_run_at=next_run)

    def _tell(self, run: OpenRun, status: RunStatus, facts: Facts, error: str | None) -> None:
        name = run.spec.name
        JOB_RUNS.labels(name, status).inc()
        JOB_SECONDS.labels(name).observe(facts["seconds"])
        self.last_runs[run.key] = LastRun(status=status, finished_at=_now(), error=error)
        if status is RunStatus.SUCCEEDED:
            JOB_LAST_SUCCESS.labels(name).set_to_current_time()
            log.info("run succeeded", **facts)
        else:
            log.warning("run ended early", status=str(status), error=error, **facts)


def retry_after(failures: int, longest: timedelta) -> timedelta:
    """How long after that many failures in a row the next attempt is made."""
    doublings = min(failures - 1, 16)  # 15 s x 2^16 is eleven days: longer than any interval
    return min(FIRST_RETRY * (1 << doublings), longest)


def _refuse_stopped(tx: Transaction, run: OpenRun) -> None:
    """The guard of what a job writes: neither without the lease nor after it was given up."""
    if run.is_given_up:
        raise RunStoppedError(str(run.stopped), next_step="it begins anew at its next time")
    leases.confirm(tx, LEASE, run.term)


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g} s"


def _now() -> datetime:
    return datetime.now(UTC)
