"""A cluster as it will be once a plan was carried out, so that the next engine can go on from it.

Only what later engines look at is changed: requests and limits, which nodes there are, and which
node each pod is on. The state stays a document that compiles like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from engines.contracts import kubernetes
from engines.contracts.kubernetes.containers import Container, ResourceRequirements
from engines.contracts.kubernetes.nodes import NodeStatus
from engines.contracts.plan import (
    ContainerResources,
    DrainNode,
    LaunchInstance,
    PatchWorkloadResources,
    PlanStep,
    TerminateInstance,
)
from engines.contracts.pricing import CapacityType, InstanceType
from engines.contracts.results import DecisionResponse
from engines.contracts.snapshot import WorkloadKey
from engines.contracts.state import ClusterState, compile_state, to_document
from engines.cost import region_of_zone
from engines.node_capacity import estimate_allocatable

_FIELDS = (
    ("cpu_request", "requests", "cpu"),
    ("memory_request", "requests", "memory"),
    ("cpu_limit", "limits", "cpu"),
    ("memory_limit", "limits", "memory"),
)


def after(state: ClusterState, response: DecisionResponse, now: datetime) -> ClusterState:
    """The state after the response's plan: its patches, its moves, its launches and removals."""
    patches = {
        _key(step): {one.container: one for one in step.resources}
        for step in response.execution_plan
        if isinstance(step, PatchWorkloadResources)
    }
    gone = _nodes_gone(state, response.execution_plan)
    launched = _launched(state, response.execution_plan, now)
    if not (patches or gone or launched):
        return state
    document = to_document(_patched(state, patches))
    nodes = [one for one in document.nodes or () if one.metadata.name not in gone]
    pods = _moved(document.pods or (), response, gone)
    return compile_state(
        msgspec.structs.replace(document, nodes=(*nodes, *launched), pods=tuple(pods))
    )


def _key(step: PatchWorkloadResources) -> WorkloadKey:
    return WorkloadKey(step.workload.kind, step.workload.namespace, step.workload.name)


def _nodes_gone(state: ClusterState, plan: Sequence[PlanStep]) -> frozenset[str]:
    """Nodes that the plan takes away, by name: drained and terminated."""
    nodes = state.cluster.nodes
    names = dict(zip(nodes.instance_ids, nodes.names, strict=True))
    drained = {step.node for step in plan if isinstance(step, DrainNode)}
    terminated = {
        step.node or names.get(step.instance_id, "")
        for step in plan
        if isinstance(step, TerminateInstance)
    }
    return frozenset(drained & terminated)


def _patched(
    state: ClusterState, patches: Mapping[WorkloadKey, Mapping[str, ContainerResources]]
) -> ClusterState:
    """The state with new requests and limits in the pods of the patched workloads."""
    if not patches:
        return state
    cluster = state.cluster
    keys = [
        WorkloadKey(type(one).__name__, one.metadata.namespace, one.metadata.name)
        for one in cluster.workloads
    ]
    document = to_document(state)
    changed = {
        cluster.pods.items[row].key: _with_resources(cluster.pods.items[row], patches[key])
        for position, key in enumerate(keys)
        if key in patches
        for row in cluster.pods.by_workload.members(position).tolist()
    }
    pods = tuple(changed.get(one.key, one) for one in document.pods or ())
    return compile_state(msgspec.structs.replace(document, pods=pods))


def _with_resources(
    pod: kubernetes.Pod, patches: Mapping[str, ContainerResources]
) -> kubernetes.Pod:
    """A pod as the patched template would make it; its own record of a resize is forgotten."""
    spec = msgspec.structs.replace(
        pod.spec,
        containers=_containers(pod.spec.containers, patches),
        init_containers=_containers(pod.spec.init_containers, patches),
    )
    status = msgspec.structs.replace(
        pod.status,
        container_statuses=(),
        init_container_statuses=(),
        resources=None,
        allocated_resources={},
    )
    return msgspec.structs.replace(pod, spec=spec, status=status)


def _containers(
    containers: Iterable[Container], patches: Mapping[str, ContainerResources]
) -> tuple[Container, ...]:
    return tuple(
        msgspec.structs.replace(one, resources=_resources(one.resources, patches[one.name]))
        if one.name in patches
        else one
        for one in containers
    )


def _resources(before: ResourceRequirements, patch: ContainerResources) -> ResourceRequirements:
    """What the patch names replaces what is there; None leaves it as it is."""
    parts = {"requests": dict(before.requests), "limits": dict(before.limits)}
    for name, part, resource in _FIELDS:
        value = getattr(patch, name)
        if value is not None:
            parts[part][resource] = value
    return ResourceRequirements(requests=parts["requests"], limits=parts["limits"])


def _moved(
    pods: Iterable[kubernetes.Pod],
    response: DecisionResponse,
    gone: frozenset[str],
) -> Iterable[kubernetes.Pod]:
    """Pods where the plan puts them. Those of a node that goes, without a place of their own in
    the plan, are waiting for one; what belongs to the node itself goes with it."""
    targets = {move.pod: move.to_node for one in response.recommendations for move in one.moves}
    for pod in pods:
        target = targets.get(pod.key, "" if pod.spec.node_name in gone else pod.spec.node_name)
        if target == pod.spec.node_name:
            yield pod
        elif target or not _belongs_to_node(pod):
            yield msgspec.structs.replace(
                pod, spec=msgspec.structs.replace(pod.spec, node_name=target)
            )


def _belongs_to_node(pod: kubernetes.Pod) -> bool:
    """DaemonSet pods, and mirrors of static pods."""
    controller = pod.metadata.controller
    return controller is not None and controller.kind in ("DaemonSet", "Node")


def _launched(
    state: ClusterState, plan: Sequence[PlanStep], now: datetime
) -> tuple[kubernetes.Node, ...]:
    """The nodes that launched instances will be, named by their steps."""
    return tuple(
        _node(step, state.instance_types[step.instance_type], now)
        for step in plan
        if isinstance(step, LaunchInstance) and step.instance_type in state.instance_types
    )


def _node(step: LaunchInstance, kind: InstanceType, now: datetime) -> kubernetes.Node:
    room = estimate_allocatable(kind)
    amounts = {
        "cpu": f"{room.cpu_millicores}m",
        "memory": str(room.memory_bytes),
        "pods": str(room.pods),
    }
    is_spot = step.capacity_type is CapacityType.SPOT
    labels = {
        "kubernetes.io/hostname": step.id,
        "kubernetes.io/arch": kind.architecture,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": step.instance_type,
        "topology.kubernetes.io/zone": step.availability_zone,
        "topology.kubernetes.io/region": region_of_zone(step.availability_zone) or "",
        "eks.amazonaws.com/capacityType": "SPOT" if is_spot else "ON_DEMAND",
    }
    return kubernetes.Node(
        metadata=kubernetes.ObjectMeta(name=step.id, labels=labels, creation_timestamp=now),
        status=NodeStatus(
            capacity=amounts,
            allocatable=amounts,
            conditions=(kubernetes.NodeCondition(type="Ready", status="True"),),
        ),
    )
