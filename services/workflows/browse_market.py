"""What screens show of the market: filters, price lines, pools with their scores, Spot Advisor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from db.records import (
    UNKNOWN_BUCKET,
    UNKNOWN_SAVINGS,
    Heatmap,
    PriceChoices,
    RegionSpan,
    SeriesFilter,
)
from db.repositories import advisor, heatmap, instance_types, on_demand, spot_prices
from db.session import Database
from engines.contracts.pricing import (
    HOURS_PER_MONTH,
    LINUX_PRODUCT,
    InstanceType,
    InterruptionBucket,
    OperatingSystem,
    PriceSeries,
    to_usd,
)
from engines.contracts.state import CurrentState, DataSource, compile_state
from engines.pools import PoolFacts, assess_pools
from engines.risk import operating_system_of
from services.workflows.market_data import load_market_data

__all__ = ["UNKNOWN_BUCKET", "UNKNOWN_SAVINGS", "Heatmap", "PriceChoices", "RegionSpan"]


class PriceWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Which price lines are wanted, and from when to when (both ends count)."""

    region: str
    instance_types: tuple[str, ...]
    availability_zones: tuple[str, ...] | None = None  # None: all
    product: str = LINUX_PRODUCT
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """The change points of one series inside a window; a price holds until the next point."""

    series: PriceSeries
    timestamps: NDArray[np.int64]  # Unix seconds
    usd_per_hour: NDArray[np.float64]  # for drawing, not for sums


class RiskParts(msgspec.Struct, frozen=True, kw_only=True):
    """The four parts of a risk score, each 0..1, before they are weighed."""

    public_rate: float
    volatility: float
    gap: float
    time: float


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A Spot pool at a moment: its price, what on-demand costs, and its risk score.

    None means not known; an unknown part scores 0.0.
    """

    instance_type: str
    availability_zone: str
    usd_per_hour: Decimal
    priced_at: datetime
    on_demand_usd_per_hour: Decimal | None
    saving: float | None  # 1 - Spot / on-demand, as a share; negative where Spot is dearer
    interruption_bucket: InterruptionBucket | None
    covered_seconds: int  # of the 7 days that volatility is measured over
    risk_score: float
    parts: RiskParts
    vcpu: int | None
    memory_gib: float | None


class PoolTable(msgspec.Struct, frozen=True, kw_only=True):
    """The pools of a region by type and zone, and the sources of what is said of them."""

    region: str
    at: datetime
    pools: tuple[Pool, ...]
    sources: tuple[DataSource, ...]


class TypeComparison(msgspec.Struct, frozen=True, kw_only=True):
    """An instance type in its cheapest zone against on-demand; money in USD."""

    instance_type: str
    family: str
    vcpu: int | None
    memory_gib: float | None
    on_demand_usd_per_hour: Decimal
    spot_usd_per_hour: Decimal
    cheapest_zone: str
    saving: float  # 1 - Spot / on-demand
    zone_spread: float  # how much dearer the dearest zone is than the cheapest, as a share
    saving_usd_month: Decimal


class DataAge(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of stored market data from one source: how much, and the moment it speaks of."""

    kind: str
    source: str
    rows: int
    as_of: datetime


def load_price_choices(database: Database) -> PriceChoices:
    """What stored Spot prices can be filtered by."""
    with database.reader() as reader:
        return spot_prices.choices(reader)


def load_price_spans(database: Database) -> tuple[RegionSpan, ...]:
    """What is stored of Spot prices, by region and product."""
    with database.reader() as reader:
        return spot_prices.spans(reader)


def load_price_lines(database: Database, window: PriceWindow) -> tuple[PriceLine, ...]:
    """The price lines of a window. Each begins with the price in force then, where one is known."""
    wanted = SeriesFilter(
        regions=(window.region,),
        products=(window.product,),
        instance_types=window.instance_types,
        availability_zones=window.availability_zones,
    )
    with database.reader() as reader:
        history = spot_prices.load_history(reader, wanted, since=window.since, until=window.until)
    opening = int(window.since.timestamp())
    return tuple(
        PriceLine(
            series=series,
            timestamps=np.maximum(history.timestamps[first:end], opening),
            usd_per_hour=history.micro_usd[first:end] / 1e6,
        )
        for series, first, end in zip(
            history.series, history.starts, history.starts[1:], strict=False
        )
    )


