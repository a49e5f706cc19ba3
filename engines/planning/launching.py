"""The nodes that a plan's launches will be, with the DaemonSet pods that come with them.

They have no instance id yet, so the stages that follow leave them where they are: no stage takes
back what one before it launched.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from engines.contracts.kubernetes import DaemonSet, Node, ObjectMeta, Pod, PodStatus
from engines.contracts.kubernetes.meta import OwnerReference
from engines.contracts.kubernetes.nodes import NodeCondition, NodeStatus
from engines.contracts.plan import LaunchInstance, PlanStep
from engines.contracts.pricing import CapacityType, InstanceType
from engines.contracts.state import ClusterState
from engines.cost import region_of_zone
from engines.node_capacity import estimate_allocatable
from engines.scheduling import ClusterContext, daemon_loads

_EKS_LABEL = "eks.amazonaws.com/capacityType"
_CAPACITY_LABELS: Mapping[str, Mapping[CapacityType, str]] = {
    "karpenter.sh/capacity-type": {
        CapacityType.SPOT: "spot",
        CapacityType.ON_DEMAND: "on-demand",
    },
    _EKS_LABEL: {
        CapacityType.SPOT: "SPOT",
        CapacityType.ON_DEMAND: "ON_DEMAND",
    },
}


def launched_nodes(
    state: ClusterState, plan: Iterable[PlanStep], now: datetime
) -> tuple[Node, ...]:
    """The nodes of a plan's launches, named by their steps; types that are not known are left out.

    Their local disk is taken to be no larger than that of any node that runs.
    """
    nodes = state.cluster.nodes
    disk = min(nodes.allocatable_ephemeral_storage_bytes.tolist(), default=0)
    used = {key for node in nodes.items for key in _CAPACITY_LABELS if key in node.metadata.labels}
    return tuple(
        _node(step, state.instance_types[step.instance_type], disk, used or {_EKS_LABEL}, now)
        for step in plan
        if isinstance(step, LaunchInstance) and step.instance_type in state.instance_types
    )


def daemon_pods(context: ClusterContext, launched: Iterable[str]) -> Iterator[Pod]:
    """The DaemonSet pods that will run on the launched nodes, bound to them."""
    rows = {name: context.nodes.names.index(name) for name in sorted(launched)}
    for load in daemon_loads(context):
        workload = context.snapshot.workloads[load.workload]
        if not isinstance(workload, DaemonSet):
            raise TypeError(f"{workload.metadata.name} carries a daemon's load and is none")
        for name, row in rows.items():
            if load.nodes[row]:
                yield _daemon_pod(workload, name)


def _daemon_pod(workload: DaemonSet, node: str) -> Pod:
    template, metadata = workload.spec.template, workload.metadata
    owner = OwnerReference(
        kind="DaemonSet",
        name=metadata.name,
        api_version="apps/v1",
        uid=metadata.uid,
        controller=True,
    )
    return Pod(
        metadata=ObjectMeta(
            name=f"{metadata.name}-{node}",
            namespace=metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            owner_references=(owner,),
        ),
        spec=msgspec.structs.replace(template.spec, node_name=node),
        status=PodStatus(phase="Running"),
    )


def _node(
    step: LaunchInstance, kind: InstanceType, disk: int, used: Collection[str], now: datetime
) -> Node:
    """A plain node: the labels that every node has, EBS's own zone among them, and no taint.

    It tells how it was bought by the labels that this cluster's nodes use for that.
    """
    room = estimate_allocatable(kind)
    amounts = {
        "cpu": f"{room.cpu_millicores}m",
        "memory": str(room.memory_bytes),
        "pods": str(room.pods),
        "ephemeral-storage": str(disk),
    }
    labels = {
        "kubernetes.io/hostname": step.id,
        "kubernetes.io/arch": kind.architecture,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": step.instance_type,
        "topology.kubernetes.io/zone": step.availability_zone,
        "topology.kubernetes.io/region": region_of_zone(step.availability_zone) or "",
        "topology.ebs.csi.aws.com/zone": step.availability_zone,
    }
    labels |= {key: _CAPACITY_LABELS[key][step.capacity_type] for key in sorted(used)}
    return Node(
        metadata=ObjectMeta(name=step.id, labels=labels, creation_timestamp=now),
        status=NodeStatus(
            capacity=amounts,
            allocatable=amounts,
            conditions=(NodeCondition(type="Ready", status="True"),),
        ),
    )
