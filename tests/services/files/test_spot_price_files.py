"""Spot price files: what is read from them, and what refuses them whole."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import PriceSeries
from services.files.reading import DroppedRows
from services.files.spot_prices import read_spot_prices
from tests.services.files.market_texts import (
    NOW,
    SPOT_API_JSON,
    SPOT_CSV,
    SPOT_HEADER,
    packed,
    source,
)

M5_IN_A = PriceSeries("us-east-1", "m5.large", "us-east-1a", "Linux/UNIX")


def read(text, **options):
    return read_spot_prices(source(text), now=NOW, **options)


def seconds(text):
    return int(datetime.fromisoformat(text).timestamp())


def row(**changes):
    """A row that is sound but for what the test is about."""
    cells = {
        "instance_type": "m5.large",
        "availability_zone": "us-east-1a",
        "region": "us-east-1",
        "product_description": "Linux/UNIX",
        "spot_price": "0.0350",
        "timestamp": "2026-07-18T10:00:00Z",
    } | changes
    return ",".join(cells.values()) + "\n"


def test_rows_become_change_points_by_series_and_time():
    reading = read(SPOT_CSV)

    history = reading.data
    assert history.series == (
        PriceSeries("us-east-1", "c5.xlarge", "us-east-1a", "Linux/UNIX"),
        M5_IN_A,
        PriceSeries("us-east-1", "m5.large", "us-east-1b", "Linux/UNIX"),
    )
    assert history.starts.tolist() == [0, 1, 3, 4]
    assert history.micro_usd.tolist() == [70_000, 35_000, 36_000, 41_000]
    assert history.timestamps.tolist() == [
        seconds("2026-07-18T09:00:00Z"),
        seconds("2026-07-18T10:00:00Z"),
        seconds("2026-07-19T10:00:00Z"),
        seconds("2026-07-19T11:00:00Z"),
    ]


def test_the_account_names_rows_age_and_regions():
    reading = read(SPOT_CSV)

    assert reading.rows_read == 4
    assert reading.rows_dropped == 0
    assert reading.as_of == datetime(2026, 7, 19, 11, tzinfo=UTC)
    assert reading.regions == ("us-east-1",)
    assert reading.warnings == ()


def test_the_order_of_the_rows_does_not_matter():
    header, *rows = SPOT_CSV.splitlines(keepends=True)

    forward, backward = read(header + "".join(rows)), read(header + "".join(reversed(rows)))

    assert forward.data.series == backward.data.series
    assert forward.data.micro_usd.tolist() == backward.data.micro_usd.tolist()
    assert forward.data.timestamps.tolist() == backward.data.timestamps.tolist()


@pytest.mark.parametrize(
    "text",
    [
        packed(SPOT_CSV),
        "\ufeff" + SPOT_CSV,
        SPOT_CSV.replace("\n", "\r\n"),
        SPOT_CSV.replace("\n", "\n\n"),
        SPOT_CSV.removesuffix("\n"),
        SPOT_CSV.replace("m5.large", '"m5.large"'),
    ],
    ids=["gz", "byte order mark", "CRLF", "blank lines", "no last newline", "quoted"],
)
def test_other_ways_to_write_the_same_file_read_alike(text):
    assert read(text).data.micro_usd.tolist() == [70_000, 35_000, 36_000, 41_000]


@pytest.mark.parametrize(
    "header",
    [
        "instance_type,az,region,product,price,date",
        "instance_type,az,region,product,price_usd,generated_at",
        "Instance_Type,AvailabilityZone,Region,ProductDescription,SpotPrice,Timestamp",
        " instance_type , az , region , product , spot_price , timestamp ",
    ],
)
def test_the_other_headers_are_accepted(header):
    assert read(f"{header}\n{row()}").data.series == (M5_IN_A,)


def test_columns_may_come_in_any_order_and_others_are_passed_over():
    text = (
        "note,spot_price,timestamp,az,product,instance_type,region\n"
        "x,0.0350,2026-07-18T10:00:00Z,us-east-1a,Linux/UNIX,m5.large,us-east-1\n"
    )

    assert read(text).data.series == (M5_IN_A,)


def test_the_region_may_be_told_by_the_zones_name():
    text = (
        "instance_type,az,product,spot_price,timestamp\n"
        "m5.large,us-west-2-lax-1a,Linux/UNIX,0.04,2026-07-18T10:00:00Z\n"
        "m5.large,us-gov-west-1b,Linux/UNIX,0.04,2026-07-18T10:00:00Z\n"
    )

    assert read(text).regions == ("us-gov-west-1", "us-west-2")


def test_zone_ids_are_kept_as_they_are():
    text = SPOT_HEADER + row(availability_zone="use1-az2") + row(availability_zone="usw2-lax1-az1")

    zones = [series.availability_zone for series in read(text).data.series]

    assert zones == ["use1-az2", "usw2-lax1-az1"]


def test_a_zone_id_without_a_region_is_refused():
    text = SPOT_HEADER + row(availability_zone="use1-az2", region="")

    with pytest.raises(InvalidInputError, match="line 2: region '' is not a region's code"):
        read(text)


def test_times_with_another_offset_become_utc():
    text = SPOT_HEADER + row(timestamp="2026-07-18 12:00:00.750+02:00")

    assert read(text).data.timestamps.tolist() == [seconds("2026-07-18T10:00:00Z")]


def test_the_apis_json_reads_like_the_csv():
    reading = read(SPOT_API_JSON)

    assert reading.rows_read == 2
    assert reading.data.series == (M5_IN_A,)
    assert reading.data.micro_usd.tolist() == [35_000, 36_000]


@pytest.mark.parametrize(
    "text",
    [
        f"[{SPOT_API_JSON}, {SPOT_API_JSON.replace('m5.large', 'm5.xlarge')}]",
        f"{SPOT_API_JSON}\n{SPOT_API_JSON.replace('m5.large', 'm5.xlarge')}",
    ],
    ids=["a list of pages", "pages one after another"],
)
def test_several_pages_are_read_together(text):
    reading = read(text)

    assert reading.rows_read == 4
    assert [one.instance_type for one in reading.data.series] == ["m5.large", "m5.xlarge"]


def test_a_bare_list_of_records_is_read():
    records = SPOT_API_JSON.removeprefix('{"SpotPriceHistory": ').removesuffix("}")

    assert read(records).rows_read == 2


def test_objects_with_the_columns_of_the_csv_are_read():
    text = (
        '[{"instance_type": "m5.large", "availability_zone": "us-east-1a", "region": "us-east-1",'
        ' "product_description": "Linux/UNIX", "spot_price": 0.035,'
        ' "timestamp": "2026-07-18T10:00:00Z"}]'
    )

    assert read(text).data.micro_usd.tolist() == [35_000]


def test_a_last_page_with_a_token_warns_that_more_follows():
    text = SPOT_API_JSON.removesuffix("}") + ', "NextToken": "abc"}'
    finished = SPOT_API_JSON.removesuffix("}") + ', "NextToken": ""}'

    assert read(text).warnings == ("the last page has a NextToken: the history goes on after it",)
    assert read(f"[{text}, {finished}]").warnings == ()


def test_exact_repeats_are_counted_and_left_out():
    text = SPOT_HEADER + row() + row() + row(timestamp="2026-07-18T11:00:00Z") + row()

    reading = read(text)

    assert reading.rows_read == 4
    assert reading.dropped == (
        DroppedRows(reason="the row repeats another one exactly", count=2, first_line=3),
    )
    assert len(reading.data.timestamps) == 2


def test_two_prices_of_a_pool_at_one_time_refuse_the_file():
    text = SPOT_HEADER + row() + row(timestamp="2026-07-18T11:00:00Z") + row(spot_price="0.036")

    with pytest.raises(InvalidInputError, match="line 4: line 2 gives the pool another price"):
        read(text)


def test_equal_prices_written_differently_repeat_each_other():
    assert read(SPOT_HEADER + row() + row(spot_price="0.035000")).rows_dropped == 1


def test_prices_of_another_currency_never_become_dollars():
    text = (
        "instance_type,az,region,product,spot_price,timestamp,currency\n"
        + row().replace("\n", ",USD\n")
        + row(timestamp="2026-07-18T11:00:00Z").replace("\n", ",CNY\n")
        + row(availability_zone="cn-north-1a", region="cn-north-1").replace("\n", ",\n")
    )

    reading = read(text)

    assert reading.regions == ("us-east-1",)
    assert reading.dropped == (
        DroppedRows(reason="the price is not in US dollars", count=2, first_line=3),
    )


def test_a_file_with_nothing_usable_is_refused():
    text = SPOT_HEADER + row(availability_zone="cn-north-1a", region="cn-north-1")

    with pytest.raises(InvalidInputError, match="no row can be used: the price is not in US"):
        read(text)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spot_price": "-0.01"}, "spot_price '-0.01' is negative"),
        ({"spot_price": "0"}, "spot_price 0 is not a price"),
        ({"spot_price": "0.0000"}, "spot_price 0 is not a price"),
        ({"spot_price": "-0"}, "spot_price 0 is not a price"),
        ({"spot_price": "NaN"}, "spot_price 'NaN' is not a number"),
        ({"spot_price": "inf"}, "spot_price 'inf' is not a number"),
        ({"spot_price": ""}, "spot_price '' is empty"),
        ({"spot_price": "$0.035"}, "is not a number"),
        ({"spot_price": "0x10"}, "is not a number"),
        ({"spot_price": "1_000"}, "is not a number"),
        ({"spot_price": "٣"}, "is not a number"),
        ({"spot_price": "0.0000004"}, "is less than a millionth of a dollar"),
        ({"timestamp": "2026-07-18T10:00:00"}, "has no time zone"),
        ({"timestamp": "2026-07-18"}, "is not a time such as"),
        ({"timestamp": "yesterday"}, "is not a time such as"),
        ({"timestamp": "1784368800"}, "is not a time such as"),
        ({"timestamp": "2026-02-30T10:00:00Z"}, "is not a time (day is out of range for month)"),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "is before August 2006, when EC2 began"),
        ({"timestamp": "2026-07-21T10:00:00Z"}, "timestamp 2026-07-21T10:00:00Z is in the future"),
        ({"timestamp": "9999-12-31T23:59:59-12:00"}, "is not a time"),
        ({"availability_zone": ""}, "availability_zone '' is empty"),
        ({"availability_zone": "eu-west-1a"}, "is not in the region 'us-east-1'"),
        ({"availability_zone": "us-east-1"}, "is not a zone's name or id"),
        ({"region": "USA"}, "region 'USA' is not a region's code"),
        ({"instance_type": "=cmd()"}, "is not the name of an instance type"),
        ({"instance_type": ""}, "is not the name of an instance type"),
        ({"product_description": "=1+1"}, "is not a product description"),
        ({"product_description": ""}, "is not a product description"),
    ],
)
def test_a_row_that_cannot_be_true_refuses_the_file_with_its_line(changes, reason):
    text = SPOT_HEADER + row() + row(timestamp="2026-07-18T11:00:00Z") + row(**changes)

    with pytest.raises(InvalidInputError) as refused:
        read(text)

    assert refused.value.line == 4
    assert reason in refused.value.reason
    assert "nothing was stored" in refused.value.next_step


def test_a_clock_may_be_an_hour_behind_but_not_more():
    """NOW is 12:00; 13:00:00 is one hour ahead, 13:00:01 a second more."""
    read(SPOT_HEADER + row(timestamp="2026-07-20T13:00:00Z"))

    with pytest.raises(InvalidInputError, match="in the future"):
        read(SPOT_HEADER + row(timestamp="2026-07-20T13:00:01Z"))


@pytest.mark.parametrize(
    ("price", "is_believed"),
    [("1.92", True), ("1.93", False), ("0.00096", True), ("0.0009", False)],
)
def test_a_price_far_from_on_demand_refuses_the_file(price, is_believed):
    """m5.large costs 0.096 USD on-demand: 20 x 0.096 = 1.92, 0.096 / 100 = 0.00096."""
    text = SPOT_HEADER + row(spot_price=price)

    if is_believed:
        assert len(read(text).data.series) == 1
    else:
        with pytest.raises(InvalidInputError, match=r"line 2: spot_price .* is not between"):
            read(text)


def test_known_on_demand_prices_replace_the_bundled_ones():
    text = SPOT_HEADER + row(spot_price="0.9")

    with pytest.raises(InvalidInputError, match=r"m5\.large costs 0\.04 USD on-demand"):
        read(text, on_demand={"m5.large": Decimal("0.04")})


def test_a_thousandfold_price_of_an_unknown_type_is_refused():
    """x9.large is unknown, 4 size units: at most 4 x 2 = 8 USD; 0.035 x 1,000 = 35."""
    with pytest.raises(InvalidInputError, match=r"spot_price 35 is not between 0.0004 and 8 USD"):
        read(SPOT_HEADER + row(instance_type="x9.large", spot_price="35"))


@pytest.mark.parametrize(("price", "is_believed"), [("200", True), ("200.01", False)])
def test_a_price_far_above_the_median_of_its_type_is_refused(price, is_believed):
    """x9.metal is unknown and has no size. Prices 1, 1 and ``price``: median 1, at most 200."""
    text = SPOT_HEADER + "".join(
        row(instance_type="x9.metal", spot_price=value, availability_zone=zone)
        for value, zone in (("1", "us-east-1a"), ("1", "us-east-1b"), (price, "us-east-1c"))
    )

    if is_believed:
        assert read(text).rows_read == 3
    else:
        with pytest.raises(InvalidInputError, match=r"line 4: .* more than 200 times the median"):
            read(text)


def test_isolated_zeros_of_aws_are_counted_and_left_out():
    """One zero in 50,000 rows is believed to be AWS's slip."""
    rows = "".join(
        f"m5.large,us-east-1a,us-east-1,Linux/UNIX,0.035,2026-06-{day:02}T{hour:02}:{m:02}:{s:02}Z\n"
        for day in range(1, 15)
        for hour in range(24)
        for m in range(60)
        for s in (0, 20, 40)
    )
    lines = rows.splitlines(keepends=True)[:49_999]

    reading = read(SPOT_HEADER + row(spot_price="0.0") + "".join(lines))

    assert reading.rows_read == 50_000
    assert [(one.count, one.first_line) for one in reading.dropped] == [(1, 2)]
    assert len(reading.data.timestamps) == 49_999
    with pytest.raises(InvalidInputError, match="line 2: spot_price 0 is not a price"):
        read(SPOT_HEADER + row(spot_price="0.0") + "".join(lines[:-1]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (SPOT_HEADER, "holds no Spot prices: there is no row"),
        (SPOT_HEADER + row().replace(",Linux/UNIX", ""), "line 2: the row has 5 columns where"),
        (SPOT_HEADER + row().replace("\n", ",more\n"), "line 2: the row has 7 columns where"),
        (SPOT_CSV.replace(",", ";"), "line 1: the columns are separated by ';'"),
        (SPOT_CSV.replace(",", "\t"), r"line 1: the columns are separated by '\\t'"),
        ("region,os\nus-east-1,Linux\n", "not a table of Spot prices: it has no column instance"),
        ("x", "not a table of Spot prices"),
        ('{"kind": "List", "items": []}', "this JSON holds no Spot prices"),
        ('{"SpotPriceHistory": {}}', "it has no list SpotPriceHistory"),
        ('{"SpotPriceHistory": []}', "holds no Spot prices: there is no row"),
        ('{"SpotPriceHistory": [1]}', "line 1: the record is not an object but '1'"),
        ("[1]", "line 1: the record is not an object"),
        ('[{"SpotPrice": "0.1"}]', "line 1: the record has no instance_type or InstanceType"),
        ("[{}]", "line 1: the record has no instance_type"),
        (SPOT_CSV.replace("region", "az", 1), "line 1: two columns could be availability_zone"),
        (SPOT_HEADER + '"m5.large', "not valid CSV"),
    ],
)
def test_another_kind_of_file_is_refused(text, reason):
    with pytest.raises(InvalidInputError, match=reason):
        read(text)


