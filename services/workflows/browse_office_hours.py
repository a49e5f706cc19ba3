"""What screens show of office hours: schedules, the week, who follows them, and what they save."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from db.ledger_records import ScheduleRecord
from db.records import DecisionFilter, DecisionSummary
from db.repositories import clusters, decisions, schedules, snapshots
from db.session import Database
from engines.contracts.results import DecisionStatus, DecisionType, Notice, Skipped
from engines.contracts.state import compile_state
from engines.office_hours.calendar import (
    Schedule,
    hours_awake,
    is_open,
    next_change,
    open_intervals,
)
from engines.office_hours.schedules import BadSchedule, read_schedule
from engines.office_hours.selection import ENVIRONMENT_LABEL
from services.workflows.open_cluster import decode_document

__all__ = ["ENVIRONMENT_LABEL", "ScheduleRecord"]

WEEK = timedelta(days=7)
_HOUR_SECONDS = 3600


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule from a moment on. ``problem`` empty: it was understood; else it keeps awake.

    ``next_sleep`` and ``next_wake`` are None where the schedule never closes or opens again.
    """

    environment: str
    timezone: str
    problem: str = ""
    is_open: bool = True
    next_sleep: datetime | None = None
    next_wake: datetime | None = None
    hours_asleep_in_week: float = 0.0


class Block(NamedTuple):
    """A stretch of one day in wall-clock hours (0 to 24), awake or asleep."""

    day: date
    start_hour: float
    end_hour: float
    is_awake: bool


class NamespaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace: its label, and the workloads in it. ``environment`` empty: no label."""

    namespace: str
    environment: str
    workloads: int


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment saves a month by its calendar, as the decision tells."""

    environment: str
    savings_usd_month: Decimal
    hours_asleep_in_month: float
    hours_awake_in_month: float
    workloads: int
    workloads_that_sleep: int
    workloads_without_known_cost: int


class HoursDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The newest decision about office hours. ``refusal`` empty: the engine answered."""

    summary: DecisionSummary
    refusal: str
    forecasts: tuple[Forecast, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[Notice, ...]


def load_schedules(database: Database, cluster_id: str) -> tuple[ScheduleRecord, ...]:
    """The schedules of a cluster, by environment."""
    with database.reader() as reader:
        clusters.get(reader, cluster_id)
        return schedules.load(reader, cluster_id)


def load_namespaces(database: Database, snapshot_digest: str) -> tuple[NamespaceRow, ...]:
    """The namespaces of a recorded state with their label; those with one come first."""
    with database.reader() as reader:
        document = decode_document(snapshots.load_document(reader, snapshot_digest))
    cluster = compile_state(document).cluster
    counts = Counter(
        one.metadata.namespace for one in cluster.workloads if one.metadata.controller is None
    )
    labels = {
        one.metadata.name: one.metadata.labels.get(ENVIRONMENT_LABEL, "")
        for one in cluster.namespaces
    }
    rows = [
        NamespaceRow(
            namespace=name, environment=labels.get(name, ""), workloads=counts.get(name, 0)
        )
        for name in labels.keys() | counts.keys()
    ]
    return tuple(
        sorted(rows, key=lambda one: (not one.environment, one.environment, one.namespace))
    )


def load_hours_decision(database: Database, cluster_id: str) -> HoursDecision | None:
    """The newest decision about a cluster's office hours; None: none was made yet."""
    wanted = DecisionFilter(cluster_id=cluster_id, decision_type=DecisionType.SCHEDULE)
    with database.reader() as reader:
        page = decisions.list_page(reader, wanted, limit=1)
        if not page.items:
            return None
        logged = decisions.get(reader, page.items[0].id)
    response = logged.response
    is_refused = response.status is DecisionStatus.REFUSED
    return HoursDecision(
        summary=logged.summary,
        refusal=(response.message or response.reason) if is_refused else "",
        forecasts=tuple(_forecast(one) for one in response.evidence.get("environments", ())),
        skipped=response.skipped,
        warnings=response.warnings,
    )


def outlook(record: ScheduleRecord, at: datetime) -> Outlook:
    """What a schedule says of now, its next changes, and of the seven days from ``at``."""
    read = read_schedule(record.schedule)
    timezone = str(record.schedule.get("timezone", ""))
    if isinstance(read, BadSchedule):
        return Outlook(environment=record.environment, timezone=timezone, problem=read.problem)
    schedule, is_awake = read.schedule, is_open(read.schedule, at)
    first = next_change(schedule, at)
    second = None if first is None else next_change(schedule, first)
    asleep = WEEK.total_seconds() / _HOUR_SECONDS - hours_awake(schedule, at, at + WEEK)
    return Outlook(
        environment=record.environment,
        timezone=timezone,
        is_open=is_awake,
        next_sleep=first if is_awake else second,
        next_wake=second if is_awake else first,
        hours_asleep_in_week=asleep,
    )


def week(schedule: Mapping[str, Any], zone: ZoneInfo, at: datetime) -> tuple[Block, ...]:
    """Seven days from today on as blocks of wall-clock time in a zone.

    A schedule that is not understood has none: it keeps awake, which ``outlook`` tells.
    """
    read = read_schedule(schedule)
    if isinstance(read, BadSchedule):
        return ()
    today = at.astimezone(zone).date()
    return tuple(
        block
        for step in range(7)
        for block in _blocks_of_day(read.schedule, zone, today + timedelta(days=step))
    )


def _blocks_of_day(schedule: Schedule, zone: ZoneInfo, day: date) -> list[Block]:
    since, until = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    blocks: list[Block] = []
    hour = 0.0
    for span in open_intervals(schedule, since, until):
        start, end = _wall_hour(span.start, day, zone), _wall_hour(span.end, day, zone)
        if start > hour:
            blocks.append(Block(day, hour, start, is_awake=False))
        blocks.append(Block(day, start, end, is_awake=True))
        hour = max(hour, end)
    if hour < 24:
        blocks.append(Block(day, hour, 24.0, is_awake=False))
    return blocks


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _wall_hour(instant: datetime, day: date, zone: ZoneInfo) -> float:
    """The hour on the wall; the midnight that ends the day is 24."""
    wall = instant.astimezone(zone)
    if wall.date() > day:
        return 24.0
    return wall.hour + wall.minute / 60 + wall.second / _HOUR_SECONDS


def _forecast(environment: Mapping[str, Any]) -> Forecast:
    return Forecast(
        environment=environment["environment"],
        savings_usd_month=Decimal(str(environment["savings_usd_month"])),
        **{
            name: environment[name]
            for name in Forecast.__struct_fields__
            if name not in {"environment", "savings_usd_month"}
        },
    )
