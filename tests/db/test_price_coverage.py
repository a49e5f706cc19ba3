"""Which days of prices are known. A silence of more than 36 hours is a gap."""

from datetime import UTC, date, datetime, timedelta
from itertools import chain

import pytest

from db.records import DayCoverage
from db.repositories import price_coverage, spot_prices
from engines.contracts.pricing import SpotPrice, SpotPriceHistory
from tests.db.builders import a_series

M, P, F = DayCoverage.MISSING, DayCoverage.PARTIAL, DayCoverage.PRESENT

ZONE_A = a_series("us-east-1a")
ZONE_B = a_series("us-east-1b")
C5 = a_series("us-east-1a", instance_type="c5.large")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def at_hours(series, *hours):
    """A point so many hours after the start of January 1st."""
    return [
        SpotPrice(series, int((FIRST + timedelta(hours=hour)).timestamp()), 10) for hour in hours
    ]


def coverage(database, *points, days=3, **wanted):
    with database.transaction() as tx:
        spot_prices.save_history(tx, SpotPriceHistory.from_points(chain(*points)))
    with database.reader() as reader:
        return price_coverage.load(
            reader,
            region="us-east-1",
            first_day=date(2026, 1, 1),
            last_day=date(2026, 1, days),
            **wanted,
        )


@pytest.mark.parametrize(
    ("hours", "statuses"),
    [
        ([0, 24, 48, 72], [F, F, F]),
        ([-12, 12, 36, 60, 84], [F, F, F]),  # known before and after the window
        ([1, 24, 48, 72], [P, F, F]),  # the first hour is not known
        ([0, 24, 48, 71], [F, F, P]),  # nothing confirms the last hour
        ([0, 36, 72], [F, F, F]),  # 36 hours are no gap
        ([0, 36, 72.01], [F, P, M]),  # a little more is one: known until hour 36 only
        ([0, 24], [F, M, M]),
        ([30], [M, M, M]),  # a lone point confirms nothing
        ([-40, 80], [M, M, M]),
        ([], [M, M, M]),
    ],
)
def test_a_day_is_present_when_the_price_is_known_at_each_second(database, hours, statuses):
    # One far later point, so that the type is known in all cases.
    found = coverage(database, at_hours(ZONE_A, *hours), at_hours(ZONE_A, 2400))

    assert found.days == (date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3))
    assert found.instance_types == ("m5.large",)
    assert found.status.tolist() == [statuses]


def test_a_type_is_present_only_where_all_its_zones_are(database):
    """Zone b is known on the first day and in the first half of the second."""
    found = coverage(
        database,
        at_hours(ZONE_A, 0, 24, 48, 72),
        at_hours(ZONE_B, 0, 24, 36),
        at_hours(C5, 0, 24, 48, 72),
    )

    assert found.instance_types == ("c5.large", "m5.large")
    assert found.status.tolist() == [[F, F, F], [F, P, P]]


def test_types_can_be_chosen_and_other_products_do_not_count(database):
    windows = a_series("us-east-1a", product="Windows", instance_type="r5.large")

    found = coverage(
        database,
        at_hours(ZONE_A, 0, 24),
        at_hours(C5, 0, 24),
        at_hours(windows, 0, 24),
        days=1,
        instance_types=("c5.large", "r5.large"),
    )

    assert found.instance_types == ("c5.large",)
    assert found.status.tolist() == [[F]]


def test_an_empty_database_covers_nothing(database):
    found = coverage(database, [])

    assert found.instance_types == ()
    assert found.status.shape == (0, 3)
