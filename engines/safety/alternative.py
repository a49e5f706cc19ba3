"""The safe alternative to a plan that fails: the same removals, other launches.

What the plan leaves alone stays. What it launches is put up for choice anew, and so is every node
that it takes away: buying and keeping compete at their prices, and the cheapest allocation within
all layers wins. It becomes a plan in a safe order, and the same judge judges it. Steps that are
about something else than nodes are kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engines.allocation import (
    Allocation,
    AllocationProblem,
    AllocationStatus,
    Capacity,
    Offering,
    Purchase,
    StayingNodes,
    cheapest_safe_allocation,
)
from engines.allocation.problem import ALL_LAYERS, NOTHING
from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    UncordonNode,
    Verify,
    WaitForNode,
    WaitForPods,
)
from engines.contracts.pricing import CapacityType, to_usd
from engines.contracts.state import ClusterState
from engines.contracts.verdict import (
    AllocationEntry,
    Circumstances,
    PlanPurpose,
    SafetyLayer,
    SafetyLimits,
    SafetyVerdict,
    VerdictAction,
)
from engines.safety.fleet import UNKNOWN, Fleet, FleetNode, Pool, Room, least_whole
from engines.safety.judgement import ORDINARY, PoolRisks, judge_plan, score_of
from engines.safety.sequencing import NewNode, ordered_steps
from engines.safety.simulation import KnownNodes, play

KEEPING_DISCOUNT = 0.99
"""A node that runs is exchanged only for one that is 1 % cheaper: a move disturbs its pods."""

_ABOUT_NODES = (
    LaunchInstance,
    WaitForNode,
    CordonNode,
    UncordonNode,
    DrainNode,
    TerminateInstance,
    WaitForPods,  # the alternative waits after each of its own drains
    Verify,  # of the end that the refused plan had promised
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What an alternative may be made of, and what it has to carry.

    ``problem`` holds what can be bought and what is required; its limits and staying nodes are
    not looked at. ``present`` says of each node, by name, what it gives and costs if it is kept;
    a node that is not in it cannot be kept where the plan removes it. What such a node gives to
    the required pods where it stays is in ``usable``, else its allocatable less its DaemonSets.
    """

    problem: AllocationProblem
    present: Mapping[str, Offering]
    usable: Mapping[str, Capacity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on a plan, and the plan that may be executed instead: itself, a safe
    alternative with the verdict on that, or none."""

    verdict: SafetyVerdict
    plan: tuple[PlanStep, ...] = ()
    alternative_verdict: SafetyVerdict | None = None


def judge_or_replace(
    state: ClusterState,
    plan: Sequence[PlanStep],
    limits: SafetyLimits,
    pool_risks: PoolRisks,
    choices: Callable[[], Choices | None],
    circumstances: Circumstances = ORDINARY,
) -> Judgement:
    """Judge the plan; where it fails, find the cheapest safe alternative and judge that too.

    ``choices`` are asked for only then: to list them can take as long as to decide. None: it is
    not known what could be bought instead.
    Where none exists the verdict is ``rejected`` and its message says which layer cannot be met
    and by how much.
    """
    verdict = judge_plan(state, plan, limits, pool_risks, circumstances)
    if verdict.is_safe:
        return Judgement(verdict=verdict, plan=tuple(plan))
    if any(one.layer is SafetyLayer.ALL_TOGETHER for one in verdict.violations):
        return _without(verdict, "none was sought: what cannot be judged cannot be replaced")
    intent = _Intent.of(state, plan, circumstances)
    if intent.without_instance:
        named = ", ".join(intent.without_instance)
        return _without(verdict, f"none was sought: nothing tells the instance of {named}")
    offered = choices()
    if offered is None:
        return _without(verdict, "none was sought: nothing tells what could be bought instead")
    allocation = _allocation(intent, limits, pool_risks, offered, circumstances)
    if allocation.status is not AllocationStatus.SOLVED:
        return _without(verdict, _why_unsolved(allocation))
    steps = _steps(intent, allocation, limits, offered)
    if not any(isinstance(step, _ABOUT_NODES) for step in steps):
        return _without(verdict, "the cheapest one is to change no node")
    second = judge_plan(state, steps, limits, pool_risks, circumstances)
    if not second.is_safe:
        return _without(verdict, f"the cheapest one has no safe order of steps: {second.message}")
    return Judgement(verdict=_replaced(verdict, allocation), plan=steps, alternative_verdict=second)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intent:
    """What the refused plan wants besides its launches.

    ``staying`` are capacity after it, ``leaving`` drained or gone; those that are ``only_drained``
    keep their instance.
    """

    state: ClusterState
    counted: Mapping[str, FleetNode]
    staying: frozenset[str]
    leaving: frozenset[str]
    only_drained: frozenset[str]
    nodes_under_notice: frozenset[str]
    other_steps: tuple[PlanStep, ...]

    @classmethod
    def of(
        cls, state: ClusterState, plan: Sequence[PlanStep], circumstances: Circumstances
    ) -> "_Intent":
        nodes = KnownNodes.of(state, circumstances.nodes_under_notice)
        playback = play(nodes, plan, state.instance_types)
        return cls(
            state=state,
            counted=nodes.counted,
            staying=playback.staying,
            leaving=playback.emptied | playback.terminated,
            only_drained=playback.emptied,
            nodes_under_notice=circumstances.nodes_under_notice,
            other_steps=tuple(step for step in plan if not isinstance(step, _ABOUT_NODES)),
        )

    @property
    def without_instance(self) -> list[str]:
        """Leaving nodes that no step could terminate."""
        table = self.state.cluster.nodes
        return [node for node in sorted(self.leaving) if not table.instance_ids[table.index[node]]]

    def keepable(self, present: Mapping[str, Offering]) -> dict[Offering, list[str]]:
        """The capacity that leaves, by the offering that keeping it is; names in order."""
        groups: dict[Offering, list[str]] = {}
        for node in sorted(self.leaving & self.counted.keys() & present.keys()):
            groups.setdefault(present[node], []).append(node)
        return {_kept(offering, len(names)): names for offering, names in groups.items()}


def _kept(offering: Offering, count: int) -> Offering:
    return msgspec.structs.replace(
        offering,
        is_existing=True,
        max_count=count,
        expected_micro_usd_per_hour=offering.expected_micro_usd_per_hour * KEEPING_DISCOUNT,
    )


def _allocation(
    intent: _Intent,
    limits: SafetyLimits,
    pool_risks: PoolRisks,
    choices: Choices,
    circumstances: Circumstances,
) -> Allocation:
    """The cheapest safe one; a replacement under notice may give up layers 2 and 3 for one.

    New pools are chosen by the same scores that the judge goes by.
    """
    new = [
        msgspec.structs.replace(one, risk_score=score_of(_pool(one), pool_risks))
        for one in choices.problem.offerings
    ]
    problem = msgspec.structs.replace(
        choices.problem,
        offerings=(*new, *intent.keepable(choices.present)),
        staying=_staying_nodes(intent, choices),
        least_allocatable=_least_allocatable(intent, limits),
        limits=limits,
        layers=ALL_LAYERS,
    )
    allocation = cheapest_safe_allocation(problem)
    is_infeasible = allocation.status is AllocationStatus.INFEASIBLE
    if is_infeasible and circumstances.purpose is PlanPurpose.INTERRUPTION:
        firm = frozenset({SafetyLayer.RISK, SafetyLayer.ON_DEMAND_BUFFER})
        return cheapest_safe_allocation(
            msgspec.structs.replace(problem, layers=firm, least_allocatable=NOTHING)
        )
    return allocation


def _least_allocatable(intent: _Intent, limits: SafetyLimits) -> Capacity:
    """The cluster in which no pool that stays has too large a share, or a larger one than now.

    (The allocation itself looks at the shares of those pools only to which it adds.)
    """
    least = least_whole(
        Fleet.of(intent.counted[node] for node in intent.staying),
        Fleet.of(intent.counted.values()),
        limits.max_pool_share,
    )
    return Capacity(least.cpu_millicores, least.memory_bytes)


def _staying_nodes(intent: _Intent, choices: Choices) -> tuple[StayingNodes, ...]:
    """What is capacity after the plan, one entry for each kind of node."""
    table = intent.state.cluster.nodes
    rooms = _rooms(intent.state)
    groups: dict[tuple[str, str, CapacityType], list[tuple[Capacity, Capacity]]] = {}
    for node in sorted(intent.staying):
        row = table.index[node]
        kind = (
            table.instance_types[row] or UNKNOWN,
            table.zones[row] or "",
            table.capacity_types[row] or CapacityType.SPOT,  # as the judge counts it
        )
        allocatable, free = rooms[row]
        offering = choices.present.get(node)
        usable = offering.usable if offering else choices.usable.get(node, free)
        groups.setdefault(kind, []).append((allocatable, usable))
    return tuple(
        StayingNodes(
            instance_type=instance_type,
            availability_zone=zone,
            capacity_type=capacity_type,
            count=len(members),
            allocatable=_sum(allocatable for allocatable, _ in members),
            usable=_sum(usable for _, usable in members),
        )
        for (instance_type, zone, capacity_type), members in sorted(groups.items())
    )


def _rooms(state: ClusterState) -> list[tuple[Capacity, Capacity]]:
    """Of each node its allocatable, and what its DaemonSets leave of that."""
    table, pods = state.cluster.nodes, state.cluster.pods
    allocatable = np.column_stack(
        (table.allocatable_cpu_millicores, table.allocatable_memory_bytes, table.allocatable_pods)
    )
    mine = pods.is_daemonset & ~pods.is_finished & (pods.node >= 0)
    taken = np.zeros_like(allocatable)
    requests = np.column_stack(
        (pods.request_cpu_millicores, pods.request_memory_bytes, np.ones_like(mine, np.int64))
    )
    np.add.at(taken, pods.node[mine], requests[mine])
    left = np.maximum(allocatable - taken, 0)
    return [
        (Capacity(*whole), Capacity(*free))
        for whole, free in zip(allocatable.tolist(), left.tolist(), strict=True)
    ]


def _sum(capacities: Iterable[Capacity]) -> Capacity:
    cpu, memory, pods = 0, 0, 0
    for one in capacities:
        cpu += one.cpu_millicores
        memory += one.memory_bytes
        pods += one.pods
    return Capacity(cpu, memory, pods)


def _steps(
    intent: _Intent, allocation: Allocation, limits: SafetyLimits, choices: Choices
) -> tuple[PlanStep, ...]:
    """The plan's other steps, then launches and removals in a safe order.

    Of interchangeable nodes the first names are kept. The steps kept from the plan get new ids,
    so that none can be mistaken for a step of the alternative.
    """
    keepable = intent.keepable(choices.present)
    kept = {
        node
        for purchase in allocation.purchases
        if purchase.offering.is_existing
        for node in keepable[purchase.offering][: purchase.count]
    }
    required = choices.problem.required
    ordered = ordered_steps(
        intent.state,
        [new for purchase in _bought(allocation) for new in _new_nodes(purchase)],
        intent.leaving - kept,
        limits,
        nodes_under_notice=intent.nodes_under_notice,
        floor=Room(0, required.cpu_millicores, required.memory_bytes),
    )
    others = [msgspec.structs.replace(step, id=f"kept-{step.id}") for step in intent.other_steps]
    return (*others, *(step for step in ordered if not _ends_what_was_only_drained(step, intent)))


def _ends_what_was_only_drained(step: PlanStep, intent: _Intent) -> bool:
    return isinstance(step, TerminateInstance) and step.node in intent.only_drained


def _bought(allocation: Allocation) -> list[Purchase]:
    """What is launched; the other purchases are nodes that are kept."""
    return [one for one in allocation.purchases if not one.offering.is_existing]


def _pool(offering: Offering) -> Pool:
    return Pool(offering.instance_type, offering.availability_zone)


def _new_nodes(purchase: Purchase) -> list[NewNode]:
    one = purchase.offering
    return [NewNode(one.capacity_type, one.instance_type, one.availability_zone)] * purchase.count


def _replaced(verdict: SafetyVerdict, allocation: Allocation) -> SafetyVerdict:
    bought = _bought(allocation)
    launched = sum(purchase.count for purchase in bought)
    kept = sum(purchase.count for purchase in allocation.purchases) - launched
    return msgspec.structs.replace(
        verdict,
        action_taken=VerdictAction.SAFE_ALTERNATIVE_CREATED,
        message=f"{verdict.message}; the safe alternative launches {launched} instances and keeps"
        f" {kept} of the nodes that the plan removes",
        alternative=tuple(
            AllocationEntry(
                instance_type=one.offering.instance_type,
                availability_zone=one.offering.availability_zone,
                capacity_type=one.offering.capacity_type.value,
                count=one.count,
                usd_per_hour=to_usd(one.offering.micro_usd_per_hour),
            )
            for one in bought
        ),
    )


def _why_unsolved(allocation: Allocation) -> str:
    if allocation.status is AllocationStatus.SOLVER_LIMIT:
        return "none was found within the work that one search may take"
    return "none exists: " + "; ".join(one.message for one in allocation.shortfalls)


def _without(verdict: SafetyVerdict, why: str) -> Judgement:
    """Rejected, and nothing may be executed."""
    message = f"{verdict.message}; of safe alternatives, {why}"
    return Judgement(verdict=msgspec.structs.replace(verdict, message=message))
