"""Windows on real clocks. New York moves its clock on 8 March 2026 (02:00 to 03:00) and on
1 November 2026 (02:00 back to 01:00); Berlin on 29 March and 25 October. All are Sundays."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.office_hours.calendar import (
    Interval,
    Schedule,
    Window,
    hours_awake,
    is_open,
    last_closing,
    next_change,
    open_intervals,
)

WEEKDAYS = (0, 1, 2, 3, 4)
EVERY_DAY = tuple(range(7))
EIGHT_TO_SIX = Window(8 * 60, 18 * 60)


def schedule(zone="UTC", window=EIGHT_TO_SIX, days=WEEKDAYS, holidays=()):
    return Schedule(
        zone=ZoneInfo(zone),
        windows=dict.fromkeys(days, window),
        holidays=frozenset(date.fromisoformat(one) for one in holidays),
    )


def at(text, zone="UTC"):
    """An instant by its wall time; of two equal ones the first."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-08-03T07:59:59", False),
        ("2026-08-03T08:00:00", True),  # the start is part of it
        ("2026-08-03T17:59:59", True),
        ("2026-08-03T18:00:00", False),  # the end is not
        ("2026-08-01T12:00:00", False),  # a Saturday
    ],
)
def test_a_window_has_its_start_and_not_its_end(moment, expected):
    assert is_open(schedule(), at(moment)) is expected


def test_the_day_of_the_week_is_the_zones_own():
    """Monday 08:00 in Auckland is Sunday 20:00 in UTC (August: 12 hours ahead)."""
    auckland = schedule("Pacific/Auckland")

    assert is_open(auckland, datetime(2026, 8, 2, 20, 0, tzinfo=UTC))
    assert not is_open(auckland, datetime(2026, 8, 2, 19, 59, tzinfo=UTC))
    assert not is_open(auckland, datetime(2026, 8, 7, 20, 0, tzinfo=UTC))  # their Saturday


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-08-07T20:00:00", True),  # Friday night begins
        ("2026-08-08T05:59:59", True),  # and goes on until Saturday morning
        ("2026-08-08T06:00:00", False),
        ("2026-08-08T20:00:00", False),  # Saturday has no night
        ("2026-08-10T00:00:00", False),  # nor has Sunday, so Monday's small hours are closed
        ("2026-08-10T05:59:59", False),
        ("2026-08-10T20:00:00", True),
        ("2026-08-11T05:59:59", True),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts(moment, expected):
    nights = schedule(window=Window(20 * 60, 30 * 60))

    assert is_open(nights, at(moment)) is expected


def test_a_holiday_takes_what_starts_on_it_and_leaves_the_night_before():
    nights = schedule(window=Window(20 * 60, 30 * 60), holidays=["2026-08-05"])

    assert is_open(nights, at("2026-08-05T05:00:00"))  # Tuesday's night
    assert not is_open(nights, at("2026-08-05T21:00:00"))
    assert not is_open(nights, at("2026-08-06T05:00:00"))
    assert is_open(nights, at("2026-08-06T21:00:00"))


def test_a_holiday_is_of_one_year():
    christmas = schedule(holidays=["2026-12-25"], days=EVERY_DAY)

    assert not is_open(christmas, at("2026-12-25T12:00:00"))
    assert is_open(christmas, at("2027-12-25T12:00:00"))


def test_whole_days_that_follow_each_other_are_one_interval_without_a_flap():
    always = schedule(window=Window(0, 1440), days=EVERY_DAY)
    start, end = at("2026-08-03T10:00:00"), at("2026-08-20T11:00:00")

    assert open_intervals(always, start, end) == (Interval(start, end),)
    assert next_change(always, start) is None
    assert is_open(always, at("2026-08-05T23:59:59"))
    assert is_open(always, at("2026-08-06T00:00:00"))


def test_a_window_that_ends_when_it_starts_is_never_open():
    never = schedule(window=Window(0, 0), days=EVERY_DAY)
    start = at("2026-08-03T00:00:00")

    assert not is_open(never, start)
    assert open_intervals(never, start, start + timedelta(days=30)) == ()
    assert next_change(never, start) is None
    assert last_closing(never, start) is None
    assert hours_awake(never, start, start + timedelta(days=30)) == 0


