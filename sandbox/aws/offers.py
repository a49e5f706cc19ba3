"""AWS's public files: the price list's bulk offer files and the Spot Advisor, as AWS writes them.

Addresses are those of ``pricing.us-east-1.amazonaws.com`` (``/offers/v1.0/aws/...``) and of the
Spot Advisor's bucket (``/spot-advisor-data.json``). Files have ETag and Last-Modified and answer
304 to who has them already.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import md5, sha256
from typing import Any

from sandbox.aws.calls import Answer
from sandbox.aws.catalogue import (
    REGION_NAMES,
    REGION_PRICE_PERCENT,
    OfferedType,
    offered_types,
)
from sandbox.aws.spot_prices import Market
from sandbox.aws.zones import zones_of_type

ADVISOR_PATH = "/spot-advisor-data.json"
OFFERS_PATH = "/offers/v1.0/aws/"
ON_DEMAND_TERM, HOURLY = "JRTCKXETXF", "6YS6EN2CT7"  # codes of every on-demand hourly rate

_DISCLAIMER = (
    "This pricing list is for informational purposes only. All prices are subject to the "
    "additional terms included in the pricing pages on http://aws.amazon.com."
)
_RANGES = ((0, "<5%", 5), (1, "5-10%", 11), (2, "10-15%", 16), (3, "15-20%", 22), (4, ">20%", 100))
_ATTRIBUTE_COLUMNS = {
    "serviceCode": "servicecode",
    "Location": "location",
    "Location Type": "locationType",
    "Instance Type": "instanceType",
    "Current Generation": "currentGeneration",
    "Instance Family": "instanceFamily",
    "vCPU": "vcpu",
    "Memory": "memory",
    "Tenancy": "tenancy",
    "Operating System": "operatingSystem",
    "License Model": "licenseModel",
    "usageType": "usagetype",
    "operation": "operation",
    "CapacityStatus": "capacitystatus",
    "Pre Installed S/W": "preInstalledSw",
    "Region Code": "regionCode",
}
_FAMILIES = {"t": "General purpose", "m": "General purpose", "c": "Compute optimized"}


@dataclass(frozen=True)
class PublicFile:
    """A file's content and what HTTP tells of it."""

    content: bytes
    content_type: str

    @property
    def etag(self) -> str:
        return f'"{md5(self.content, usedforsecurity=False).hexdigest()}"'


def serve(market: Market, path: str, headers: Mapping[str, str], now: datetime) -> Answer:
    """A public file, 304 where the caller has it, 404 where there is none."""
    published_at = publication(now)
    file = _file(market, path, published_at)
    if file is None:
        return Answer(status=404, headers=(("Content-Type", "text/plain"),), body=b"Not Found")
    told = (
        ("ETag", file.etag),
        ("Last-Modified", format_datetime(published_at, usegmt=True)),
        ("Content-Type", file.content_type),
    )
    if _has_it(file, headers, published_at):
        return Answer(status=304, headers=told)
    return Answer(headers=told, body=file.content)


def is_public(path: str) -> bool:
    """Whether a path is one of AWS's public files, which need no credentials."""
    return path == ADVISOR_PATH or path.startswith(OFFERS_PATH)


def publication(now: datetime) -> datetime:
    """When the files that are served at ``now`` were published: every midnight (UTC) anew."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def version_of(published_at: datetime) -> str:
    """The name of a publication in the price list's paths."""
    return f"{published_at:%Y%m%d%H%M%S}"


def _has_it(file: PublicFile, headers: Mapping[str, str], published_at: datetime) -> bool:
    """If-None-Match decides; If-Modified-Since only where it is not sent (RFC 9110)."""
    if "if-none-match" in headers:
        known = [one.strip().removeprefix("W/") for one in headers["if-none-match"].split(",")]
        return file.etag in known or "*" in known
    since = headers.get("if-modified-since")
    return since is not None and parsedate_to_datetime(since) >= published_at


