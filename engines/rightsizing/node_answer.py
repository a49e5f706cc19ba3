"""The answer about nodes: recommendations, and the steps of those that rest on measured use.

Advice from requests alone is never carried out by itself, so it has no steps. Neither has advice
for a node whose pods may not be moved.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import NamedTuple

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    Verify,
    WaitForNode,
    WaitForPods,
)
from engines.contracts.pricing import CapacityType, to_usd
from engines.contracts.results import Json, Recommendation
from engines.contracts.state import ClusterState
from engines.contracts.wording import counted
from engines.disruption import BudgetLedger, Disruptions, Mode
from engines.rightsizing.node_use import Basis
from engines.rightsizing.nodes import NodeAdvice, node_subject

DOWN = "use_smaller_type"
UP = "use_larger_type"
NODES_AT_ONCE = 0.1
"""Of the nodes so many are exchanged by one plan, rounded up: its disruption stays bounded."""


class Exchange(NamedTuple):
    """A node that a plan may exchange, with all that its steps need."""

    advice: NodeAdvice
    name: str
    instance_id: str
    availability_zone: str
    capacity_type: CapacityType


def exchanges(
    state: ClusterState, advice: Sequence[NodeAdvice], now: datetime
) -> tuple[Exchange, ...]:
    """The nodes that a plan may exchange, the greatest savings first; ties by name."""
    disruptions = Disruptions(state.cluster, now)
    ledger = BudgetLedger(disruptions.budgets)
    ready = [
        exchange
        for one in advice
        if one.basis is Basis.USAGE
        and (exchange := _exchange(state, one)) is not None
        and not disruptions.judge_node(one.row)
        and not any(
            disruptions.judge(pod, Mode.VOLUNTARY, ledger).is_blocked
            for pod in state.cluster.pods.by_node.members(one.row).tolist()
        )
    ]
    ready.sort(key=lambda one: (-one.advice.usd_month, one.name))
    return tuple(ready[: ceil(len(state.cluster.nodes) * NODES_AT_ONCE)])


def _exchange(state: ClusterState, advice: NodeAdvice) -> Exchange | None:
    nodes, row = state.cluster.nodes, advice.row
    instance_id, zone = nodes.instance_ids[row], nodes.zones[row]
    capacity_type = nodes.capacity_types[row]
    if instance_id is None or zone is None or capacity_type is None:
        return None
    return Exchange(advice, nodes.names[row], instance_id, zone, capacity_type)


def node_recommendations(
    state: ClusterState, advice: Sequence[NodeAdvice], with_step: Sequence[Exchange]
) -> Iterator[Recommendation]:
    """One recommendation for each node that should be of another type."""
    rows = {one.advice.row for one in with_step}
    for one in advice:
        share = one.evidence["share_of_allocatable"]
        basis = "used on average over 7 days" if one.basis is Basis.USAGE else "asked for by pods"
        yield Recommendation(
            subject=node_subject(state, one.row),
            action=DOWN if one.is_down else UP,
            savings_usd_month=one.usd_month,
            reason=f"{share:.0%} of it is {basis}; {one.target.instance_type} holds its pods",
            node=state.cluster.nodes.names[one.row],
            current=_type_json(one.present.instance_type, one.micro_usd_per_hour),
            recommended=_type_json(one.target.instance_type, one.target_micro_usd_per_hour),
            evidence={**one.evidence, "has_step": one.row in rows},
        )


def _type_json(name: str, micro_usd_per_hour: int) -> Mapping[str, Json]:
    return {"instance_type": name, "usd_per_hour": to_usd(micro_usd_per_hour)}


def node_steps(chosen: Sequence[Exchange]) -> Iterator[PlanStep]:
    """Node by node: launch the other type, wait for it, empty and terminate the present one."""
    for order, one in enumerate(chosen):
        name = one.name
        launch = LaunchInstance(
            id=f"launch-for-{name}",
            priority=order,
            instance_type=one.advice.target.instance_type,
            availability_zone=one.availability_zone,
            capacity_type=one.capacity_type,
            replaces_node=name,
        )
        yield launch
        yield WaitForNode(id=f"wait-for-{name}", priority=order, launch_step=launch.id)
        yield CordonNode(id=f"cordon-{name}", priority=order, node=name)
        yield DrainNode(id=f"drain-{name}", priority=order, node=name)
        yield WaitForPods(id=f"pods-of-{name}", priority=order)
        yield TerminateInstance(
            id=f"terminate-{name}", priority=order, instance_id=one.instance_id, node=name
        )
    if chosen:
        nodes = counted(len(chosen), "node is of its new type", "nodes are of their new types")
        yield Verify(
            id="verify-nodes",
            priority=len(chosen),
            expectation=f"{nodes} and no pod is Pending",
        )
