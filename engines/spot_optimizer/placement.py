"""Do all pods find a place on the capacity that is wanted? kube-scheduler's filters say.

The nodes to be launched are added to the snapshot as plain ones, the leaving nodes are taken away,
and every pod that lost its node is placed again, the least free to choose and the largest first,
each on the fullest node that can take it. So a pod that found a place proves that there is one;
one that found none may still be lucky in another order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from engines.allocation import Offering, Purchase
from engines.contracts.kubernetes import Node
from engines.contracts.node_table import build_node_table
from engines.contracts.pricing import CapacityType
from engines.contracts.snapshot import ClusterSnapshot, Groups
from engines.scheduling import Occupancy, build_context, feasible_nodes
from engines.spot_optimizer.demand import Flags, PodNeeds
from engines.spot_optimizer.situation import Situation

MOST_PODS = 50_000
"""More pods than this are not placed one by one: the answer would take minutes."""

_NEW_NODE = "~new-"  # sorts behind every Kubernetes name, so the rows of the other nodes stay
_CAPACITY_TYPE_WORDS: Mapping[str, Mapping[CapacityType, str]] = {
    "karpenter.sh/capacity-type": {
        CapacityType.SPOT: "spot",
        CapacityType.ON_DEMAND: "on-demand",
    },
    "eks.amazonaws.com/capacityType": {
        CapacityType.SPOT: "SPOT",
        CapacityType.ON_DEMAND: "ON_DEMAND",
    },
}


def pods_without_place(
    situation: Situation, launches: Iterable[Purchase], removed: Iterable[str]
) -> tuple[int, ...] | None:
    """The rows of moving pods that find no place; None: too many move to try."""
    nodes, needs = situation.state.cluster.nodes, situation.needs
    leaving = ~(situation.roles.replaceable | situation.roles.staying)
    leaving[[nodes.index[name] for name in removed]] = True
    moving = needs.moves & (needs.node >= 0)
    moving[moving] = leaving[needs.node[moving]]
    if int(moving.sum()) > MOST_PODS:
        return None
    new = [one.offering for one in launches for _ in range(one.count)]
    occupancy = Occupancy(build_context(_with_new_nodes(situation, new)))
    _charge_daemonsets(situation, occupancy, len(nodes))
    for node in np.flatnonzero(leaving).tolist():
        occupancy.take_away(node)
    may_be_spot = [one in (CapacityType.SPOT, None) for one in nodes.capacity_types]
    is_spot = np.array([*may_be_spot, *(one.is_spot for one in new)], np.bool_)
    rows = sorted(np.flatnonzero(moving).tolist(), key=lambda row: _turn(needs, row))
    return tuple(
        sorted(
            row
            for row in rows
            if not _finds_place(row, occupancy, is_spot & needs.is_on_demand_only[row])
        )
    )


def _turn(needs: PodNeeds, row: int) -> tuple[bool, bool, int, int, int]:
    """The least free to choose come first, then the largest."""
    cpu_millicores, memory_bytes, _ = needs.requests[row].tolist()
    is_free = not needs.is_on_demand_only[row]
    return (is_free, needs.zone[row] is None, -cpu_millicores, -memory_bytes, row)


def _finds_place(pod: int, occupancy: Occupancy, forbidden: Flags) -> bool:
    """Place the pod on the fullest node that can take it; False: there is none."""
    nodes = np.flatnonzero(feasible_nodes(pod, occupancy) & ~forbidden)
    if not len(nodes):
        return False
    scale = occupancy.context.allocatable[:2].max(axis=1, keepdims=True)
    fullness = (occupancy.free[:2, nodes] / np.maximum(scale, 1)).sum(axis=0)
    occupancy.place(pod, int(nodes[np.argmin(fullness)]))
    return True


def _charge_daemonsets(situation: Situation, occupancy: Occupancy, first_new: int) -> None:
    """Take from each new node what DaemonSets will take, before any pod comes."""
    resources = occupancy.context.resources
    for name, amount in zip(
        ("cpu", "memory", "pods"), situation.required.daemonsets.tolist(), strict=True
    ):
        occupancy.free[resources.index(name), first_new:] -= amount


def _with_new_nodes(situation: Situation, new: Sequence[Offering]) -> ClusterSnapshot:
    """The snapshot with the nodes that would be launched, behind all others."""
    cluster = situation.state.cluster
    words = {
        key: values
        for key, values in _CAPACITY_TYPE_WORDS.items()
        if any(key in node.metadata.labels for node in cluster.nodes.items)
    }
    added = [_node(situation, f"{_NEW_NODE}{at:05d}", one, words) for at, one in enumerate(new)]
    instances = {one.instance_id: one for one in situation.state.instances or ()}
    nodes, _, _ = build_node_table((*cluster.nodes.items, *added), instances, frozenset())
    pods = replace(cluster.pods, by_node=Groups.of(cluster.pods.node, len(nodes)))
    return replace(cluster, nodes=nodes, pods=pods)


def _node(
    situation: Situation,
    name: str,
    offering: Offering,
    words: Mapping[str, Mapping[CapacityType, str]],
) -> Node:
    """A plain node of an offering: the labels that every node has, EBS's own zone among them, and
    no taint."""
    size = offering.allocatable
    amounts = {
        "cpu": f"{size.cpu_millicores}m",
        "memory": str(size.memory_bytes),
        "pods": str(size.pods),
        "ephemeral-storage": str(_smallest_disk(situation)),
    }
    labels = {
        "kubernetes.io/arch": situation.architecture,
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": offering.instance_type,
        "topology.kubernetes.io/zone": offering.availability_zone,
        "topology.kubernetes.io/region": situation.region,
        "topology.ebs.csi.aws.com/zone": offering.availability_zone,
        **{key: values[offering.capacity_type] for key, values in words.items()},
    }
    return msgspec.convert(
        {
            "metadata": {"name": name, "labels": labels},
            "status": {
                "allocatable": amounts,
                "capacity": amounts,
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        },
        Node,
    )


def _smallest_disk(situation: Situation) -> int:
    """Bytes of local disk that a new node is taken to offer: no more than any node that goes."""
    disks = situation.state.cluster.nodes.allocatable_ephemeral_storage_bytes
    return int(disks[situation.roles.replaceable].min(initial=disks.max(initial=0)))
