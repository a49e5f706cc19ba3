"""What repositories return of ledgers: idle resources, OOM kills, schedules."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class IdleKind(StrEnum):
    """What is idle: an instance that runs without a node, or an available volume."""

    INSTANCE = "instance"
    VOLUME = "volume"


class IdleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Since when a resource is idle, and in how many scans in a row it was."""

    resource_id: str
    region: str
    first_seen_at: datetime
    last_seen_at: datetime
    scans: int


class KillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One OOM kill. ``limit_bytes`` None: not known, or there was none."""

    namespace: str
    pod: str
    container: str
    killed_at: datetime
    limit_bytes: int | None


class ScheduleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The office hours of one environment, as they were given."""

    environment: str
    schedule: Mapping[str, Any]
    changed_at: datetime
