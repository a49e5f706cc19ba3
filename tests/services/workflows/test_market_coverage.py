"""Coverage of Spot prices by type and day."""

from datetime import UTC, date, datetime

import pytest

from services.errors import InvalidInputError, NotFoundError
from services.workflows.import_market_data import import_market_file
from services.workflows.market_coverage import CoverageQuery, DayStatus, load_market_coverage
from tests.services.files.market_texts import SPOT_HEADER, source

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
CLOCK = {"clock": lambda: NOW}


def points(*moments, zone="us-east-1a", instance_type="m5.large"):
    return "".join(
        f"{instance_type},{zone},us-east-1,Linux/UNIX,0.035,{moment}:00:00Z\n" for moment in moments
    )


def coverage(database, **query):
    return load_market_coverage(database, CoverageQuery(region="us-east-1", **query), now=NOW)


def test_days_are_present_partial_or_missing(database):
    """Points at noon of 13, 14 and 15 July: 14 is whole, 13 and 15 are half, 16 is not known."""
    text = SPOT_HEADER + points("2026-07-13T12", "2026-07-14T12", "2026-07-15T12")
    import_market_file(database, source(text), **CLOCK)

    found = coverage(database, first_day=date(2026, 7, 12), last_day=date(2026, 7, 16))

    assert found.days[0] == date(2026, 7, 12)
    assert [one.instance_type for one in found.instance_types] == ["m5.large"]
    assert found.instance_types[0].days == (
        DayStatus.MISSING,
        DayStatus.PARTIAL,
        DayStatus.PRESENT,
        DayStatus.PARTIAL,
        DayStatus.MISSING,
    )
    assert found.totals() == {
        DayStatus.PRESENT: 1,
        DayStatus.PARTIAL: 2,
        DayStatus.MISSING: 2,
        DayStatus.UNFILLABLE: 0,
    }


def test_a_missing_day_that_the_api_no_longer_keeps_cannot_be_filled(database):
    """20 July - 90 days = 21 April: a day before it is gone for good."""
    text = SPOT_HEADER + points("2026-07-13T12", "2026-07-14T12")
    import_market_file(database, source(text), **CLOCK)

    found = coverage(database, first_day=date(2026, 4, 20), last_day=date(2026, 4, 21))

    assert found.instance_types[0].days == (DayStatus.UNFILLABLE, DayStatus.MISSING)


def test_without_days_the_last_fifteen_full_ones_are_shown(database):
    import_market_file(database, source(SPOT_HEADER + points("2026-07-13T12")), **CLOCK)

    found = coverage(database)

    assert (found.days[0], found.days[-1], len(found.days)) == (
        date(2026, 7, 5),
        date(2026, 7, 19),
        15,
    )


def test_types_are_chosen_by_name_or_pattern(database):
    text = SPOT_HEADER + "".join(
        points("2026-07-13T12", instance_type=name)
        for name in ("m5.large", "m5.xlarge", "c5.large")
    )
    import_market_file(database, source(text), **CLOCK)

    def names(*patterns):
        return [
            one.instance_type for one in coverage(database, instance_types=patterns).instance_types
        ]

    assert names("m5.*") == ["m5.large", "m5.xlarge"]
    assert names("c5.large", "*.xlarge") == ["c5.large", "m5.xlarge"]


def test_a_region_without_prices_is_said_not_shown_empty(database):
    with pytest.raises(NotFoundError, match="no Spot price of Linux/UNIX in 'us-east-1'"):
        coverage(database)


def test_a_pattern_without_a_match_is_said_not_shown_empty(database):
    import_market_file(database, source(SPOT_HEADER + points("2026-07-13T12")), **CLOCK)

    with pytest.raises(NotFoundError):
        coverage(database, instance_types=("r5.*",))


@pytest.mark.parametrize(
    ("first", "last"), [("2026-07-02", "2026-07-01"), ("2025-07-01", "2026-07-02")]
)
def test_a_span_that_is_backward_or_too_long_is_refused(database, first, last):
    with pytest.raises(InvalidInputError, match="is not a span of 1 to 366 days"):
        coverage(database, first_day=date.fromisoformat(first), last_day=date.fromisoformat(last))
