"""Numbers as people read them; expectations are literals."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ui.components.formatting import (
    age,
    count_of,
    data_size,
    duration,
    moment,
    moment_utc,
    money,
    number,
    percent,
    price_per_hour,
    sentence,
    zone_name,
)

NOON = datetime(2025, 1, 15, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("-20.004", "-$20.00"),
        ("-0.001", "$0.00"),
        (None, "—"),
    ],
)
def test_money_has_separators_two_places_and_no_minus_zero(usd, text):
    assert money(None if usd is None else Decimal(usd)) == text


@pytest.mark.parametrize(
    ("usd", "text"), [("0.0416", "$0.0416/h"), ("9.9999", "$9.9999/h"), ("10", "$10.00/h")]
)
def test_an_hourly_price_has_four_places_below_ten_dollars(usd, text):
    assert price_per_hour(Decimal(usd)) == text


def test_what_is_unknown_is_a_dash_and_never_zero():
    assert [price_per_hour(None), percent(None), number(None), moment(None, BERLIN)] == ["—"] * 4


def test_a_share_is_shown_in_percent():
    assert [percent(0.153), percent(0.153, 1), percent(1.0)] == ["15%", "15.3%", "100%"]


def test_one_is_singular():
    assert [count_of(1, "node"), count_of(2, "node"), count_of(1200, "category", "categories")] == [
        "1 node",
        "2 nodes",
        "1,200 categories",
    ]


@pytest.mark.parametrize(
    ("size", "text"), [(1023, "1023 B"), (1024, "1.0 KiB"), (1_610_612_736, "1.5 GiB")]
)
def test_sizes_are_binary(size, text):
    assert data_size(size) == text


def test_times_are_in_the_viewers_zone_and_details_in_utc():
    assert moment(NOON, BERLIN) == "15 Jan 2025, 13:00"
    assert moment_utc(NOON) == "2025-01-15 12:00:00 UTC"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "UTC"),
        ("Europe/Berlin", "Europe/Berlin, UTC+1"),
        ("America/New_York", "America/New_York, UTC-5"),
        ("Asia/Kolkata", "Asia/Kolkata, UTC+5:30"),
    ],
)
def test_a_zone_is_named_with_its_offset(zone, text):
    assert zone_name(ZoneInfo(zone), NOON) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (86399, "23 hours"),
        (86400, "1 day"),
        (59 * 86400, "59 days"),
        (61 * 86400, "2 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_a_length_of_time_is_in_its_largest_unit(seconds, text):
    """61 days / 30.4375 = 2.0 months; 800 days = 26.3 months = 2 years."""
    assert duration(seconds) == text


def test_an_age_is_counted_from_now():
    assert age(NOON - timedelta(hours=3), NOON) == "3 hours ago"
    assert age(NOON - timedelta(seconds=2), NOON) == "just now"
    assert age(NOON + timedelta(hours=2), NOON) == "in 2 hours"
    assert age(None, NOON) == "age not known"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("its pods have room elsewhere", "Its pods have room elsewhere"),
        ("fewer, as before", "Fewer, as before"),
        ("i-24269e is stopped", "i-24269e is stopped"),
        ("m5.large is too small", "m5.large is too small"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_and_a_name_stays_as_it_is(text, written):
    assert sentence(text) == written
