"""What becomes of a cluster: the wanted capacity, compared with the present one, as a plan."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from engines.allocation import AllocationStatus
from engines.contracts.plan import PlanStep, Verify
from engines.contracts.results import Skipped, Subject
from engines.contracts.wording import counted
from engines.safety.fleet import Room
from engines.safety.sequencing import NewNode, ordered_steps
from engines.spot_optimizer.choices import Choices, choices_of, least_allocatable
from engines.spot_optimizer.demand import capacity_of, with_headroom
from engines.spot_optimizer.nodes import NodeReason
from engines.spot_optimizer.placement import Trial
from engines.spot_optimizer.situation import Situation
from engines.spot_optimizer.wanted import Wanted, find_wanted, held_offerings


class ClusterReason(StrEnum):
    """Why the cluster as a whole is left as it is."""

    ALREADY_AS_WANTED = "already_as_wanted"
    NO_CHEAPER_ALLOCATION = "no_cheaper_allocation"
    SAVING_TOO_SMALL = "saving_too_small"
    NO_SAFE_ALLOCATION = "no_safe_allocation"
    SOLVER_LIMIT = "solver_limit"
    PODS_FIND_NO_PLACE = "pods_find_no_place"


class KeptReason(StrEnum):
    """Why a node that might be replaced is kept."""

    KEPT = "kept"
    HELD = "too_few_cheaper_types"


class Objection(NamedTuple):
    """Why nothing is done, with a sentence and what is to blame."""

    reason: ClusterReason
    message: str
    subjects: tuple[str, ...] = ()


class Placement(NamedTuple):
    """Whether the moving pods were placed on the wanted capacity, and which found no place; and
    which of them kube-scheduler would leave ``pending`` if it places them."""

    was_tried: bool = True
    unplaced: tuple[int, ...] = ()
    was_rehearsed: bool = True
    pending: tuple[int, ...] = ()

    @classmethod
    def of(cls, trial: Trial) -> "Placement":
        """Place the pods of a plan; those for which there is a place are rehearsed."""
        unplaced = trial.pods_without_place()
        if unplaced is None:
            return cls(was_tried=False, was_rehearsed=False)
        if unplaced:
            return cls(unplaced=unplaced, was_rehearsed=False)
        pending = trial.pods_left_pending()
        return cls(was_rehearsed=pending is not None, pending=pending or ())


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The wanted capacity and what it costs beside the present one; micro-dollars per hour.

    Both bills are of the nodes that may be replaced and of what would be there in their place:
    all else costs the same before and after. ``situation`` is the one that was decided on, which
    may ask for more room than the first one did.
    """

    situation: Situation
    choices: Choices
    wanted: Wanted
    removed: tuple[str, ...]
    present_bill: int
    wanted_bill: int
    objection: Objection | None  # why nothing is done; None: the plan is advised
    placement: Placement
    plan: tuple[PlanStep, ...] = ()

    @property
    def saving(self) -> int:
        """Micro-dollars per hour; negative where the wanted capacity costs more."""
        return self.present_bill - self.wanted_bill


def decide(situation: Situation) -> Decision:
    """Find the wanted capacity and, where it is worth it, the steps that lead there."""
    decision = _rehearsed(_with_a_place_for_all(situation))
    if decision.objection is not None or not len(situation.state.cluster.nodes):
        return decision
    if unplaced := decision.placement.unplaced:
        pods = situation.state.cluster.pods.items
        objection = Objection(
            ClusterReason.PODS_FIND_NO_PLACE,
            "pods find no place on the cheapest safe allocation, nor with more room",
            tuple(pods[row].key for row in unplaced),
        )
        return replace(decision, objection=objection)
    return replace(decision, plan=_plan(decision))


