"""Risk scores of 81,000 pools and the 1,000 best of them, against one row at a time in Python.

``risk_score`` compares scoring from a table with a column for each input (bucket, variation of
the price, prices, hour), against the same table read row by row with pandas' ``iterrows``, as a
first version of such code does it. ``risk_score_window`` compares the measuring of the variation
itself, from change points, with a plain Python loop over each pool's points. Both baselines run
on a sample of the rows and are scaled up; the results of that sample must be equal.
"""

import numpy as np
import pandas as pd

from bench.harness import Row, median_seconds, seconds
from engines.contracts.pricing import PriceSeries, SpotPriceHistory
from engines.risk import (
    SCORE_DECIMALS,
    WINDOW_SECONDS,
    PriceWindow,
    RiskInputs,
    RiskScores,
    best_pools,
    price_window,
    score_pools,
)

ROWS = ("risk_score", "risk_score_window")

POOLS = 81_000  # 900 types in 90 zones
BEST = 1_000
POINTS = 16  # change points a pool, a week of DescribeSpotPriceHistory
SAMPLE = 8_100
NOW = 1_800_000_000


def run() -> list[Row]:
    """Measure both rows."""
    rng = np.random.default_rng(81_000)
    history = _history(rng)
    inputs = _inputs(rng, price_window(history, NOW))
    return [_score_row(inputs), _window_row(history)]


def _score_row(inputs: RiskInputs) -> Row:
    table = pd.DataFrame(inputs._asdict())[:SAMPLE]
    by_row: list[float] = []
    slow = seconds(lambda: by_row.extend(_scored(table))) * POOLS / SAMPLE
    scores = score_pools(inputs)
    assert np.array_equal(scores.score[:SAMPLE], np.array(by_row))
    assert best_pools(scores, BEST).tolist() == _best_by_sorting(scores)
    fast = median_seconds(lambda: best_pools(score_pools(inputs), BEST), times=9)
    return Row(
        name="risk_score",
        value=fast * 1000,
        unit="ms",
        baseline_name="row by row (iterrows), ms",
        baseline=slow * 1000,
        ratio=slow / fast,
        target=">= 1,000x",
        met=slow / fast >= 1000,
    )


def _window_row(history: SpotPriceHistory) -> Row:
    by_row: list[float] = []
    slow = seconds(lambda: by_row.extend(_variations(history))) * POOLS / SAMPLE
    window = price_window(history, NOW)
    assert np.allclose(window.variation[:SAMPLE], by_row, rtol=1e-12, atol=0, equal_nan=True)
    fast = median_seconds(lambda: price_window(history, NOW), times=5)
    return Row(
        name="risk_score_window",
        value=fast * 1000,
        unit="ms",
        baseline_name="Python loop, ms",
        baseline=slow * 1000,
        ratio=slow / fast,
        target=">= 10x",
        met=slow / fast >= 10,
    )


def _history(rng: np.random.Generator) -> SpotPriceHistory:
    """Sixteen change points a pool over ten days, prices between 1 cent and 2 dollars."""
    gaps = rng.integers(3_600, 100_000, (POOLS, POINTS))
    times = NOW - 10 * 86_400 + np.cumsum(gaps, axis=1)
    base = rng.integers(10_000, 2_000_000, (POOLS, 1))
    prices = base + (base * rng.uniform(0, 0.3, (POOLS, POINTS))).astype(np.int64)
    series = tuple(
        PriceSeries("us-east-1", f"type-{pool // 90:03d}", f"zone-{pool % 90:02d}", "Linux/UNIX")
        for pool in range(POOLS)
    )
    starts = np.arange(POOLS + 1) * POINTS
    return SpotPriceHistory(series, starts, times.ravel(), prices.ravel())


def _inputs(rng: np.random.Generator, window: PriceWindow) -> RiskInputs:
    return RiskInputs(
        interruption_bucket=rng.integers(-1, 5, POOLS).astype(np.int8),
        variation=window.variation,
        spot_micro_usd=window.micro_usd,
        on_demand_micro_usd=rng.integers(20_000, 4_000_000, POOLS),
        calmness=rng.choice([0.0, 0.5, 1.0], POOLS),
    )


def _scored(table: pd.DataFrame) -> list[float]:
    """The formula, one row after the other."""
    rates = (1.0, 0.75, 0.5, 0.25, 0.0, 0.0)
    scores = []
    for _, row in table.iterrows():
        variation = row["variation"]
        volatility = 0.0 if np.isnan(variation) else max(1.0 - variation / 0.25, 0.0)
        gap = max(1.0 - row["spot_micro_usd"] / row["on_demand_micro_usd"], 0.0)
        gap = gap if row["spot_micro_usd"] > 0 else 0.0
        score = (
            0.60 * rates[int(row["interruption_bucket"])]
            + 0.25 * volatility
            + 0.10 * gap
            + 0.05 * row["calmness"]
        )
        scores.append(float(np.round(score, SCORE_DECIMALS)))
    return scores


def _variations(history: SpotPriceHistory) -> list[float]:
    """The time-weighted variation of the sample's series, one after the other."""
    begin, variations = NOW - WINDOW_SECONDS, []
    for pool in range(SAMPLE):
        span = slice(int(history.starts[pool]), int(history.starts[pool + 1]))
        times = [time for time in history.timestamps[span].tolist() if time <= NOW]
        held = [
            (end - max(time, begin), price)
            for time, end, price in zip(
                times, [*times[1:], NOW], history.micro_usd[span].tolist(), strict=False
            )
            if end > max(time, begin)
        ]
        total = sum(span for span, _ in held)
        if not total:
            variations.append(float("nan"))
            continue
        mean = sum(span * price for span, price in held) / total
        spread = sum(span * (price - mean) ** 2 for span, price in held) / total
        variations.append(spread**0.5 / mean)
    return variations


def _best_by_sorting(scores: RiskScores) -> list[int]:
    return sorted(range(POOLS), key=lambda pool: (-scores.score[pool], pool))[:BEST]
