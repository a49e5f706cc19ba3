"""Readings to summaries.

Absent is not zero. A reading without a value (NaN) does not count; neither does one of a container
that was not there: asleep workloads read as zero bytes of memory, which no running container has.
"""

import numpy as np
from numpy.typing import NDArray

from engines.contracts.usage import UsageTable
from engines.contracts.usage_summary import Floats, Integers, ResourceSummary, UsageSummary

WINDOW_SECONDS = 7 * 24 * 3600
PERCENTILE = 0.95  # by linear interpolation, numpy's and Prometheus' definition


def summarise(table: UsageTable, until: int) -> UsageSummary:
    """The readings of the seven days that end at ``until`` (Unix seconds, both ends included)."""
    count = len(table.containers)
    owner = np.repeat(np.arange(count), np.diff(table.starts))
    times = table.timestamps
    in_window = (times >= until - WINDOW_SECONDS) & (times <= until)
    uses_memory = in_window & (np.nan_to_num(table.memory_bytes) > 0)
    uses_cpu = in_window & (np.nan_to_num(table.cpu_cores) > 0)
    has_cpu = (uses_cpu | uses_memory) & ~np.isnan(table.cpu_cores)

    def of(rows: NDArray[np.bool_], values: Floats) -> ResourceSummary:
        return _summary(owner[rows], times[rows], values[rows], count)

    return UsageSummary(
        table.containers,
        cpu=of(has_cpu, table.cpu_cores),
        memory=of(uses_memory, table.memory_bytes),
        workloads={},
    )


def _summary(owner: Integers, times: Integers, values: Floats, count: int) -> ResourceSummary:
    """Summaries of values that are sorted by owner and then by time."""
    samples = np.bincount(owner, minlength=count).astype(np.int64)
    ends = np.cumsum(samples)
    filled = samples > 0
    first, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
    p95, peak, average = (np.full(count, np.nan) for _ in range(3))
    if filled.any():
        starts = (ends - samples)[filled]
        first[filled], last[filled] = times[starts], times[ends[filled] - 1]
        p95[filled] = _quantiles(values, starts, samples[filled])
        peak[filled] = np.maximum.reduceat(values, starts)
        average[filled] = np.add.reduceat(values, starts) / samples[filled]
    return ResourceSummary(samples, first, last, p95, peak, average)


def _quantiles(values: Floats, starts: Integers, samples: Integers) -> Floats:
    """The 95th percentile of each run. Runs of one length are partitioned together, which is much
    faster than sorting them."""
    result = np.empty(len(starts))
    for length in np.unique(samples).tolist():
        runs = np.flatnonzero(samples == length)
        place = PERCENTILE * (length - 1)
        below = int(place)
        above = min(below + 1, length - 1)
        matrix = values[starts[runs][:, None] + np.arange(length)]
        matrix.partition((below, above), axis=1)
        low, high = matrix[:, below], matrix[:, above]
        result[runs] = low + (high - low) * (place - below)
    return result
