"""The Spot market: the same for ever, in the rhythm of the real one."""

from itertools import pairwise

import pytest

from sandbox.aws.catalogue import offered_types
from sandbox.aws.spot_prices import (
    LINUX,
    RED_HAT,
    RETENTION_SECONDS,
    SUSE,
    WINDOWS,
    Market,
    Pool,
    product_micro_usd,
    products_of,
)

NOW = 1_800_000_000
START = NOW - RETENTION_SECONDS
M5 = Pool("m5.xlarge", "us-east-1a")
HOUR = 3600


@pytest.fixture(scope="module")
def market():
    return Market(7)


def some_pools():
    types = ("t3.micro", "m5.xlarge", "c6g.4xlarge", "r7i.large")
    return [Pool(name, f"us-east-1{letter}") for name in types for letter in "abc"]


def test_two_markets_of_one_seed_have_one_history():
    first, second = Market(7).history(M5, START, NOW), Market(7).history(M5, START, NOW)

    assert first == second
    assert first != Market(8).history(M5, START, NOW)


def test_what_was_seen_earlier_is_seen_later(market):
    yesterday = market.history(M5, START, NOW - 86_400)
    today = market.history(M5, START, NOW)

    assert today[: len(yesterday)] == yesterday


def test_a_window_starts_with_the_price_in_force_at_its_start(market):
    whole = market.history(M5, START, NOW)
    start = whole[10].at + 60

    window = market.history(M5, start, NOW)

    assert window == whole[10:]


def test_a_change_at_the_very_start_is_the_price_in_force(market):
    whole = market.history(M5, START, NOW)

    assert market.history(M5, whole[10].at, NOW) == whole[10:]
    assert market.history(M5, whole[10].at - 1, NOW) == whole[9:]


def test_the_price_at_a_moment_is_that_of_the_last_change(market):
    whole = market.history(M5, START, NOW)

    assert market.price_at(M5, whole[5].at) == whole[5].micro_usd
    assert market.price_at(M5, whole[6].at - 1) == whole[5].micro_usd


@pytest.mark.parametrize("pool", some_pools(), ids=str)
def test_discounts_stay_between_40_and_80_per_cent(market, pool):
    on_demand = offered_types()[pool.instance_type].micro_usd

    shares = [point.micro_usd / on_demand for point in market.history(pool, START, NOW)]

    assert 0.20 <= min(shares) <= max(shares) <= 0.60


@pytest.mark.parametrize("pool", some_pools(), ids=str)
def test_rows_come_every_few_hours_and_silence_ends_after_about_a_day(market, pool):
    """90 days of two to five rows a day; no gap longer than a day and the block's first hours."""
    points = market.history(pool, START, NOW)
    gaps = [later.at - earlier.at for earlier, later in pairwise(points)]

    assert 90 <= len(points) <= 500
    assert min(gaps) > 0
    assert max(gaps) <= 30 * HOUR + 120


def test_an_unchanged_price_is_repeated_after_about_a_day(market):
    repeats = [
        later.at - earlier.at
        for pool in some_pools()
        for earlier, later in pairwise(market.history(pool, START, NOW))
        if later.micro_usd == earlier.micro_usd and later.at - earlier.at >= 24 * HOUR
    ]

    assert len(repeats) > 20
    assert sum(gap <= 24 * HOUR + 60 for gap in repeats) > len(repeats) * 0.8


def test_prices_move_in_steps_of_a_hundredth_of_a_cent(market):
    assert {point.micro_usd % 100 for point in market.history(M5, START, NOW)} == {0}


def test_zones_differ(market):
    prices = {market.price_at(Pool("m5.xlarge", f"us-east-1{one}"), NOW) for one in "abcdf"}

    assert len(prices) >= 4


def test_licences_cost_a_constant_above_linux():
    """m5.xlarge has 4 vCPU: RHEL 4 x $0.0144, SUSE $0.10, Windows 4 x $0.046."""
    m5 = offered_types()["m5.xlarge"]
    costs = [product_micro_usd(m5, one, 70_000) for one in (LINUX, RED_HAT, SUSE, WINDOWS)]

    assert costs == [70_000, 127_600, 170_000, 254_000]


def test_windows_is_not_sold_on_graviton():
    assert WINDOWS in products_of(offered_types()["m5.large"])
    assert WINDOWS not in products_of(offered_types()["m6g.large"])
