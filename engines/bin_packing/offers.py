"""Instances that a plan may launch, as plain nodes behind those that run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np

from engines.bin_packing.parameters import Asked
from engines.contracts.kubernetes import Node
from engines.contracts.node_table import build_node_table
from engines.contracts.pricing import CapacityType, InstanceType, OperatingSystem
from engines.contracts.snapshot import ClusterSnapshot, Groups
from engines.contracts.state import ClusterState
from engines.cost import list_prices, region_of_node
from engines.node_capacity import Allocatable, estimate_allocatable
from engines.pools import assess_pools

NEW_NODE = "~new-"  # sorts behind every Kubernetes name, so the rows of the other nodes stay


class Offer(NamedTuple):
    """What one instance offers and costs. On-demand is offered once, in no particular zone."""

    instance_type: str
    capacity_type: CapacityType
    zone: str  # "": any of the cluster's
    allocatable: Allocatable
    micro_usd_per_hour: int


class Launch(NamedTuple):
    """One instance that could be launched, and the name that its node goes by in the search."""

    name: str
    offer: Offer
    zone: str


class Place(NamedTuple):
    """Where and for what nodes are launched."""

    region: str
    zones: tuple[str, ...]
    architecture: str
    families: frozenset[str]


def place_of(state: ClusterState, rows: Sequence[int], asked: Asked) -> Place | None:
    """The region, zones and kind of nodes that the nodes ``rows`` could be exchanged for.

    None: they stand in no region or in several. New nodes go to zones that nodes stand in already
    (there are subnets there), and are of the architecture of most of them.
    """
    nodes = state.cluster.nodes
    regions = {region_of_node(nodes, row) for row in rows}
    if len(regions) != 1 or None in regions:
        return None
    zones = sorted({zone for row in rows if (zone := nodes.zones[row]) is not None})
    known = [nodes.architectures[row] or "amd64" for row in rows]
    families = asked.parameters.allowed_families
    if families is None:
        families = tuple((nodes.instance_types[row] or "").partition(".")[0] for row in rows)
    return Place(
        str(regions.pop()),
        tuple(zones),
        max(sorted(set(known)), key=known.count),
        frozenset(families),
    )


def find_offers(
    state: ClusterState, place: Place, asked: Asked, now: datetime
) -> tuple[Offer, ...]:
    """On-demand types at list prices, and the Spot pools that are safe enough, sorted."""
    types = {
        one.instance_type: one for one in state.instance_types.values() if _suits(one, place, asked)
    }
    prices = list_prices(state.on_demand, place.region, OperatingSystem.LINUX, now)
    offers = [
        Offer(
            name,
            CapacityType.ON_DEMAND,
            "",
            estimate_allocatable(types[name]),
            price.micro_usd_per_hour,
        )
        for name, price in prices.items()
        if name in types
    ]
    if asked.parameters.launch_spot:
        offers += _spot(state, place, asked, now, types)
    return tuple(sorted(offers))


def _suits(one: InstanceType, place: Place, asked: Asked) -> bool:
    """Of the wanted family and architecture; odd ones only where a family was named."""
    is_odd = one.is_bare_metal or one.gpu_count > 0 or one.is_burstable
    is_named = asked.parameters.allowed_families is not None
    return (
        one.family in place.families
        and one.architecture == place.architecture
        and (is_named or not is_odd)
    )


def _spot(
    state: ClusterState,
    place: Place,
    asked: Asked,
    now: datetime,
    types: Mapping[str, InstanceType],
) -> Iterator[Offer]:
    for pool in assess_pools(state, place.region, now):
        price, listed = pool.micro_usd_per_hour, pool.on_demand
        if (
            pool.instance_type in types
            and pool.availability_zone in place.zones
            and price is not None
            and listed is not None
            and price < listed.micro_usd_per_hour
            and pool.score >= asked.limits.min_risk_score
        ):
            yield Offer(
                pool.instance_type,
                CapacityType.SPOT,
                pool.availability_zone,
                estimate_allocatable(types[pool.instance_type]),
                price,
            )


def launches_of(counts: Mapping[Offer, int], zones: Sequence[str]) -> tuple[Launch, ...]:
    """So many instances of each offer; on-demand ones take the zones in turn."""
    launches: list[Launch] = []
    for offer in sorted(counts):
        for turn in range(counts[offer]):
            zone = offer.zone or zones[turn % len(zones)]
            launches.append(Launch(f"{NEW_NODE}{len(launches):05d}", offer, zone))
    return tuple(launches)


def new_nodes(state: ClusterState, place: Place, launches: Iterable[Launch]) -> tuple[Node, ...]:
    """Plain nodes: the labels that every node has, EBS's own zone among them, and no taint.

    Their disk is taken to be no larger than that of any node that runs.
    """
    nodes = state.cluster.nodes
    disk = int(nodes.allocatable_ephemeral_storage_bytes.min(initial=np.iinfo(np.int64).max))
    words = _capacity_labels(nodes.items)
    return tuple(_node(place, one, disk, words) for one in launches)


def _node(
    place: Place, launch: Launch, disk: int, words: Mapping[str, Mapping[CapacityType, str]]
) -> Node:
    offer = launch.offer
    amounts = {
        "cpu": f"{offer.allocatable.cpu_millicores}m",
        "memory": str(offer.allocatable.memory_bytes),
        "pods": str(offer.allocatable.pods),
        "ephemeral-storage": str(disk),
    }
    labels = {
        "kubernetes.io/arch": place.architecture,
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": launch.name,
        "node.kubernetes.io/instance-type": offer.instance_type,
        "topology.kubernetes.io/zone": launch.zone,
        "topology.kubernetes.io/region": place.region,
        "topology.ebs.csi.aws.com/zone": launch.zone,
        **{key: values[offer.capacity_type] for key, values in words.items()},
    }
    status = {
        "allocatable": amounts,
        "capacity": amounts,
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return msgspec.convert(
        {"metadata": {"name": launch.name, "labels": labels}, "status": status}, Node
    )


def _capacity_labels(nodes: Iterable[Node]) -> Mapping[str, Mapping[CapacityType, str]]:
    """The labels by which this cluster's nodes tell how they are bought, with their words."""
    words = {
        "karpenter.sh/capacity-type": ("spot", "on-demand"),
        "eks.amazonaws.com/capacityType": ("SPOT", "ON_DEMAND"),
    }
    used = {key for node in nodes for key in words if key in node.metadata.labels}
    return {
        key: {CapacityType.SPOT: words[key][0], CapacityType.ON_DEMAND: words[key][1]}
        for key in sorted(used)
    }


def with_new_nodes(state: ClusterState, added: Sequence[Node]) -> ClusterSnapshot:
    """The snapshot with the nodes that could be launched, behind all others."""
    cluster = state.cluster
    if not added:
        return cluster
    instances = {one.instance_id: one for one in state.instances or ()}
    incomplete = frozenset(
        name
        for name, is_read in zip(cluster.nodes.names, cluster.nodes.fully_read, strict=True)
        if not is_read
    )
    nodes, _, _ = build_node_table((*cluster.nodes.items, *added), instances, incomplete)
    pods = replace(cluster.pods, by_node=Groups.of(cluster.pods.node, len(nodes)))
    return replace(cluster, nodes=nodes, pods=pods)
