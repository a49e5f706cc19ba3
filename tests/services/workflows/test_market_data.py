"""What a decision is told of a region's market, from where, and how old."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engines.contracts.pricing import OperatingSystem
from engines.contracts.state import DataSource
from services.files.bundled_catalogue import CATALOGUE_DATE, CATALOGUE_NAME
from services.workflows.import_market_data import import_market_file
from services.workflows.market_data import is_stale, load_market_data
from tests.services.files.market_texts import (
    INSTANCE_TYPES_CSV,
    NOW,
    ON_DEMAND_CSV,
    SPOT_HEADER,
    advisor_json,
    source,
)


def take_in(database, text, as_of=None):
    import_market_file(database, source(text), as_of=as_of, clock=lambda: NOW)


def point(moment, price="0.035", zone="us-east-1a"):
    return f"m5.large,{zone},us-east-1,Linux/UNIX,{price},{moment}\n"


def sources_of(market, kind):
    return [(one.name, one.count) for one in market.sources if one.kind == kind]


def test_seven_days_of_prices_begin_with_the_one_in_force(database):
    """NOW is 20 July 12:00, the window opens on 13 July 12:00; 12 July holds there."""
    take_in(
        database,
        SPOT_HEADER
        + point("2026-07-10T12:00:00Z", "0.030")
        + point("2026-07-12T12:00:00Z", "0.031")
        + point("2026-07-15T12:00:00Z", "0.032")
        + point("2026-07-20T12:00:00Z", "0.033")
        + point("2026-07-20T12:00:01Z", "0.034"),
    )

    market = load_market_data(database, region="us-east-1", at=NOW)

    assert market.spot_prices.micro_usd.tolist() == [31_000, 32_000, 33_000]
    assert sources_of(market, "spot_prices") == [("Spot price history", 3)]


def test_without_any_import_only_the_catalogue_speaks_and_says_so(database):
    market = load_market_data(database, region="us-east-1", at=NOW)

    assert len(market.instance_types) == 72
    assert len(market.on_demand) == 72
    assert sources_of(market, "instance_types") == [(CATALOGUE_NAME, 72)]
    assert sources_of(market, "on_demand_prices") == [
        ("on-demand price list", 0),
        (CATALOGUE_NAME, 72),
    ]
    assert sources_of(market, "spot_prices") == [("Spot price history", 0)]
    assert sources_of(market, "spot_advisor") == [("Spot Advisor", 0)]
    assert market.advisor == ()


def test_imported_rows_win_over_the_catalogue_and_each_is_counted(database):
    """Of the 72 bundled types one was imported (m5.large; the other import is not bundled here)."""
    take_in(database, ON_DEMAND_CSV.replace("0.096", "0.095"))
    take_in(database, INSTANCE_TYPES_CSV.replace("large,2,8192", "large,2,8191"), as_of=NOW)

    market = load_market_data(database, region="us-east-1", at=NOW)

    prices = {price.instance_type: price.hourly_price for price in market.on_demand}
    assert prices["m5.large"] == Decimal("0.095")
    assert prices["m5.xlarge"] == Decimal("0.192")
    assert market.instance_types["m5.large"].memory_mib == 8191
    assert market.instance_types["m5.xlarge"].memory_mib == 16384
    assert sources_of(market, "on_demand_prices") == [
        ("on-demand price list", 1),
        (CATALOGUE_NAME, 71),
    ]
    assert sources_of(market, "instance_types") == [("file", 2), (CATALOGUE_NAME, 70)]


def test_the_catalogues_prices_are_of_its_own_region_and_system_only(database):
    elsewhere = load_market_data(database, region="eu-west-1", at=NOW)
    windows = load_market_data(
        database, region="us-east-1", at=NOW, operating_system=OperatingSystem.WINDOWS
    )

    assert elsewhere.on_demand == ()
    assert windows.on_demand == ()
    assert len(elsewhere.instance_types) == 72


def test_rates_are_those_of_the_region_and_dated_by_the_edition(database):
    published = NOW - timedelta(days=2)
    take_in(database, advisor_json(), as_of=published)

    market = load_market_data(database, region="us-east-1", at=NOW)

    (advisor,) = [one for one in market.sources if one.kind == "spot_advisor"]
    assert [rate.instance_type for rate in market.advisor] == ["m5.large", "p5.48xlarge"]
    assert (advisor.count, advisor.as_of) == (2, published)


def test_where_nothing_is_that_old_the_earliest_later_data_stand_in_and_say_so(database):
    take_in(database, advisor_json(), as_of=NOW)
    take_in(database, ON_DEMAND_CSV)

    market = load_market_data(database, region="us-east-1", at=datetime(2026, 6, 1, tzinfo=UTC))

    assert len(market.advisor) == 2
    bases = {one.kind: one.as_of_basis for one in market.sources if one.name != CATALOGUE_NAME}
    assert bases["spot_advisor"].endswith("after the moment that is judged")
    assert bases["on_demand_prices"].endswith("after the moment that is judged")


def test_old_and_missing_data_are_named_as_stale(database):
    take_in(database, SPOT_HEADER + point("2026-07-10T12:00:00Z"))
    take_in(database, ON_DEMAND_CSV)
    take_in(database, advisor_json(), as_of=NOW)

    market = load_market_data(database, region="us-east-1", at=NOW)

    assert [one.kind for one in market.stale_sources] == ["spot_prices"]


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("spot_prices", timedelta(hours=36)),
        ("spot_advisor", timedelta(days=7)),
        ("on_demand_prices", timedelta(days=180)),
        ("instance_types", timedelta(days=365)),
    ],
)
def test_each_kind_has_its_own_limit_of_age(kind, limit):
    def aged(age):
        return DataSource(kind=kind, name="x", count=1, as_of=NOW - age)

    assert not is_stale(aged(limit), NOW)
    assert is_stale(aged(limit + timedelta(seconds=1)), NOW)


def test_data_of_unknown_age_or_none_at_all_are_stale():
    assert is_stale(DataSource(kind="spot_prices", name="x", count=1), NOW)
    assert is_stale(DataSource(kind="spot_prices", name="x", count=0, as_of=NOW), NOW)


def test_the_catalogue_carries_its_own_date(database):
    market = load_market_data(database, region="us-east-1", at=datetime(2027, 7, 21, tzinfo=UTC))

    bundled = [one for one in market.sources if one.name == CATALOGUE_NAME]
    assert {one.as_of for one in bundled} == {CATALOGUE_DATE}
    assert all(is_stale(one, market.at) for one in bundled)
