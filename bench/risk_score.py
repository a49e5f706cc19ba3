"""The risk score of 81,000 pools and the 1,000 best of them, against one pool at a time.

The baseline applies the formula row by row with pandas (``DataFrame.apply``), as a script over a
table of pools would.
"""

from typing import Any

import numpy as np

from bench.harness import Row, median_seconds, seconds
from engines.risk import UNKNOWN, RiskInputs, best_pools, score_pools

ROWS = ("risk_score",)
POOLS = 81_000
BEST = 1_000
LEAST_RATIO = 1_000


def run() -> list[Row]:
    """Measure both on the same pools and compare every score."""
    import pandas as pd

    inputs = _inputs()
    scores = score_pools(inputs)
    best = best_pools(scores, BEST)
    table = pd.DataFrame(inputs._asdict())
    slow: Any = None

    def row_by_row() -> None:
        nonlocal slow
        slow = table.apply(_score, axis=1)
        slow.sort_values(ascending=False, kind="stable").head(BEST)

    baseline = seconds(row_by_row)
    value = median_seconds(lambda: best_pools(score_pools(inputs), BEST), times=21)
    expected = slow.to_numpy()
    assert np.allclose(scores.score, expected, rtol=0, atol=1e-9)
    assert np.array_equal(np.sort(scores.score[best]), np.sort(scores.score)[-BEST:])
    ratio = baseline / value
    return [
        Row(
            name="risk_score",
            value=value * 1000,
            unit="ms",
            baseline_name="pandas, row by row (ms)",
            baseline=baseline * 1000,
            ratio=ratio,
            target=f">= {LEAST_RATIO:,}x",
            met=ratio >= LEAST_RATIO,
        )
    ]


def _inputs() -> RiskInputs:
    """Pools of all buckets and prices; one in six is not known to Spot Advisor."""
    rng = np.random.default_rng(20260801)
    on_demand = rng.integers(5_000, 30_000_000, POOLS)
    return RiskInputs(
        interruption_bucket=rng.integers(UNKNOWN, 5, POOLS).astype(np.int8),
        variation=rng.uniform(0, 0.4, POOLS),
        spot_micro_usd=np.maximum((on_demand * rng.uniform(0.1, 1.1, POOLS)).astype(np.int64), 1),
        on_demand_micro_usd=on_demand,
        calmness=rng.choice([0.0, 0.5, 1.0], POOLS),
    )


def _score(pool: Any) -> float:
    """The formula of the specification for one row of the table."""
    bucket = int(pool["interruption_bucket"])
    public_rate = 0.0 if bucket == UNKNOWN else 1.0 - 0.25 * bucket
    volatility = max(0.0, 1.0 - pool["variation"] / 0.25)
    gap = max(0.0, 1.0 - pool["spot_micro_usd"] / pool["on_demand_micro_usd"])
    score = 0.60 * public_rate + 0.25 * volatility + 0.10 * gap + 0.05 * pool["calmness"]
    return float(score)
