"""Spot prices in the database. Prices are micro-dollars an hour."""

from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from db.errors import DatabaseConstraintError
from db.models.market import PricePlace, RegionHourPrice, SpotPriceSeries
from db.models.market import SpotPrice as Row
from db.records import DataKind, RegionSpan, SeriesFilter, Stored
from db.repositories import data_versions, spot_prices
from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import PriceSeries, SpotPrice, SpotPriceHistory
from tests.db.builders import a_history, a_series, moment, points_of

ZONE_A = a_series("us-east-1a")
ZONE_B = a_series("us-east-1b")
WINDOWS = a_series("us-east-1a", product="Windows")
FRANKFURT = a_series("eu-central-1a", region="eu-central-1")
ALL = SeriesFilter(products=None)

TWO_DAYS = a_history(
    (ZONE_A, "2026-01-01T10:00", 30_000),
    (ZONE_A, "2026-01-02T10:00", 31_000),
    (ZONE_B, "2026-01-01T12:00", 29_000),
)


@pytest.fixture
def emptied(database):
    """The test's database without prices, again for each example of a property."""

    @contextmanager
    def empty():
        with database.transaction() as tx:
            for table in (RegionHourPrice, PricePlace, Row, SpotPriceSeries):
                tx.connection.execute(delete(table))
        yield database

    return empty


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def save(database, history):
    with database.transaction() as tx:
        return spot_prices.save_history(tx, history)


def load(database, since="2000-01-01", until="2100-01-01", wanted=ALL):
    with database.reader() as reader:
        return spot_prices.load_history(reader, wanted, since=at(since), until=at(until))


def latest(database, wanted=ALL, moment=None):
    with database.reader() as reader:
        return spot_prices.load_latest(reader, wanted, at=moment and at(moment))


def test_what_is_saved_is_loaded_again_with_its_columns(database):
    stored = save(database, TWO_DAYS)

    loaded = load(database)
    assert stored == Stored(new=3, known=0, changed=0)
    assert loaded.series == (ZONE_A, ZONE_B)
    assert loaded.starts.tolist() == [0, 2, 3]
    assert loaded.micro_usd.tolist() == [30_000, 31_000, 29_000]
    assert points_of(loaded) == points_of(TWO_DAYS)


def test_saving_again_stores_nothing(database):
    save(database, TWO_DAYS)

    again = save(database, TWO_DAYS)

    assert again == Stored(new=0, known=3, changed=0)
    assert points_of(load(database)) == points_of(TWO_DAYS)


def test_a_file_that_overlaps_adds_only_what_is_new(database):
    save(database, TWO_DAYS)

    stored = save(
        database,
        a_history(
            (ZONE_A, "2026-01-02T10:00", 31_000),  # known
            (ZONE_A, "2025-12-31T10:00", 28_000),  # before
            (ZONE_A, "2026-01-01T20:00", 30_500),  # between
            (ZONE_A, "2026-01-03T10:00", 32_000),  # after
            (FRANKFURT, "2026-01-01T10:00", 40_000),  # another series
        ),
    )

    assert stored == Stored(new=4, known=1, changed=0)
    assert load(database).micro_usd.tolist() == [
        *(40_000,),  # eu-central-1
        *(28_000, 30_000, 30_500, 31_000, 32_000),
        *(29_000,),
    ]


def test_a_corrected_price_replaces_the_stored_one(database):
    save(database, TWO_DAYS)

    stored = save(database, a_history((ZONE_A, "2026-01-02T10:00", 99_000)))

    assert stored == Stored(new=0, known=0, changed=1)
    assert load(database).micro_usd.tolist() == [30_000, 99_000, 29_000]
    assert latest(database).micro_usd.tolist() == [99_000, 29_000]


def test_products_of_one_pool_are_series_of_their_own(database):
    save(
        database,
        a_history((ZONE_A, "2026-01-01T10:00", 30_000), (WINDOWS, "2026-01-01T10:00", 76_000)),
    )

    assert latest(database, SeriesFilter()).series == (ZONE_A,)
    assert latest(database, SeriesFilter(products=("Windows",))).micro_usd.tolist() == [76_000]
    assert len(latest(database).series) == 2