def _with_a_place_for_all(situation: Situation) -> Decision:
    """The wanted capacity on which all pods find a place, or the last one tried.

    Capacity that is enough in total may still not hold the pods: nodes of much vCPU and nodes of
    much memory add up to what is required, but pods want both at once. So nodes are next counted
    for what they hold of the pods' own mixture. Then as much room is added as was missing. What
    has no place even then is kept off new nodes by something else: those nodes are left alone.
    """
    decision = _proposed(situation)
    if decision.placement.unplaced:
        situation = replace(situation, counts_by_mixture=True)
        decision = _proposed(situation)
    if unplaced := decision.placement.unplaced:
        decision = _proposed(_with_more_room(situation, unplaced))
    if unplaced := decision.placement.unplaced:
        decision = _proposed(_without_their_nodes(decision.situation, unplaced))
    return decision


def _rehearsed(decision: Decision) -> Decision:
    """The same with more room, or more nodes left alone, where pods would stay pending.

    Of all that are worth it the one that leaves fewest pods pending, the first of equal ones.
    """
    best = decision
    for change in _REMEDIES:
        if not decision.placement.pending:
            break
        other = _proposed(change(decision.situation, decision.placement.pending))
        if other.objection is not None or other.placement.unplaced:
            continue
        decision = other
        best = min(best, decision, key=lambda one: len(one.placement.pending))
    return best


def _proposed(situation: Situation) -> Decision:
    """The wanted capacity of a situation, and whether it is worth it and holds all pods."""
    choices = choices_of(situation)
    held = held_offerings(
        choices.keepable, choices.cheaper_types, situation.parameters.spot_to_spot_min_types
    )
    held_nodes = [name for one in held for name in choices.keepable.groups[one]]
    least = least_allocatable(situation, held_nodes)
    wanted = find_wanted(choices.problem, choices.keepable, held, least)
    is_solved = wanted.allocation.status is AllocationStatus.SOLVED
    names, costs = situation.state.cluster.nodes.names, situation.roles.micro_usd_per_hour
    replaceable = np.flatnonzero(situation.roles.replaceable).tolist()
    kept = set(wanted.kept)
    removed = tuple(names[row] for row in replaceable if is_solved and names[row] not in kept)
    present_bill = sum(costs[row] for row in replaceable)
    wanted_bill = sum(costs[row] for row in replaceable if names[row] in kept) + sum(
        one.count * one.offering.micro_usd_per_hour for one in wanted.launches
    )
    objection = _objection(situation, wanted, removed, (present_bill, wanted_bill))
    placement = Placement()
    if objection is None and (removed or situation.roles.has_lost):
        placement = Placement.of(Trial(situation, wanted.launches, removed))
    return Decision(
        situation=situation,
        choices=choices,
        wanted=wanted,
        removed=removed,
        present_bill=present_bill,
        wanted_bill=wanted_bill,
        objection=objection,
        placement=placement,
    )


def _with_more_room(situation: Situation, unplaced: tuple[int, ...]) -> Situation:
    """Ask for as much more room as the pods without a place would take."""
    needs, percent = situation.needs, situation.parameters.headroom_percent
    rows = np.array(unplaced)
    tied = rows[needs.is_on_demand_only[rows]]
    more = capacity_of(with_headroom(needs.requests[rows].sum(axis=0), percent))
    more_on_demand = capacity_of(with_headroom(needs.requests[tied].sum(axis=0), percent))
    required = situation.required._replace(
        total=situation.required.total.plus(more),
        on_demand=situation.required.on_demand.plus(more_on_demand),
    )
    return replace(situation, required=required)


def _without_their_nodes(situation: Situation, unplaced: tuple[int, ...]) -> Situation:
    """Leave the nodes of the pods without a place alone."""
    pods = situation.state.cluster.pods
    by_node: dict[int, list[str]] = {}
    for row in unplaced:
        by_node.setdefault(int(pods.node[row]), []).append(pods.items[row].key)
    roles = situation.roles.without(situation.state.cluster.nodes, by_node)
    return replace(situation, roles=roles)


_REMEDIES = (_with_more_room, _with_more_room, _without_their_nodes, _without_their_nodes)


