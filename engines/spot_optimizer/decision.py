"""What becomes of a cluster: the wanted capacity, compared with the present one, as a plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engines.allocation import AllocationStatus
from engines.contracts.plan import PlanStep, Verify
from engines.contracts.results import Skipped, Subject
from engines.safety.fleet import Room
from engines.safety.sequencing import NewNode, ordered_steps
from engines.spot_optimizer.choices import Choices, choices_of
from engines.spot_optimizer.nodes import NodeReason
from engines.spot_optimizer.situation import Situation
from engines.spot_optimizer.wanted import Wanted, find_wanted, held_offerings


class ClusterReason(StrEnum):
    """Why the cluster as a whole is left as it is."""

    ALREADY_AS_WANTED = "already_as_wanted"
    NO_CHEAPER_ALLOCATION = "no_cheaper_allocation"
    SAVING_TOO_SMALL = "saving_too_small"
    NO_SAFE_ALLOCATION = "no_safe_allocation"
    SOLVER_LIMIT = "solver_limit"


class KeptReason(StrEnum):
    """Why a node that might be replaced is kept."""

    KEPT = "kept"
    HELD = "too_few_cheaper_types"


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The wanted capacity and what it costs beside the present one; micro-dollars per hour.

    Both bills are of the nodes that may be replaced and of what would be there in their place:
    all else costs the same before and after.
    """

    choices: Choices
    wanted: Wanted
    removed: tuple[str, ...]
    present_bill: int
    wanted_bill: int
    objection: Skipped | None  # why nothing is done; None: the plan is advised
    plan: tuple[PlanStep, ...]

    @property
    def saving(self) -> int:
        """Micro-dollars per hour; negative where the wanted capacity costs more."""
        return self.present_bill - self.wanted_bill


def decide(situation: Situation, cluster_id: str) -> Decision:
    """Find the wanted capacity and, where it is worth it, the steps that lead there."""
    choices = choices_of(situation)
    held = held_offerings(
        choices.keepable, choices.cheaper_types, situation.parameters.spot_to_spot_min_types
    )
    wanted = find_wanted(choices.problem, choices.keepable, held)
    names, costs = situation.state.cluster.nodes.names, situation.roles.micro_usd_per_hour
    replaceable = np.flatnonzero(situation.roles.replaceable).tolist()
    kept = set(wanted.kept)
    removed = tuple(names[row] for row in replaceable if names[row] not in kept)
    present_bill = sum(costs[row] for row in replaceable)
    wanted_bill = sum(costs[row] for row in replaceable if names[row] in kept) + sum(
        one.count * one.offering.micro_usd_per_hour for one in wanted.launches
    )
    objection = _objection(situation, wanted, removed, (present_bill, wanted_bill))
    return Decision(
        choices=choices,
        wanted=wanted,
        removed=removed if wanted.allocation.status is AllocationStatus.SOLVED else (),
        present_bill=present_bill,
        wanted_bill=wanted_bill,
        objection=None
        if objection is None
        else Skipped(
            subject=Subject(kind="Cluster", name=cluster_id),
            reason=objection[0],
            message=objection[1],
        ),
        plan=_plan(situation, wanted, removed) if objection is None and names else (),
    )


def _objection(
    situation: Situation, wanted: Wanted, removed: tuple[str, ...], bills: tuple[int, int]
) -> tuple[ClusterReason, str] | None:
    """Why nothing is done, with a sentence; None: the wanted capacity is worth the move."""
    match wanted.allocation.status:
        case AllocationStatus.INFEASIBLE:
            told = "; ".join(one.message for one in wanted.allocation.shortfalls)
            return ClusterReason.NO_SAFE_ALLOCATION, f"no safe allocation exists: {told}"
        case AllocationStatus.SOLVER_LIMIT:
            return (
                ClusterReason.SOLVER_LIMIT,
                "no allocation was found within the work that one search may take; narrow the"
                " choice by allowed_families",
            )
        case AllocationStatus.SOLVED:
            return _not_worth_it(situation, wanted, removed, bills)


def _not_worth_it(
    situation: Situation, wanted: Wanted, removed: tuple[str, ...], bills: tuple[int, int]
) -> tuple[ClusterReason, str] | None:
    present, after = bills
    if not removed and not wanted.launches:
        return ClusterReason.ALREADY_AS_WANTED, "the cluster is the cheapest safe allocation"
    if not len(situation.state.cluster.nodes):
        return None  # nothing to compare with: the allocation itself is the advice
    told = f"the cheapest safe allocation costs {after / 1e6:g} USD an hour, the nodes that it"
    told += f" would replace cost {present / 1e6:g}"
    if after >= present:
        return ClusterReason.NO_CHEAPER_ALLOCATION, told
    least = situation.parameters.min_plan_saving_percent
    if (present - after) * 100 < least * present:
        return ClusterReason.SAVING_TOO_SMALL, f"{told}: less than {least:g} % is saved"
    return None


def _plan(situation: Situation, wanted: Wanted, removed: Iterable[str]) -> tuple[PlanStep, ...]:
    """Launches, then removals, in an order in which every state on the way is a safe one."""
    required = situation.required.total
    steps = ordered_steps(
        situation.state,
        [
            NewNode(
                one.offering.capacity_type,
                one.offering.instance_type,
                one.offering.availability_zone,
            )
            for one in wanted.launches
            for _ in range(one.count)
        ],
        removed,
        situation.limits,
        nodes_under_notice=under_notice(situation),
        floor=Room(0, required.cpu_millicores, required.memory_bytes),
    )
    nodes = len(situation.state.cluster.nodes) - len(tuple(removed))
    nodes += sum(one.count for one in wanted.launches)
    return (*steps, Verify(id="verify", expectation=f"{nodes} nodes, and no pod is pending"))


def under_notice(situation: Situation) -> frozenset[str]:
    """The nodes that AWS is about to take."""
    return frozenset(
        one.subject.name for one in situation.roles.skipped if one.reason == NodeReason.UNDER_NOTICE
    )


def kept_nodes(situation: Situation, decision: Decision) -> tuple[Skipped, ...]:
    """An entry for each node that might have been replaced and is not."""
    gone = set(decision.removed) if decision.objection is None else set()
    held = {name for names in decision.wanted.held.values() for name in names}
    nodes = situation.state.cluster.nodes
    least = situation.parameters.spot_to_spot_min_types
    entries = []
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
