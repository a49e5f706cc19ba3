"""Records of DescribeSpotPriceHistory: which can be true, and what becomes of the others."""

from datetime import timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.pricing import PriceSeries
from sandbox.aws.faults import Fault
from services.aws.errors import BadAnswerError, RequestRefusedError
from services.aws.spot_prices import (
    REASON_FUTURE,
    REASON_OUTSIDE_BAND,
    REASON_UNREADABLE,
    PriceChecker,
    PriceWindow,
    TokenRefusedError,
    read_price_page,
)
from services.files.spot_prices import REASON_NOT_IN_DOLLARS, REASON_ZERO
from tests.pretend_aws import NOW

WINDOW = PriceWindow(region="us-east-1", since=NOW - timedelta(days=3), until=NOW)
HOUR = timedelta(hours=1)


def a_row(**changes):
    """m5.large in us-east-1a at 3.8 cents, as boto3 gives it."""
    return {
        "InstanceType": "m5.large",
        "AvailabilityZone": "us-east-1a",
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": "0.038000",
        "Timestamp": NOW - HOUR,
    } | changes


def check(*rows, region="us-east-1"):
    """The points and the reasons, with m5.large at 9.6 cents on demand."""
    checker = PriceChecker(region, NOW, {"m5.large": Decimal("0.096")})
    return checker.check(rows), {one.reason: one.count for one in checker.drops.dropped()}


def test_a_record_becomes_a_change_point():
    history, dropped = check(a_row())

    assert history.series == (PriceSeries("us-east-1", "m5.large", "us-east-1a", "Linux/UNIX"),)
    assert history.micro_usd.tolist() == [38_000]
    assert history.timestamps.tolist() == [int((NOW - HOUR).timestamp())]
    assert dropped == {}


def test_times_of_any_zone_are_taken_as_moments():
    eastern = (NOW - HOUR).astimezone(timezone(timedelta(hours=-5)))

    history, _ = check(a_row(), a_row(Timestamp=eastern))

    assert len(history.timestamps) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SpotPrice": "0.000000"}, REASON_ZERO),
        ({"SpotPrice": "0.000959"}, REASON_OUTSIDE_BAND),
        ({"SpotPrice": "1.920001"}, REASON_OUTSIDE_BAND),
        ({"SpotPrice": "-0.03"}, REASON_UNREADABLE),
        ({"SpotPrice": "cheap"}, REASON_UNREADABLE),
        ({"Timestamp": NOW + HOUR + timedelta(seconds=1)}, REASON_FUTURE),
        ({"InstanceType": "M5 LARGE"}, REASON_UNREADABLE),
        ({"AvailabilityZone": ""}, REASON_UNREADABLE),
        ({"AvailabilityZone": "us-west-2a"}, REASON_UNREADABLE),
        ({"ProductDescription": "<b>"}, REASON_UNREADABLE),
    ],
)
def test_what_cannot_be_true_is_left_out_and_counted(change, reason):
    history, dropped = check(a_row(), a_row(**change), a_row(**change))

    assert history.micro_usd.tolist() == [38_000]
    assert dropped == {reason: 2}


@pytest.mark.parametrize(
    "change",
    [
        {"SpotPrice": "0.000960"},
        {"SpotPrice": "1.920000"},
        {"Timestamp": NOW + HOUR},
    ],
)
def test_a_price_at_the_limit_is_believed(change):
    """0.096 / 100 = 0.00096 and 0.096 x 20 = 1.92; clocks may differ by an hour."""
    _, dropped = check(a_row(**change))

    assert dropped == {}


@pytest.mark.parametrize("name", ["InstanceType", "AvailabilityZone", "SpotPrice", "Timestamp"])
def test_a_record_without_a_field_is_counted(name):
    row = a_row()
    del row[name]

    history, dropped = check(row)

    assert history.series == ()
    assert dropped == {REASON_UNREADABLE: 1}


def test_prices_of_china_are_not_dollars():
    _, dropped = check(a_row(AvailabilityZone="cn-north-1a"), region="cn-north-1")

    assert dropped == {REASON_NOT_IN_DOLLARS: 1}


@given(st.lists(st.sampled_from(["0.038", "0.0", "9", "x"]), max_size=30))
def test_every_record_is_a_point_or_counted(prices):
    rows = [
        a_row(SpotPrice=price, Timestamp=NOW - number * HOUR) for number, price in enumerate(prices)
    ]

    history, dropped = check(*rows)

    assert len(history.timestamps) + sum(dropped.values()) == len(rows)


def test_a_token_of_another_question_is_refused_as_such(aws_account):
    page = read_price_page(aws_account, WINDOW)
    other = PriceWindow(region="us-west-2", since=WINDOW.since, until=WINDOW.until)

    with pytest.raises(TokenRefusedError):
        read_price_page(aws_account, other, page.next_token)


def test_another_refusal_is_not_blamed_on_the_token(aws_account, aws_scenario):
    page = read_price_page(aws_account, WINDOW)
    aws_scenario.cloud.faults.set([Fault(code="InvalidParameterValue")])

    with pytest.raises(RequestRefusedError) as caught:
        read_price_page(aws_account, WINDOW, page.next_token)

    assert not isinstance(caught.value, TokenRefusedError)


def test_pages_that_repeat_end_the_reading():
    class Repeating:
        """An account whose every page is followed by the same one."""

        def call(self, *_, **__):
            return {"SpotPriceHistory": [a_row()], "NextToken": "again"}

    assert read_price_page(Repeating(), WINDOW).next_token == "again"
    with pytest.raises(BadAnswerError, match="again and again"):
        read_price_page(Repeating(), WINDOW, "again")