@pytest.mark.parametrize(
    ("since", "until", "prices"),
    [
        ("2026-01-01T09:59", "2026-01-03", [30_000, 31_000, 29_000]),
        ("2026-01-01T10:00", "2026-01-03", [30_000, 31_000, 29_000]),
        ("2026-01-02T09:59", "2026-01-03", [30_000, 31_000, 29_000]),  # in force, under its time
        ("2026-01-02T10:00", "2026-01-03", [31_000, 29_000]),  # replaced at the very start
        ("2026-01-05", "2026-01-06", [31_000, 29_000]),
        ("2026-01-01", "2026-01-02T10:00", [30_000, 31_000, 29_000]),  # the end is included
        ("2026-01-01", "2026-01-02T09:59", [30_000, 29_000]),
        ("2025-01-01", "2026-01-01T09:59", []),
    ],
)
def test_a_window_begins_with_the_price_in_force_at_its_start(database, since, until, prices):
    save(database, TWO_DAYS)

    loaded = load(database, since, until)

    assert loaded.micro_usd.tolist() == prices


def test_the_price_in_force_keeps_its_own_earlier_time(database):
    save(database, TWO_DAYS)

    loaded = load(database, "2026-01-05", "2026-01-06")

    assert loaded.timestamps.tolist() == [moment("2026-01-02T10:00"), moment("2026-01-01T12:00")]


@pytest.mark.parametrize(
    ("wanted", "series"),
    [
        (ALL, [FRANKFURT, ZONE_A, WINDOWS, ZONE_B]),
        (SeriesFilter(), [FRANKFURT, ZONE_A, ZONE_B]),
        (SeriesFilter(regions=("us-east-1",)), [ZONE_A, ZONE_B]),
        (SeriesFilter(products=("Windows", "SUSE Linux")), [WINDOWS]),
        (SeriesFilter(availability_zones=("us-east-1b",)), [ZONE_B]),
        (SeriesFilter(instance_types=("m5.xlarge",)), []),
        (SeriesFilter(regions=()), []),
    ],
)
def test_filters_leave_out_all_other_series_everywhere(database, wanted, series):
    save(
        database,
        a_history(
            *((one, "2026-01-01T10:00", 30_000) for one in (WINDOWS, ZONE_B, ZONE_A, FRANKFURT))
        ),
    )

    with database.reader() as reader:
        exported = list(spot_prices.iter_export(reader, wanted))

    assert list(load(database, wanted=wanted).series) == series
    assert list(latest(database, wanted).series) == series
    assert list(latest(database, wanted, "2026-01-01T11:00").series) == series
    assert [one for part in exported for one in part.series] == series


@pytest.mark.parametrize(
    ("when", "prices"),
    [
        (None, [31_000, 29_000]),
        ("2026-01-02T10:00", [31_000, 29_000]),
        ("2026-01-02T09:59", [30_000, 29_000]),
        ("2026-01-01T11:59", [30_000]),  # zone b had no price yet
        ("2026-01-01T09:59", []),
    ],
)
def test_the_latest_price_is_the_last_one_by_the_moment_asked_for(database, when, prices):
    save(database, TWO_DAYS)

    found = latest(database, moment=when)

    assert found.micro_usd.tolist() == prices
    assert np.diff(found.starts).tolist() == [1] * len(prices)


def test_older_points_that_come_later_do_not_become_the_latest(database):
    save(database, TWO_DAYS)

    save(database, a_history((ZONE_A, "2025-06-01T10:00", 10_000)))

    assert latest(database).micro_usd.tolist() == [31_000, 29_000]


def test_a_series_without_points_is_not_stored(database):
    empty_first = SpotPriceHistory(
        series=(ZONE_A, ZONE_B),
        starts=np.array([0, 0, 1]),
        timestamps=np.array([moment("2026-01-01T10:00")]),
        micro_usd=np.array([1]),
    )

    stored = save(database, empty_first)

    with database.reader() as reader:
        assert spot_prices.choices(reader).availability_zones == ("us-east-1b",)
    assert stored == Stored(new=1, known=0)
    assert latest(database).series == (ZONE_B,)


def test_an_empty_history_stores_nothing(database):
    assert save(database, SpotPriceHistory.empty()) == Stored(new=0, known=0)
    assert load(database).series == ()


