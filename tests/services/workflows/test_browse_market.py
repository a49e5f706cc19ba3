"""What the Pricing page reads; every expectation is worked out by hand, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db.repositories import advisor, on_demand, spot_prices
from db.session import Database
from engines.contracts.pricing import (
    LINUX_PRODUCT,
    AdvisorRate,
    InterruptionBucket,
    OnDemandPrice,
    OperatingSystem,
    PriceSeries,
    SpotPrice,
    SpotPriceHistory,
)
from services.workflows.browse_market import (
    PriceWindow,
    compare_types,
    load_data_ages,
    load_heatmap,
    load_pools,
    load_price_lines,
    load_price_spans,
)

SATURDAY = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)  # a weekend everywhere: the time part is 1.0
NOON = int(SATURDAY.timestamp())
DAY = 86_400
ZONE_A = PriceSeries("us-east-1", "m5.large", "us-east-1a", LINUX_PRODUCT)
ZONE_B = PriceSeries("us-east-1", "m5.large", "us-east-1b", LINUX_PRODUCT)


def store_market(database: Database) -> None:
    """m5.large: on-demand 0.100; Spot 0.040 all along in zone a, 0.050 then 0.060 in zone b."""
    with database.transaction() as tx:
        spot_prices.save_history(
            tx,
            SpotPriceHistory.from_points(
                [
                    SpotPrice(ZONE_A, NOON - 10 * DAY, 40_000),
                    SpotPrice(ZONE_B, NOON - 10 * DAY, 50_000),
                    SpotPrice(ZONE_B, NOON - DAY, 60_000),
                ]
            ),
        )
        on_demand.save(
            tx,
            [
                OnDemandPrice(
                    region="us-east-1",
                    instance_type="m5.large",
                    operating_system=OperatingSystem.LINUX,
                    hourly_price=Decimal("0.1"),
                    effective_date=SATURDAY - timedelta(days=30),
                )
            ],
            source="list.csv",
        )
        advisor.save_rates(
            tx,
            [
                AdvisorRate(
                    region="us-east-1",
                    operating_system=OperatingSystem.LINUX,
                    instance_type="m5.large",
                    interruption_bucket=InterruptionBucket.UNDER_5,
                    savings_percent=60,
                )
            ],
            published_at=SATURDAY - timedelta(hours=1),
            source="advisor.json",
        )


def test_a_pool_carries_its_price_its_saving_and_the_parts_of_its_score(database):
    """0.60 x 1.0 + 0.25 x 1.0 (flat price) + 0.10 x (1 - 0.04 / 0.10) + 0.05 x 1.0 = 0.96."""
    store_market(database)

    pool, _ = load_pools(database, region="us-east-1", at=SATURDAY).pools

    assert (pool.instance_type, pool.availability_zone) == ("m5.large", "us-east-1a")
    assert pool.usd_per_hour == Decimal("0.04")
    assert pool.on_demand_usd_per_hour == Decimal("0.1")
    assert pool.saving == pytest.approx(0.6)
    assert pool.parts.gap == pytest.approx(0.6)
    assert pool.parts.time == 1.0
    assert pool.risk_score == pytest.approx(0.96)


def test_a_pool_is_shown_at_the_price_of_the_moment_asked_for(database):
    store_market(database)

    _, before = load_pools(
        database, region="us-east-1", at=SATURDAY - timedelta(days=1, seconds=1)
    ).pools
    _, after = load_pools(database, region="us-east-1", at=SATURDAY).pools

    assert (before.usd_per_hour, after.usd_per_hour) == (Decimal("0.05"), Decimal("0.06"))
    assert after.priced_at == SATURDAY - timedelta(days=1)


def test_pools_name_the_sources_of_what_is_said_of_them(database):
    store_market(database)

    sources = load_pools(database, region="us-east-1", at=SATURDAY).sources

    assert {"spot_prices", "on_demand_prices", "spot_advisor"} <= {one.kind for one in sources}


def test_a_line_begins_at_the_window_with_the_price_then_in_force(database):
    store_market(database)
    window = PriceWindow(
        region="us-east-1",
        instance_types=("m5.large",),
        availability_zones=("us-east-1b",),
        since=SATURDAY - timedelta(days=2),
        until=SATURDAY,
    )

    [line] = load_price_lines(database, window)

    assert line.series == ZONE_B
    assert line.timestamps.tolist() == [NOON - 2 * DAY, NOON - DAY]
    assert line.usd_per_hour.tolist() == [0.05, 0.06]


def test_types_are_compared_by_their_cheapest_zone(database):
    """1 - 0.04 / 0.10 = 60 %; 0.06 / 0.04 - 1 = 50 %; (0.10 - 0.04) x 730 h = 43.80 USD."""
    store_market(database)

    [compared] = compare_types(load_pools(database, region="us-east-1", at=SATURDAY).pools)

    assert compared.cheapest_zone == "us-east-1a"
    assert compared.saving == pytest.approx(0.6)
    assert compared.zone_spread == pytest.approx(0.5)
    assert compared.saving_usd_month == Decimal("43.80")


def test_nothing_stored_gives_no_pool_no_heatmap_and_no_age(database):
    assert load_pools(database, region="us-east-1", at=SATURDAY).pools == ()
    assert load_heatmap(database) is None
    assert load_data_ages(database) == ()
    assert load_price_spans(database) == ()


def test_every_source_has_an_age(database):
    store_market(database)

    ages = {(one.kind, one.source, one.rows, one.as_of) for one in load_data_ages(database)}

    assert ages == {
        ("Spot prices", "us-east-1, Linux/UNIX", 3, SATURDAY - timedelta(days=1)),
        ("Spot Advisor", "advisor.json", 1, SATURDAY - timedelta(hours=1)),
        ("On-demand prices", "list.csv", 1, SATURDAY - timedelta(days=30)),
    }
