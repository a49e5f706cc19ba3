"""A Spot market that answers alike whenever it is asked: prices follow from seed, pool and time.

Each pool's path is made in blocks of a week, each from its own seed, so that any window of time
shows the same change points, today and after a restart. The rhythm is that of AWS's own
histories (us-east-1, spring of 2021: two to three rows a day and pool): a change every few hours,
an unchanged price repeated about every 24 hours, RHEL and SUSE at a constant above Linux at the
same moments. Discounts stay between 40 and 80 per cent of the on-demand price; zones differ.
"""

import bisect
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from sandbox.aws.catalogue import (
    REGION_PRICE_PERCENT,
    WINDOWS_MICRO_USD_PER_VCPU,
    OfferedType,
    offered_types,
)

LINUX, RED_HAT, SUSE, WINDOWS = "Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows"
PRODUCTS = (LINUX, RED_HAT, SUSE, WINDOWS)
RETENTION_SECONDS = 90 * 86_400
LOWEST_DISCOUNT, HIGHEST_DISCOUNT = 0.40, 0.80

_DAY = 86_400
_WEEK = 7 * _DAY
_FIRST_CHANGE_WITHIN = _DAY // 4  # of a block, so that no silence is much longer than a day
_REPEAT_JITTER_SECONDS = 60
_KNOTS = 4  # of a week: points that the slow drift passes through
_KNOT_SECONDS = _WEEK // _KNOTS
_PRICE_STEP = 100  # micro-dollars: AWS's prices move in steps of $0.0001
_RED_HAT_MICRO_USD_PER_VCPU = 14_400
_SUSE_MICRO_USD = 100_000


@dataclass(frozen=True, order=True)
class Pool:
    """An instance type in a zone (a zone's name; its id goes by account)."""

    instance_type: str
    zone: str

    @property
    def region(self) -> str:
        return self.zone[:-1]


@dataclass(frozen=True, order=True)
class ChangePoint:
    """From ``at`` (Unix seconds) on, one hour cost this much on Linux."""

    at: int
    micro_usd: int


@dataclass(frozen=True)
class Temper:
    """What kind of pool it is: usual discount, how far it swings, hours between changes."""

    discount: float
    swing: float
    change_seconds: float


