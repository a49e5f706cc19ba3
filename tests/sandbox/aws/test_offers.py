"""The price list and the Spot Advisor over HTTP, in AWS's own formats."""

import csv
import gzip
import io
import json

import pytest

from sandbox.aws.offers import ADVISOR_PATH, OFFERS_PATH
from services.files.bundled_catalogue import load_bundled_catalogue
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor

EC2 = f"{OFFERS_PATH}AmazonEC2"


@pytest.fixture
def offer(http):
    """The price list of us-east-1, found from the top as a reader would."""
    index = http.get(f"{OFFERS_PATH}index.json").json()
    regions = http.get(index["offers"]["AmazonEC2"]["currentRegionIndexUrl"]).json()
    return http.get(regions["regions"]["us-east-1"]["currentVersionUrl"]).json()


def shared_linux(offer):
    """Instance type -> dollars, for what a reader wants: shared, used, nothing pre-installed."""
    found = {}
    for sku, product in offer["products"].items():
        had = product["attributes"]
        wanted = ("Shared", "Linux", "Used", "NA")
        names = ("tenancy", "operatingSystem", "capacitystatus", "preInstalledSw")
        if tuple(had[name] for name in names) == wanted:
            (term,) = offer["terms"]["OnDemand"][sku].values()
            (dimension,) = term["priceDimensions"].values()
            found[had["instanceType"]] = dimension["pricePerUnit"]["USD"]
    return found


def test_the_price_list_holds_the_prices_of_the_catalogue(offer):
    prices = shared_linux(offer)

    assert len(prices) == 72
    assert prices["m5.large"] == "0.0960000000"
    assert prices["c7i.large"] == "0.0892500000"
    for row in load_bundled_catalogue().on_demand:
        assert float(prices[row.instance_type]) == pytest.approx(float(row.hourly_price))


def test_the_price_list_has_aws_names_at_every_depth(offer):
    sku, product = next(iter(offer["products"].items()))
    (code, term), *_ = offer["terms"]["OnDemand"][sku].items()
    (rate, dimension), *_ = term["priceDimensions"].items()

    assert offer["offerCode"] == "AmazonEC2"
    assert product["productFamily"] == "Compute Instance"
    assert product["attributes"]["regionCode"] == "us-east-1"
    assert code == f"{sku}.JRTCKXETXF"
    assert rate == dimension["rateCode"] == f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    assert dimension["unit"] == "Hrs"


def test_the_list_also_holds_what_a_reader_must_leave_out(offer):
    values = [one["attributes"] for one in offer["products"].values()]

    assert {one["tenancy"] for one in values} == {"Shared", "Dedicated"}
    assert {one["capacitystatus"] for one in values} == {"Used", "UnusedCapacityReservation"}
    assert {one["operatingSystem"] for one in values} == {"Linux", "Windows"}


def test_windows_costs_its_licence_more(offer):
    """m5.large: $0.096 and 2 vCPU x $0.046."""
    sku = next(
        sku
        for sku, one in offer["products"].items()
        if one["attributes"]["usagetype"] == "BoxUsage:m5.large"
        and one["attributes"]["operatingSystem"] == "Windows"
    )
    (term,) = offer["terms"]["OnDemand"][sku].values()
    (dimension,) = term["priceDimensions"].values()

    assert dimension["pricePerUnit"] == {"USD": "0.1880000000"}


def test_the_csv_has_five_lines_of_preface_and_the_same_prices(http, offer):
    text = http.get(f"{EC2}/current/us-east-1/index.csv").data.decode()
    preface = list(csv.reader(io.StringIO(text)))[:5]
    rows = list(csv.DictReader(text.splitlines()[5:]))

    assert preface[0] == ["FormatVersion", "v1.0"]
    assert preface[4] == ["OfferCode", "AmazonEC2"]
    prices = {
        row["Instance Type"]: row["PricePerUnit"]
        for row in rows
        if (row["Tenancy"], row["Operating System"], row["CapacityStatus"])
        == ("Shared", "Linux", "Used")
    }
    assert prices == shared_linux(offer)


def test_other_regions_have_other_prices(http):
    """eu-west-1 is priced 11 % above us-east-1: 0.096 x 1.11."""
    offer = http.get(f"{EC2}/current/eu-west-1/index.json").json()

    assert shared_linux(offer)["m5.large"] == "0.1065600000"


def test_the_advisor_is_read_by_the_products_reader(http):
    content = http.get(ADVISOR_PATH).data

    reading = read_spot_advisor(SourceFile.of_bytes("spot-advisor-data.json", content))

    rates = reading.data.rates
    assert reading.dropped == ()
    assert len(reading.regions) == 14
    assert {rate.operating_system.value for rate in rates} == {"Linux", "Windows"}
    assert {int(rate.interruption_bucket) for rate in rates} == {0, 1, 2, 3, 4}


def test_the_advisors_savings_are_those_of_the_market(scenario, http):
    document = http.get(ADVISOR_PATH).json()
    discount = scenario.cloud.market.usual_discount("m5.xlarge", "us-east-1")

    rate = document["spot_advisor"]["us-east-1"]["Linux"]["m5.xlarge"]

    assert rate["s"] == round(discount * 100)
    assert 48 <= rate["s"] <= 72


@pytest.mark.real_data
def test_the_advisor_has_the_ranges_of_the_real_one(http, shared_data):
    path = shared_data / "spot_advisor" / "spot-advisor-data_2025-06-28.json.gz"
    real = json.loads(gzip.decompress(path.read_bytes()))

    ours = http.get(ADVISOR_PATH).json()

    assert ours.keys() == real.keys()
    assert ours["ranges"] == real["ranges"]
    assert ours["instance_types"]["m5.large"].keys() == real["instance_types"]["m5.large"].keys()


@pytest.mark.parametrize(
    "path", [ADVISOR_PATH, f"{OFFERS_PATH}index.json", f"{EC2}/current/us-east-1/index.csv"]
)
def test_who_has_the_file_already_gets_304_and_no_body(http, path):
    first = http.get(path)
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]

    by_etag = http.get(path, {"If-None-Match": etag})
    by_date = http.get(path, {"If-Modified-Since": modified})

    assert first.status == 200
    assert (by_etag.status, by_etag.data) == (304, b"")
    assert (by_date.status, by_date.data) == (304, b"")
    assert by_etag.headers["ETag"] == etag


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": "Sun, 19 Jul 2026 00:00:00 GMT"},
        {"If-None-Match": '"other"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ],
)
def test_who_has_another_file_gets_this_one(http, headers):
    assert http.get(ADVISOR_PATH, headers).status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{OFFERS_PATH}AmazonRDS/current/us-east-1/index.json",
        f"{EC2}/current/mars-north-1/index.json",
        f"{EC2}/19990101000000/us-east-1/index.json",
        f"{EC2}/current/us-east-1/index.xml",
    ],
)
def test_files_that_do_not_exist_are_not_found(http, path):
    assert http.get(path).status == 404


def test_the_files_are_published_anew_every_midnight(http, cloud):
    """It is 08:00: sixteen hours are missing to midnight, so one second less changes nothing."""
    path = f"{OFFERS_PATH}AmazonEC2/current/us-east-1/index.json"
    before = http.get(path).json()["publicationDate"]
    cloud.clock.advance(16 * 3600 - 1)
    same = http.get(path).json()["publicationDate"]
    cloud.clock.advance(1)

    assert before == same == "2027-01-15T00:00:00Z"
    assert http.get(path).json()["publicationDate"] == "2027-01-16T00:00:00Z"
