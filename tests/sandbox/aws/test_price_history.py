"""DescribeSpotPriceHistory as boto3 sees it, and as the product's own reader takes it."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from services.files.source import SourceFile
from services.files.spot_prices import read_spot_prices
from tests.sandbox.aws.asking import refusal
from tests.sandbox.aws.conftest import NOW

AT = datetime.fromtimestamp(NOW, UTC)
BOTH = ["Linux/UNIX", "Windows"]
LINUX_M5 = {"InstanceTypes": ["m5.xlarge"], "ProductDescriptions": ["Linux/UNIX"]}


def all_rows(ec2, **asked):
    pages = ec2.get_paginator("describe_spot_price_history").paginate(**asked)
    return [row for page in pages for row in page["SpotPriceHistory"]]


def test_ninety_days_come_in_pages_of_a_thousand_newest_first(ec2):
    pages = list(
        ec2.get_paginator("describe_spot_price_history").paginate(InstanceTypes=["m5.xlarge"])
    )
    rows = [row for page in pages for row in page["SpotPriceHistory"]]
    times = [row["Timestamp"] for row in rows]

    assert {len(page["SpotPriceHistory"]) for page in pages[:-1]} == {1000}
    assert len(pages) > 2
    assert all(later >= earlier for later, earlier in pairwise(times))
    assert times[0] <= AT
    assert AT - timedelta(days=92) < times[-1] < AT - timedelta(days=89)


def test_no_row_is_lost_or_doubled_between_pages_of_any_size(ec2):
    whole = all_rows(ec2, **LINUX_M5)
    pieces = all_rows(ec2, **LINUX_M5, PaginationConfig={"PageSize": 97})

    assert pieces == whole
    keys = [(row["AvailabilityZone"], row["Timestamp"]) for row in whole]
    assert len(set(keys)) == len(keys)


def test_a_row_looks_like_one_of_aws(ec2):
    row = ec2.describe_spot_price_history(**LINUX_M5, MaxResults=1)["SpotPriceHistory"][0]

    assert set(row) == {
        "AvailabilityZone",
        "AvailabilityZoneId",
        "InstanceType",
        "ProductDescription",
        "SpotPrice",
        "Timestamp",
    }
    assert row["InstanceType"] == "m5.xlarge"
    assert len(row["SpotPrice"].partition(".")[2]) == 6
    assert row["AvailabilityZone"].startswith("us-east-1")
    assert row["AvailabilityZoneId"].startswith("use1-az")


@pytest.mark.parametrize(
    ("asked", "field", "found"),
    [
        ({"InstanceTypes": ["c5.large", "r5.large"]}, "InstanceType", {"c5.large", "r5.large"}),
        (
            {"InstanceTypes": ["m5.large"], "ProductDescriptions": ["Windows"]},
            "ProductDescription",
            {"Windows"},
        ),
        (
            {"InstanceTypes": ["m5.large"], "ProductDescriptions": ["Linux/UNIX (Amazon VPC)"]},
            "ProductDescription",
            {"Linux/UNIX"},
        ),
        (
            {"InstanceTypes": ["m5.large"], "AvailabilityZone": "us-east-1b"},
            "AvailabilityZone",
            {"us-east-1b"},
        ),
        (
            {"InstanceTypes": ["m5.large"], "AvailabilityZoneId": "use1-az6"},
            "AvailabilityZone",
            {"us-east-1a"},
        ),
        (
            {"Filters": [{"Name": "instance-type", "Values": ["t3.*"]}]},
            "InstanceType",
            {"t3.micro", "t3.small", "t3.medium", "t3.large", "t3.xlarge", "t3.2xlarge"},
        ),
        ({"InstanceTypes": ["p5.48xlarge"]}, "InstanceType", set()),
    ],
)
def test_filters_keep_what_they_name(ec2, asked, field, found):
    answer = ec2.describe_spot_price_history(**asked, StartTime=AT)

    assert {row[field] for row in answer["SpotPriceHistory"]} == found


def test_a_start_of_now_gives_the_price_in_force_of_each_pool(ec2):
    rows = ec2.describe_spot_price_history(**LINUX_M5, StartTime=AT)["SpotPriceHistory"]

    assert sorted(row["AvailabilityZone"][-1] for row in rows) == ["a", "b", "c", "d", "f"]
    assert all(row["Timestamp"] <= AT for row in rows)


def test_a_window_holds_its_changes_and_the_price_in_force_at_its_start(ec2):
    start, end = AT - timedelta(days=20), AT - timedelta(days=10)
    asked = LINUX_M5 | {"AvailabilityZone": "us-east-1a"}
    whole = all_rows(ec2, **asked)

    window = all_rows(ec2, **asked, StartTime=start, EndTime=end)

    inside = [row for row in whole if start < row["Timestamp"] <= end]
    before = next(row for row in whole if row["Timestamp"] <= start)
    assert window == [*inside, before]


def test_a_start_before_the_retention_brings_no_more_than_ninety_days(ec2):
    old = all_rows(ec2, **LINUX_M5, StartTime=AT - timedelta(days=400))

    assert old == all_rows(ec2, **LINUX_M5)


def test_a_region_that_sells_nothing_has_no_history(clients):
    ec2 = clients.make("ec2", region="af-south-1")

    assert ec2.describe_spot_price_history()["SpotPriceHistory"] == []


def test_a_token_is_good_for_its_own_question_only(ec2):
    token = ec2.describe_spot_price_history(**LINUX_M5, MaxResults=5)["NextToken"]
    other = {"InstanceTypes": ["c5.large"], "NextToken": token}

    assert refusal(ec2.describe_spot_price_history, **other) == ("InvalidNextToken", 400)
    assert refusal(ec2.describe_spot_price_history, NextToken="x") == ("InvalidNextToken", 400)


def test_the_last_page_has_no_token(ec2):
    answer = ec2.describe_spot_price_history(**LINUX_M5, StartTime=AT)

    assert not answer.get("NextToken")


def test_the_products_reader_takes_it_without_a_complaint(ec2):
    rows = [
        row | {"Timestamp": row["Timestamp"].isoformat()}
        for row in all_rows(ec2, InstanceTypes=["m5.xlarge", "c7g.large"], ProductDescriptions=BOTH)
    ]
    content = json.dumps({"SpotPriceHistory": rows}).encode()

    reading = read_spot_prices(SourceFile.of_bytes("history.json", content), now=AT)

    assert reading.rows_read == len(rows)
    assert reading.dropped == ()
    assert len(reading.data.series) == 5 * 2 + 5 * 1  # Graviton runs no Windows
