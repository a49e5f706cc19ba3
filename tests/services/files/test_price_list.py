"""AWS's price list as CSV: what is kept, what is left out and why, and how little is held."""

import csv
import io
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import OperatingSystem
from services.files.price_list import is_price_list, read_price_list
from services.files.recognise import MarketKind, recognise
from services.files.source import SourceFile

NOW = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
COLUMNS = {
    "SKU": "ABC",
    "TermType": "OnDemand",
    "EffectiveDate": "2026-07-01",
    "Unit": "Hrs",
    "PricePerUnit": "0.0960000000",
    "Currency": "USD",
    "Location Type": "AWS Region",
    "Instance Type": "m5.large",
    "Tenancy": "Shared",
    "operation": "RunInstances",
    "CapacityStatus": "Used",
    "Pre Installed S/W": "NA",
    "Region Code": "us-east-1",
    "MarketOption": "OnDemand",
}
PREFACE = (
    ("FormatVersion", "v1.0"),
    ("Disclaimer", "This pricing list is for informational purposes only."),
    ("Publication Date", "2026-07-16T00:00:00Z"),
    ("Version", "20260716000000"),
    ("OfferCode", "AmazonEC2"),
)


def a_list(*changes, preface=PREFACE, columns=COLUMNS):
    """An offer file with one row for each change of the usual row."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows(preface)
    writer.writerow(columns)
    writer.writerows((columns | change).values() for change in changes)
    return text.getvalue().encode()


def read(content, **more):
    return read_price_list(SourceFile.of_bytes("index.csv", content), now=NOW, **more)


def test_a_shared_linux_rate_is_the_price():
    reading = read(a_list({}))

    [price] = reading.data
    assert (price.region, price.instance_type) == ("us-east-1", "m5.large")
    assert price.hourly_price == Decimal("0.096")
    assert price.operating_system is OperatingSystem.LINUX
    assert price.effective_date == JULY
    assert (reading.rows_read, reading.dropped, reading.as_of) == (1, (), JULY)
    assert reading.regions == ("us-east-1",)


def test_windows_is_told_by_the_operation():
    windows = {"operation": "RunInstances:0002", "PricePerUnit": "0.188"}

    reading = read(a_list({}, windows))

    assert [one.operating_system.value for one in reading.data] == ["Linux", "Windows"]
    assert reading.data[1].hourly_price == Decimal("0.188")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TermType": "Reserved"}, "not an on-demand price"),
        ({"Tenancy": "Dedicated"}, "dedicated"),
        ({"Tenancy": "Host"}, "dedicated"),
        ({"CapacityStatus": "UnusedCapacityReservation"}, "capacity reservation"),
        ({"CapacityStatus": "AllocatedCapacityReservation"}, "capacity reservation"),
        ({"Pre Installed S/W": "SQL Web"}, "pre-installed"),
        ({"operation": "RunInstances:0010"}, "licence"),
        ({"operation": "RunInstances:0800"}, "licence"),
        ({"operation": ""}, "licence"),
        ({"Unit": "Quantity"}, "by the hour"),
        ({"Currency": "CNY"}, "US dollars"),
        ({"Location Type": "AWS Local Zone"}, "zone beside it"),
        ({"MarketOption": "CapacityBlock"}, "capacity blocks"),
        ({"PricePerUnit": "0.0000000000"}, "zero"),
        ({"EffectiveDate": "2026-08-01"}, "future"),
    ],
)
def test_what_a_node_does_not_pay_is_left_out_with_its_reason(change, reason):
    reading = read(a_list({}, change, change))

    assert len(reading.data) == 1
    [dropped] = reading.dropped
    assert reason in dropped.reason
    assert (dropped.count, dropped.first_line) == (2, 8)
    assert reading.rows_read == 3


def test_the_first_reason_in_the_table_counts():
    reading = read(a_list({}, {"TermType": "Reserved", "Tenancy": "Host", "Currency": "CNY"}))

    assert [one.reason for one in reading.dropped] == ["it is not an on-demand price"]


def test_columns_that_came_later_may_be_missing():
    old = {
        name: value
        for name, value in COLUMNS.items()
        if name not in ("Location Type", "MarketOption")
    }

    assert len(read(a_list({}, columns=old)).data) == 1


def test_of_two_prices_for_one_date_none_is_believed():
    other = {"Instance Type": "m5.xlarge", "PricePerUnit": "0.192"}

    reading = read(a_list({}, {"PricePerUnit": "0.097"}, other, {}))

    assert [one.instance_type for one in reading.data] == ["m5.xlarge"]
    assert {one.reason: one.count for one in reading.dropped} == {
        "the list gives its instance type two prices for one date": 2,
        "the row repeats another one exactly": 1,
    }


@pytest.mark.parametrize(("wrong", "good", "is_taken"), [(1, 99, True), (2, 98, False)])
def test_more_than_one_unbelievable_price_in_a_hundred_refuses_the_file(wrong, good, is_taken):
    """m5.large costs 0.096: 20 times that is 1.92. Types m5.1large, m5.2large ... are made up."""
    rows = [{"Instance Type": f"m{number}.large"} for number in range(5, 5 + good)]
    rows += [
        {"Instance Type": f"c{number}.large", "PricePerUnit": "999"} for number in range(wrong)
    ]

    if is_taken:
        assert len(read(a_list(*rows)).data) == good
    else:
        with pytest.raises(InvalidInputError, match="2 prices cannot be those"):
            read(a_list(*rows))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no row with the names"),
        (b"<html><body>Sign in</body></html>", "first line"),
        (a_list({}, preface=(("FormatVersion", "v2.0"),)), "first line is 'FormatVersion, v2.0'"),
        (
            a_list({}, preface=(("FormatVersion", "v1.0"), ("OfferCode", "AmazonRDS"))),
            "'AmazonRDS', not AmazonEC2",
        ),
        (a_list({}, columns={"TermType": "OnDemand", "Unit": "Hrs"}), "no column CapacityStatus"),
        (a_list(preface=PREFACE), "no row of it is an on-demand price"),
        (a_list({"PricePerUnit": "cheap"}), "line 7: a rate of 'm5.large': is not a number"),
        (a_list({"Instance Type": ""}), "not the name of an instance type"),
        (a_list({}, {})[:-60], "columns where the header has|not valid CSV"),
        (b'{"formatVersion": "v1.0", "offerCode": "AmazonEC2"}', "as JSON"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_another_shape_is_refused_with_what_is_wrong(content, reason):
    with pytest.raises(InvalidInputError, match=reason):
        read(content)


@pytest.mark.parametrize(
    "content", [a_list({}), b'{"formatVersion": "v1.0", "offerCode": "AmazonEC2", "products": {']
)
def test_an_offer_file_is_recognised_by_its_first_bytes(content):
    source = SourceFile.of_bytes("anything", content)

    assert is_price_list(source.head())
    assert recognise(source) is MarketKind.ON_DEMAND_PRICES


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_damaged_files_are_read_or_refused_never_worse(noise, at):
    good = a_list({}, {"TermType": "Reserved"})
    damaged = good[:at] + noise + good[at:]

    try:
        reading = read(damaged)
    except InvalidInputError:
        return
    assert reading.rows_read == len(reading.data) + reading.rows_dropped


def test_two_hundred_thousand_rows_need_no_more_memory_than_a_few(tmp_path):
    """Some 30 MB; what is held at once are a block of 1 MiB, its lines, and 1,000 prices."""
    path = tmp_path / "index.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows(PREFACE)
        writer.writerow(COLUMNS)
        reserved = list((COLUMNS | {"TermType": "Reserved"}).values())
        for number in range(200_000):
            if number % 200 == 0:
                row = COLUMNS | {"Instance Type": f"m5-{number}.large"}
                writer.writerow(row.values())
            else:
                writer.writerow(reserved)
    told = []

    tracemalloc.start()
    try:
        reading = read_price_list(
            SourceFile.at(path), now=NOW, on_demand={}, on_progress=told.append
        )
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert path.stat().st_size > 25_000_000
    assert (len(reading.data), reading.rows_read) == (1000, 200_000)
    assert told == [50_000, 100_000, 150_000, 200_000]
    assert peak_bytes < 8 << 20
