"""Do all pods find a place on the capacity that is wanted? kube-scheduler's filters say.

The nodes to be launched are added to the snapshot as plain ones, the leaving nodes are taken away,
and every pod that lost its node is placed again, the least free to choose and the largest first,
each on the fullest node that can take it. So a pod that found a place proves that there is one;
one that found none may still be lucky in another order. What kube-scheduler itself would do, which
does not know those places, is rehearsed besides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from engines.allocation import Offering, Purchase
from engines.contracts.kubernetes import CSINode, Node
from engines.contracts.node_table import build_node_table
from engines.contracts.pricing import CapacityType
from engines.contracts.snapshot import ClusterSnapshot, Groups
from engines.scheduling import Occupancy, Scorer, build_context, feasible_nodes
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


MOST_COMPARISONS = 8_000_000
"""Moving pods x all pods beyond which nothing is rehearsed: the answer would take minutes."""


class Trial:
    """A plan as it would go: its launches are there, and its pods look for a new place."""

    def __init__(
        self, situation: Situation, launches: Iterable[Purchase], removed: Iterable[str]
    ) -> None:
        nodes, needs = situation.state.cluster.nodes, situation.needs
        self._needs = needs
        self._leaving = ~(situation.roles.replaceable | situation.roles.staying)
        self._leaving[[nodes.index[name] for name in removed]] = True
        moving = needs.moves & (needs.node >= 0)
        moving[moving] = self._leaving[needs.node[moving]]
        self._moving: list[int] = np.flatnonzero(moving).tolist()
        new = [one.offering for one in launches for _ in range(one.count)]
        may_be_spot = [one in (CapacityType.SPOT, None) for one in nodes.capacity_types]
        self._is_spot = np.array([*may_be_spot, *(one.is_spot for one in new)], np.bool_)
        if len(self._moving) <= MOST_PODS:
            self._occupancy = Occupancy(build_context(_with_new_nodes(situation, new)))
            _charge_daemonsets(situation, self._occupancy, len(nodes))
            for node in np.flatnonzero(self._leaving).tolist():
                self._occupancy.take_away(node)

    def pods_without_place(self) -> tuple[int, ...] | None:
        """The rows of moving pods for which no place is found; None: too many move to try."""
        if len(self._moving) > MOST_PODS:
            return None
        occupancy, needs = self._occupancy.copy(), self._needs
        rows = sorted(self._moving, key=lambda row: _turn(needs, row))
        return tuple(
            sorted(
                row
                for row in rows
                if not _finds_place(row, occupancy, self._is_spot & needs.is_on_demand_only[row])
            )
        )

    def pods_left_pending(self) -> tuple[int, ...] | None:
        """The rows of moving pods that kube-scheduler may leave pending; None: not rehearsed.

        It does not know our targets, and spreads. Pods come to it by priority; those of equal
        priority come by name in one rehearsal, and the other way round in a second.
        """
        pods = self._occupancy.context.snapshot.pods.items
        if len(self._moving) * len(pods) > MOST_COMPARISONS:
            return None
        scorer = Scorer(self._occupancy.context)
        by_name = sorted(self._moving, key=lambda row: -pods[row].spec.priority)
        turned = sorted(self._moving, key=lambda row: (-pods[row].spec.priority, -row))
        pending = {*self._rehearsed(by_name, scorer), *self._rehearsed(turned, scorer)}
        return tuple(sorted(pending))

    def _rehearsed(self, rows: Sequence[int], scorer: Scorer) -> Iterator[int]:
        """The pods that find no node, if they come in this order."""
        occupancy = self._occupancy.copy()
        for row in rows:
            node = scorer.choose(row, occupancy)
            if node is None:
                yield row
            else:
                occupancy.place(row, node)


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
    csi_nodes = (*cluster.csi_nodes, *_csi_nodes(cluster, added))
    return replace(cluster, nodes=nodes, pods=pods, csi_nodes=csi_nodes)


def _csi_nodes(cluster: ClusterSnapshot, added: Iterable[Node]) -> Iterator[CSINode]:
    """What drivers will say of new nodes is not known before they are there: they are taken to
    attach no more volumes than any node that says how many it can."""
    least: dict[str, int] = {}
    for driver in (one for known in cluster.csi_nodes for one in known.spec.drivers):
        if driver.allocatable is not None and driver.allocatable.count is not None:
            count = driver.allocatable.count
            least[driver.name] = min(count, least.get(driver.name, count))
    drivers = [
        {"name": name, "nodeID": "", "allocatable": {"count": count}}
        for name, count in sorted(least.items())
    ]
    for node in added:
        content = {"metadata": {"name": node.metadata.name}, "spec": {"drivers": drivers}}
        yield msgspec.convert(content, CSINode)


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
