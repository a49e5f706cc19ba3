"""Schedules as people write them, read strictly: what is not understood keeps things awake."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from engines.office_hours.calendar import MINUTES_PER_DAY, Schedule, Window

Count = Annotated[int, msgspec.Meta(ge=0)]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NUMBERS = {name: number for number, name in enumerate(_DAYS)} | {
    name[:3]: number for number, name in enumerate(_DAYS)
}
_WORKING_DAYS = (0, 1, 2, 3, 4)
_ZONES_OF_A_MACHINE = ("localtime", "posixrules", "posix/", "right/", "Factory")
"""Files beside the tz database: what the machine is set to, and copies with leap seconds."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


class DayHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hours of some days. ``days``: names or ranges ("Sun-Thu"); None: Monday to Friday."""

    start: str | None = None
    end: str | None = None
    enabled: bool = True
    days: tuple[str, ...] | None = None


class OfficeHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``weekends`` are all days that are no weekdays; without times they have those of weekdays."""

    weekdays: DayHours
    weekends: DayHours = DayHours(enabled=False)


class ScheduleDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One environment's schedule as JSON carries it."""

    environment: str
    timezone: str
    office_hours: OfficeHours
    namespaces: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    scale_down_replicas: Count = 0
    scale_down_instance_count: Count = 1


class Environment(NamedTuple):
    """A schedule that was understood, and what was written."""

    document: ScheduleDocument
    schedule: Schedule
    raw: Mapping[str, Any]


class BadSchedule(NamedTuple):
    """A schedule that was not understood: what it may concern, and what is wrong with it."""

    environment: str
    namespaces: tuple[str, ...]
    problem: str


def read_schedule(raw: Mapping[str, Any]) -> Environment | BadSchedule:
    """Read one schedule. Whatever is doubtful makes all of it bad."""
    try:
        document = msgspec.convert(dict(raw), ScheduleDocument, strict=True)
        return Environment(document, _schedule_of(document), raw)
    except ValueError as error:  # msgspec's ValidationError is one, too
        names = raw.get("namespaces")
        return BadSchedule(
            environment=str(raw.get("environment", "")),
            namespaces=tuple(str(one) for one in names) if isinstance(names, list | tuple) else (),
            problem=str(error),
        )


def _schedule_of(document: ScheduleDocument) -> Schedule:
    """Raises ValueError naming the value that is not understood."""
    if not document.environment:
        raise ValueError("environment must not be empty")
    weekdays, weekends = document.office_hours.weekdays, document.office_hours.weekends
    if weekends.days is not None:
        raise ValueError("weekends have no days of their own: they are all that are no weekdays")
    working = _days(weekdays.days)
    windows: dict[int, Window] = {}
    if weekdays.enabled:
        windows |= dict.fromkeys(working, _window(weekdays.start, weekdays.end))
    if weekends.enabled:
        start = weekdays.start if weekends.start is None else weekends.start
        end = weekdays.end if weekends.end is None else weekends.end
        others = (day for day in range(7) if day not in working)
        windows |= dict.fromkeys(others, _window(start, end))
    return Schedule(
        zone=_zone(document.timezone),
        windows=windows,
        holidays=frozenset(_holiday(text) for text in document.holidays),
    )


def _zone(name: str) -> ZoneInfo:
    if name.startswith(_ZONES_OF_A_MACHINE):
        raise ValueError(f"timezone {name!r} means another time on each machine")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder's name is an OSError
        raise ValueError(f"timezone {name!r} is not in the tz database") from error


def _days(texts: tuple[str, ...] | None) -> frozenset[int]:
    if texts is None:
        return frozenset(_WORKING_DAYS)
    if not texts:
        raise ValueError("days must name at least one day")
    return frozenset(day for text in texts for day in _days_in(text))


def _days_in(text: str) -> tuple[int, ...]:
    """One day, or a range that may go over the week's end."""
    names = text.lower().split("-")
    unknown = [name for name in names if name not in _DAY_NUMBERS]
    if unknown or len(names) > 2:
        raise ValueError(f"day {text!r} is not understood; write Mon, Monday or Sun-Thu")
    first, last = _DAY_NUMBERS[names[0]], _DAY_NUMBERS[names[-1]]
    return tuple((first + step) % 7 for step in range((last - first) % 7 + 1))


def _window(start: str | None, end: str | None) -> Window:
    """Equal times are an empty window; an end before the start is on the next day."""
    first, last = _minutes(start), _minutes(end)
    if first == MINUTES_PER_DAY:
        raise ValueError("a window may end at 24:00, not start there")
    return Window(first, last + MINUTES_PER_DAY if last < first else last)


def _minutes(text: str | None) -> int:
    match = _TIME.fullmatch(text or "")
    if match is None:
        raise ValueError(f"time {text!r} is not understood; write 00:00 to 24:00")
    return MINUTES_PER_DAY if match[1] is None else int(match[1]) * 60 + int(match[2])


def _holiday(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"holiday {text!r} is not a date; write it as 2026-12-25") from error
