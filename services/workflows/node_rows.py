"""The nodes of a cluster as screens list them: size, owner, requests, measured use, price."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import Node, NodeMetrics
from engines.contracts.pricing import to_usd
from engines.contracts.quantities import cpu_millicores, whole_units
from engines.contracts.state import ClusterState
from engines.cost import node_cost_per_hour
from services.aws.owners import OwnerKind, owners_of

Integers = NDArray[np.int64]
NOT_MEASURED = -1

_OWNER_LABELS = (
    ("eks.amazonaws.com/nodegroup", OwnerKind.MANAGED_NODE_GROUP),
    ("karpenter.sh/nodepool", OwnerKind.KARPENTER),
    ("karpenter.sh/provisioner-name", OwnerKind.KARPENTER),
)
"""What tells a node's owner where its instance was not read."""


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Shares are of its allocatable, "use" is what metrics-server measured; None: not
    known. ``owner_kind`` is an ``OwnerKind``."""

    name: str
    instance_type: str | None
    zone: str | None
    capacity_type: str | None
    owner_kind: str | None
    owner: str
    is_ready: bool
    is_schedulable: bool
    pods: int
    cpu_share: float | None
    memory_share: float | None
    cpu_use_share: float | None
    memory_use_share: float | None
    usd_per_hour: Decimal | None


@dataclass(frozen=True, slots=True)
class Amounts:
    """An amount of CPU and of memory for each row of the node table."""

    cpu_millicores: Integers
    memory_bytes: Integers


def requests_by_node(state: ClusterState) -> tuple[Integers, Amounts]:
    """How many running pods each node has, and what they ask for."""
    pods = state.cluster.pods
    rows = np.flatnonzero(~pods.is_finished & (pods.node >= 0))

    def total(amounts: Integers) -> Integers:
        sums = np.zeros(len(state.cluster.nodes), np.int64)
        np.add.at(sums, pods.node[rows], amounts[rows])
        return sums

    requests = Amounts(total(pods.request_cpu_millicores), total(pods.request_memory_bytes))
    return total(np.ones(len(pods), np.int64)), requests


def use_by_node(state: ClusterState) -> Amounts:
    """What metrics-server measured on each node; NOT_MEASURED where it said nothing readable."""
    nodes = state.cluster.nodes
    cpu = np.full(len(nodes), NOT_MEASURED, np.int64)
    memory = cpu.copy()
    for measured in state.cluster.node_metrics:
        row = nodes.index.get(measured.metadata.name)
        if row is not None:
            cpu[row] = _amount(measured, "cpu", cpu_millicores)
            memory[row] = _amount(measured, "memory", whole_units)
    return Amounts(cpu, memory)


def node_rows(state: ClusterState, at: datetime) -> tuple[NodeRow, ...]:
    """All nodes by name, priced at ``at``."""
    nodes = state.cluster.nodes
    costs = node_cost_per_hour(state, at)
    pods, requests = requests_by_node(state)
    use = use_by_node(state)
    owners = _owners(state)
    cpu, memory = nodes.allocatable_cpu_millicores, nodes.allocatable_memory_bytes
    return tuple(
        NodeRow(
            name=name,
            instance_type=nodes.instance_types[row],
            zone=nodes.zones[row],
            capacity_type=nodes.capacity_types[row],
            owner_kind=owners.get(name, (None, ""))[0],
            owner=owners.get(name, (None, ""))[1],
            is_ready=bool(nodes.ready[row]),
            is_schedulable=bool(nodes.schedulable[row]),
            pods=int(pods[row]),
            cpu_share=share(requests.cpu_millicores[row], cpu[row]),
            memory_share=share(requests.memory_bytes[row], memory[row]),
            cpu_use_share=share(use.cpu_millicores[row], cpu[row]),
            memory_use_share=share(use.memory_bytes[row], memory[row]),
            usd_per_hour=None if costs[row] < 0 else to_usd(int(costs[row])),
        )
        for row, name in enumerate(nodes.names)
    )


def share(part: Integers | np.int64, whole: Integers | np.int64) -> float | None:
    """Sum against sum, over what was measured; None where there is nothing to share."""
    known = np.asarray(part) != NOT_MEASURED
    total = int(np.sum(np.asarray(whole)[known]))
    return int(np.sum(np.asarray(part)[known])) / total if total else None


def _amount(measured: NodeMetrics, resource: str, read: Callable[[str | int | float], int]) -> int:
    quantity = measured.usage.get(resource)
    try:
        return NOT_MEASURED if quantity is None else read(quantity)
    except InvalidInputError:  # a measurement that is no number is one that was not made
        return NOT_MEASURED


def _owners(state: ClusterState) -> Mapping[str, tuple[str, str]]:
    """Kind and name of each node's owner, by EC2's tags, else by the node's own labels."""
    nodes = state.cluster.nodes
    by_instance = owners_of(state.instances or (), None)
    found: dict[str, tuple[str, str]] = {}
    for name, node, instance_id in zip(nodes.names, nodes.items, nodes.instance_ids, strict=True):
        owner = by_instance.get(instance_id or "")
        if owner is not None and owner.kind is not OwnerKind.NONE:
            found[name] = (owner.kind, owner.name)
        elif labelled := _labelled_owner(node):
            found[name] = labelled
    return found


def _labelled_owner(node: Node) -> tuple[str, str] | None:
    labels = node.metadata.labels
    named = ((str(kind), labels.get(label)) for label, kind in _OWNER_LABELS)
    return next(((kind, name) for kind, name in named if name), None)
