"""The public files beside the checkout, by their exact counts."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import InterruptionBucket, OperatingSystem
from services.files.instance_types import read_instance_types
from services.files.on_demand import read_on_demand_prices
from services.files.recognise import MarketKind, recognise
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor
from services.files.spot_prices import read_spot_prices

NOW = datetime(2026, 8, 1, tzinfo=UTC)

pytestmark = pytest.mark.real_data


@pytest.fixture
def public_file(shared_data):
    return lambda path: SourceFile.at(shared_data / path)


@pytest.mark.parametrize(
    ("name", "rows", "left_out", "series", "regions"),
    [
        ("us-east-1_2021-03_2021-04.csv.gz", 604_944, 0, 4_931, 1),
        ("sa-east-1_2019-12_2020-03.csv.gz", 209_965, 2, 1_628, 1),
        ("all-regions_2022-05-31_az-ids.csv.gz", 33_362, 0, 32_815, 17),
        ("us-east-1_2016_bidding_era_az-b-d.csv.gz", 141_649, 0, 17, 1),
        ("raw_api_m5.large_us-east-1_2021-02.json.gz", 250, 0, 5, 1),
    ],
)
def test_spot_price_histories(public_file, name, rows, left_out, series, regions):
    """The two rows left out in sa-east-1 are zeros that AWS published."""
    reading = read_spot_prices(public_file(f"spot_price_history/{name}"), now=NOW)

    assert reading.rows_read == rows
    assert reading.rows_dropped == left_out
    assert len(reading.data.timestamps) == rows - left_out
    assert len(reading.data.series) == series
    assert len(reading.regions) == regions


def test_the_history_without_zones_is_refused_with_that_reason(public_file):
    name = "spot_price_history/t3.micro_3-regions_2025-12_2026-02_no-az.csv.gz"

    with pytest.raises(InvalidInputError, match="line 2: availability_zone '' is empty"):
        read_spot_prices(public_file(name), now=NOW)


@pytest.mark.parametrize(
    "name", ["spot-advisor-data_2025-06-28.json.gz", "spot_advisor_2025-06-28.csv.gz"]
)
def test_spot_advisor_in_both_forms(public_file, name):
    reading = read_spot_advisor(public_file(f"spot_advisor/{name}"))

    rates = {(r.region, r.operating_system, r.instance_type): r for r in reading.data.rates}
    p5 = rates["ca-central-1", OperatingSystem.LINUX, "p5.48xlarge"]
    assert reading.rows_read == len(reading.data.rates) == 25_323
    assert len(reading.regions) == 33
    assert p5.savings_percent == -62
    assert p5.interruption_bucket in tuple(InterruptionBucket)
    assert {r.operating_system for r in reading.data.rates} == set(OperatingSystem)


def test_both_forms_of_spot_advisor_say_the_same(public_file):
    document = read_spot_advisor(public_file("spot_advisor/spot-advisor-data_2025-06-28.json.gz"))
    table = read_spot_advisor(public_file("spot_advisor/spot_advisor_2025-06-28.csv.gz"))

    assert document.data.rates == table.data.rates


def test_on_demand_prices_in_yuan_are_not_used(public_file):
    """3,002 rows, 316 of them in CNY: 2,686 remain, 1,367 of them of us-east-1."""
    name = "instance_catalog/on_demand_karpenter_2026-07.csv.gz"

    reading = read_on_demand_prices(public_file(name), now=NOW)

    assert reading.rows_read == 3_002
    assert [(one.count, one.first_line) for one in reading.dropped] == [(316, 2)]
    assert "CNY" in reading.dropped[0].reason
    assert len(reading.data) == 2_686
    assert sum(price.region == "us-east-1" for price in reading.data) == 1_367
    assert "cn-north-1" not in reading.regions


def test_on_demand_prices_of_28_regions(public_file):
    name = "instance_catalog/on_demand_28_regions_2023-01-06.csv.gz"

    reading = read_on_demand_prices(public_file(name), now=NOW)

    assert (reading.rows_read, reading.rows_dropped) == (1_120, 0)
    assert len(reading.regions) == 28
    assert reading.as_of == datetime(2023, 1, 6, tzinfo=UTC)
    prices = {(p.region, p.operating_system, p.instance_type): p for p in reading.data}
    cape_town = prices["af-south-1", OperatingSystem.LINUX, "m6gd.12xlarge"]
    assert cape_town.hourly_price == Decimal("2.88")


def test_the_instance_catalogue(public_file):
    """1,409 rows, 32 of them without vCPUs and memory: 1,377 types."""
    name = "instance_catalog/instance_types_2026-07.csv.gz"

    reading = read_instance_types(public_file(name))

    types = {one.instance_type: one for one in reading.data}
    assert (reading.rows_read, reading.rows_dropped, len(types)) == (1_409, 32, 1_377)
    assert types["m5.large"].max_pods == 29
    assert types["p5.48xlarge"].max_pods == 100
    assert types["p5.48xlarge"].gpu_count == 8
    assert types["m6g.metal"].is_bare_metal
    assert types["c7gd.xlarge"].local_nvme


def test_pages_of_describe_instance_types(public_file):
    name = "instance_catalog/describe_instance_types_raw_pages_2025-03.json.gz"

    reading = read_instance_types(public_file(name))

    types = {one.instance_type: one for one in reading.data}
    assert (reading.rows_read, reading.rows_dropped, len(types)) == (865, 0, 865)
    assert types["m7g.4xlarge"].architecture == "arm64"
    assert types["m7g.4xlarge"].max_pods == 234


def test_catalogue_and_api_agree_on_what_decisions_need(public_file):
    table = read_instance_types(public_file("instance_catalog/instance_types_2026-07.csv.gz"))
    pages = read_instance_types(
        public_file("instance_catalog/describe_instance_types_raw_pages_2025-03.json.gz")
    )

    def facts(reading):
        return {
            one.instance_type: (one.vcpu, one.memory_mib, one.gpu_count, one.max_pods)
            for one in reading.data
        }

    one, other = facts(table), facts(pages)
    both = one.keys() & other.keys()
    assert len(both) == 857
    assert [name for name in both if one[name] != other[name]] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("spot_price_history/us-east-1_2021-03_2021-04.csv.gz", "spot_prices"),
        ("spot_price_history/raw_api_m5.large_us-east-1_2021-02.json.gz", "spot_prices"),
        ("spot_advisor/spot-advisor-data_2025-06-28.json.gz", "spot_advisor"),
        ("instance_catalog/on_demand_karpenter_2026-07.csv.gz", "on_demand_prices"),
        ("instance_catalog/instance_types_2026-07.csv.gz", "instance_types"),
        ("instance_catalog/describe_instance_types_raw_pages_2025-03.json.gz", "instance_types"),
    ],
)
def test_public_files_are_recognised(public_file, path, kind):
    assert recognise(public_file(path)) is MarketKind(kind)


@pytest.mark.parametrize(
    "path",
    [
        "k8s_objects/eks_spot_run0_nodes-8-request-count-6.json.gz",
        "usage_timeseries/nab_aws_cloudwatch.csv.gz",
        "cluster_packing/openb_nodes.csv.gz",
    ],
)
def test_other_public_files_are_not_taken_for_market_data(public_file, path):
    with pytest.raises(InvalidInputError, match="none of the kinds"):
        recognise(public_file(path))
