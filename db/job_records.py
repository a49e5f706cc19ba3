"""What repositories return of leases and jobs."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A right that one process holds until it expires; ``fence`` grows with each new holder."""

    name: str
    holder: str
    fence: int
    acquired_at: datetime
    expires_at: datetime


class JobScope(StrEnum):
    """What a job runs on: everything at once, or one customer or cluster at a time."""

    GLOBAL = "global"
    CUSTOMER = "customer"
    CLUSTER = "cluster"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the catalogue: what it does, and how often, in words."""

    name: str
    does: str
    every: str
    scope: JobScope


class JobSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A job on one target ('' for global jobs): when it runs next, and how it went.

    ``waits_for`` says why it does not start although its time has come. ``failures`` counts those
    since the last success.
    """

    job: str
    target: str = ""
    next_run_at: datetime | None = None
    waits_for: str = ""
    failures: int = 0
    last_run_id: int | None = None
    last_success_at: datetime | None = None


class RunStatus(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that begins. ``command_id`` None: nobody asked, its time had come."""

    job: str
    target: str
    holder: str
    attempt: int = 1
    command_id: int | None = None


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job on one target. ``progress`` is a share, ``facts`` what it counted."""

    id: int
    job: str
    target: str
    holder: str
    attempt: int
    command_id: int | None
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    progress: float
    facts: Mapping[str, Any]
    error: str | None


class CommandStatus(StrEnum):
    """What became of a command."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the scheduler is asked to do now, and what became of it."""

    id: int
    job: str
    command: str
    arguments: Mapping[str, Any]
    status: CommandStatus
    requested_at: datetime
    requested_by: str
    claimed_at: datetime | None
    claimed_by: str | None
    finished_at: datetime | None
    error: str | None