def test_an_hour_that_the_clock_skips_is_not_made_up_for():
    """02:00-03:00 in New York on 8 March 2026 does not exist; on the day after it does."""
    at_two = schedule("America/New_York", Window(120, 180), EVERY_DAY)
    day = at("2026-03-08T00:00:00", "America/New_York")

    assert open_intervals(at_two, day, at("2026-03-09T00:00:00", "America/New_York")) == ()
    assert next_change(at_two, day) == at("2026-03-09T02:00:00", "America/New_York")


def test_an_hour_that_the_clock_repeats_is_open_twice():
    """01:00-02:00 on 1 November 2026: from 05:00 to 07:00 UTC without a break."""
    at_one = schedule("America/New_York", Window(60, 120), EVERY_DAY)

    spans = open_intervals(at_one, at("2026-11-01T00:00:00"), at("2026-11-02T00:00:00"))

    assert spans == (Interval(at("2026-11-01T05:00:00"), at("2026-11-01T07:00:00")),)


def test_half_an_hour_within_the_repeated_one_comes_twice_with_a_break():
    """01:15-01:45: 05:15-05:45 and 06:15-06:45 UTC."""
    window = schedule("America/New_York", Window(75, 105), EVERY_DAY)

    spans = open_intervals(window, at("2026-11-01T00:00:00"), at("2026-11-02T00:00:00"))

    assert spans == (
        Interval(at("2026-11-01T05:15:00"), at("2026-11-01T05:45:00")),
        Interval(at("2026-11-01T06:15:00"), at("2026-11-01T06:45:00")),
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-07", 12), ("2026-03-08", 11), ("2026-10-31", 12), ("2026-11-01", 13)],
)
def test_a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn(day, hours):
    """18:00-06:00 from the day before."""
    nights = schedule("America/New_York", Window(18 * 60, 30 * 60), EVERY_DAY)
    noon = at(f"{day}T12:00:00", "America/New_York")

    assert hours_awake(nights, noon.astimezone(UTC) - timedelta(hours=24), noon) == hours


@pytest.mark.parametrize(("since", "opens_utc"), [("2026-03-27", 7), ("2026-03-30", 6)])
def test_office_hours_follow_the_wall_clock(since, opens_utc):
    """08:00 in Berlin is 07:00 UTC in winter and 06:00 UTC in summer."""
    opening = next_change(schedule("Europe/Berlin"), at(f"{since}T00:00:00"))

    assert opening == datetime.fromisoformat(since).replace(hour=opens_utc, tzinfo=UTC)


def test_a_month_of_office_hours_is_counted_exactly():
    """730 h from Saturday 1 August 2026, 00:00, end on Monday 31 August at 10:00: twenty days of
    ten hours and two more."""
    start = at("2026-08-01T00:00:00")

    assert hours_awake(schedule(), start, start + timedelta(hours=730)) == 20 * 10 + 2


def test_changes_alternate():
    weekly = schedule()

    opening = next_change(weekly, at("2026-08-07T18:00:00"))
    assert opening == at("2026-08-10T08:00:00")
    assert next_change(weekly, opening) == at("2026-08-10T18:00:00")
    assert last_closing(weekly, at("2026-08-09T12:00:00")) == at("2026-08-07T18:00:00")


def test_the_next_change_is_found_beyond_long_holidays():
    shut = [str(date(2026, 8, 1) + timedelta(days=day)) for day in range(60)]
    monday = schedule(days=(0,), holidays=shut)

    assert next_change(monday, at("2026-08-01T00:00:00")) == at("2026-10-05T08:00:00")
    assert last_closing(monday, at("2026-09-29T00:00:00")) == at("2026-07-27T18:00:00")


@st.composite
def schedules(draw):
    start = draw(st.integers(0, 1439))
    length = draw(st.integers(0, 1440))
    days = draw(st.sets(st.integers(0, 6)))
    return Schedule(
        zone=ZoneInfo(draw(st.sampled_from(sorted(available_timezones())))),
        windows=dict.fromkeys(sorted(days), Window(start, start + length)),
        holidays=frozenset(draw(st.sets(st.dates(date(2026, 1, 1), date(2027, 1, 1))))),
    )


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(  # noqa: DTZ001
    lambda one: one.replace(tzinfo=UTC)
)


