"""Prices published by region and hour, kept while prices are stored."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from db.models.market import PricePlace, RegionHourPrice, SpotPrice, SpotPriceSeries
from db.repositories import region_hours, spot_prices
from engines.contracts.pricing import SpotPrice as Point
from engines.contracts.pricing import SpotPriceHistory
from tests.db.builders import a_history, a_series, moment, points_of

ZONE_A = a_series("us-east-1a")
ZONE_B = a_series("us-east-1b")
WINDOWS = a_series("us-east-1a", product="Windows")
FRANKFURT = a_series("eu-central-1a", region="eu-central-1")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def save(database, history):
    with database.transaction() as tx:
        spot_prices.save_history(tx, history)


def load(database, since="1970-01-01", until="2242-01-01", **wanted):
    with database.reader() as reader:
        return region_hours.load(reader, since=at(since), until=at(until), **wanted)


def rows(hours):
    """Region, hour, points, sum, least and greatest price of each row."""
    columns = (hours.hour, hours.points, hours.sum_micro_usd)
    columns += (hours.min_micro_usd, hours.max_micro_usd)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    names = [hours.regions[index] for index in hours.region]
    return [(name, *row) for name, row in zip(names, numbers, strict=True)]


def test_points_of_an_hour_are_added_up_over_types_and_zones(database):
    """10:05 and 10:59 lie in the hour of 10:00, 11:00 begins the next; 10 + 30 = 40."""
    save(
        database,
        a_history(
            (ZONE_A, "2026-01-01T10:05", 10),
            (ZONE_B, "2026-01-01T10:59", 30),
            (ZONE_A, "2026-01-01T11:00", 12),
            (FRANKFURT, "2026-01-01T10:30", 50),
        ),
    )

    hours = load(database)

    assert rows(hours) == [
        ("eu-central-1", moment("2026-01-01T10:00"), 1, 50, 50, 50),
        ("us-east-1", moment("2026-01-01T10:00"), 2, 40, 10, 30),
        ("us-east-1", moment("2026-01-01T11:00"), 1, 12, 12, 12),
    ]
    assert hours.mean_micro_usd.tolist() == [50.0, 20.0, 12.0]


def test_later_points_are_added_to_the_hour_and_repeats_are_not(database):
    save(database, a_history((ZONE_A, "2026-01-01T10:05", 20)))
    more = a_history((ZONE_A, "2026-01-01T10:05", 20), (ZONE_B, "2026-01-01T10:06", 10))

    save(database, more)
    save(database, more)

    assert rows(load(database)) == [("us-east-1", moment("2026-01-01T10:00"), 2, 30, 10, 20)]


def test_a_correction_changes_the_hour_and_leaves_its_neighbours(database):
    """The greatest price of the hour is corrected downwards: 5 + 10 = 15."""
    save(
        database,
        a_history(
            (ZONE_A, "2026-01-01T10:05", 90),
            (ZONE_B, "2026-01-01T10:06", 10),
            (WINDOWS, "2026-01-01T10:06", 70),
            (ZONE_A, "2026-01-01T11:05", 80),
        ),
    )

    save(database, a_history((ZONE_A, "2026-01-01T10:05", 5)))

    assert rows(load(database)) == [
        ("us-east-1", moment("2026-01-01T10:00"), 2, 15, 5, 10),
        ("us-east-1", moment("2026-01-01T11:00"), 1, 80, 80, 80),
    ]
    assert rows(load(database, product="Windows")) == [
        ("us-east-1", moment("2026-01-01T10:00"), 1, 70, 70, 70)
    ]


def test_a_window_takes_the_hours_that_begin_in_it(database):
    save(
        database,
        a_history(*((ZONE_A, f"2026-01-01T{hour:02}:30", 10 + hour) for hour in range(4))),
    )

    hours = load(database, "2026-01-01T01:00", "2026-01-01T03:00")

    assert hours.min_micro_usd.tolist() == [11, 12]


def test_regions_can_be_chosen(database):
    save(database, a_history((ZONE_A, "2026-01-01T10:05", 1), (FRANKFURT, "2026-01-01T10:05", 2)))

    assert load(database, regions=["eu-central-1"]).regions == ("eu-central-1",)
    assert load(database, regions=[]).regions == ()
    assert len(load(database, regions=["eu-north-1"]).hour) == 0


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    saves=st.lists(
        st.lists(
            st.builds(
                Point,
                series=st.sampled_from([ZONE_A, ZONE_B, WINDOWS, FRANKFURT]),
                timestamp=st.integers(0, 5 * 3600),
                micro_usd=st.integers(1, 1000),
            ),
            max_size=30,
        ),
        max_size=4,
    )
)
def test_what_is_kept_equals_what_the_stored_points_add_up_to(database, saves):
    """Whatever is saved, repeated and corrected, and in whichever order."""
    with database.transaction() as tx:
        for table in (RegionHourPrice, PricePlace, SpotPrice, SpotPriceSeries):
            tx.connection.execute(delete(table))
        for points in saves:
            spot_prices.save_history(tx, SpotPriceHistory.from_points(points))
        kept = region_hours.load(tx, since=at("1970-01-01"), until=at("2000-01-01"))
        region_hours.recompute(tx, np.arange(0, 6) * 3600)
        again = region_hours.load(tx, since=at("1970-01-01"), until=at("2000-01-01"))

    expected = {}
    for points in saves:
        expected |= {
            (series, time): price
            for series, time, price in points_of(SpotPriceHistory.from_points(points))
            if series.product_description == "Linux/UNIX"
        }
    by_hour = {}
    for (series, time), price in expected.items():
        by_hour.setdefault((series.region, time - time % 3600), []).append(price)
    assert rows(kept) == rows(again)
    assert rows(kept) == [
        (region, hour, len(prices), sum(prices), min(prices), max(prices))
        for (region, hour), prices in sorted(by_hour.items())
    ]
