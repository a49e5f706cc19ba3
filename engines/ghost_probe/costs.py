"""What instances that are no nodes cost per hour, at list prices."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from engines.contracts.aws import Instance
from engines.contracts.pricing import LINUX_PRODUCT, OperatingSystem, PriceSeries, SpotPrice
from engines.contracts.state import ClusterState
from engines.cost import list_prices, region_of_zone

_WINDOWS_PRODUCT = "Windows"


class Product(NamedTuple):
    """What an instance is sold as."""

    region: str
    instance_type: str
    is_windows: bool


def micro_usd_per_hour(
    instances: Iterable[Instance], state: ClusterState, now: datetime
) -> Mapping[str, int]:
    """Micro-dollars per hour by instance id; an instance without a known price is not in it.

    Spot instances cost the price in force in their zone, all others the list price. Licences that
    ``platform_details`` names beyond plain Linux and Windows have no price here.
    """
    spot = state.spot_prices.latest_at(int(now.timestamp()))
    lists: dict[tuple[str, OperatingSystem], Mapping[str, int]] = {}
    costs: dict[str, int] = {}
    for instance in instances:
        product = _product(instance)
        if product is None:
            continue
        if instance.instance_lifecycle == "spot":
            found = _spot_price(instance, product, spot)
        else:
            system = OperatingSystem.WINDOWS if product.is_windows else OperatingSystem.LINUX
            key = (product.region, system)
            if key not in lists:
                lists[key] = _list(state, key, now)
            found = lists[key].get(product.instance_type)
        if found is not None:
            costs[instance.instance_id] = found
    return costs


def _product(instance: Instance) -> Product | None:
    region = region_of_zone(instance.placement.availability_zone)
    if region is None or instance.platform_details not in ("", LINUX_PRODUCT, _WINDOWS_PRODUCT):
        return None
    is_windows = instance.platform_details == _WINDOWS_PRODUCT
    return Product(region, instance.instance_type, is_windows)


def _list(
    state: ClusterState, key: tuple[str, OperatingSystem], now: datetime
) -> Mapping[str, int]:
    prices = list_prices(state.on_demand, key[0], key[1], now)
    return {name: one.micro_usd_per_hour for name, one in prices.items()}


def _spot_price(
    instance: Instance, product: Product, spot: Mapping[PriceSeries, SpotPrice]
) -> int | None:
    """By the zone's name or id; EC2 prices some pools under "(Amazon VPC)" only."""
    name = _WINDOWS_PRODUCT if product.is_windows else LINUX_PRODUCT
    placement = instance.placement
    for zone in (placement.availability_zone, placement.availability_zone_id or ""):
        for description in (name, f"{name} (Amazon VPC)"):
            series = PriceSeries(product.region, product.instance_type, zone, description)
            if (price := spot.get(series)) is not None:
                return price.micro_usd
    return None
