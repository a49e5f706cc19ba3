"""What a decision needs to know of the market: a region's prices, rates and types at a moment.

Stored data come first. The bundled catalogue fills in instance types that were never imported and,
in its own region, on-demand prices that were never imported; how many of each stands in
``sources`` under the catalogue's own name, so that nothing of it passes for live data.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from db.records import PriceSource, SeriesFilter
from db.repositories import advisor, instance_types, on_demand, spot_prices
from db.session import Database, Reader
from engines.contracts.pricing import (
    LINUX_PRODUCT,
    AdvisorRate,
    InstanceType,
    OnDemandPrice,
    OperatingSystem,
    SpotPriceHistory,
)
from engines.contracts.state import DataSource
from services.files.bundled_catalogue import (
    CATALOGUE_DATE,
    CATALOGUE_NAME,
    load_bundled_catalogue,
)

PRICE_WINDOW = timedelta(days=7)  # spec 2.1: the volatility of the last 7 days

SPOT_PRICES = "spot_prices"
ON_DEMAND_PRICES = "on_demand_prices"
SPOT_ADVISOR = "spot_advisor"
INSTANCE_TYPES = "instance_types"

STALE_AFTER: Mapping[str, timedelta] = {
    SPOT_PRICES: timedelta(hours=36),  # the API repeats even an unchanged price once a day
    SPOT_ADVISOR: timedelta(days=7),  # AWS recomputes its month of interruptions all the time
    ON_DEMAND_PRICES: timedelta(days=180),  # list prices change a few times a year, if at all
    INSTANCE_TYPES: timedelta(days=365),  # facts of a type do not change; new types appear
}
"""Beyond this age data of a kind are shown as stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketData:
    """The market of one region as it was known at ``at``.

    ``spot_prices`` begins with the price in force seven days before. ``sources`` has an entry for
    each origin of each kind; a kind of which nothing is known has one with ``count`` 0.
    """

    region: str
    at: datetime
    spot_prices: SpotPriceHistory
    on_demand: tuple[OnDemandPrice, ...]
    advisor: tuple[AdvisorRate, ...]
    instance_types: Mapping[str, InstanceType]
    sources: tuple[DataSource, ...]

    @property
    def stale_sources(self) -> tuple[DataSource, ...]:
        """The sources that are older than data of their kind should be."""
        return tuple(source for source in self.sources if is_stale(source, self.at))


def is_stale(source: DataSource, at: datetime) -> bool:
    """Whether a source is too old at ``at``; one without any data, or of unknown age, is."""
    if source.as_of is None or not source.count:
        return True
    return at - source.as_of > STALE_AFTER[source.kind]


def load_market_data(
    database: Database,
    *,
    region: str,
    at: datetime,
    product: str = LINUX_PRODUCT,
    operating_system: OperatingSystem = OperatingSystem.LINUX,
) -> MarketData:
    """The market of a region at ``at``.

    Spot prices are those up to ``at``. Of list prices and Advisor rates the ones in force count;
    where none is that old, the earliest known ones stand in, and their source says so.
    """
    with database.reader() as reader:
        history = spot_prices.load_history(
            reader,
            SeriesFilter(regions=(region,), products=(product,)),
            since=at - PRICE_WINDOW,
            until=at,
        )
        prices = on_demand.load(reader, at=at, regions=(region,), operating_system=operating_system)
        rates = advisor.load_rates(
            reader, at=at, regions=(region,), operating_system=operating_system
        )
        types = instance_types.load(reader)
        sources = (
            _spot_price_source(history),
            _dated_for(_on_demand_source(prices), at),
            _dated_for(_advisor_source(reader, at, len(rates)), at),
            *_instance_type_sources(instance_types.sources(reader)),
        )
    bundled = bundled_beside({region}, {operating_system}, prices, types)
    return MarketData(
        region=region,
        at=at,
        spot_prices=history,
        on_demand=(*prices, *bundled.on_demand),
        advisor=rates,
        instance_types={**bundled.instance_types, **types},
        sources=(*sources, *bundled.sources),
    )


class BundledPart(NamedTuple):
    """What the bundled catalogue adds to better data, and the sources that name it."""

    on_demand: tuple[OnDemandPrice, ...]
    instance_types: Mapping[str, InstanceType]
    sources: tuple[DataSource, ...]


def bundled_beside(
    regions: Collection[str],
    operating_systems: Collection[OperatingSystem],
    on_demand: Iterable[OnDemandPrice],
    instance_types: Mapping[str, InstanceType],
) -> BundledPart:
    """The catalogue's types, and its prices in those regions, of which nothing better is known."""
    catalogue = load_bundled_catalogue()
    priced = {(one.region, one.operating_system, one.instance_type) for one in on_demand}
    prices = tuple(
        price
        for price in catalogue.on_demand
        if price.region in regions
        and price.operating_system in operating_systems
        and (price.region, price.operating_system, price.instance_type) not in priced
    )
    types = {
        name: one for name, one in catalogue.instance_types.items() if name not in instance_types
    }
    sources = (
        *_bundled_source(ON_DEMAND_PRICES, len(prices)),
        *_bundled_source(INSTANCE_TYPES, len(types)),
    )
    return BundledPart(prices, types, sources)


def _bundled_source(kind: str, count: int) -> tuple[DataSource, ...]:
    if not count:
        return ()
    return (
        DataSource(
            kind=kind,
            name=CATALOGUE_NAME,
            count=count,
            as_of=CATALOGUE_DATE,
            as_of_basis="the day the bundled catalogue was last checked",
        ),
    )


def _spot_price_source(history: SpotPriceHistory) -> DataSource:
    newest = int(history.timestamps.max()) if len(history.timestamps) else None
    return DataSource(
        kind=SPOT_PRICES,
        name="Spot price history",
        count=len(history.timestamps),
        as_of=None if newest is None else datetime.fromtimestamp(newest, UTC),
        as_of_basis="the newest price change of the region",
    )


def _on_demand_source(prices: tuple[OnDemandPrice, ...]) -> DataSource:
    return DataSource(
        kind=ON_DEMAND_PRICES,
        name="on-demand price list",
        count=len(prices),
        as_of=max((price.effective_date for price in prices), default=None),
        as_of_basis="the newest date in the price list",
    )


def _advisor_source(reader: Reader, at: datetime, count: int) -> DataSource:
    edition = advisor.load_edition(reader, at=at)
    return DataSource(
        kind=SPOT_ADVISOR,
        name="Spot Advisor",
        count=count,
        as_of=None if edition is None else max(edition.published_at, min(edition.last_seen_at, at)),
        as_of_basis="when this edition was last seen published",
    )


def _dated_for(source: DataSource, at: datetime) -> DataSource:
    """The source, saying so where its data are from after the moment that is judged."""
    if source.as_of is None or source.as_of <= at:
        return source
    return msgspec.structs.replace(
        source, as_of_basis=f"{source.as_of_basis}; after the moment that is judged"
    )


def _instance_type_sources(stored: tuple[PriceSource, ...]) -> tuple[DataSource, ...]:
    return tuple(
        DataSource(
            kind=INSTANCE_TYPES,
            name=one.source,
            count=one.rows,
            as_of=one.as_of,
            as_of_basis="the date given when the file was imported",
        )
        for one in stored
    )
