"""Every Spot pool of a region at a moment: its price, its risk score and what that is made of.

A pool is one instance type in one zone on Spot. Whatever a price history, Spot Advisor and the
on-demand price list say of it stands here in one row; what nobody says is ``None``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from engines.contracts.pricing import (
    LINUX_PRODUCT,
    AdvisorRate,
    InterruptionBucket,
    OperatingSystem,
    PriceSeries,
    SpotPriceHistory,
)
from engines.contracts.snapshot import NodeTable
from engines.contracts.state import ClusterState
from engines.cost import ListPrice, list_prices, zones_of_node
from engines.region_clock import calmness
from engines.risk import (
    SCORE_DECIMALS,
    UNKNOWN,
    PriceWindow,
    RiskInputs,
    bucket_codes,
    operating_system_of,
    price_window,
    score_pools,
)

PoolKey = tuple[str, str]
"""Instance type and zone."""

NO_LIST_PRICE = ListPrice(UNKNOWN, is_later=False)


class Components(NamedTuple):
    """The parts of a risk score, before they are weighted; 0.0..1.0 each."""

    public_rate: float
    volatility: float
    gap: float
    time: float


class PoolFacts(NamedTuple):
    """All that is known of one pool. Without ``micro_usd_per_hour`` no price was in force yet."""

    instance_type: str
    availability_zone: str
    micro_usd_per_hour: int | None
    priced_at: int | None  # Unix seconds: when that price was set
    on_demand: ListPrice | None
    bucket: InterruptionBucket | None
    covered_seconds: int  # of the seven days that volatility is measured over
    score: float
    components: Components

    @property
    def key(self) -> PoolKey:
        """Instance type and zone."""
        return (self.instance_type, self.availability_zone)


def assess_pools(
    state: ClusterState, region: str, now: datetime, product: str = LINUX_PRODUCT
) -> tuple[PoolFacts, ...]:
    """All pools of a region that the price history names, sorted by type and zone.

    Zones are called as the nodes call them: where prices name a zone by its id and a node's labels
    tell both, the name counts. Raises ValueError for a product that no operating system goes with.
    """
    system = operating_system_of(product)
    if system is None:
        raise ValueError(f"no operating system goes with the product {product!r}")
    history = state.spot_prices
    rows = _rows_by_pool(history, region, product, zone_names(state.cluster.nodes))
    window = price_window(history, int(now.timestamp()))
    prices = list_prices(state.on_demand, region, system, now)
    buckets = _buckets(state.advisor, region, system)
    return _facts(rows, window, prices, buckets, calmness(region, now))


def pool_scores(state: ClusterState, now: datetime) -> Mapping[PoolKey, float]:
    """The risk score of every Linux pool of all regions that the state has prices for."""
    regions = sorted({series.region for series in state.spot_prices.series})
    return {
        facts.key: facts.score for region in regions for facts in assess_pools(state, region, now)
    }


def zone_names(nodes: NodeTable) -> Mapping[str, str]:
    """Zone id -> zone name, as far as labels of nodes tell both."""
    pairs = (zones_of_node(nodes, row) for row in range(len(nodes)))
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _rows_by_pool(
    history: SpotPriceHistory, region: str, product: str, names: Mapping[str, str]
) -> Mapping[PoolKey, tuple[int, PriceSeries]]:
    """The series of each pool, sorted by pool. (In the years of EC2-Classic the same product had
    a second name; the plain one counts where both are there.)"""
    plain = product.removesuffix(" (Amazon VPC)")
    chosen: dict[PoolKey, tuple[int, PriceSeries]] = {}
    for name in (f"{plain} (Amazon VPC)", plain):
        for row, series in enumerate(history.series):
            if series.region == region and series.product_description == name:
                zone = names.get(series.availability_zone, series.availability_zone)
                chosen[series.instance_type, zone] = (row, series)
    return dict(sorted(chosen.items()))


def _buckets(
    advisor: Iterable[AdvisorRate], region: str, system: OperatingSystem
) -> Mapping[str, InterruptionBucket]:
    return {
        rate.instance_type: rate.interruption_bucket
        for rate in advisor
        if rate.region == region and rate.operating_system is system
    }


def _facts(
    rows: Mapping[PoolKey, tuple[int, PriceSeries]],
    window: PriceWindow,
    prices: Mapping[str, ListPrice],
    buckets: Mapping[str, InterruptionBucket],
    calm: float | None,
) -> tuple[PoolFacts, ...]:
    """One row for each pool, with the scores of all."""
    at = np.array([row for row, _ in rows.values()], np.int64)
    of_types = [prices.get(key[0]) for key in rows]
    rates = [buckets.get(key[0]) for key in rows]
    scores = score_pools(
        RiskInputs(
            interruption_bucket=bucket_codes(rates),
            variation=window.variation[at],
            spot_micro_usd=window.micro_usd[at],
            on_demand_micro_usd=np.array(
                [(price or NO_LIST_PRICE).micro_usd_per_hour for price in of_types], np.int64
            ),
            calmness=np.full(len(at), calm or 0.0),
        )
    )
    parts = zip(
        *(part.round(SCORE_DECIMALS).tolist() for part in scores[1:]),
        strict=True,
    )
    return tuple(
        PoolFacts(
            instance_type=key[0],
            availability_zone=key[1],
            micro_usd_per_hour=None if micro_usd == UNKNOWN else micro_usd,
            priced_at=None if priced_at == UNKNOWN else priced_at,
            on_demand=price,
            bucket=bucket,
            covered_seconds=covered,
            score=score,
            components=Components(*components),
        )
        for key, micro_usd, priced_at, price, bucket, covered, score, components in zip(
            rows,
            window.micro_usd[at].tolist(),
            window.priced_at[at].tolist(),
            of_types,
            rates,
            window.covered_seconds[at].tolist(),
            scores.score.tolist(),
            parts,
            strict=True,
        )
    )