@settings(max_examples=200, deadline=None)
@given(one=schedules(), since=INSTANTS, seconds=st.lists(st.integers(0, 20 * 86_400), max_size=30))
def test_intervals_say_the_same_as_single_questions(one, since, seconds):
    until = since + timedelta(days=20)
    spans = open_intervals(one, since, until)

    assert all(before.end < after.start for before, after in pairwise(spans))
    assert all(since <= span.start < span.end <= until for span in spans)
    edges = [edge + step for span in spans for edge in span for step in (timedelta(0), -_SECOND)]
    for instant in [*(since + timedelta(seconds=one) for one in seconds), *edges]:
        if since <= instant < until:
            inside = any(span.start <= instant < span.end for span in spans)
            assert is_open(one, instant) is inside


@settings(max_examples=100, deadline=None)
@given(one=schedules(), since=INSTANTS)
def test_nothing_changes_before_the_next_change(one, since):
    change = next_change(one, since)
    until = since + timedelta(days=9) if change is None else change

    state = is_open(one, since)
    awake = hours_awake(one, since, until)
    assert awake == pytest.approx((until - since).total_seconds() / 3600 if state else 0)
    if change is not None:
        assert is_open(one, change) is not state


_SECOND = timedelta(seconds=1)


def test_every_zone_is_exact_across_every_change_of_its_clock():
    """A day of office hours around each change of offset in 2026, in every zone of the database:
    the intervals agree with the wall clock minute by minute around the change."""
    changes = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        window = schedule(name, Window(90, 150), EVERY_DAY)
        for change in _changes_in_2026(zone):
            changes += 1
            since, until = change - timedelta(hours=5), change + timedelta(hours=5)
            spans = open_intervals(window, since, until)
            for minute in range(0, 600, 3):
                instant = since + timedelta(minutes=minute)
                inside = any(span.start <= instant < span.end for span in spans)
                wall = instant.astimezone(zone)
                assert inside is (90 <= wall.hour * 60 + wall.minute < 150), (name, instant)
    assert changes > 200  # two changes in each of more than a hundred zones that make any


@pytest.mark.parametrize(
    ("name", "year", "expected"),
    [
        ("Australia/Lord_Howe", 2024, 2),  # by half an hour
        ("Pacific/Apia", 2011, 3),  # and 30 December was left out
        ("America/Sao_Paulo", 2018, 2),  # at midnight, so that a day begins at 01:00
        ("Africa/Casablanca", 2025, 2),  # back for Ramadan
        ("Antarctica/Troll", 2025, 2),  # by two hours
    ],
)
@pytest.mark.parametrize("window", [Window(0, 60), Window(1380, 1500), Window(90, 1440)])
def test_odd_changes_of_the_clock_agree_with_the_wall(name, year, expected, window):
    """Minute by minute around each change: the intervals are the minutes at which a window holds
    the wall time, of the same day or of the day before."""
    zone, changes = ZoneInfo(name), 0
    one = schedule(name, window, EVERY_DAY)
    for change in _changes_in(year, zone):
        changes += 1
        since, until = change - timedelta(hours=26), change + timedelta(hours=26)
        spans = open_intervals(one, since, until)
        for minute in range(0, 52 * 60, 7):
            instant = since + timedelta(minutes=minute)
            wall = instant.astimezone(zone)
            at = wall.hour * 60 + wall.minute
            expected_open = any(window.start <= at + day < window.end for day in (0, 1440))
            assert expected_open is any(span.start <= instant < span.end for span in spans)
            assert expected_open is is_open(one, instant)
    assert changes == expected


def _changes_in_2026(zone):
    yield from _changes_in(2026, zone)


def _changes_in(year, zone):
    start = datetime(year, 1, 1, tzinfo=UTC)
    for day in range(365):
        low, high = start + timedelta(days=day), start + timedelta(days=day + 1)
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            for hour in range(48):
                here = low + timedelta(minutes=30 * hour)
                after = here + timedelta(minutes=30)
                if here.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                    yield after
