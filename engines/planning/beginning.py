"""What every combined plan begins with, whatever the order of the rest.

Remedies against OOM kills, office hours, and rightsizing's answer about the state that these leave.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from engines.contracts.plan import PlanStep
from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import ClusterState
from engines.cost import ClusterSummary, summarise_cluster
from engines.planning.carrying import objection_to, remark_on, to_carry_out
from engines.planning.forecast import Asking
from engines.planning.results import Stage
from engines.planning.routes import RIGHTSIZE, Move
from engines.planning.transformation import after

_FRACTION_OF_A_CENT = Decimal("0.000001")
_SHARE = Decimal("0.000000001")  # of a bill of a million dollars a month that is a tenth of a cent


class Beginning(NamedTuple):
    """What the routes start from.

    The state that remedies leave, the share of the month that office hours leave of the
    node-hours, the stages and the steps of both, and what rightsizing says, if it is asked.
    """

    state: ClusterState
    awake_share: Decimal
    stages: tuple[Stage, ...]
    steps: tuple[PlanStep, ...]
    rightsizing: Mapping[Move, DecisionResponse]

    @property
    def is_resized(self) -> bool:
        """Whether rightsizing changes requests, so that it matters if it comes first."""
        return any(to_carry_out(one, "").execution_plan for one in self.rightsizing.values())

    def cost_per_hour(self, nodes: ClusterSummary) -> Decimal:
        """The bill of nodes in an average hour of the month."""
        return _averaged(nodes, self.awake_share)


def begin(asking: Asking) -> Beginning:
    """Ask the engines that the others have to go by; those that ``asking`` lacks are left out."""
    first, now = asking.request.current_state, asking.request.now
    bill = _averaged(summarise_cluster(first, now), Decimal(1))
    stages: list[Stage] = []
    state, share = first, Decimal(1)
    steps: tuple[PlanStep, ...] = ()
    floors: tuple[Any, ...] = ()
    if DecisionType.OOMKILLED_REMEDIATE in asking.engines:
        answer = asking.ask(Move(DecisionType.OOMKILLED_REMEDIATE), first)
        happens = to_carry_out(answer, answer.decision_type)
        state = after(first, happens, now).state
        steps, floors = happens.execution_plan, tuple(_memory_floors(happens))
        stages.append(_fixed_stage(answer, bill, bill, remark_on(answer)))
    if DecisionType.SCHEDULE in asking.engines:
        answer = asking.ask(Move(DecisionType.SCHEDULE), state)
        share = _awake_share(answer, bill)
        cost = _averaged(summarise_cluster(first, now), share)
        stages.append(_fixed_stage(answer, bill, cost, _remark_on_hours(answer, share)))
    return Beginning(state, share, tuple(stages), steps, _rightsizing(asking, state, floors))


def _fixed_stage(answer: DecisionResponse, before: Decimal, cost: Decimal, note: str) -> Stage:
    return Stage(
        decision_type=answer.decision_type,
        cost_per_hour_before=before,
        cost_per_hour_after=cost,
        saving_usd_month=(before - cost) * HOURS_PER_MONTH,
        is_in_plan=bool(answer.execution_plan) and not objection_to(answer),
        note=note,
        response=answer,
    )


def _averaged(nodes: ClusterSummary, awake_share: Decimal) -> Decimal:
    return (nodes.current_cost_per_hour * awake_share).quantize(_FRACTION_OF_A_CENT)


def _awake_share(answer: DecisionResponse, cost_per_hour: Decimal) -> Decimal:
    """The share of the node-hours that is left, by what sleeping saves of the bill."""
    month = cost_per_hour * HOURS_PER_MONTH
    if objection_to(answer) or month <= 0 or answer.estimated_savings <= 0:
        return Decimal(1)
    return (1 - min(Decimal(1), answer.estimated_savings / month)).quantize(_SHARE)


def _remark_on_hours(answer: DecisionResponse, awake_share: Decimal) -> str:
    if awake_share == 1:
        return objection_to(answer)
    return (
        f"sleeping saves {1 - awake_share:.1%} of the node-hours, if the nodes that it empties go;"
        " later stages count for the hours that are left"
    )


def _rightsizing(
    asking: Asking, state: ClusterState, floors: tuple[Any, ...]
) -> Mapping[Move, DecisionResponse]:
    """The answer about the state that remedies leave; it must not take back what they gave."""
    if DecisionType.RIGHTSIZE not in asking.engines:
        return {}
    if not floors:
        return {RIGHTSIZE: asking.ask(RIGHTSIZE, state)}
    own = asking.requirements.get(DecisionType.RIGHTSIZE, {}).get("memory_floors", ())
    return {RIGHTSIZE: asking.ask(RIGHTSIZE, state, memory_floors=(*own, *floors))}


def _memory_floors(response: DecisionResponse) -> Iterable[Any]:
    """What an OOM remedy asks rightsizing to leave alone."""
    for one in response.recommendations:
        floor = one.evidence.get("memory_floor")
        if floor is not None:
            yield floor