@dataclass(frozen=True, eq=False)
class Market:
    """The Spot market of one seed."""

    seed: int
    _blocks: dict[tuple[Pool, int], tuple[ChangePoint, ...]] = field(default_factory=dict)
    _drifts: dict[tuple[Pool, int], tuple[float, ...]] = field(default_factory=dict)

    def history(self, pool: Pool, start: int, end: int) -> list[ChangePoint]:
        """Change points in (start, end], after the one that was in force at ``start``."""
        points = [point for block in self._weeks(pool, start, end) for point in block]
        first = bisect.bisect_right(points, start, key=lambda point: point.at) - 1
        last = bisect.bisect_right(points, end, key=lambda point: point.at)
        return points[max(first, 0) : last]

    def price_at(self, pool: Pool, at: int) -> int:
        """Micro-dollars per hour on Linux at a moment."""
        return self.history(pool, at, at)[-1].micro_usd

    def usual_discount(self, instance_type: str, region: str) -> float:
        """The discount off on-demand that the pools of a region move around."""
        return self._random("type", region, instance_type).uniform(0.48, 0.72)

    def interruption_bucket(self, instance_type: str, region: str) -> int:
        """Spot Advisor's range of interruption rates, 0 (rare) to 4."""
        chances = self._random("interruptions", region, instance_type)
        return chances.choices(range(5), weights=(45, 25, 15, 8, 7))[0]

    def _weeks(self, pool: Pool, start: int, end: int) -> Iterator[tuple[ChangePoint, ...]]:
        for week in range(start // _WEEK - 1, end // _WEEK + 1):
            key = (pool, week)
            if key not in self._blocks:
                self._blocks[key] = self._block(pool, week)
            yield self._blocks[key]

    def _block(self, pool: Pool, week: int) -> tuple[ChangePoint, ...]:
        chance = self._random("week", pool.zone, pool.instance_type, week)
        temper = self.temper(pool)
        knots = (*self._knots(pool, week), *self._knots(pool, week + 1))
        points: list[ChangePoint] = []
        for at, is_change in _moments(chance, week * _WEEK, temper.change_seconds):
            if is_change:
                micro_usd = _price(pool, temper, _between(knots, at - week * _WEEK))
            points.append(ChangePoint(at, micro_usd))
        return tuple(points)

    def temper(self, pool: Pool) -> Temper:
        """The character of a pool, for ever the same."""
        chance = self._random("pool", pool.zone, pool.instance_type)
        around = self.usual_discount(pool.instance_type, pool.region)
        return Temper(
            discount=around + chance.uniform(-0.06, 0.06),
            swing=chance.choices((0.01, 0.04, 0.12), weights=(4, 4, 2))[0],
            change_seconds=chance.uniform(5, 16) * 3600,
        )

    def _knots(self, pool: Pool, week: int) -> tuple[float, ...]:
        if (pool, week) not in self._drifts:
            chance = self._random("drift", pool.zone, pool.instance_type, week)
            self._drifts[pool, week] = tuple(chance.uniform(-1, 1) for _ in range(_KNOTS))
        return self._drifts[pool, week]

    def _random(self, *names: object) -> random.Random:
        return random.Random("|".join(map(str, (self.seed, *names))))


def product_micro_usd(offered: OfferedType, product: str, linux_micro_usd: int) -> int:
    """What an hour costs with the licence of a product, on Spot as on demand."""
    surcharges = {
        LINUX: 0,
        RED_HAT: _RED_HAT_MICRO_USD_PER_VCPU * offered.vcpu,
        SUSE: _SUSE_MICRO_USD,
        WINDOWS: WINDOWS_MICRO_USD_PER_VCPU * offered.vcpu,
    }
    return linux_micro_usd + surcharges[product]


def products_of(offered: OfferedType) -> tuple[str, ...]:
    """The products that are sold for a type."""
    return PRODUCTS if offered.runs_windows else PRODUCTS[:3]


def is_priced(region: str) -> bool:
    """Whether the pretend world sells anything in a region."""
    return region in REGION_PRICE_PERCENT


def _moments(
    chance: random.Random, start: int, change_seconds: float
) -> Iterator[tuple[int, bool]]:
    """Moments of a week from ``start``, and whether the price changes or is but repeated."""
    end = start + _WEEK
    at = start + chance.randrange(_FIRST_CHANGE_WITHIN)
    yield at, True
    while at < end:
        change = at + 600 + round(chance.expovariate(1 / change_seconds))
        while at + _DAY + _REPEAT_JITTER_SECONDS < min(change, end):
            at += _DAY + chance.randrange(_REPEAT_JITTER_SECONDS)
            yield at, False
        if change >= end:
            return
        at = change
        yield at, True


def _price(pool: Pool, temper: Temper, drift: float) -> int:
    on_demand = offered_types()[pool.instance_type].on_demand_micro_usd(pool.region)
    price = on_demand * (1 - temper.discount - temper.swing * drift)
    lowest = math.ceil(on_demand * (1 - HIGHEST_DISCOUNT) / _PRICE_STEP)
    highest = math.floor(on_demand * (1 - LOWEST_DISCOUNT) / _PRICE_STEP)
    return min(max(round(price / _PRICE_STEP), lowest), highest) * _PRICE_STEP


def _between(knots: tuple[float, ...], seconds: int) -> float:
    """The smooth curve through the knots, -1 .. 1."""
    number, within = divmod(seconds, _KNOT_SECONDS)
    share = (1 - math.cos(math.pi * within / _KNOT_SECONDS)) / 2
    return knots[number] + (knots[number + 1] - knots[number]) * share


@lru_cache(maxsize=4)
def market_of(seed: int) -> Market:
    """The market of a seed; markets of one seed share what was already worked out."""
    return Market(seed)
