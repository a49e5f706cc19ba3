"""Schedules are read strictly: what is doubtful is bad, and says which value it was."""

import pytest

from engines.office_hours.calendar import Window
from engines.office_hours.schedules import BadSchedule, Environment, read_schedule

SPEC = {
    "environment": "dev",
    "timezone": "UTC",
    "office_hours": {
        "weekdays": {"start": "08:00", "end": "18:00"},
        "weekends": {"enabled": False},
    },
    "scale_down_replicas": 0,
    "scale_down_instance_count": 1,
}


def with_weekdays(**fields):
    return SPEC | {"office_hours": {"weekdays": {"start": "08:00", "end": "18:00"} | fields}}


def with_weekends(**fields):
    return SPEC | {"office_hours": {"weekdays": {"start": "08:00", "end": "18:00"},
                                    "weekends": fields}}  # fmt: skip


def windows(raw):
    read = read_schedule(raw)
    assert isinstance(read, Environment)
    return dict(read.schedule.windows)


def test_the_schedule_of_the_specification_is_understood():
    assert windows(SPEC) == dict.fromkeys(range(5), Window(480, 1080))


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        ("00:00", "24:00", Window(0, 1440)),
        ("08:00", "00:00", Window(480, 1440)),
        ("20:00", "06:00", Window(1200, 1800)),
        ("00:00", "00:00", Window(0, 0)),
        ("23:59", "24:00", Window(1439, 1440)),
    ],
)
def test_times_of_day(start, end, window):
    assert windows(with_weekdays(start=start, end=end))[0] == window


@pytest.mark.parametrize(
    ("days", "numbers"),
    [
        (["Mon", "Tuesday", "WED"], {0, 1, 2}),
        (["Sun-Thu"], {6, 0, 1, 2, 3}),
        (["Sun-Fri"], {6, 0, 1, 2, 3, 4}),
        (["sat", "mon-mon"], {5, 0}),
    ],
)
def test_days_and_ranges_over_the_weeks_end(days, numbers):
    assert set(windows(with_weekdays(days=days))) == numbers


def test_weekends_are_the_days_that_are_no_weekdays():
    raw = with_weekends(enabled=True, start="10:00", end="12:00")
    raw["office_hours"]["weekdays"]["days"] = ["Sun-Thu"]

    assert windows(raw) == dict.fromkeys((6, 0, 1, 2, 3), Window(480, 1080)) | dict.fromkeys(
        (4, 5), Window(600, 720)
    )


def test_weekends_without_times_have_those_of_weekdays():
    assert windows(with_weekends(enabled=True)) == dict.fromkeys(range(7), Window(480, 1080))


def test_weekdays_may_be_off():
    raw = with_weekends(enabled=True, start="10:00", end="12:00")
    raw["office_hours"]["weekdays"] = {"enabled": False}

    assert windows(raw) == dict.fromkeys((5, 6), Window(600, 720))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (SPEC | {"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        (SPEC | {"timezone": ""}, "timezone ''"),
        (SPEC | {"timezone": "America"}, "'America'"),  # a folder of the database
        (SPEC | {"timezone": "../UTC"}, "../UTC"),
        (SPEC | {"timezone": "localtime"}, "localtime"),  # of this machine
        (SPEC | {"timezone": "posixrules"}, "posixrules"),
        (SPEC | {"timezone": "right/Europe/Berlin"}, "right/"),  # counts leap seconds
        (SPEC | {"timezone": "PST"}, "PST"),
        ({key: one for key, one in SPEC.items() if key != "timezone"}, "timezone"),
        (SPEC | {"environment": ""}, "environment"),
        (with_weekdays(days=["Thur"]), "Thur"),
        (with_weekdays(days=[""]), "day ''"),
        (with_weekdays(days=[]), "at least one day"),
        (with_weekdays(days=["Mon-Tue-Wed"]), "Mon-Tue-Wed"),
        (with_weekdays(start="26:00"), "26:00"),
        (with_weekdays(end="24:01"), "24:01"),
        (with_weekdays(start="24:00"), "24:00"),
        (with_weekdays(start=""), "time ''"),
        (with_weekdays(start="8:00"), "8:00"),
        (with_weekdays(end="18:60"), "18:60"),
        (with_weekdays(start=None), "None"),
        (with_weekdays(start=8), "str"),
        (with_weekdays(begin="08:00"), "begin"),
        (with_weekends(enabled=True, days=["Sat"]), "weekends"),
        (SPEC | {"holidays": ["25 December"]}, "25 December"),
        (SPEC | {"holidays": ["2026-02-30"]}, "2026-02-30"),
        (SPEC | {"scale_down_replicas": -1}, "scale_down_replicas"),
        (SPEC | {"colour": "red"}, "colour"),
        ({}, "environment"),
    ],
)
def test_what_is_not_understood_is_named(raw, said):
    read = read_schedule(raw)

    assert isinstance(read, BadSchedule)
    assert said in read.problem


def test_a_bad_schedule_still_says_what_it_concerns():
    read = read_schedule(SPEC | {"timezone": "x", "namespaces": ["shop"]})

    assert isinstance(read, BadSchedule)
    assert (read.environment, read.namespaces) == ("dev", ("shop",))
