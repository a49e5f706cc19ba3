"""What a job is, and what its function is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from db.job_records import Job, JobScope
from db.session import Database
from services.access import Actor, Role
from services.errors import CloudOptimError
from services.secrets import SecretBox
from services.settings import Settings

SCHEDULER = Actor(name="scheduler", role=Role.OPERATOR)
"""Who acts when nobody asked: jobs may do what an operator may, and loosen nothing."""

Facts = Mapping[str, Any]
Report = Callable[[float, Facts], None]
"""Tell how far the work has come: a share, and what was counted so far."""


class RunStoppedError(CloudOptimError):
    """A run was told to stop; what it still writes is refused."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run: ``target`` is a cluster's or a customer's id, '' for global jobs.

    Every transaction of ``database`` is refused once the lease is lost or the run was given up.
    ``report`` raises RunStoppedError where the run is to end: long work calls it often.
    """

    database: Database
    settings: Settings
    secrets: SecretBox
    target: str
    at: datetime
    report: Report


@dataclass(frozen=True, kw_only=True)
class Every:
    """So much time lies between the beginnings of two runs."""

    interval: timedelta

    def __str__(self) -> str:
        seconds = int(self.interval.total_seconds())
        for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
            if seconds % size == 0 and (seconds > size or unit != "min"):
                return f"{seconds // size} {unit}"
        return f"{seconds} s"


@dataclass(frozen=True, kw_only=True)
class Daily:
    """Once a day at a time of UTC."""

    hour: int
    minute: int = 0

    def __str__(self) -> str:
        return f"daily at {self.hour:02}:{self.minute:02} UTC"


Timing = Every | Daily


def always_ready(_database: Database, _target: str) -> str:
    """Nothing but the time is waited for."""
    return ""


class JobSpec(NamedTuple):
    """A line of the catalogue.

    ``waits_for`` says in words what is missing before the job can run on a target, '' for
    nothing. A run that takes longer than ``timeout`` is given up and counts as failed. Jobs of one
    ``group`` take turns on a target.
    """

    name: str
    does: str
    scope: JobScope
    timing: Timing
    run: Callable[[Work], Facts]
    timeout: timedelta = timedelta(minutes=10)
    waits_for: Callable[[Database, str], str] = always_ready
    group: str = ""

    def described(self) -> Job:
        """The line as the database keeps it for screens and commands."""
        return Job(name=self.name, does=self.does, every=str(self.timing), scope=self.scope)

    def longest_wait(self) -> timedelta:
        """How long after a failure the next attempt is made at the latest."""
        return self.timing.interval if isinstance(self.timing, Every) else timedelta(hours=1)