@lru_cache(maxsize=64)
def _file(market: Market, path: str, published_at: datetime) -> PublicFile | None:
    if path == ADVISOR_PATH:
        return _json(advisor(market))
    parts = path.removeprefix(OFFERS_PATH).split("/")
    match parts:
        case ["index.json"]:
            return _json(_index(published_at))
        case ["AmazonEC2", "current", "region_index.json"]:
            return _json(_region_index(published_at))
        case ["AmazonEC2", version, region, name] if version in (
            "current",
            version_of(published_at),
        ):
            if region in REGION_PRICE_PERCENT and name == "index.json":
                return _json(_offer(region, published_at))
            if region in REGION_PRICE_PERCENT and name == "index.csv":
                return PublicFile(_offer_csv(region, published_at).encode(), "text/csv")
    return None


def advisor(market: Market) -> dict[str, Any]:
    """The Spot Advisor's document: savings follow the market, rates of interruption the seed."""
    types = offered_types().values()
    return {
        "global_rate": "<10%",
        "instance_types": {
            one.name: {"emr": False, "cores": one.vcpu, "ram_gb": one.memory_mib / 1024}
            for one in types
        },
        "ranges": [
            {"index": index, "label": label, "dots": index, "max": highest}
            for index, label, highest in _RANGES
        ],
        "spot_advisor": {
            region: {
                "Linux": {one.name: _rate(market, one, region, is_windows=False) for one in types},
                "Windows": {
                    one.name: _rate(market, one, region, is_windows=True)
                    for one in types
                    if one.runs_windows
                },
            }
            for region in REGION_PRICE_PERCENT
        },
    }


def _rate(market: Market, one: OfferedType, region: str, *, is_windows: bool) -> dict[str, int]:
    """Savings in per cent: the licence part of Windows is not discounted."""
    discount = market.usual_discount(one.name, region)
    if is_windows:
        discount *= one.on_demand_micro_usd(region) / one.windows_micro_usd(region)
    return {"s": round(discount * 100), "r": market.interruption_bucket(one.name, region)}


def _index(published_at: datetime) -> dict[str, Any]:
    ec2 = f"{OFFERS_PATH}AmazonEC2"
    return {
        "formatVersion": "v1.0",
        "disclaimer": _DISCLAIMER,
        "publicationDate": _written(published_at),
        "offers": {
            "AmazonEC2": {
                "offerCode": "AmazonEC2",
                "versionIndexUrl": f"{ec2}/index.json",
                "currentVersionUrl": f"{ec2}/current/index.json",
                "currentRegionIndexUrl": f"{ec2}/current/region_index.json",
            }
        },
    }


def _region_index(published_at: datetime) -> dict[str, Any]:
    publication_path = f"{OFFERS_PATH}AmazonEC2/{version_of(published_at)}"
    return {
        "formatVersion": "v1.0",
        "disclaimer": _DISCLAIMER,
        "publicationDate": _written(published_at),
        "regions": {
            region: {
                "regionCode": region,
                "currentVersionUrl": f"{publication_path}/{region}/index.json",
            }
            for region in REGION_PRICE_PERCENT
        },
    }


@dataclass(frozen=True)
class _Product:
    """One product of the price list and its on-demand rate."""

    sku: str
    attributes: Mapping[str, str]
    description: str
    price: str


def _products(region: str) -> Iterator[_Product]:
    """All that is sold in a region: also what readers must leave out (dedicated, reserved)."""
    for one in offered_types().values():
        if not zones_of_type(one.name, region):
            continue
        for system in ("Linux", "Windows") if one.runs_windows else ("Linux",):
            for tenancy in ("Shared", "Dedicated"):
                for status in ("Used", "UnusedCapacityReservation"):
                    yield _product(one, region, system, tenancy, status)


