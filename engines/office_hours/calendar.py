"""When a schedule is open: exact to the second, in any time zone, across changes of its clock.

Windows are wall time: a clock that skips an hour in spring skips what was due in it, and one that
repeats an hour in autumn repeats it. A window belongs to the day on which it starts, so Friday's
night goes on until Saturday morning, and a holiday takes away what starts on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTES_PER_DAY = 1440

_PROBE = timedelta(hours=6)  # no zone has moved its clock there and back within so short a time
_LOOK_AHEAD = timedelta(days=8)
_FARTHEST = timedelta(days=400)  # a schedule repeats weekly; only holidays reach farther
_ONE_SECOND = timedelta(seconds=1)


class Window(NamedTuple):
    """Minutes after midnight. ``end`` is not part of it, and beyond 1,440 it is the next day."""

    start: int
    end: int


class Interval(NamedTuple):
    """From one instant up to, and without, another."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When an environment is open: the windows of each weekday (Monday is 0)."""

    zone: ZoneInfo
    windows: Mapping[int, Window]
    holidays: frozenset[date] = field(default_factory=frozenset)

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for schedules that are open at the same times."""
        return (self.zone.key, tuple(sorted(self.windows.items())), self.holidays)

    def window_of(self, day: date) -> tuple[datetime, datetime] | None:
        """The wall times of the window that starts on a day, or None."""
        window = self.windows.get(day.weekday())
        if window is None or day in self.holidays or window.end <= window.start:
            return None
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  # wall time on purpose
        return midnight + timedelta(minutes=window.start), midnight + timedelta(minutes=window.end)


def is_open(schedule: Schedule, instant: datetime) -> bool:
    """Whether the schedule is open at an instant (with a time zone)."""
    wall = instant.astimezone(schedule.zone).replace(tzinfo=None)
    for day in (wall.date(), wall.date() - timedelta(days=1)):
        window = schedule.window_of(day)
        if window is not None and window[0] <= wall < window[1]:
            return True
    return False


def open_intervals(schedule: Schedule, since: datetime, until: datetime) -> tuple[Interval, ...]:
    """All times from ``since`` up to ``until`` at which the schedule is open, in UTC, in order."""
    merged: list[Interval] = []
    for span in sorted(_open_spans(schedule, since.astimezone(UTC), until.astimezone(UTC))):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def hours_awake(schedule: Schedule, since: datetime, until: datetime) -> float:
    """Hours between two instants at which the schedule is open."""
    spans = open_intervals(schedule, since, until)
    return sum((one.end - one.start).total_seconds() for one in spans) / 3600


def next_change(schedule: Schedule, instant: datetime) -> datetime | None:
    """The first instant after ``instant`` at which the schedule opens or closes; None: never."""
    state, start = is_open(schedule, instant), instant.astimezone(UTC)
    limit = start + _FARTHEST
    while start < limit:
        until = start + _LOOK_AHEAD
        spans = open_intervals(schedule, start, until)
        if not state and spans:
            return spans[0].start
        if state and (not spans or spans[0].start > start):
            return start  # it closed just where the stretch before ended
        if state and spans[0].end < until:
            return spans[0].end
        start = until
    return None


def last_closing(schedule: Schedule, instant: datetime) -> datetime | None:
    """When a schedule that is closed at ``instant`` closed; None: not within 400 days."""
    end = instant.astimezone(UTC)
    limit = end - _FARTHEST
    while end > limit:
        since = end - _LOOK_AHEAD
        if spans := open_intervals(schedule, since, end):
            return spans[-1].end
        end = since
    return None


def _open_spans(schedule: Schedule, since: datetime, until: datetime) -> Iterator[Interval]:
    """Open times within each stretch of time in which the zone's offset stays the same."""
    for start, end, offset in _constant_offsets(schedule.zone, since, until):
        wall_start, wall_end = _wall(start, offset), _wall(end, offset)
        day = wall_start.date() - timedelta(days=1)
        while day <= wall_end.date():
            window = schedule.window_of(day)
            day += timedelta(days=1)
            if window is None:
                continue
            first, last = max(window[0], wall_start), min(window[1], wall_end)
            if first < last:
                yield Interval(start + (first - wall_start), start + (last - wall_start))


def _wall(instant: datetime, offset: timedelta) -> datetime:
    return (instant + offset).replace(tzinfo=None)


def _constant_offsets(
    zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The stretches between changes of a zone's clock, which it makes on whole seconds."""
    start, probe = since, since
    while probe < until:
        following = min(probe + _PROBE, until)
        if _offset(zone, probe) != _offset(zone, following):
            change = _change_between(zone, probe, following)
            yield start, change, _offset(zone, start)
            start = change
        probe = following
    if start < until:
        yield start, until, _offset(zone, start)


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first whole second at which the offset is no longer that of ``low``."""
    before = _offset(zone, low)
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > _ONE_SECOND:
        middle = low + timedelta(seconds=(high - low) // _ONE_SECOND // 2)
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
