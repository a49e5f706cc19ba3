"""The risk score and its parts. Prices are in micro-dollars, times in seconds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.pricing import (
    InterruptionBucket,
    OperatingSystem,
    PriceSeries,
    SpotPrice,
    SpotPriceHistory,
)
from engines.risk import (
    UNKNOWN,
    WINDOW_SECONDS,
    RiskInputs,
    best_pools,
    bucket_codes,
    monthly_interruption_probability,
    operating_system_of,
    price_window,
    score_pools,
)

DAY = 86_400
NOW = 1_800_000_000
BEGIN = NOW - 7 * DAY


def a_series(name="m5.large"):
    return PriceSeries("us-east-1", name, "us-east-1a", "Linux/UNIX")


def history(*points, name="m5.large"):
    return SpotPriceHistory.from_points(
        SpotPrice(a_series(name), time, price) for time, price in points
    )


def scores(*, bucket=InterruptionBucket.UNDER_5, variation=0.0, spot=50, on_demand=100, time=1.0):
    inputs = RiskInputs(
        bucket_codes([bucket]),
        np.array([variation]),
        np.array([spot]),
        np.array([on_demand]),
        np.array([time]),
    )
    return score_pools(inputs)


def test_the_score_is_the_weighted_sum_of_its_parts():
    """0.60 x 0.75 + 0.25 x (1 - 0.05/0.25 = 0.8) + 0.10 x (1 - 40/100) + 0.05 x 0.5
    = 0.45 + 0.20 + 0.06 + 0.025 = 0.735."""
    result = scores(bucket=InterruptionBucket.FROM_5_TO_10, variation=0.05, spot=40, time=0.5)

    assert result.score[0] == 0.735
    assert result.public_rate[0] == 0.75
    assert result.volatility[0] == pytest.approx(0.8, abs=1e-12)
    assert result.gap[0] == pytest.approx(0.6, abs=1e-12)
    assert result.time[0] == 0.5


def test_a_sum_of_exactly_three_quarters_is_three_quarters():
    """0.60 x 0.75 + 0.25 + 0.10 x 0 + 0.05 = 0.45 + 0.25 + 0.05: float noise may not spoil it."""
    result = scores(bucket=InterruptionBucket.FROM_5_TO_10, spot=100, on_demand=100)

    assert result.score[0] == 0.75


def test_the_last_step_below_three_quarters_stays_below():
    """As above with a spread of a millionth: 0.25 x (1 - 0.000001/0.25) = 0.249999."""
    result = scores(bucket=InterruptionBucket.FROM_5_TO_10, spot=100, variation=0.000001)

    assert result.score[0] == 0.749999


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        (InterruptionBucket.UNDER_5, 1.0),
        (InterruptionBucket.FROM_5_TO_10, 0.75),
        (InterruptionBucket.FROM_10_TO_15, 0.5),
        (InterruptionBucket.FROM_15_TO_20, 0.25),
        (InterruptionBucket.OVER_20, 0.0),
        (None, 0.0),
    ],
)
def test_each_advisor_bucket_has_its_rate_and_an_unknown_one_none(bucket, expected):
    assert scores(bucket=bucket).public_rate[0] == expected


@pytest.mark.parametrize(
    ("variation", "expected"),
    [(0.0, 1.0), (0.125, 0.5), (0.25, 0.0), (0.30, 0.0), (math.nan, 0.0)],
)
def test_volatility_falls_to_zero_at_a_quarter(variation, expected):
    assert scores(variation=variation).volatility[0] == expected


@pytest.mark.parametrize(
    ("spot", "on_demand", "expected"),
    [(25, 100, 0.75), (100, 100, 0.0), (101, 100, 0.0), (UNKNOWN, 100, 0.0), (50, UNKNOWN, 0.0)],
)
def test_the_gap_is_what_spot_saves_and_never_negative(spot, on_demand, expected):
    assert scores(spot=spot, on_demand=on_demand).gap[0] == expected


def test_the_best_pools_come_best_first_and_equal_ones_by_row():
    inputs = RiskInputs(
        bucket_codes([2, 0, 1, 0, 4]),
        np.zeros(5),
        np.full(5, 50),
        np.full(5, 100),
        np.ones(5),
    )

    assert best_pools(score_pools(inputs), 3).tolist() == [1, 3, 2]
    assert best_pools(score_pools(inputs), 9).tolist() == [1, 3, 2, 0, 4]


def test_a_flat_price_does_not_vary():
    window = price_window(history((BEGIN - DAY, 31_337)), NOW)

    assert window.variation.tolist() == [0.0]
    assert window.covered_seconds.tolist() == [7 * DAY]
    assert window.micro_usd.tolist() == [31_337]
    assert window.priced_at.tolist() == [BEGIN - DAY]


def test_prices_are_weighted_by_how_long_they_held():
    """100 for six days, 170 for one: mean (600 + 170)/7 = 110; variance (6 x 10^2 + 60^2)/7 =
    4200/7 = 600; sqrt(600)/110 = 0.222680... An unweighted mean of the two would be 135."""
    window = price_window(history((BEGIN, 100), (NOW - DAY, 170)), NOW)

    assert window.variation[0] == pytest.approx(math.sqrt(600) / 110, abs=1e-15)
    assert window.micro_usd.tolist() == [170]


def test_the_price_in_force_at_the_start_of_the_window_counts():
    """100 held from long ago to the fourth day, 140 since: 3 and 4 days; mean 860/7, and
    variance (3 x (160/7)^2 + 4 x (120/7)^2)/7 = (76800 + 57600)/343 = 134400/343."""
    window = price_window(history((BEGIN - 90 * DAY, 100), (NOW - 4 * DAY, 140)), NOW)

    assert window.variation[0] == pytest.approx(math.sqrt(134400 / 343) / (860 / 7), abs=1e-15)
    assert window.covered_seconds.tolist() == [7 * DAY]


def test_a_change_before_the_window_does_not_count():
    window = price_window(history((BEGIN - 2, 900), (BEGIN - 1, 100)), NOW)

    assert window.variation.tolist() == [0.0]


def test_a_price_later_than_now_is_not_known_yet():
    window = price_window(history((BEGIN, 100), (NOW + 1, 900)), NOW)

    assert window.variation.tolist() == [0.0]
    assert window.micro_usd.tolist() == [100]


def test_a_price_of_this_very_second_is_in_force():
    window = price_window(history((BEGIN, 100), (NOW, 900)), NOW)

    assert window.variation.tolist() == [0.0]
    assert window.micro_usd.tolist() == [900]
    assert window.priced_at.tolist() == [NOW]


def test_a_series_that_begins_inside_the_window_says_how_much_is_covered():
    window = price_window(history((NOW - 2 * DAY, 100), (NOW - DAY, 300)), NOW)

    assert window.covered_seconds.tolist() == [2 * DAY]
    assert window.variation[0] == pytest.approx(0.5, abs=1e-15)  # 100 and 300: 100 / 200


@pytest.mark.parametrize("time", [NOW, NOW + 1])
def test_a_series_without_any_past_has_no_variation(time):
    window = price_window(history((time, 100)), NOW)

    assert math.isnan(window.variation[0])
    assert window.covered_seconds.tolist() == [0]


def test_an_empty_history_has_no_windows():
    assert price_window(SpotPriceHistory.empty(), NOW).micro_usd.tolist() == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a1.large", "c5.large", "m5.large"]),
            st.integers(BEGIN - 3 * DAY, NOW + DAY),
            st.integers(1_000, 5_000_000),
        ),
        max_size=40,
        unique_by=lambda point: point[:2],
    )
)
def test_the_window_agrees_with_a_second_by_second_definition(points):
    """Plain loops over the points of one series at a time, with exact integer sums."""
    all_points = SpotPriceHistory.from_points(
        SpotPrice(a_series(name), time, price) for name, time, price in points
    )

    window = price_window(all_points, NOW)

    for row, series in enumerate(all_points.series):
        own = sorted((t, p) for name, t, p in points if name == series.instance_type and t <= NOW)
        spans = [
            (max(t, BEGIN), end, p)
            for (t, p), end in zip(own, [*(t for t, _ in own[1:]), NOW], strict=False)
            if end > max(t, BEGIN)
        ]
        seconds = sum(end - begin for begin, end, _ in spans)
        assert window.covered_seconds[row] == seconds <= WINDOW_SECONDS
        if not seconds:
            assert math.isnan(window.variation[row])
            continue
        mean = sum((end - begin) * p for begin, end, p in spans) / seconds
        spread = sum((end - begin) * (p - mean) ** 2 for begin, end, p in spans) / seconds
        assert window.variation[row] == pytest.approx(math.sqrt(spread) / mean, rel=1e-9)


@pytest.mark.parametrize(
    ("bucket", "expected"), [(0, 0.025), (1, 0.075), (2, 0.125), (3, 0.175), (4, 0.25)]
)
def test_expected_interruptions_use_the_middle_of_the_bucket(bucket, expected):
    assert monthly_interruption_probability(InterruptionBucket(bucket)) == expected


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ("Linux/UNIX", OperatingSystem.LINUX),
        ("Linux/UNIX (Amazon VPC)", OperatingSystem.LINUX),
        ("Red Hat Enterprise Linux", OperatingSystem.LINUX),
        ("SUSE Linux", OperatingSystem.LINUX),
        ("Windows", OperatingSystem.WINDOWS),
        ("Windows (Amazon VPC)", OperatingSystem.WINDOWS),
        ("Plan 9", None),
    ],
)
def test_a_spot_product_maps_to_the_operating_system_of_the_other_lists(product, expected):
    assert operating_system_of(product) == expected