def _objection(
    situation: Situation, wanted: Wanted, removed: tuple[str, ...], bills: tuple[int, int]
) -> Objection | None:
    """Why nothing is done, with a sentence; None: the wanted capacity is worth the move."""
    match wanted.allocation.status:
        case AllocationStatus.INFEASIBLE:
            told = "; ".join(one.message for one in wanted.allocation.shortfalls)
            return Objection(ClusterReason.NO_SAFE_ALLOCATION, f"no safe allocation exists: {told}")
        case AllocationStatus.SOLVER_LIMIT:
            return Objection(
                ClusterReason.SOLVER_LIMIT,
                "no allocation was found within the work that one search may take; narrow the"
                " choice by allowed_families",
            )
        case AllocationStatus.SOLVED:
            return _not_worth_it(situation, wanted, removed, bills)


def _not_worth_it(
    situation: Situation, wanted: Wanted, removed: tuple[str, ...], bills: tuple[int, int]
) -> Objection | None:
    present, after = bills
    if not removed and not wanted.launches:
        return Objection(
            ClusterReason.ALREADY_AS_WANTED, "the cluster is the cheapest safe allocation"
        )
    if not len(situation.state.cluster.nodes):
        return None  # nothing to compare with: the allocation itself is the advice
    told = f"the cheapest safe allocation costs {after / 1e6:g} USD an hour, the nodes that it"
    told += f" would replace cost {present / 1e6:g}"
    if after >= present:
        return Objection(ClusterReason.NO_CHEAPER_ALLOCATION, told)
    least = situation.parameters.min_plan_saving_percent
    if (present - after) * 100 < least * present:
        return Objection(ClusterReason.SAVING_TOO_SMALL, f"{told}: less than {least:g} % is saved")
    return None


def _plan(decision: Decision) -> tuple[PlanStep, ...]:
    """Launches, then removals, in an order in which every state on the way is a safe one."""
    situation, launches = decision.situation, decision.wanted.launches
    required = situation.required.total
    steps = ordered_steps(
        situation.state,
        [
            NewNode(
                one.offering.capacity_type,
                one.offering.instance_type,
                one.offering.availability_zone,
            )
            for one in launches
            for _ in range(one.count)
        ],
        decision.removed,
        situation.limits,
        nodes_under_notice=under_notice(situation),
        floor=Room(0, required.cpu_millicores, required.memory_bytes),
    )
    nodes = len(situation.state.cluster.nodes) - len(decision.removed)
    nodes += sum(one.count for one in launches)
    expectation = f"{counted(nodes, 'node')}, and no pod is pending"
    return (*steps, Verify(id="verify", expectation=expectation))


def under_notice(situation: Situation) -> frozenset[str]:
    """The nodes that AWS is about to take."""
    return frozenset(
        one.subject.name for one in situation.roles.skipped if one.reason == NodeReason.UNDER_NOTICE
    )


def left_alone(decision: Decision, cluster_id: str) -> tuple[Skipped, ...]:
    """An entry for each node that might have been replaced and is not, and for the cluster where
    nothing is done."""
    situation = decision.situation
    gone = set(decision.removed) if decision.objection is None else set()
    held = {name for names in decision.wanted.held.values() for name in names}
    nodes = situation.state.cluster.nodes
    least = situation.parameters.spot_to_spot_min_types
    entries = []
    if decision.objection is not None:
        reason, message, subjects = decision.objection
        cluster = Subject(kind="Cluster", name=cluster_id)
        entries.append(Skipped(subject=cluster, reason=reason, message=message, subjects=subjects))
    for row in np.flatnonzero(situation.roles.replaceable).tolist():
        name = nodes.names[row]
        if name in gone:
            continue
        is_held = name in held
        entries.append(
            Skipped(
                subject=Subject(
                    kind="Node",
                    name=name,
                    node=name,
                    instance_id=nodes.instance_ids[row] or "",
                ),
                reason=KeptReason.HELD if is_held else KeptReason.KEPT,
                message=f"fewer than {least} suitable types are cheaper than its Spot pool"
                if is_held
                else _why_kept(decision),
            )
        )
    return tuple(entries)


def _why_kept(decision: Decision) -> str:
    if decision.objection is None:
        return "it is part of the cheapest safe allocation"
    return f"no node is replaced: {decision.objection.message}"