def test_a_zone_cannot_move_to_another_region_and_nothing_is_stored(database):
    save(database, TWO_DAYS)
    moved = a_history(
        (FRANKFURT, "2026-01-01T10:00", 1),
        (a_series("us-east-1a", region="us-west-2"), "2026-01-05T10:00", 1),
    )

    with pytest.raises(InvalidInputError, match="given as us-west-2") as refusal:
        save(database, moved)

    assert "correct the region" in refusal.value.next_step
    assert points_of(load(database)) == points_of(TWO_DAYS)


def test_a_price_without_a_zone_is_refused(database):
    with pytest.raises(DatabaseConstraintError, match="zone_is_known"):
        save(database, a_history((a_series(""), "2026-01-01T10:00", 1)))


def test_each_save_moves_the_version_of_the_data(database):
    save(database, TWO_DAYS)
    save(database, TWO_DAYS)

    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.SPOT_PRICES] == 2


def test_choices_are_what_is_stored(database):
    save(
        database,
        a_history((ZONE_B, "2026-01-01T10:00", 1), (FRANKFURT, "2026-01-01T10:00", 1)),
    )

    with database.reader() as reader:
        choices = spot_prices.choices(reader)

    assert choices.regions == ("eu-central-1", "us-east-1")
    assert choices.products == ("Linux/UNIX",)
    assert choices.instance_types == ("m5.large",)
    assert choices.availability_zones == ("eu-central-1a", "us-east-1b")


def test_spans_say_how_much_is_stored_of_each_region(database):
    """Two points in zone a, one in zone b; the first is told to the hour."""
    save(database, TWO_DAYS)
    save(database, a_history((ZONE_A, "2026-01-01T08:45", 28_000)))

    with database.reader() as reader:
        spans = spot_prices.spans(reader)

    assert spans == (
        RegionSpan(
            region="us-east-1",
            product_description="Linux/UNIX",
            series=2,
            points=4,
            first_at=at("2026-01-01T08:00"),
            last_at=at("2026-01-02T10:00"),
        ),
    )


def test_an_export_gives_the_stored_points_and_no_more(database, monkeypatch):
    monkeypatch.setattr(spot_prices, "_EXPORT_SERIES", 1)
    save(database, TWO_DAYS)

    with database.reader() as reader:
        whole = list(spot_prices.iter_export(reader, ALL))
        part = list(
            spot_prices.iter_export(
                reader, ALL, since=at("2026-01-01T12:00"), until=at("2026-01-02T10:00")
            )
        )

    assert [one.series for one in whole] == [(ZONE_A,), (ZONE_B,)]
    assert set().union(*map(points_of, whole)) == points_of(TWO_DAYS)
    assert [one.micro_usd.tolist() for one in part] == [[31_000], [29_000]]


def test_times_that_the_key_cannot_hold_are_refused(database):
    too_late = SpotPriceHistory(
        series=(ZONE_A,),
        starts=np.array([0, 1]),
        timestamps=np.array([2**33]),
        micro_usd=np.array([1]),
    )

    with pytest.raises(ValueError, match="between 1970 and 2242"):
        save(database, too_late)


SERIES = st.builds(
    a_series,
    st.sampled_from(["us-east-1a", "us-east-1b"]),
    instance_type=st.sampled_from(["m5.large", "c5.large"]),
    product=st.sampled_from(["Linux/UNIX", "Windows"]),
)
POINTS = st.lists(
    st.builds(
        SpotPrice,
        series=SERIES,
        timestamp=st.integers(0, 2**33 - 1),
        micro_usd=st.integers(1, 2**53),
    ),
    max_size=60,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(first=POINTS, second=POINTS)
def test_the_union_of_what_was_saved_is_stored_in_any_order(emptied, first, second):
    """Later saves win where two disagree; the dearer wins within one history."""
    one, other = SpotPriceHistory.from_points(first), SpotPriceHistory.from_points(second)

    with emptied() as database:
        save(database, one)
        stored = save(database, other)
        loaded = load(database, "1970-01-01", "2242-03-16T12:56:31")

    expected = {(series, time): price for series, time, price in points_of(one)}
    overlap = {(series, time) for series, time, _ in points_of(other)} & expected.keys()
    expected |= {(series, time): price for series, time, price in points_of(other)}
    assert points_of(loaded) == {(*key, price) for key, price in expected.items()}
    assert stored.known + stored.changed == len(overlap)
    assert stored.new + len(overlap) == len(other.timestamps)


def test_series_are_named_tuples_of_text(database):
    save(database, TWO_DAYS)

    assert all(type(one) is PriceSeries for one in load(database).series)
