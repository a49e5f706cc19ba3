"""When each job runs next on each target: APScheduler keeps the time, nothing else.

Schedules live in memory (they follow from the catalogue, the targets and the last runs, which the
database knows); of missed runs one is made up for, and never two of a key run at once.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from scheduler.lanes import Key
from scheduler.work import Daily, Every, JobSpec

MISFIRE_GRACE = timedelta(hours=1)
"""A run that comes too late by less than this is still made, once for all that were missed."""


class Timetable:
    """Calls ``due`` with a job and a target whenever the time of the two has come."""

    def __init__(self, due: Callable[[JobSpec, str], None]) -> None:
        self._due = due
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": int(MISFIRE_GRACE.total_seconds()),
            },
        )

    def start(self) -> None:
        """Begin to call."""
        self._scheduler.start()

    def stop(self) -> None:
        """Call no more."""
        self._scheduler.shutdown(wait=False)

    def keys(self) -> frozenset[Key]:
        """What is scheduled."""
        return frozenset(job.args[:2] for job in self._scheduler.get_jobs())

    def add(self, spec: JobSpec, target: str, *, first: datetime) -> None:
        """Schedule a job on a target, for the first time at ``first``."""
        self._scheduler.add_job(
            self._call,
            _trigger(spec),
            args=(spec.name, target, spec),
            id=_id((spec.name, target)),
            next_run_time=first,
        )

    def remove(self, keys: Collection[Key]) -> None:
        """Schedule these no more."""
        for key in keys:
            self._scheduler.remove_job(_id(key))

    def clear(self) -> None:
        """Schedule nothing any more."""
        self._scheduler.remove_all_jobs()

    def next_run(self, key: Key) -> datetime | None:
        """When a key runs next; None: it is not scheduled."""
        job = self._scheduler.get_job(_id(key))
        return None if job is None else job.next_run_time

    def bring_forward(self, key: Key, at: datetime) -> datetime | None:
        """Run a key at ``at``, unless its time comes sooner; when that is."""
        planned = self.next_run(key)
        if planned is None or planned <= at:
            return planned
        try:
            self._scheduler.modify_job(_id(key), next_run_time=at)
        except JobLookupError:  # removed meanwhile by another thread
            return None
        return at

    def _call(self, _name: str, target: str, spec: JobSpec) -> None:
        self._due(spec, target)


def first_run(spec: JobSpec, *, last_success: datetime | None, now: datetime) -> datetime:
    """When a job runs first after a start: at once, unless its last success is recent enough."""
    if last_success is None:
        return now
    if isinstance(spec.timing, Every):
        return max(now, last_success + spec.timing.interval)
    missed: datetime = _trigger(spec).get_next_fire_time(None, last_success + timedelta(seconds=1))
    return max(now, missed)


def _trigger(spec: JobSpec) -> BaseTrigger:
    match spec.timing:
        case Every(interval=interval):
            return IntervalTrigger(seconds=int(interval.total_seconds()), timezone=UTC)
        case Daily(hour=hour, minute=minute):
            return CronTrigger(hour=hour, minute=minute, timezone=UTC)


def _id(key: Key) -> str:
    return ":".join(key)
