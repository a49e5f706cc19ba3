"""A part of a price history: some series, some time, with the price in force at its start."""

from engines.contracts.pricing import PriceSeries, SpotPrice, SpotPriceHistory

LINUX = PriceSeries("us-east-1", "m5.large", "us-east-1a", "Linux/UNIX")
WINDOWS = PriceSeries("us-east-1", "m5.large", "us-east-1a", "Windows")
ELSEWHERE = PriceSeries("eu-west-1", "m5.large", "eu-west-1a", "Linux/UNIX")
HISTORY = SpotPriceHistory.from_points(
    SpotPrice(series, time, time + 1_000)
    for series in (LINUX, WINDOWS, ELSEWHERE)
    for time in (10, 20, 30, 40)
)


def points(since, until, regions=("us-east-1",), products=("Linux/UNIX",)):
    part = HISTORY.within(regions=regions, products=products, since=since, until=until)
    return part.series, part.timestamps.tolist(), part.micro_usd.tolist()


def test_the_price_in_force_at_the_start_is_kept_with_its_own_time():
    assert points(25, 35) == ((LINUX,), [20, 30], [1_020, 1_030])


def test_both_ends_are_included():
    assert points(20, 30) == ((LINUX,), [20, 30], [1_020, 1_030])


def test_just_before_a_change_the_price_before_it_is_in_force():
    assert points(19, 29) == ((LINUX,), [10, 20], [1_010, 1_020])


def test_a_part_before_the_first_point_is_empty():
    assert points(1, 9) == ((), [], [])


def test_several_series_stay_apart():
    series, times, _ = points(30, 40, products=("Linux/UNIX", "Windows"))

    assert series == (LINUX, WINDOWS)
    assert times == [30, 40, 30, 40]


def test_all_of_it_is_equal_to_the_whole():
    part = HISTORY.within(
        regions={"us-east-1", "eu-west-1"}, products={"Linux/UNIX", "Windows"}, since=0, until=99
    )

    assert part.series == HISTORY.series
    assert part.starts.tolist() == HISTORY.starts.tolist()
