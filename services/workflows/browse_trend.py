"""Cost over time, as the metrics summary recorded it: what ran, beside the frozen baseline."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from db.measurement_records import MetricLine, MetricType
from db.repositories import metrics_summary
from db.session import Database
from engines.contracts.pricing import to_usd

MINUTE_SECONDS, FINE_SECONDS, COARSE_SECONDS = 60, 300, 3600
FRESH = timedelta(minutes=10)
_MINUTES_UP_TO, _FINE_UP_TO = timedelta(hours=3), timedelta(hours=12)


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """Sums over all clusters, by time; USD per hour, NaN where nothing was recorded."""

    times: NDArray[np.int64]  # Unix seconds, the start of each interval
    cost: NDArray[np.float64]
    baseline: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostNow:
    """The newest recorded minute of all clusters that have a baseline; USD per hour."""

    cost_per_hour: Decimal
    baseline_per_hour: Decimal
    clusters: int

    @property
    def saved_share(self) -> float | None:
        """How far the cost is below the baseline; negative: above it. None: no baseline."""
        if self.baseline_per_hour <= 0:
            return None
        return float(1 - self.cost_per_hour / self.baseline_per_hour)


def load_trend(database: Database, *, since: datetime, until: datetime) -> Trend:
    """Means of a minute, of five minutes (from three hours on) or of an hour (from twelve on).

    All clusters that were recorded in an interval are summed.
    """
    with database.reader() as reader:
        lines = metrics_summary.load(
            reader,
            types=(MetricType.COST_TOTAL, MetricType.COST_BASELINE),
            since=since,
            until=until,
        )
    lines = tuple(line for line in lines if len(line.times))
    if not lines:
        empty = np.zeros(0)
        return Trend(np.zeros(0, np.int64), empty, empty)
    first = min(int(line.times[0]) for line in lines)
    last = max(int(line.times[-1]) for line in lines)
    step = _step(timedelta(seconds=last - first))
    start = first - first % step
    count = (last - start) // step + 1
    return Trend(
        times=start + step * np.arange(count, dtype=np.int64),
        cost=_sum(lines, MetricType.COST_TOTAL, start, step, count),
        baseline=_sum(lines, MetricType.COST_BASELINE, start, step, count),
    )


def _step(span: timedelta) -> int:
    """Seconds of an interval: fine enough to see something, few enough points to draw."""
    if span <= _MINUTES_UP_TO:
        return MINUTE_SECONDS
    return FINE_SECONDS if span <= _FINE_UP_TO else COARSE_SECONDS


def load_cost_now(database: Database, *, at: datetime) -> CostNow | None:
    """Cost beside baseline in the newest minute; None: no cluster has both on record."""
    with database.reader() as reader:
        latest = metrics_summary.latest(reader, since=at - FRESH)
    known = [
        (values[MetricType.COST_TOTAL], values[MetricType.COST_BASELINE])
        for values in latest.values()
        if MetricType.COST_TOTAL in values and MetricType.COST_BASELINE in values
    ]
    if not known:
        return None
    return CostNow(
        cost_per_hour=to_usd(sum(cost for cost, _ in known)),
        baseline_per_hour=to_usd(sum(baseline for _, baseline in known)),
        clusters=len(known),
    )


def _sum(
    lines: tuple[MetricLine, ...], kind: MetricType, start: int, step: int, count: int
) -> NDArray[np.float64]:
    """The means of each line in each interval, summed over the lines that have one."""
    total, is_known = np.zeros(count), np.zeros(count, np.bool_)
    for line in lines:
        if line.type is not kind:
            continue
        at = (line.times - start) // step
        points = np.bincount(at, minlength=count)
        sums = np.bincount(at, weights=line.values.astype(np.float64), minlength=count)
        total += np.divide(sums, points, out=np.zeros(count), where=points > 0)
        is_known |= points > 0
    return np.where(is_known, total / 1e6, np.nan)
