"""Leak or load: how the memory of a container that is killed grew.

Each pod's readings are cut at its kills and where memory falls by more than 30 % (a restart); the
longest piece of at least an hour and 12 readings that reaches into the last day is fitted with a
straight line. Where all are shorter, one line is fitted to all of them together: the teeth of a
saw, each from its own start. Memory that follows the line (R2 of 0.7 and more) and grew by at least
a tenth of its mean leaks; else it is load. So is memory that falls back by itself too often for
any of this. Readings may be the largest of an hour each.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.results import Json
from engines.contracts.usage import UsageTable
from engines.contracts.usage_summary import ResourceSummary

WINDOW_SECONDS = 7 * 24 * 3600
RECENT_SECONDS = 24 * 3600
RESTART_FALL = 0.7
MIN_READINGS = 12
MIN_SECONDS = 3600
MIN_READINGS_OF_A_TOOTH = 3  # two points always lie on a line
STRAIGHT_R2 = 0.7
GROWN_SHARE = 0.1

_Rows = NDArray[np.int64]


class Nature(StrEnum):
    """What the growth looks like."""

    LEAK = "leak"
    LOAD = "load"
    UNKNOWN = "unknown"


class Growth(NamedTuple):
    """The slope of the pieces that were fitted, and the largest reading of all.

    ``pieces``: how many share the line; ``hours``: what they cover together.
    """

    nature: Nature = Nature.UNKNOWN
    bytes_per_hour: float | None = None
    r_squared: float | None = None
    hours: float = 0.0
    pieces: int = 0
    peak_bytes: int | None = None

    def as_json(self) -> dict[str, Json]:
        """For evidence."""
        return {
            "nature": self.nature,
            "slope_bytes_per_hour": None
            if self.bytes_per_hour is None
            else round(self.bytes_per_hour),
            "r_squared": None if self.r_squared is None else round(self.r_squared, 4),
            "hours": round(self.hours, 2),
            "pieces": self.pieces,
            "usage_peak_bytes": self.peak_bytes,
        }


def growth_of(
    table: UsageTable,
    positions: Iterable[int],
    kills: Mapping[int, Sequence[int]],
    now: datetime,
) -> Growth:
    """The growth of a container from the readings of its pods in the last 7 days.

    ``kills``: when (Unix seconds) those at some positions were killed. The slope is that of pods
    that were killed; where none of them was measured, of all.
    """
    until = int(now.timestamp())
    found: list[tuple[bool, Growth]] = []
    for position in positions:
        rows = slice(int(table.starts[position]), int(table.starts[position + 1]))
        times, memory = table.timestamps[rows], table.memory_bytes[rows]
        kept = (memory > 0) & (times >= until - WINDOW_SECONDS) & (times <= until)
        if kept.any():
            own = kills.get(position, ())
            growth = _growth_of_pod(times[kept], memory[kept], own, until)
            found.append((bool(own), growth))
    growths = [one for was_killed, one in found if was_killed] or [one for _, one in found]
    best = max(growths, key=_hours, default=Growth())
    return best._replace(peak_bytes=max((one.peak_bytes or 0 for _, one in found), default=None))


def with_peak(growth: Growth, memory: ResourceSummary, positions: Sequence[int]) -> Growth:
    """The same with the peak of some containers of a summary, where that is larger."""
    peaks = [float(memory.peak[one]) for one in positions if memory.samples[one]]
    peak = max((growth.peak_bytes or 0, *(round(one) for one in peaks)))
    return growth._replace(peak_bytes=peak or None)


def _hours(growth: Growth) -> float:
    return growth.hours


def _growth_of_pod(
    times: NDArray[np.int64], memory: NDArray[np.float64], kills: Sequence[int], until: int
) -> Growth:
    at_kills = np.searchsorted(times, sorted(kills), "right").tolist()
    falls = (np.flatnonzero(memory[1:] < memory[:-1] * RESTART_FALL) + 1).tolist()
    lives = _pieces(len(times), at_kills)
    pieces = _pieces(len(times), [*at_kills, *falls])
    long = [one for one in pieces if _is_long(times, [one])]
    recent = [one for one in long if times[one[-1]] >= until - RECENT_SECONDS]
    teeth = [one for one in pieces if len(one) >= MIN_READINGS_OF_A_TOOTH]
    if long:
        growth = max((_fitted(times, memory, [one]) for one in recent or long), key=_hours)
    elif _is_long(times, teeth):
        growth = _fitted(times, memory, teeth)
    else:
        longest = max(lives, key=lambda one: _seconds(times, [one]))
        growth = Growth()
        if _is_long(times, [longest]):
            growth = _fitted(times, memory, [longest])._replace(nature=Nature.LOAD)
    return growth._replace(peak_bytes=round(float(memory.max())))


def _pieces(count: int, cuts: Sequence[int]) -> list[_Rows]:
    """The rows 0 to ``count`` cut before some of them, without empty pieces."""
    return [one for one in np.split(np.arange(count), sorted(set(cuts))) if len(one)]


def _is_long(times: NDArray[np.int64], pieces: Sequence[_Rows]) -> bool:
    """Whether pieces together are enough for a line."""
    return (
        sum(len(one) for one in pieces) >= MIN_READINGS and _seconds(times, pieces) >= MIN_SECONDS
    )


def _seconds(times: NDArray[np.int64], pieces: Sequence[_Rows]) -> int:
    return sum(int(times[one[-1]] - times[one[0]]) for one in pieces)


def _fitted(
    times: NDArray[np.int64], memory: NDArray[np.float64], pieces: Sequence[_Rows]
) -> Growth:
    """Least squares with one slope for all pieces and a height for each."""
    around = np.concatenate([(times[one] - times[one].mean()) / 3600 for one in pieces])
    above = np.concatenate([memory[one] - memory[one].mean() for one in pieces])
    slope = float((around * above).sum() / (around**2).sum())
    spread = float((above**2).sum())
    r_squared = slope**2 * float((around**2).sum()) / spread if spread else 0.0
    hours = _seconds(times, pieces) / 3600
    grown = slope * hours / len(pieces)
    mean = float(memory[np.concatenate(list(pieces))].mean())
    is_leak = r_squared >= STRAIGHT_R2 and grown >= GROWN_SHARE * mean
    nature = Nature.LEAK if is_leak else Nature.LOAD
    return Growth(nature, slope, r_squared, hours, len(pieces))
