"""The small catalogue that comes with CloudOptim: common instance types and their list prices.

It makes the first start useful without any import. Every row carries ``CATALOGUE_DATE``, callers
name its origin ``CATALOGUE_NAME``, and data that the user imported always win over it. Prices are
those of us-east-1, Linux, shared tenancy: no other region is guessed from them.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType

from engines.contracts.pricing import InstanceType, OnDemandPrice, OperatingSystem
from services.files.instance_names import family_of, generation_of, is_burstable

CATALOGUE_DATE = datetime(2026, 7, 20, tzinfo=UTC)
"""The day the rows were last compared with AWS's published figures."""

CATALOGUE_NAME = f"bundled catalogue, {CATALOGUE_DATE:%Y-%m-%d}"
CATALOGUE_REGION = "us-east-1"
CATALOGUE_FILE = "catalogue.csv"


@dataclass(frozen=True, slots=True)
class BundledCatalogue:
    """Instance types by name, and the on-demand price of each in ``CATALOGUE_REGION``."""

    instance_types: Mapping[str, InstanceType]
    on_demand: tuple[OnDemandPrice, ...]


@cache
def load_bundled_catalogue() -> BundledCatalogue:
    """Read the catalogue from the package, once."""
    content = resources.files(__package__).joinpath(CATALOGUE_FILE).read_text(encoding="utf-8")
    rows = list(csv.DictReader(content.splitlines()))
    types = {row["instance_type"]: _instance_type(row) for row in rows}
    return BundledCatalogue(
        instance_types=MappingProxyType(types),
        on_demand=tuple(_on_demand_price(row) for row in rows),
    )


def _instance_type(row: Mapping[str, str]) -> InstanceType:
    name = row["instance_type"]
    return InstanceType(
        instance_type=name,
        vcpu=int(row["vcpu"]),
        memory_mib=int(row["memory_mib"]),
        architecture=row["architecture"],
        family=family_of(name),
        generation=generation_of(name),
        max_enis=int(row["max_enis"]),
        ipv4_per_eni=int(row["ipv4_per_eni"]),
        max_pods=int(row["max_pods"]),
        is_burstable=is_burstable(name),
    )


def _on_demand_price(row: Mapping[str, str]) -> OnDemandPrice:
    return OnDemandPrice(
        region=CATALOGUE_REGION,
        instance_type=row["instance_type"],
        operating_system=OperatingSystem.LINUX,
        hourly_price=Decimal(row["hourly_price"]),
        effective_date=CATALOGUE_DATE,
    )
