"""The instance types that the pretend regions offer, with their on-demand prices.

Facts come from the catalogue file that CloudOptim ships, read by its path: the pretend world then
offers exactly what the product knows at its first start, and no figure stands in two places.
Prices of the file are those of us-east-1; other regions are priced by a factor.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

CATALOGUE_FILE = Path(__file__).parents[2] / "services" / "files" / "catalogue.csv"

REGION_PRICE_PERCENT: Mapping[str, int] = MappingProxyType(
    {
        "us-east-1": 100,
        "us-east-2": 100,
        "us-west-2": 100,
        "us-west-1": 117,
        "ca-central-1": 111,
        "eu-west-1": 111,
        "eu-west-2": 116,
        "eu-central-1": 120,
        "eu-north-1": 106,
        "ap-south-1": 105,
        "ap-southeast-1": 125,
        "ap-southeast-2": 125,
        "ap-northeast-1": 129,
        "sa-east-1": 159,
    }
)
"""Prices of a region in per cent of us-east-1's: m5.large in AWS's lists of January 2023."""

REGION_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "us-east-1": "US East (N. Virginia)",
        "us-east-2": "US East (Ohio)",
        "us-west-2": "US West (Oregon)",
        "us-west-1": "US West (N. California)",
        "ca-central-1": "Canada (Central)",
        "eu-west-1": "EU (Ireland)",
        "eu-west-2": "EU (London)",
        "eu-central-1": "EU (Frankfurt)",
        "eu-north-1": "EU (Stockholm)",
        "ap-south-1": "Asia Pacific (Mumbai)",
        "ap-southeast-1": "Asia Pacific (Singapore)",
        "ap-southeast-2": "Asia Pacific (Sydney)",
        "ap-northeast-1": "Asia Pacific (Tokyo)",
        "sa-east-1": "South America (Sao Paulo)",
    }
)
"""Locations as AWS's price list writes them."""

WINDOWS_MICRO_USD_PER_VCPU = 46_000
"""The licence part of Windows prices: $0.046 per vCPU and hour (m5.large 0.188 - 0.096)."""


@dataclass(frozen=True, kw_only=True)
class OfferedType:
    """An instance type that can be launched; ``micro_usd`` is on-demand, Linux, us-east-1."""

    name: str
    vcpu: int
    memory_mib: int
    architecture: str
    max_pods: int
    micro_usd: int

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def runs_windows(self) -> bool:
        """Windows does not run on Graviton."""
        return self.architecture == "amd64"

    def on_demand_micro_usd(self, region: str) -> int:
        """Linux, per hour."""
        return self.micro_usd * REGION_PRICE_PERCENT[region] // 100

    def windows_micro_usd(self, region: str) -> int:
        """Windows, per hour; the licence costs the same everywhere."""
        return self.on_demand_micro_usd(region) + WINDOWS_MICRO_USD_PER_VCPU * self.vcpu


@cache
def offered_types() -> Mapping[str, OfferedType]:
    """All offered types by name, in the order of the file."""
    with CATALOGUE_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    types = (
        OfferedType(
            name=row["instance_type"],
            vcpu=int(row["vcpu"]),
            memory_mib=int(row["memory_mib"]),
            architecture=row["architecture"],
            max_pods=int(row["max_pods"]),
            micro_usd=round(float(row["hourly_price"]) * 1_000_000),
        )
        for row in rows
    )
    return MappingProxyType({one.name: one for one in types})