def test_a_record_with_a_list_for_a_price_is_refused():
    text = SPOT_API_JSON.replace('"0.036000"', "[1]")

    with pytest.raises(InvalidInputError, match="line 1: SpotPrice is not a text or a number"):
        read(text)


def test_the_first_of_several_bad_rows_is_named():
    text = SPOT_HEADER + row() + row(spot_price="bad") + row(timestamp="bad") + "broken\n"

    with pytest.raises(InvalidInputError, match="line 3: spot_price 'bad'"):
        read(text)


def test_a_bad_value_is_named_before_a_later_row_of_another_width():
    with pytest.raises(InvalidInputError, match="line 2: timestamp 'bad'"):
        read(SPOT_HEADER + row(timestamp="bad") + "broken\n")


def test_lines_are_counted_through_quoted_line_breaks():
    text = "note," + SPOT_HEADER + '"two\nlines",' + row() + "x," + row(spot_price="-1")

    with pytest.raises(InvalidInputError) as refused:
        read(text)

    assert refused.value.line == 4


def test_a_long_wrong_text_is_shortened_in_the_message():
    with pytest.raises(InvalidInputError) as refused:
        read(SPOT_HEADER + row(instance_type="x" * 10_000))

    assert len(str(refused.value)) < 300


def test_progress_is_told_in_rows():
    told = []

    read(SPOT_CSV, on_progress=told.append)

    assert told == [4]
