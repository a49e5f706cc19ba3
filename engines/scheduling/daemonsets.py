"""Which DaemonSets put a pod on which node, and what that costs: the first charge on a new node.

The rule is the DaemonSet controller's: node name, labels and taints, not room. Its pods tolerate
what the controller adds to them; a cordon does not keep them off.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.effective_requests import effective_requests
from engines.contracts.kubernetes import DaemonSet, PodSpec, Toleration
from engines.scheduling.context import PLAIN_RESOURCES, ClusterContext
from engines.scheduling.nodes import Mask, tolerance_of

_ADDED = tuple(
    Toleration(key=f"node.kubernetes.io/{name}", operator="Exists", effect=effect)
    for name, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
)
_ADDED_ON_HOST_NETWORK = Toleration(
    key="node.kubernetes.io/network-unavailable", operator="Exists", effect="NoSchedule"
)


class DaemonLoad(NamedTuple):
    """One DaemonSet (by its row in the snapshot's workloads), its nodes, and what a pod asks for.

    ``requests`` are in the order of the context's resources.
    """

    workload: int
    nodes: Mask
    requests: NDArray[np.int64]


def daemon_loads(context: ClusterContext) -> Iterator[DaemonLoad]:
    """The DaemonSets of the cluster with the nodes, absent ones too, that they would run on."""
    for row, workload in enumerate(context.snapshot.workloads):
        if isinstance(workload, DaemonSet):
            spec = workload.spec.template.spec
            yield DaemonLoad(row, _nodes(spec, context), _requests(spec, context))


def daemon_overhead(context: ClusterContext) -> NDArray[np.int64]:
    """What all DaemonSets together take of each node: resources x nodes, as ``allocatable``."""
    total = np.zeros_like(context.allocatable)
    for load in daemon_loads(context):
        total[:, load.nodes] += load.requests[:, None]
    return total


def _nodes(spec: PodSpec, context: ClusterContext) -> Mask:
    added = (*_ADDED, _ADDED_ON_HOST_NETWORK) if spec.host_network else _ADDED
    tolerance = tolerance_of((*spec.tolerations, *added), context.nodes)
    nodes = context.nodes.matching(spec) & tolerance.mask
    if spec.node_name:
        nodes &= np.array([name == spec.node_name for name in context.nodes.names], np.bool_)
    return nodes


def _requests(spec: PodSpec, context: ClusterContext) -> NDArray[np.int64]:
    """Extended resources that neither a node has nor another pod asks for are left out."""
    requests = effective_requests(spec)
    plain = (requests.cpu_millicores, requests.memory_bytes, requests.ephemeral_storage_bytes)
    amounts = dict(zip(PLAIN_RESOURCES, plain, strict=True)) | dict(requests.extended)
    amounts["pods"] = 1
    return np.array([amounts.get(name, 0) for name in context.resources], np.int64)
