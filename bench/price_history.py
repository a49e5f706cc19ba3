"""Believable Spot prices for benches: seeded change points, about two a day and series."""

from itertools import product

import numpy as np

from engines.contracts.pricing import LINUX_PRODUCT, PriceSeries, SpotPriceHistory

FIRST_MOMENT = 1_767_225_600  # 2026-01-01 00:00 UTC
_MEAN_SECONDS_BETWEEN_POINTS = 43_200


def series_of(regions: int, zones: int, types: int) -> tuple[PriceSeries, ...]:
    """Linux pools of so many types in each zone of each region, sorted."""
    names = [
        PriceSeries(f"region-{region:02}", f"m{kind:03}.large", zone_name, LINUX_PRODUCT)
        for region, kind, zone in product(range(regions), range(types), range(zones))
        for zone_name in [f"region-{region:02}{'abcdef'[zone]}"]
    ]
    return tuple(sorted(names))


def history_of(series: tuple[PriceSeries, ...], points: int, seed: int = 7) -> SpotPriceHistory:
    """So many change points for each series, the same for the same seed."""
    random = np.random.default_rng(seed)
    shape = (len(series), points)
    gaps = random.integers(60, 2 * _MEAN_SECONDS_BETWEEN_POINTS, shape)
    prices = random.integers(10_000, 2_000_000, (len(series), 1)) + random.integers(0, 5_000, shape)
    return SpotPriceHistory(
        series=series,
        starts=np.arange(len(series) + 1, dtype=np.int64) * points,
        timestamps=(FIRST_MOMENT + np.cumsum(gaps, axis=1)).ravel(),
        micro_usd=prices.ravel().astype(np.int64),
    )
