"""The scheduler's main loop: lead or stand by, follow the controls, keep the targets up to date.

Two times a second and a bit it asks the database, with one small read, for commands, for paused
jobs and whether anything about clusters has changed. All else waits for its time or for its turn.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

import structlog

from db.errors import DatabaseError, LeaseLostError
from db.job_records import JobCommand, JobSchedule
from db.records import DataKind
from db.repositories import data_versions, job_commands, job_control, job_runs, jobs
from db.session import Database, Transaction
from scheduler.commands import Commands
from scheduler.lanes import Key, Lanes, Task
from scheduler.leadership import TTL, Leadership, fenced
from scheduler.runs import Runner
from scheduler.targets import find_targets
from scheduler.timetable import Timetable, first_run
from scheduler.work import JobSpec
from services.metrics import forget_clusters
from services.secrets import SecretBox
from services.settings import Settings

TICK_SECONDS = 0.4
LONGEST_PAUSE_SECONDS = 5.0  # between two attempts at a database that does not answer
WAITING_SECONDS = 2  # between two looks at whether a job has what it waits for
STOP_SECONDS = 7.0  # of the ten that a stop may take; the rest is for noting what was parked

log = structlog.get_logger(__name__)


class _Controls(NamedTuple):
    """What the database says each tick."""

    paused: frozenset[str]
    has_commands: bool
    clusters_version: int


class Scheduler:
    """One scheduler process. ``run`` returns after ``stop``, which any thread may call."""

    def __init__(  # noqa: PLR0913 - what it works with, each by name
        self,
        *,
        database: Database,
        lease_database: Database,
        catalogue: Sequence[JobSpec],
        settings: Settings,
        secrets: SecretBox,
        holder: str,
        ttl: timedelta = TTL,
    ) -> None:
        """``lease_database`` is for the lease alone: the work's connections may all be in use."""
        self._database = database
        self._catalogue = {spec.name: spec for spec in catalogue}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.leadership = Leadership(lease_database, holder, self._wake.set, ttl)
        self._timetable = Timetable(self._due)
        self._lanes = Lanes()
        self.runner = Runner(database, self.leadership, settings, secrets, self._plan_next)
        self._commands = Commands(database, holder)
        self._term: int | None = None
        self._paused: frozenset[str] = frozenset()
        self._clusters_version = -1
        self._lane_of: Mapping[Key, str] = {}
        self._waits: dict[Key, str] = {}
        self.trouble: DatabaseError | None = None
        self.has_left_threads = False

    def run(self) -> None:
        """Work until ``stop``. Then ``has_left_threads`` tells of work that did not end in time."""
        self._timetable.start()
        self.leadership.start()
        pause = TICK_SECONDS
        while not self._stopping.is_set():
            try:
                self._tick()
                self.trouble, pause = None, TICK_SECONDS
            except LeaseLostError:
                log.info("lease was lost in the middle of a look")  # the next renewal says so too
            except DatabaseError as error:
                self._note_trouble(error)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._wake.wait(pause)
            self._wake.clear()
        self._end()

    def stop(self) -> None:
        """Finish or park what runs, give the lease back, and return from ``run``."""
        self._stopping.set()
        self._wake.set()

    def _tick(self) -> None:
        self._follow_term()
        if self._term is None:
            return
        for key in self.runner.give_up_overdue():
            self._lanes.give_up(key)
        if not self.leadership.is_certain:
            return
        controls = self._read_controls()
        self._paused = controls.paused
        if controls.clusters_version != self._clusters_version:
            self._follow_targets()
            self._clusters_version = controls.clusters_version
        self._commands.tell_again()
        if controls.has_commands:
            self._take_commands()

    def _follow_term(self) -> None:
        """Begin to lead, or stop leading, when the lease came or went."""
        term = self.leadership.term
        if term == self._term:
            return
        self._timetable.clear()
        self._lanes.drop_waiting()
        self._commands.forget()
        self.runner.stop_all("another scheduler works by now")
        forget_clusters()
        self._clusters_version = -1
        self._term = None
        if term is not None:
            self._take_over(term)
            self._term = term

    def _take_over(self, term: int) -> None:
        holder = self.leadership.holder
        with fenced(self._database, term).transaction() as tx:
            closed = job_runs.close_left_behind(tx, but=holder, at=_now())
            given_back = job_commands.give_back_claims(tx, but=holder)
            jobs.save_catalogue(tx, [spec.described() for spec in self._catalogue.values()])
        if closed or given_back:
            log.info("took over from a scheduler that died", runs=closed, commands=given_back)

    def _read_controls(self) -> _Controls:
        with self._database.reader() as reader:
            return _Controls(
                frozenset(job_control.paused_jobs(reader)),
                job_commands.are_waiting(reader),
                data_versions.current(reader)[DataKind.CLUSTERS],
            )

    def _follow_targets(self) -> None:
        """Schedule what is new, and no more what is gone."""
        targets = find_targets(self._database)
        wanted = {
            (name, target): lane
            for name, spec in self._catalogue.items()
            for target, lane in targets.of(spec.scope).items()
        }
        with self._database.reader() as reader:
            schedules = {(one.job, one.target): one for one in jobs.list_schedules(reader)}
            last_runs = jobs.latest_runs(reader)
        scheduled = self._timetable.keys()
        if not scheduled:
            self.runner.know(schedules, last_runs)
        self._lane_of = wanted
        self._timetable.remove(scheduled - wanted.keys())
        for key in sorted(wanted.keys() - scheduled):
            self._add(key, schedules.get(key))
        gone = sorted(schedules.keys() - wanted.keys())
        if gone:
            with self._writing() as tx:
                jobs.forget(tx, gone)

    def _add(self, key: Key, known: JobSchedule | None) -> None:
        spec = self._catalogue[key[0]]
        success = None if known is None else known.last_success_at
        first = first_run(spec, last_success=success, now=_now())
        self._waits.pop(key, None)
        with self._writing() as tx:
            jobs.plan(tx, *key, next_run_at=first)
        self._timetable.add(spec, key[1], first=first)

    def _due(self, spec: JobSpec, target: str) -> None:
        """The time of a job on a target has come."""
        if spec.name in self._paused:
            return
        if not self.leadership.is_certain:
            self._look_again((spec.name, target))
            return
        self._submit(spec, target, lambda: self._run_if_ready(spec, target))

    def _submit(
        self, spec: JobSpec, target: str, work: Callable[[], None], *, may_repeat: bool = False
    ) -> None:
        key = (spec.name, target)
        lock = (spec.group or spec.name, target)
        self._lanes.submit(Task(key, self._lane_of.get(key, ""), lock, work, may_repeat))

    def _run_if_ready(self, spec: JobSpec, target: str) -> None:
        key = (spec.name, target)
        if spec.name in self._paused:
            return
        try:
            missing = spec.waits_for(self._database, target)
            if missing:
                self._wait(key, missing)
                return
        except DatabaseError as error:
            log.warning("job cannot begin", job=spec.name, target=target, why=error.problem)
            self._look_again(key)
            return
        self._waits.pop(key, None)
        self.runner.run(spec, target)

    def _wait(self, key: Key, missing: str) -> None:
        """Look again soon; what is waited for is noted once."""
        again = self._look_again(key)
        if self._waits.get(key) != missing:
            log.info("job waits", job=key[0], target=key[1] or None, for_=missing)
            with self._writing() as tx:
                jobs.plan(tx, *key, next_run_at=again, waits_for=missing)
            self._waits[key] = missing

    def _look_again(self, key: Key) -> datetime | None:
        return self._timetable.bring_forward(key, _now() + timedelta(seconds=WAITING_SECONDS))

    def _plan_next(self, spec: JobSpec, target: str, retry: timedelta | None) -> datetime | None:
        key = (spec.name, target)
        if retry is None:
            return self._timetable.next_run(key)
        return self._timetable.bring_forward(key, _now() + retry)

    def _take_commands(self) -> None:
        with self._writing() as tx:
            claimed = job_commands.claim(tx, self.leadership.holder, at=_now())
        for command in claimed:
            self._carry_out(command)

    def _carry_out(self, command: JobCommand) -> None:
        spec = self._catalogue.get(command.job)
        wanted = command.arguments.get("target")
        targets = frozenset(
            target
            for name, target in self._lane_of
            if name == command.job and wanted in (None, target)
        )
        if spec is None or not targets:
            self._commands.finish(command.id, _nothing_to_do(command, spec))
            return
        log.info("command", job=command.job, target=wanted, by=command.requested_by)
        self._commands.begin(command.id, targets)
        for target in sorted(targets):
            self._submit_command(spec, target, command.id)

    def _submit_command(self, spec: JobSpec, target: str, command_id: int) -> None:
        def work() -> None:
            error = self.runner.run(spec, target, command_id)
            if error is None or not self._stopping.is_set():  # the next leader does it again
                self._commands.target_done(command_id, target, error)

        self._submit(spec, target, work, may_repeat=True)

    def _writing(self) -> AbstractContextManager[Transaction]:
        """A transaction of the leader; refused once another leads."""
        return fenced(self._database, self._term or 0).transaction()

    def _note_trouble(self, error: DatabaseError) -> None:
        if self.trouble is None:
            log.error("database fails", problem=error.problem, next_step=error.next_step)
        self.trouble = error

    def _end(self) -> None:
        log.info("stopping", running=len(self.runner.open_runs()))
        began = monotonic()
        self.runner.is_stopping.set()
        self._timetable.stop()
        self.runner.stop_all("the scheduler was stopped")
        self.has_left_threads = not self._lanes.close(timeout_seconds=STOP_SECONDS)
        parked = self.runner.park_open()
        self.leadership.stop()
        log.info("stopped", parked=parked, seconds=round(monotonic() - began, 2))

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether all is well, and what ``/healthz`` says."""
        trouble = self.leadership.trouble or self.trouble
        leads = self.leadership.term is not None
        last_runs = sorted(self.runner.last_runs.items())
        return trouble is None, {
            "status": "ok" if trouble is None else "database fails",
            "database": "ok" if trouble is None else trouble.problem,
            "scheduler": "leader" if leads else "standby",
            "holder": self.leadership.holder,
            "term": self.leadership.term,
            "lease_is_certain": self.leadership.is_certain,
            "running": [list(one.key) for one in self.runner.open_runs()],
            "jobs": [
                {
                    "job": key[0],
                    "target": key[1],
                    "status": last.status,
                    "finished_at": last.finished_at.isoformat(),
                    "error": last.error,
                }
                for key, last in last_runs
            ],
        }


def _nothing_to_do(command: JobCommand, spec: JobSpec | None) -> str:
    if spec is None:
        return f"this scheduler has no job {command.job!r}"
    target = command.arguments.get("target")
    which = spec.scope if target is None else f"{spec.scope} {target!r}"
    return f"there is no {which} to run it on"


def _now() -> datetime:
    return datetime.now(UTC)
