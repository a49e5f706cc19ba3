"""On-demand price files: dollars only, one price a date, the whole file or nothing."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import OnDemandPrice, OperatingSystem
from services.files.on_demand import read_on_demand_prices
from services.files.reading import DroppedRows
from tests.services.files.market_texts import NOW, ON_DEMAND_CSV, packed, source

HEADER = "region,instance_type,operating_system,hourly_price,effective_date\n"


def read(text):
    return read_on_demand_prices(source(text), now=NOW)


def row(**changes):
    cells = {
        "region": "us-east-1",
        "instance_type": "m5.large",
        "operating_system": "Linux",
        "hourly_price": "0.096",
        "effective_date": "2026-07-01",
    } | changes
    return ",".join(cells.values()) + "\n"


def test_prices_are_read_with_dates_at_midnight_utc():
    reading = read(ON_DEMAND_CSV)

    assert reading.rows_read == 3
    assert reading.data[0] == OnDemandPrice(
        region="eu-west-1",
        instance_type="m5.large",
        operating_system=OperatingSystem.LINUX,
        hourly_price=Decimal("0.107"),
        effective_date=datetime(2026, 7, 1, tzinfo=UTC),
    )
    assert [price.operating_system for price in reading.data[1:]] == ["Linux", "Windows"]
    assert reading.as_of == datetime(2026, 7, 1, tzinfo=UTC)
    assert reading.regions == ("eu-west-1", "us-east-1")


def test_the_other_headers_and_gz_are_accepted():
    text = (
        "region,os,instance_type,price_usd,vcpu,date\nus-east-1,linux,m5.large,0.096,2,2026-07-01\n"
    )
    other = (
        "region,os,instance_type,price,generated_at\n"
        "us-east-1,Linux,m5.large,0.096,2026-07-01T01:02:03Z\n"
    )

    assert read(packed(text)).data[0].operating_system is OperatingSystem.LINUX
    assert read(other).data[0].effective_date == datetime(2026, 7, 1, 1, 2, 3, tzinfo=UTC)


def test_yuan_never_become_dollars():
    text = (
        HEADER.replace("\n", ",currency\n")
        + row().replace("\n", ",USD\n")
        + row(region="cn-north-1", hourly_price="0.626").replace("\n", ",CNY\n")
        + row(region="cn-north-1", instance_type="m5.xlarge").replace("\n", ",CNY\n")
    )

    reading = read(text)

    assert [price.region for price in reading.data] == ["us-east-1"]
    assert reading.regions == ("us-east-1",)
    assert reading.dropped == (
        DroppedRows(reason="the price is not in US dollars but in CNY", count=2, first_line=3),
    )


def test_prices_of_china_without_a_currency_are_yuan_too():
    reading = read(HEADER + row() + row(region="cn-northwest-1"))

    assert reading.rows_dropped == 1
    assert [price.region for price in reading.data] == ["us-east-1"]


def test_other_operating_systems_are_counted_and_left_out():
    reading = read(HEADER + row() + row(operating_system="RHEL"))

    assert reading.dropped == (
        DroppedRows(reason="operating system 'RHEL' is not used", count=1, first_line=3),
    )


def test_a_file_without_dollars_is_refused():
    with pytest.raises(InvalidInputError, match="no row can be used: the price is not in US"):
        read(HEADER + row(region="cn-north-1"))


def test_one_type_may_have_a_price_for_each_date():
    reading = read(HEADER + row() + row(effective_date="2026-01-01", hourly_price="0.1"))

    assert [price.hourly_price for price in reading.data] == [Decimal("0.1"), Decimal("0.096")]


def test_repeats_are_counted_and_contradictions_refused():
    assert read(HEADER + row() + row()).rows_dropped == 1

    with pytest.raises(InvalidInputError, match="line 3: an earlier row gives another price"):
        read(HEADER + row() + row(hourly_price="0.097"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hourly_price": "-1"}, "is negative"),
        ({"hourly_price": "0"}, "hourly_price 0 is not a price"),
        ({"hourly_price": "nan"}, "is not a number"),
        ({"hourly_price": ""}, "is empty"),
        ({"hourly_price": "96"}, "is not between 0.00096 and 1.92 USD an hour"),
        ({"effective_date": "2026-07-01T00:00:00"}, "has no time zone"),
        ({"effective_date": "01.07.2026"}, "is not a time"),
        ({"effective_date": "2026-13-01"}, "is not a time (month must be in 1..12)"),
        ({"effective_date": "2027-01-01"}, "is in the future"),
        ({"effective_date": "1999-01-01"}, "is before August 2006"),
        ({"region": "Milan"}, "is not a region's code"),
        ({"instance_type": "large"}, "is not the name of an instance type"),
        ({"operating_system": ""}, "operating_system '' is empty"),
    ],
)
def test_a_row_that_cannot_be_true_refuses_the_file_with_its_line(changes, reason):
    with pytest.raises(InvalidInputError) as refused:
        read(HEADER + row(region="eu-west-1") + row(**changes))

    assert refused.value.line == 3
    assert reason in refused.value.reason


def test_windows_may_cost_its_licence_more():
    """Linux: up to 20 x 0.096 = 1.92 USD; the licence adds 0.40 + 4 units x 0.05 = 0.60 USD."""
    assert read(HEADER + row(operating_system="Windows", hourly_price="2.52")).rows_read == 1

    with pytest.raises(InvalidInputError, match="is not between"):
        read(HEADER + row(operating_system="Windows", hourly_price="2.53"))


def test_a_spot_price_file_is_not_one_of_on_demand_prices():
    with pytest.raises(InvalidInputError, match="it has no column operating_system or os"):
        read("instance_type,az,region,product,spot_price,timestamp\nx,y,z,a,b,c\n")


def test_progress_is_told_in_rows():
    told = []

    read_on_demand_prices(source(ON_DEMAND_CSV), now=NOW, on_progress=told.append)

    assert told == [3]
