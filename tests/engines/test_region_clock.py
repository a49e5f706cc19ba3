"""The time part of the risk score goes by the region's own clock."""

from datetime import UTC, datetime

import pytest

from engines.region_clock import REGION_TIME_ZONES, calmness, local_time


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-07-01T09:59:59", 1.0),  # Wednesday 05:59:59 in New York, four hours behind UTC
        ("2026-07-01T10:00:00", 0.5),  # 06:00:00
        ("2026-07-01T12:59:59", 0.5),  # 08:59:59
        ("2026-07-01T13:00:00", 0.0),  # 09:00:00
        ("2026-07-01T20:59:59", 0.0),  # 16:59:59
        ("2026-07-01T21:00:00", 0.5),  # 17:00:00
        ("2026-07-02T01:59:59", 0.5),  # 21:59:59
        ("2026-07-02T02:00:00", 1.0),  # 22:00:00
    ],
)
def test_a_weekday_has_office_hours_with_calmer_hours_around_them(utc, expected):
    assert calmness("us-east-1", datetime.fromisoformat(utc).replace(tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-07-04T03:59:59", 1.0),  # Friday 23:59:59 in New York
        ("2026-07-04T16:00:00", 1.0),  # Saturday noon
        ("2026-07-06T03:59:59", 1.0),  # Sunday 23:59:59
        ("2026-07-06T13:00:00", 0.0),  # Monday 09:00
    ],
)
def test_the_weekend_is_calm_all_day(utc, expected):
    assert calmness("us-east-1", datetime.fromisoformat(utc).replace(tzinfo=UTC)) == expected


def test_the_weekday_is_that_of_the_region():
    """Sunday 21:30 UTC is Monday 09:30 in New Zealand (twelve hours ahead in July)."""
    sunday_evening = datetime(2026, 7, 5, 21, 30, tzinfo=UTC)

    assert calmness("ap-southeast-6", sunday_evening) == 0.0
    assert calmness("eu-west-2", sunday_evening) == 1.0


def test_summer_time_moves_the_hours():
    """14:30 UTC is 09:30 in New York in January and 10:30 in July; 13:30 is 08:30 and 09:30."""
    assert calmness("us-east-1", datetime(2026, 1, 7, 13, 30, tzinfo=UTC)) == 0.5
    assert calmness("us-east-1", datetime(2026, 7, 1, 13, 30, tzinfo=UTC)) == 0.0


def test_a_region_without_a_known_clock_has_none():
    assert calmness("mars-north-1", datetime(2026, 7, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("region", sorted(REGION_TIME_ZONES))
def test_every_region_has_a_zone_that_exists(region):
    local = local_time(region, datetime(2026, 7, 1, 12, tzinfo=UTC))

    assert local is not None
    assert local.utcoffset() is not None
