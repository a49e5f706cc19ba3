"""The cluster's VPC: a private subnet in each zone and a security group for nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_VPC_CIDR = "10.20.0.0/16"
_SUBNET_CIDRS = ("10.20.0.0/19", "10.20.32.0/19", "10.20.64.0/19")


@dataclass(frozen=True, kw_only=True)
class Network:
    """Ids of what instances are launched into; a subnet for each zone, in the zones' order."""

    vpc_id: str
    security_group_id: str
    subnet_ids: tuple[str, ...]


def create_network(backend: Any, cluster: str, zones: Sequence[str]) -> Network:
    """Make it in moto's EC2 backend."""
    vpc = backend.create_vpc(_VPC_CIDR, tags=[{"Key": "Name", "Value": cluster}])
    group = backend.create_security_group(f"{cluster}-nodes", "cluster nodes", vpc_id=vpc.id)
    subnets = [
        backend.create_subnet(vpc.id, cidr, availability_zone=zone)
        for zone, cidr in zip(zones, _SUBNET_CIDRS, strict=True)
    ]
    for subnet in subnets:
        subnet.add_tags({f"kubernetes.io/cluster/{cluster}": "shared"})
    return Network(
        vpc_id=vpc.id,
        security_group_id=group.id,
        subnet_ids=tuple(subnet.id for subnet in subnets),
    )
