"""Leak or load: how the memory of a container that is killed grew.

Each pod's readings are cut where memory falls by more than 30 % (a restart); the longest piece of
at least an hour and 12 readings is fitted with a straight line. Memory that follows the line
(R2 of 0.7 and more) and grew by at least a tenth of its mean leaks; else it is load. So is memory
that falls back too often for any piece to be so long.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.results import Json
from engines.contracts.usage import UsageTable
from engines.contracts.usage_summary import ResourceSummary

WINDOW_SECONDS = 7 * 24 * 3600
RESTART_FALL = 0.7
MIN_READINGS = 12
MIN_SECONDS = 3600
STRAIGHT_R2 = 0.7
GROWN_SHARE = 0.1


class Nature(StrEnum):
    """What the growth looks like."""

    LEAK = "leak"
    LOAD = "load"
    UNKNOWN = "unknown"


class Growth(NamedTuple):
    """The slope of the longest piece, and the largest reading of all."""

    nature: Nature = Nature.UNKNOWN
    bytes_per_hour: float | None = None
    r_squared: float | None = None
    hours: float = 0.0
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
            "usage_peak_bytes": self.peak_bytes,
        }


def growth_of(table: UsageTable, positions: Iterable[int], now: datetime) -> Growth:
    """The growth of a container from the readings of its pods in the last 7 days."""
    until = int(now.timestamp())
    best, peak = Growth(), 0.0
    for position in positions:
        rows = slice(int(table.starts[position]), int(table.starts[position + 1]))
        times, memory = table.timestamps[rows], table.memory_bytes[rows]
        kept = (memory > 0) & (times >= until - WINDOW_SECONDS) & (times <= until)
        times, memory = times[kept], memory[kept]
        if not len(memory):
            continue
        peak = max(peak, float(memory.max()))
        whole = _fitted(times, memory)
        falls = np.flatnonzero(memory[1:] < memory[:-1] * RESTART_FALL) + 1
        pieces = np.split(np.arange(len(memory)), falls)
        fitted = max((_fitted(times[one], memory[one]) for one in pieces), key=_hours)
        best = max(best, fitted if fitted.hours else whole._replace(nature=Nature.LOAD), key=_hours)
    return best._replace(peak_bytes=round(peak) if peak else None)


def with_peak(growth: Growth, memory: ResourceSummary, positions: Sequence[int]) -> Growth:
    """The same with the peak of some containers of a summary, where that is larger."""
    peaks = [float(memory.peak[one]) for one in positions if memory.samples[one]]
    peak = max((growth.peak_bytes or 0, *(round(one) for one in peaks)))
    return growth._replace(peak_bytes=peak or None)


def _hours(growth: Growth) -> float:
    return growth.hours


def _fitted(times: NDArray[np.int64], memory: NDArray[np.float64]) -> Growth:
    """A least-squares line through one piece; an empty growth where it is too short."""
    if len(times) < MIN_READINGS or times[-1] - times[0] < MIN_SECONDS:
        return Growth()
    hours = (times - times[0]) / 3600
    around = hours - hours.mean()
    slope = float((around * memory).sum() / (around**2).sum())
    spread = float(((memory - memory.mean()) ** 2).sum())
    explained = slope**2 * float((around**2).sum())
    r_squared = explained / spread if spread else 0.0
    span = float(hours[-1])
    is_leak = r_squared >= STRAIGHT_R2 and slope * span >= GROWN_SHARE * float(memory.mean())
    return Growth(Nature.LEAK if is_leak else Nature.LOAD, slope, r_squared, span)
