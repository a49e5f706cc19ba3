"""Usage and traffic from CSV: the columns of the specification, errors with file and line."""

import gzip
import math
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from services.files.source import SourceFile
from services.files.traffic_csv import read_traffic
from services.files.usage_csv import read_usage

USAGE_HEADER = "namespace,pod,container,timestamp,cpu_cores,memory_bytes"
TRAFFIC_HEADER = "from_namespace,from_pod,to_namespace,to_pod,bytes_per_day"
NOON = 1_785_758_400  # 2026-08-03T12:00:00Z


def file_of(header, *rows):
    return SourceFile.of_bytes("table.csv", "\n".join((header, *rows)).encode())


def usage_of(*rows):
    return read_usage(file_of(USAGE_HEADER, *rows))


def traffic_of(*rows):
    return read_traffic(file_of(TRAFFIC_HEADER, *rows))


def test_usage_becomes_columns():
    reading = usage_of(
        "shop,web-1,main,2026-08-03T12:05:00Z,0.5,1.5e8",
        "shop,web-1,main,2026-08-03T12:00:00Z,0.25,100000000",
    )

    assert reading.data.timestamps.tolist() == [NOON, NOON + 300]
    assert reading.data.cpu_cores.tolist() == [0.25, 0.5]
    assert reading.data.memory_bytes.tolist() == [1e8, 1.5e8]
    assert reading.as_of == datetime(2026, 8, 3, 12, 5, tzinfo=UTC)
    assert (reading.rows_read, reading.rows_dropped) == (2, 0)


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "null"])
def test_a_cell_without_a_measurement_is_not_zero(cell):
    reading = usage_of(f"a,b,c,{NOON},0.5,{cell}", f"a,b,c,{NOON + 60},{cell},{cell}")

    assert reading.data.cpu_cores.tolist() == [0.5]
    assert math.isnan(reading.data.memory_bytes[0])
    assert [(drop.count, drop.first_line) for drop in reading.dropped] == [(1, 3)]


@pytest.mark.parametrize(
    "time",
    ["2026-08-03T12:00:00Z", "2026-08-03T14:00:00+02:00", str(NOON), f"{NOON}.25", f"{NOON}.0"],
)
def test_times_are_iso_with_a_zone_or_unix_seconds(time):
    assert usage_of(f"a,b,c,{time},1,1").data.timestamps.tolist() == [NOON]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,b,c,2026-08-03T12:00:00,1,1", "has no time zone"),
        ("a,b,c,yesterday,1,1", "is not a time"),
        ("a,b,c,1785758400000,1,1", "is not a time"),  # milliseconds
        (f"a,b,c,{NOON},-1,1", "cpu_cores '-1' is negative"),
        (f"a,b,c,{NOON},1,-1", "memory_bytes '-1' is negative"),
        (f"a,b,c,{NOON},half,1", "cpu_cores 'half' is not a number"),
        (f"a,b,c,{NOON},inf,1", "is not a number"),
        (f"a,b,c,{NOON},1,1e300", "larger than any machine"),
        (f",b,c,{NOON},1,1", "namespace '' is empty"),
        (f"a,b,{NOON},1,1", "5 columns where the header has 6"),
    ],
)
def test_a_bad_reading_is_named_with_its_line(row, reason):
    with pytest.raises(InvalidInputError) as caught:
        usage_of(f"a,b,c,{NOON},1,1", row)

    assert (caught.value.source, caught.value.line) == ("table.csv", 3)
    assert reason in caught.value.reason


def test_gz_is_read():
    text = f"{USAGE_HEADER}\na,b,c,{NOON},1,1\n".encode()

    assert len(read_usage(SourceFile.of_bytes("u.gz", gzip.compress(text))).data.timestamps) == 1


@pytest.mark.parametrize("read", [read_usage, read_traffic])
@pytest.mark.parametrize("content", [b"", b"namespace,pod\na,b\n", b"\xff\xfe", b"{}"])
def test_another_table_is_refused(read, content):
    with pytest.raises(InvalidInputError, match=r"table\.csv"):
        read(SourceFile.of_bytes("table.csv", content))


def test_a_table_without_rows_is_refused():
    with pytest.raises(InvalidInputError, match="there is no row"):
        usage_of()


def test_traffic_becomes_a_matrix():
    reading = traffic_of("shop,web-1,data,db-0,10737418240", "shop,web-2,data,db-0,5.6")

    assert [pod.name for pod in reading.data.pods] == ["db-0", "web-1", "web-2"]
    assert reading.data.senders.tolist() == [1, 2]
    assert reading.data.receivers.tolist() == [0, 0]
    assert reading.data.bytes_per_day.tolist() == [10_737_418_240, 6]


def test_an_exact_repeat_of_a_pair_is_counted_once_and_reported():
    reading = traffic_of("a,b,c,d,7", "a,b,c,d,7")

    assert reading.data.bytes_per_day.tolist() == [7]
    assert (reading.rows_read, reading.rows_dropped) == (2, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,b,c,d,8", "an earlier row says otherwise of a/b to c/d"),
        ("a,b,c,e,-1", "bytes_per_day '-1' is negative"),
        ("a,b,c,e,lots", "bytes_per_day 'lots' is not a number"),
        ("a,b,c,e,", "is not a number"),
        ("a,b,c,e,9e17", "more than 9 PB a day"),
        ("a,,c,e,1", "from_pod '' is empty"),
    ],
)
def test_a_bad_pair_is_named_with_its_line(row, reason):
    with pytest.raises(InvalidInputError) as caught:
        traffic_of("a,b,c,d,7", row)

    assert caught.value.line == 3
    assert reason in caught.value.reason


@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_after_the_header_are_a_table_or_refused(rest, is_usage):
    header, read = (USAGE_HEADER, read_usage) if is_usage else (TRAFFIC_HEADER, read_traffic)

    with suppress(InvalidInputError):
        assert read(SourceFile.of_bytes("t", header.encode() + b"\n" + rest)).rows_read >= 1