def load_pools(
    database: Database, *, region: str, at: datetime, product: str = LINUX_PRODUCT
) -> PoolTable:
    """Every pool of a region that had a price by ``at``, with its risk score then."""
    system = operating_system_of(product) or OperatingSystem.LINUX
    market = load_market_data(
        database, region=region, at=at, product=product, operating_system=system
    )
    state = replace(
        compile_state(CurrentState()),
        spot_prices=market.spot_prices,
        on_demand=market.on_demand,
        advisor=market.advisor,
    )
    facts = assess_pools(state, region, at, product)
    return PoolTable(
        region=region,
        at=at,
        pools=tuple(
            _pool(one, one.micro_usd_per_hour, market.instance_types.get(one.instance_type))
            for one in facts
            if one.micro_usd_per_hour is not None
        ),
        sources=market.sources,
    )


def compare_types(pools: Sequence[Pool]) -> tuple[TypeComparison, ...]:
    """Each type that has an on-demand price, the largest saving first."""
    by_type: dict[str, list[Pool]] = {}
    for pool in pools:
        by_type.setdefault(pool.instance_type, []).append(pool)
    compared = [
        _comparison(of_type, base)
        for of_type in by_type.values()
        if (base := of_type[0].on_demand_usd_per_hour) is not None
    ]
    return tuple(sorted(compared, key=lambda one: (-one.saving, one.instance_type)))


def load_heatmap(
    database: Database, operating_system: OperatingSystem = OperatingSystem.LINUX
) -> Heatmap | None:
    """The newest Spot Advisor edition as a matrix; None: nothing was imported yet."""
    with database.reader() as reader:
        return heatmap.load(reader, operating_system=operating_system)


def load_data_ages(database: Database) -> tuple[DataAge, ...]:
    """Every source of stored market data, with the newest moment that it speaks of."""
    with database.reader() as reader:
        spans = spot_prices.spans(reader)
        edition = advisor.load_edition(reader)
        listed = on_demand.sources(reader)
        described = instance_types.sources(reader)
    found = [
        ("Spot prices", f"{span.region}, {span.product_description}", span.points, span.last_at)
        for span in spans
    ]
    if edition is not None:
        found.append(("Spot Advisor", edition.source, edition.rates, edition.last_seen_at))
    found += [("On-demand prices", one.source, one.rows, one.as_of) for one in listed]
    found += [("Instance types", one.source, one.rows, one.as_of) for one in described]
    return tuple(
        DataAge(kind=kind, source=source, rows=rows, as_of=as_of)
        for kind, source, rows, as_of in found
    )


def _comparison(pools: Sequence[Pool], base: Decimal) -> TypeComparison:
    cheapest = min(pools, key=lambda pool: (pool.usd_per_hour, pool.availability_zone))
    dearest = max(pool.usd_per_hour for pool in pools)
    return TypeComparison(
        instance_type=cheapest.instance_type,
        family=cheapest.instance_type.partition(".")[0],
        vcpu=cheapest.vcpu,
        memory_gib=cheapest.memory_gib,
        on_demand_usd_per_hour=base,
        spot_usd_per_hour=cheapest.usd_per_hour,
        cheapest_zone=cheapest.availability_zone,
        saving=float(1 - cheapest.usd_per_hour / base),
        zone_spread=float(dearest / cheapest.usd_per_hour - 1),
        saving_usd_month=(base - cheapest.usd_per_hour) * HOURS_PER_MONTH,
    )


def _pool(facts: PoolFacts, micro_usd: int, offered: InstanceType | None) -> Pool:
    price = to_usd(micro_usd)
    base = None if facts.on_demand is None else to_usd(facts.on_demand.micro_usd_per_hour)
    return Pool(
        instance_type=facts.instance_type,
        availability_zone=facts.availability_zone,
        usd_per_hour=price,
        priced_at=datetime.fromtimestamp(facts.priced_at or 0, UTC),
        on_demand_usd_per_hour=base,
        saving=None if base is None else float(1 - price / base),
        interruption_bucket=facts.bucket,
        covered_seconds=facts.covered_seconds,
        risk_score=facts.score,
        parts=RiskParts(**facts.components._asdict()),
        vcpu=None if offered is None else offered.vcpu,
        memory_gib=None if offered is None else offered.memory_mib / 1024,
    )
