"""What of an answer may be carried out, under names that are the only ones of a combined plan."""

import msgspec

from engines.contracts.plan import LaunchInstance, PatchWorkloadResources, PlanStep, WaitForNode
from engines.contracts.results import DecisionResponse, DecisionStatus, PodMove, Recommendation


def to_carry_out(response: DecisionResponse, name: str) -> DecisionResponse:
    """The answer with the plan that may be carried out: its own, the safe alternative, or none.

    Its steps, and the nodes that it launches, are called by ``name`` as well, so that those of
    several answers can stand in one plan.
    """
    if objection_to(response):
        return msgspec.structs.replace(response, execution_plan=(), recommendations=())
    if response.safety is None or response.safety.is_safe:
        plan, advice = response.execution_plan, response.recommendations
    else:
        plan, advice = response.alternative_plan, ()
    launched = {one.id: f"{name}-{one.id}" for one in plan if isinstance(one, LaunchInstance)}
    return msgspec.structs.replace(
        response,
        execution_plan=tuple(_named(step, name) for step in plan),
        recommendations=tuple(_pointing_to(one, launched) for one in advice),
    )


def objection_to(response: DecisionResponse) -> str:
    """Why nothing of an answer may be carried out; "" where it may."""
    if response.status is DecisionStatus.REFUSED:
        return f"no advice: {response.message}"
    verdicts = (response.safety, response.alternative_safety)
    if response.safety is None or any(one is not None and one.is_safe for one in verdicts):
        return ""
    return "its plan did not pass the safety layers, so nothing of it is counted"


def remark_on(response: DecisionResponse) -> str:
    """What a reader must know to understand what the bill makes of an answer; "" for nothing."""
    if objection := objection_to(response):
        return objection
    if any(isinstance(one, PatchWorkloadResources) for one in response.execution_plan):
        return "other requests change no bill by themselves: the next stages count with them"
    return ""


def _named(step: PlanStep, name: str) -> PlanStep:
    named = msgspec.structs.replace(step, id=f"{name}-{step.id}")
    if isinstance(named, WaitForNode):
        return msgspec.structs.replace(named, launch_step=f"{name}-{named.launch_step}")
    return named


def _pointing_to(advice: Recommendation, launched: dict[str, str]) -> Recommendation:
    """The advice with its pods on the launched nodes' new names."""
    if not advice.moves or not launched:
        return advice
    moves = tuple(
        PodMove(
            pod=move.pod,
            from_node=move.from_node,
            to_node=launched.get(move.to_node, move.to_node),
        )
        for move in advice.moves
    )
    return msgspec.structs.replace(advice, moves=moves)
