"""Which zones there are, by which ids, and which instance types each offers.

Names map to ids as in moto's pretend accounts; the offering of types to zones is that of real
regions, as moto ships it, restricted to the types of the catalogue.
"""

from functools import cache

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

from sandbox.aws.catalogue import offered_types


def zone_ids(region: str) -> dict[str, str]:
    """The ids of a region's zones by name: ``{"us-east-1a": "use1-az6", ...}``."""
    return {zone.name: zone.zone_id for zone in RegionsAndZonesBackend.zones.get(region, ())}


def zones_of_type(instance_type: str, region: str) -> tuple[str, ...]:
    """The zones of a region that offer a type, by name; none for a type that is not offered."""
    return _offerings(region).get(instance_type, ())


@cache
def _offerings(region: str) -> dict[str, tuple[str, ...]]:
    zones: dict[str, list[str]] = {}
    for row in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, ()):
        if row["InstanceType"] in offered_types() and row["Location"] in zone_ids(region):
            zones.setdefault(row["InstanceType"], []).append(row["Location"])
    return {name: tuple(sorted(found)) for name, found in zones.items()}
