"""A cluster as it will be once a plan was carried out, so that the next engine can go on from it.

Only what later engines look at is changed: requests and limits, which nodes there are, and which
node each pod is on. The state stays a document that compiles like any other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from engines.contracts.kubernetes import Node, Pod
from engines.contracts.node_table import build_node_table
from engines.contracts.plan import DrainNode, PlanStep, TerminateInstance
from engines.contracts.results import DecisionResponse
from engines.contracts.state import ClusterState, CurrentState, compile_state, to_document
from engines.cost import ClusterSummary, summarise_cluster
from engines.planning.launching import launched_nodes
from engines.planning.patching import patched_pods, patched_workload, patches_of
from engines.planning.settling import settle


class Outcome(NamedTuple):
    """The state after a plan. ``homeless`` are the pods whose node the plan takes away, and that
    the scheduler would find no other place for."""

    state: ClusterState
    homeless: tuple[str, ...] = ()


def after(state: ClusterState, response: DecisionResponse, now: datetime) -> Outcome:
    """The state after the response's plan: its patches, its moves, its launches and removals.

    Pods whose new place the plan does not name go where kube-scheduler would put them.
    """
    patches = patches_of(response.execution_plan)
    gone = _nodes_gone(state, response.execution_plan)
    launched = launched_nodes(state, response.execution_plan, now)
    if not (patches or gone or launched):
        return Outcome(state)
    document = to_document(state)
    changed = patched_pods(state.cluster, patches)
    pods = tuple(_moved((changed.get(one.key, one) for one in document.pods or ()), response, gone))
    waiting = {one.key for one in pods if not one.spec.node_name}
    waiting -= {one.key for one in document.pods or () if not one.spec.node_name}
    document = msgspec.structs.replace(
        document,
        nodes=(*_staying(document, gone), *launched),
        pods=None if document.pods is None else pods,
        workloads=None
        if document.workloads is None
        else tuple(patched_workload(one, patches) for one in document.workloads),
    )
    names = [one.metadata.name for one in launched]
    return Outcome(*settle(compile_state(document), names, waiting))


def bill_after(state: ClusterState, response: DecisionResponse, now: datetime) -> ClusterSummary:
    """What nodes there are after the response's plan, and what they cost: the pods are not
    looked at."""
    gone = _nodes_gone(state, response.execution_plan)
    launched = launched_nodes(state, response.execution_plan, now)
    if not (gone or launched):
        return summarise_cluster(state, now)
    staying = [one for one in state.cluster.nodes.items if one.metadata.name not in gone]
    instances = {one.instance_id: one for one in state.instances or ()}
    nodes, _, _ = build_node_table((*staying, *launched), instances, frozenset())
    return summarise_cluster(replace(state, cluster=replace(state.cluster, nodes=nodes)), now)


def _staying(document: CurrentState, gone: frozenset[str]) -> Iterator[Node]:
    return (one for one in document.nodes or () if one.metadata.name not in gone)


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


def _moved(pods: Iterable[Pod], response: DecisionResponse, gone: frozenset[str]) -> Iterable[Pod]:
    """Pods where the plan puts them. Those of a node that goes, without a place of their own in
    the plan, are waiting for one; what belongs to the node itself goes with it."""
    targets: Mapping[str, str] = {
        move.pod: move.to_node for one in response.recommendations for move in one.moves
    }
    for pod in pods:
        target = targets.get(pod.key, "" if pod.spec.node_name in gone else pod.spec.node_name)
        if target == pod.spec.node_name:
            yield pod
        elif target or not _ends_with_its_node(pod):
            yield msgspec.structs.replace(
                pod, spec=msgspec.structs.replace(pod.spec, node_name=target)
            )


def _ends_with_its_node(pod: Pod) -> bool:
    """DaemonSet pods, mirrors of static pods, and pods that have finished or are leaving."""
    controller = pod.metadata.controller
    belongs = controller is not None and controller.kind in ("DaemonSet", "Node")
    is_over = pod.status.phase in ("Succeeded", "Failed")
    return belongs or is_over or pod.metadata.deletion_timestamp is not None
