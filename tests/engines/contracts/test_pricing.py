"""Change points of Spot prices as columns, and money as exact micro-dollars."""

from decimal import ROUND_UP, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.pricing import (
    HOURS_PER_MONTH,
    LINUX_PRODUCT,
    PriceSeries,
    SpotPrice,
    SpotPriceHistory,
    to_micro_usd,
    to_usd,
)

LARGE_A = PriceSeries("us-east-1", "m5.large", "us-east-1a", LINUX_PRODUCT)
LARGE_B = PriceSeries("us-east-1", "m5.large", "us-east-1b", LINUX_PRODUCT)

all_series = st.builds(
    PriceSeries,
    st.sampled_from(["us-east-1", "eu-west-1"]),
    st.sampled_from(["m5.large", "c5.large"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([LINUX_PRODUCT, "Windows"]),
)
points = st.lists(
    st.builds(SpotPrice, all_series, st.integers(0, 20), st.integers(1, 5_000_000)), max_size=30
)


@given(points, st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(some, random):
    shuffled = list(some)
    random.shuffle(shuffled)

    assert columns(SpotPriceHistory.from_points(shuffled)) == columns(
        SpotPriceHistory.from_points(some)
    )


@given(points, st.integers(-1, 21))
def test_the_price_in_force_is_the_last_one_that_is_not_later(some, moment):
    """Found here by looking at every point, of two at one time at the dearer one."""
    expected = {}
    for point in sorted(some, key=lambda point: (point.timestamp, point.micro_usd)):
        if point.timestamp <= moment:
            expected[point.series] = point

    assert dict(SpotPriceHistory.from_points(some).latest_at(moment)) == expected


@given(points)
def test_no_point_is_lost_but_repeats(some):
    history = SpotPriceHistory.from_points(some)

    keys = {(point.series, point.timestamp) for point in some}
    assert len(history.timestamps) == len(keys)
    assert set(history.series) == {point.series for point in some}
    assert history.timestamps.dtype == history.micro_usd.dtype == np.int64


def test_the_columns_are_sorted_by_series_and_time():
    history = SpotPriceHistory.from_points(
        [SpotPrice(LARGE_B, 5, 30), SpotPrice(LARGE_A, 9, 20), SpotPrice(LARGE_A, 1, 10)]
    )

    assert columns(history) == ((LARGE_A, LARGE_B), [0, 2, 3], [1, 9, 5], [10, 20, 30])


def test_of_two_prices_at_one_time_the_dearer_one_stays():
    twice = [SpotPrice(LARGE_A, 1, 10), SpotPrice(LARGE_A, 1, 12), SpotPrice(LARGE_A, 1, 11)]

    assert columns(SpotPriceHistory.from_points(twice)) == ((LARGE_A,), [0, 1], [1], [12])


@pytest.mark.parametrize(
    ("moment", "price"), [(99, None), (100, 31), (101, 31), (199, 31), (200, 29), (10**9, 29)]
)
def test_a_price_holds_from_its_time_until_the_next_one(moment, price):
    history = SpotPriceHistory.from_points(
        [SpotPrice(LARGE_A, 100, 31), SpotPrice(LARGE_A, 200, 29)]
    )

    latest = history.latest_at(moment).get(LARGE_A)

    assert (latest and latest.micro_usd) == price


def test_a_series_that_begins_later_has_no_price_yet():
    history = SpotPriceHistory.from_points([SpotPrice(LARGE_A, 100, 31), SpotPrice(LARGE_B, 50, 9)])

    assert dict(history.latest_at(60)) == {LARGE_B: SpotPrice(LARGE_B, 50, 9)}


def test_an_empty_history_knows_no_price():
    empty = SpotPriceHistory.empty()

    assert columns(empty) == ((), [0], [], [])
    assert dict(empty.latest_at(10**9)) == {}


@pytest.mark.parametrize("price", [0, -1])
def test_a_spot_price_that_is_not_positive_is_refused(price):
    with pytest.raises(ValueError, match="positive"):
        SpotPriceHistory.from_points([SpotPrice(LARGE_A, 1, price)])


def test_the_smallest_price_is_one_micro_dollar():
    history = SpotPriceHistory.from_points([SpotPrice(LARGE_A, 1, 1)])

    assert history.latest_at(1)[LARGE_A].micro_usd == 1


@pytest.mark.parametrize(
    ("series", "starts", "times", "prices", "complaint"),
    [
        ((LARGE_A,), [0], [], [], "delimit"),
        ((), [], [], [], "delimit"),
        ((LARGE_A,), [0, 1], [1, 2], [9, 9], "delimit"),
        ((LARGE_A,), [1, 2], [1, 2], [9, 9], "delimit"),
        ((LARGE_A,), [0, 2], [1, 2], [9], "one price"),
        ((LARGE_A,), [0, 2], [2, 1], [9, 9], "sorted"),
        ((LARGE_A,), [0, 2], [1, 1], [9, 9], "sorted"),
        ((LARGE_B, LARGE_A), [0, 1, 2], [1, 2], [9, 9], "sorted"),
        ((LARGE_A, LARGE_A), [0, 1, 2], [1, 2], [9, 9], "sorted"),
        ((LARGE_A, LARGE_B), [0, 3, 2], [1, 2], [9, 9], "sorted"),
        ((LARGE_A, LARGE_B), [0, 1, 3], [5, 4, 3], [9, 9, 9], "sorted"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(series, starts, times, prices, complaint):
    with pytest.raises(ValueError, match=complaint):
        a_history(series, starts, times, prices)


def test_the_times_of_one_series_may_lie_before_those_of_the_series_before_it():
    history = a_history((LARGE_A, LARGE_B), [0, 2, 4], [7, 8, 1, 2], [9, 9, 9, 9])

    assert history.latest_at(2) == {LARGE_B: SpotPrice(LARGE_B, 2, 9)}


def test_a_series_may_have_no_points():
    history = a_history((LARGE_A, LARGE_B), [0, 0, 1], [1], [9])

    assert dict(history.latest_at(5)) == {LARGE_B: SpotPrice(LARGE_B, 1, 9)}


@pytest.mark.parametrize(
    ("usd", "micro_usd"),
    [
        ("0.096", 96_000),
        ("0.000001", 1),
        ("109.2", 109_200_000),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("0.0000025", 2),
        ("0.00000051", 1),
    ],
)
def test_usd_become_micro_dollars_with_half_of_one_going_to_the_even_neighbour(usd, micro_usd):
    assert to_micro_usd(Decimal(usd)) == micro_usd


def test_the_callers_rounding_mode_changes_no_price():
    with localcontext() as context:
        context.rounding = ROUND_UP

        assert to_micro_usd(Decimal("0.0000011")) == 1


@pytest.mark.parametrize(
    ("micro_usd", "usd"), [(0, "0"), (1, "0.000001"), (96_000, "0.096"), (-5, "-0.000005")]
)
def test_micro_dollars_become_usd_exactly(micro_usd, usd):
    assert to_usd(micro_usd) == Decimal(usd)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_micro_dollar_survives_the_way_there_and_back(micro_usd):
    assert to_micro_usd(to_usd(micro_usd)) == micro_usd


def test_a_month_has_730_hours():
    assert Decimal(730) == HOURS_PER_MONTH


def a_history(series, starts, times, prices):
    return SpotPriceHistory(
        series=series,
        starts=np.array(starts, dtype=np.int64),
        timestamps=np.array(times, dtype=np.int64),
        micro_usd=np.array(prices, dtype=np.int64),
    )


def columns(history):
    """All of a history as values that can be compared."""
    return (
        history.series,
        history.starts.tolist(),
        history.timestamps.tolist(),
        history.micro_usd.tolist(),
    )
