"""The catalogue that comes with the program."""

import csv
import gzip
from decimal import Decimal

import pytest

from engines.contracts.pricing import OperatingSystem
from services.files.bundled_catalogue import (
    CATALOGUE_DATE,
    CATALOGUE_NAME,
    CATALOGUE_REGION,
    load_bundled_catalogue,
)
from services.files.instance_types import max_pods_by_enis


def test_it_knows_common_types_with_their_pods_and_prices():
    """m5.large: 3 x (10 - 1) + 2 = 29 pods; 0.096 USD an hour in us-east-1."""
    catalogue = load_bundled_catalogue()

    m5_large = catalogue.instance_types["m5.large"]
    prices = {price.instance_type: price for price in catalogue.on_demand}
    assert (m5_large.vcpu, m5_large.memory_mib, m5_large.max_pods) == (2, 8192, 29)
    assert prices["m5.large"].hourly_price == Decimal("0.096")
    assert len(catalogue.instance_types) == 72
    assert prices.keys() == catalogue.instance_types.keys()


def test_it_is_labelled_with_its_date_and_speaks_of_one_region():
    catalogue = load_bundled_catalogue()

    assert CATALOGUE_NAME == "bundled catalogue, 2026-07-20"
    assert {price.region for price in catalogue.on_demand} == {CATALOGUE_REGION}
    assert {price.effective_date for price in catalogue.on_demand} == {CATALOGUE_DATE}
    assert {price.operating_system for price in catalogue.on_demand} == {OperatingSystem.LINUX}


def test_the_pods_of_every_row_follow_the_eni_formula():
    for one in load_bundled_catalogue().instance_types.values():
        assert one.max_enis is not None
        assert one.ipv4_per_eni is not None
        assert one.max_pods == max_pods_by_enis(one.max_enis, one.ipv4_per_eni), one


@pytest.mark.real_data
def test_every_fact_agrees_with_the_public_catalogue(shared_data):
    path = shared_data / "instance_catalog" / "instance_types_2026-07.csv.gz"
    with gzip.open(path, "rt") as text:
        public = {row["instance_type"]: row for row in csv.DictReader(text)}
    catalogue = load_bundled_catalogue()
    prices = {price.instance_type: price.hourly_price for price in catalogue.on_demand}

    for name, one in catalogue.instance_types.items():
        row = public[name]
        expected = [
            row[key] for key in ("vcpu", "memory_mib", "enis", "ipv4_per_eni", "alloc_pods")
        ]
        found = [one.vcpu, one.memory_mib, one.max_enis, one.ipv4_per_eni, one.max_pods]
        assert found == [float(text) for text in expected], name
        assert one.architecture == row["arch"], name
        assert prices[name] == Decimal(row["od_us_east_1_usd_2026_07"]), name
