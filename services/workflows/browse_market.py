"""What screens show of the market: filters, price lines, latest prices, Spot Advisor, data ages."""

from dataclasses import dataclass
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
from db.session import Database, Reader
from engines.contracts.pricing import (
    LINUX_PRODUCT,
    InstanceType,
    OperatingSystem,
    PriceSeries,
    to_usd,
)

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


class LatestPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The newest stored Spot price of a pool beside its on-demand price (None: not stored)."""

    region: str
    instance_type: str
    availability_zone: str
    usd_per_hour: Decimal
    as_of: datetime
    on_demand_usd_per_hour: Decimal | None
    saving: float | None  # 1 - Spot / on-demand, as a share; negative where Spot is dearer
    vcpu: int | None
    memory_gib: float | None


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


def load_latest_prices(
    database: Database, *, region: str, at: datetime, product: str = LINUX_PRODUCT
) -> tuple[LatestPrice, ...]:
    """The price in force at ``at`` of every pool of a region, sorted by type and zone."""
    wanted = SeriesFilter(regions=(region,), products=(product,))
    with database.reader() as reader:
        latest = spot_prices.load_latest(reader, wanted, at=at)
        listed = _on_demand(reader, region, product, at)
        known = instance_types.load(reader)
    return tuple(
        _latest_price(
            series,
            int(moment),
            to_usd(int(micro_usd)),
            listed.get(series.instance_type),
            known.get(series.instance_type),
        )
        for series, moment, micro_usd in zip(
            latest.series, latest.timestamps, latest.micro_usd, strict=True
        )
    )


def load_heatmap(
    database: Database, operating_system: OperatingSystem = OperatingSystem.LINUX
) -> Heatmap | None:
    """The newest Spot Advisor edition as a matrix; None: nothing was imported yet."""
    with database.reader() as reader:
        return heatmap.load(reader, operating_system=operating_system)


def load_instance_types(database: Database) -> dict[str, InstanceType]:
    """What is stored of instance types, by name."""
    with database.reader() as reader:
        return dict(instance_types.load(reader))


def load_data_ages(database: Database) -> tuple[DataAge, ...]:
    """Every source of market data, with the newest moment that it speaks of."""
    with database.reader() as reader:
        spans = spot_prices.spans(reader)
        edition = advisor.load_edition(reader)
        listed = on_demand.sources(reader)
        described = instance_types.sources(reader)
    ages = [
        DataAge(
            kind="Spot prices",
            source=f"{span.region}, {span.product_description}",
            rows=span.points,
            as_of=span.last_at,
        )
        for span in spans
    ]
    if edition is not None:
        ages.append(
            DataAge(
                kind="Spot Advisor",
                source=edition.source,
                rows=edition.rates,
                as_of=edition.published_at,
            )
        )
    for kind, sources in (("On-demand prices", listed), ("Instance types", described)):
        ages += [
            DataAge(kind=kind, source=one.source, rows=one.rows, as_of=one.as_of) for one in sources
        ]
    return tuple(ages)


def _on_demand(reader: Reader, region: str, product: str, at: datetime) -> dict[str, Decimal]:
    """On-demand prices by type, of the operating system that the product runs."""
    system = OperatingSystem.WINDOWS if product == "Windows" else OperatingSystem.LINUX
    prices = on_demand.load(reader, at=at, regions=(region,), operating_system=system)
    return {price.instance_type: price.hourly_price for price in prices}


def _latest_price(
    series: PriceSeries,
    moment: int,
    usd_per_hour: Decimal,
    on_demand_usd_per_hour: Decimal | None,
    offered: InstanceType | None,
) -> LatestPrice:
    saving = None
    if on_demand_usd_per_hour is not None:
        saving = float(1 - usd_per_hour / on_demand_usd_per_hour)
    return LatestPrice(
        region=series.region,
        instance_type=series.instance_type,
        availability_zone=series.availability_zone,
        usd_per_hour=usd_per_hour,
        as_of=datetime.fromtimestamp(moment, UTC),
        on_demand_usd_per_hour=on_demand_usd_per_hour,
        saving=saving,
        vcpu=None if offered is None else offered.vcpu,
        memory_gib=None if offered is None else offered.memory_mib / 1024,
    )
