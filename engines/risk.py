"""The risk score of Spot pools: 0.0 is unsafe, 1.0 is safe.

``0.60 x public_rate + 0.25 x volatility + 0.10 x gap + 0.05 x time`` for every pool at once, each
part returned beside the sum. The score says how a pool compares and whether it may be used; it
is not a probability. What is not known scores 0.0, never an average.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import InterruptionBucket, OperatingSystem, SpotPriceHistory

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PUBLIC_RATE_WEIGHT = 0.60
VOLATILITY_WEIGHT = 0.25
GAP_WEIGHT = 0.10
TIME_WEIGHT = 0.05

WINDOW_SECONDS = 7 * 24 * 3600
WORST_VARIATION = 0.25  # a coefficient of variation from which the volatility part is 0.0
SCORE_DECIMALS = 9  # ends float noise: 0.45 + 0.25 + 0.05 must pass a limit of exactly 0.75

_PUBLIC_RATE_BY_BUCKET = np.array([1.0, 0.75, 0.5, 0.25, 0.0, 0.0])  # the last: not known
_MONTHLY_PROBABILITY = (0.025, 0.075, 0.125, 0.175, 0.25)  # midpoints of the buckets

UNKNOWN = -1
"""In columns of buckets and micro-dollars: not known."""


class RiskInputs(NamedTuple):
    """What is known of the pools, one row each."""

    interruption_bucket: NDArray[np.int8]  # InterruptionBucket, or UNKNOWN
    variation: Floats  # coefficient of variation of the price; NaN: not measured
    spot_micro_usd: Integers  # in force now, or UNKNOWN
    on_demand_micro_usd: Integers  # of the same type, or UNKNOWN
    calmness: Floats  # the time part, by the region's clock; 0.0 where that is not known


class RiskScores(NamedTuple):
    """The scores of the pools and their parts, 0.0..1.0, in the rows of the inputs."""

    score: Floats
    public_rate: Floats
    volatility: Floats
    gap: Floats
    time: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PriceWindow:
    """What the last 7 days up to ``now`` say of each series of a price history, in its order.

    ``covered_seconds`` is how much of the window a price was known for: less than the whole
    where a series begins inside it.
    """

    micro_usd: Integers  # in force now, or UNKNOWN
    priced_at: Integers  # when that price was set, Unix seconds, or UNKNOWN
    variation: Floats  # time-weighted coefficient of variation; NaN: nothing to measure
    covered_seconds: Integers


def score_pools(inputs: RiskInputs) -> RiskScores:
    """Score all pools. Scores are rounded to 9 places, so exact limits stay exact."""
    public_rate = _PUBLIC_RATE_BY_BUCKET[inputs.interruption_bucket]
    volatility = np.fmax(1.0 - inputs.variation / WORST_VARIATION, 0.0)  # fmax: NaN becomes 0.0
    gap = _gap(inputs.spot_micro_usd, inputs.on_demand_micro_usd)
    score = (
        PUBLIC_RATE_WEIGHT * public_rate
        + VOLATILITY_WEIGHT * volatility
        + GAP_WEIGHT * gap
        + TIME_WEIGHT * inputs.calmness
    )
    return RiskScores(score.round(SCORE_DECIMALS), public_rate, volatility, gap, inputs.calmness)


def _gap(spot_micro_usd: Integers, on_demand_micro_usd: Integers) -> Floats:
    """``1 - spot / on-demand`` within 0..1; 0.0 where one of the two is not known."""
    is_known = (spot_micro_usd > 0) & (on_demand_micro_usd > 0)
    return np.where(
        is_known,
        np.maximum(1.0 - spot_micro_usd / np.where(is_known, on_demand_micro_usd, 1), 0.0),
        0.0,
    )


def best_pools(scores: RiskScores, count: int) -> NDArray[np.int64]:
    """The rows of the ``count`` highest scores, best first; equal scores by row."""
    if count < len(scores.score):
        cut = np.partition(scores.score, -count)[-count]
        rows = np.flatnonzero(scores.score >= cut)
    else:
        rows = np.arange(len(scores.score))
    order = np.argsort(-scores.score[rows], kind="stable")
    return rows[order][:count].astype(np.int64)


def price_window(history: SpotPriceHistory, now: int) -> PriceWindow:
    """Measure every series over the 7 days up to ``now`` (Unix seconds), weighted by time.

    A price holds from its time until the next one: the price in force when the window begins
    counts from there, prices later than ``now`` do not count.
    """
    lengths = np.diff(history.starts)
    series = np.repeat(np.arange(len(lengths)), lengths)
    kept = np.flatnonzero(history.timestamps <= now)
    since, price, owner = history.timestamps[kept], history.micro_usd[kept], series[kept]
    is_last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    until = np.where(is_last, now, np.append(since[1:], now)[: len(since)])
    held = until - np.maximum(since, now - WINDOW_SECONDS)
    in_window = held > 0
    covered, variation = _variation(
        owner[in_window], price[in_window], held[in_window], len(lengths)
    )
    micro_usd = np.full(len(lengths), UNKNOWN, np.int64)
    priced_at = np.full(len(lengths), UNKNOWN, np.int64)
    micro_usd[owner[is_last]] = price[is_last]
    priced_at[owner[is_last]] = since[is_last]
    return PriceWindow(micro_usd, priced_at, variation, covered)


def _variation(
    owner: Integers, price: Integers, held: Integers, count: int
) -> tuple[Integers, Floats]:
    """Covered seconds and time-weighted standard deviation / mean of each of ``count`` series.

    In two passes, so that a flat price varies by exactly 0 and no digits are lost.
    """
    covered = np.zeros(count, np.int64)
    variation = np.full(count, np.nan)
    if not len(owner):
        return covered, variation
    first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    seconds = np.add.reduceat(held, first)
    mean = np.add.reduceat(held * price, first) / seconds
    points = np.diff(np.append(first, len(owner)))
    deviation = price - np.repeat(mean, points)
    variance = np.add.reduceat(held * deviation * deviation, first) / seconds
    rows = owner[first]
    covered[rows] = seconds
    variation[rows] = np.sqrt(variance) / mean
    return covered, variation


def monthly_interruption_probability(bucket: InterruptionBucket) -> float:
    """The middle of a Spot Advisor bucket, as a share of instances interrupted in a month.

    The last bucket has no upper end; 25 % stands for it.
    """
    return _MONTHLY_PROBABILITY[bucket]


def operating_system_of(product_description: str) -> OperatingSystem | None:
    """The operating system whose Advisor rates and on-demand prices go with a Spot product.

    Red Hat and SUSE run on the machines that Spot Advisor lists under Linux. Their Spot prices
    hold a licence fee that the Linux on-demand price does not, so gap and savings come out too
    small rather than too large. None: a product that nobody describes.
    """
    product = product_description.removesuffix(" (Amazon VPC)")
    if product in ("Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux"):
        return OperatingSystem.LINUX
    return OperatingSystem.WINDOWS if product == "Windows" else None


def bucket_codes(buckets: Sequence[InterruptionBucket | None]) -> NDArray[np.int8]:
    """Buckets as a column; None becomes UNKNOWN."""
    return np.array([UNKNOWN if one is None else int(one) for one in buckets], np.int8)