def _product(one: OfferedType, region: str, system: str, tenancy: str, status: str) -> _Product:
    is_windows = system == "Windows"
    micro_usd = one.windows_micro_usd(region) if is_windows else one.on_demand_micro_usd(region)
    if tenancy == "Dedicated":
        micro_usd = micro_usd * 106 // 100
    price = f"{micro_usd // 1_000_000}.{micro_usd % 1_000_000:06d}0000"
    usage = {"Used": "BoxUsage", "UnusedCapacityReservation": "UnusedBox"}[status]
    if tenancy == "Dedicated":
        usage = usage.replace("BoxUsage", "DedicatedUsage").replace("UnusedBox", "UnusedDed")
    sku = sha256(f"{one.name}/{region}/{system}/{tenancy}/{status}".encode()).hexdigest()[:16]
    attributes = {
        "servicecode": "AmazonEC2",
        "location": REGION_NAMES[region],
        "locationType": "AWS Region",
        "instanceType": one.name,
        "currentGeneration": "Yes",
        "instanceFamily": _FAMILIES.get(one.family[0], "Memory optimized"),
        "vcpu": str(one.vcpu),
        "memory": f"{one.memory_mib / 1024:g} GiB",
        "tenancy": tenancy,
        "operatingSystem": system,
        "licenseModel": "No License required",
        "usagetype": f"{usage}:{one.name}",
        "operation": "RunInstances:0002" if is_windows else "RunInstances",
        "capacitystatus": status,
        "preInstalledSw": "NA",
        "regionCode": region,
    }
    word = "Linux/UNIX" if system == "Linux" else "Windows"
    description = f"${price} per On Demand {word} {one.name} Instance Hour"
    return _Product(sku.upper(), attributes, description, price)


def _offer(region: str, published_at: datetime) -> dict[str, Any]:
    products = list(_products(region))
    return {
        "formatVersion": "v1.0",
        "disclaimer": _DISCLAIMER,
        "offerCode": "AmazonEC2",
        "version": version_of(published_at),
        "publicationDate": _written(published_at),
        "products": {
            one.sku: {
                "sku": one.sku,
                "productFamily": "Compute Instance",
                "attributes": one.attributes,
            }
            for one in products
        },
        "terms": {
            "OnDemand": {one.sku: _terms(one, published_at) for one in products},
            "Reserved": {},
        },
        "attributesList": {},
    }


def _terms(one: _Product, published_at: datetime) -> dict[str, Any]:
    rate = f"{one.sku}.{ON_DEMAND_TERM}.{HOURLY}"
    dimension = {
        "rateCode": rate,
        "description": one.description,
        "beginRange": "0",
        "endRange": "Inf",
        "unit": "Hrs",
        "pricePerUnit": {"USD": one.price},
        "appliesTo": [],
    }
    return {
        f"{one.sku}.{ON_DEMAND_TERM}": {
            "offerTermCode": ON_DEMAND_TERM,
            "sku": one.sku,
            "effectiveDate": f"{published_at:%Y-%m}-01T00:00:00Z",
            "priceDimensions": {rate: dimension},
            "termAttributes": {},
        }
    }


def _offer_csv(region: str, published_at: datetime) -> str:
    """Five lines that describe the file, the names of the columns, and a line a rate."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(("FormatVersion", "v1.0"))
    writer.writerow(("Disclaimer", _DISCLAIMER))
    writer.writerow(("Publication Date", _written(published_at)))
    writer.writerow(("Version", version_of(published_at)))
    writer.writerow(("OfferCode", "AmazonEC2"))
    rows = [_csv_row(one, published_at) for one in _products(region)]
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def _csv_row(one: _Product, published_at: datetime) -> dict[str, str]:
    rate = {
        "SKU": one.sku,
        "OfferTermCode": ON_DEMAND_TERM,
        "RateCode": f"{one.sku}.{ON_DEMAND_TERM}.{HOURLY}",
        "TermType": "OnDemand",
        "PriceDescription": one.description,
        "EffectiveDate": f"{published_at:%Y-%m}-01",
        "StartingRange": "0",
        "EndingRange": "Inf",
        "Unit": "Hrs",
        "PricePerUnit": one.price,
        "Currency": "USD",
        "Product Family": "Compute Instance",
    }
    named = {column: one.attributes[name] for column, name in _ATTRIBUTE_COLUMNS.items()}
    return rate | named


def _written(published_at: datetime) -> str:
    return f"{published_at:%Y-%m-%dT%H:%M:%SZ}"


def _json(content: Any) -> PublicFile:
    return PublicFile(json.dumps(content, indent=2).encode(), "application/json")
