"""One plan over all engines, in which no dollar is saved twice.

Each stage looks at the cluster as the stages before it leave it, so a node that bin packing
takes away is not moved to Spot as well, and room that rightsizing frees is what bin packing fills.
Office hours take hours, not nodes: what later stages save in an hour counts for the hours that are
left.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engines.contracts.plan import LaunchInstance, PatchWorkloadResources, PlanStep
from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionResponse, DecisionStatus, DecisionType
from engines.contracts.state import ClusterState
from engines.cost import ClusterSummary, summarise_cluster
from engines.planning.transformation import after

Decide = Callable[[DecisionRequest], DecisionResponse]
"""An engine, or a service that asks one and has its plan judged."""

NODE_STAGES = (
    DecisionType.OOMKILLED_REMEDIATE,
    DecisionType.SCHEDULE,
    DecisionType.RIGHTSIZE,
    DecisionType.BIN_PACK,
    DecisionType.SPOT_OPTIMIZE,
)
"""What changes the bill of the cluster's nodes, in the order in which savings are attributed.

Remedies against OOM kills come first: they cost instead of saving, and rightsizing must not take
back what they give.
"""

OTHER_BILLS = (
    DecisionType.GHOST_PROBE,
    DecisionType.VOLUME_CLEANUP,
    DecisionType.NETWORK_OPTIMIZE,
)
"""Instances outside the cluster, volumes and traffic: on other lines of the bill, so each counts
in full."""

_FRACTION_OF_A_CENT = Decimal("0.000001")


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One engine's part. Costs are of the cluster's nodes, USD per hour, averaged over a month.

    ``note`` says what a reader must know to understand the two figures; ``response`` is the whole
    answer to the state that this stage found.
    """

    decision_type: DecisionType
    cost_per_hour_before: Decimal
    cost_per_hour_after: Decimal
    saving_usd_month: Decimal
    note: str
    response: DecisionResponse


class OtherBill(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine saves beside the cluster's nodes."""

    decision_type: DecisionType
    saving_usd_month: Decimal
    response: DecisionResponse


class CombinedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Today's cost, the cost after each stage, and the end state.

    ``awake_share`` is the part of the month that office hours leave of the node-hours.
    ``final_summary`` describes the nodes in office hours, ``saving_usd_month`` all bills together.
    """

    now: ClusterSummary
    stages: tuple[Stage, ...]
    other_bills: tuple[OtherBill, ...]
    awake_share: Decimal
    cost_per_hour_after: Decimal
    final_summary: ClusterSummary
    saving_usd_month: Decimal


def combine(
    request: DecisionRequest,
    engines: Mapping[DecisionType, Decide],
    requirements: Mapping[DecisionType, Mapping[str, Any]],
) -> CombinedPlan:
    """Ask the engines in the order of ``NODE_STAGES``, each on what the one before it left.

    ``engines`` may lack some, ``requirements`` are each engine's own parameters. The type and the
    requirements of ``request`` itself are not looked at.
    """
    progress = _Progress(request, requirements)
    stages = tuple(progress.take(one, engines[one]) for one in NODE_STAGES if one in engines)
    others = tuple(
        _other_bill(progress, one, engines[one]) for one in OTHER_BILLS if one in engines
    )
    saving = sum((one.saving_usd_month for one in stages), Decimal(0))
    saving += sum((one.saving_usd_month for one in others), Decimal(0))
    before = summarise_cluster(request.current_state, request.now)
    return CombinedPlan(
        now=before,
        stages=stages,
        other_bills=others,
        awake_share=progress.awake_share,
        cost_per_hour_after=stages[-1].cost_per_hour_after
        if stages
        else before.current_cost_per_hour,
        final_summary=summarise_cluster(progress.state, request.now),
        saving_usd_month=saving,
    )


def _other_bill(progress: "_Progress", decision_type: DecisionType, decide: Decide) -> OtherBill:
    """Judged on the cluster as it is: neither ghosts nor volumes wait for the other stages."""
    response = decide(progress.question(decision_type, progress.first))
    return OtherBill(
        decision_type=decision_type, saving_usd_month=response.estimated_savings, response=response
    )


class _Progress:
    """The cluster and its bill while the stages are gone through."""

    def __init__(
        self,
        request: DecisionRequest,
        requirements: Mapping[DecisionType, Mapping[str, Any]],
    ) -> None:
        self._request = request
        self._requirements = requirements
        self._floors: tuple[Any, ...] = ()
        self.first: ClusterState = request.current_state
        self.state: ClusterState = request.current_state
        self.awake_share = Decimal(1)

    def question(self, decision_type: DecisionType, state: ClusterState) -> DecisionRequest:
        """What an engine is asked about a state."""
        requirements = dict(self._requirements.get(decision_type, {}))
        if decision_type is DecisionType.RIGHTSIZE and self._floors:
            given = tuple(requirements.get("memory_floors", ()))
            requirements["memory_floors"] = (*given, *self._floors)
        return msgspec.structs.replace(
            self._request,
            request_id=f"{self._request.request_id}/{decision_type}",
            decision_type=decision_type,
            current_state=state,
            requirements=requirements,
        )

    def take(self, decision_type: DecisionType, decide: Decide) -> Stage:
        """Ask one engine, and let the plan of its answer happen."""
        before = self._cost_per_hour()
        response = decide(self.question(decision_type, self.state))
        note = self._happen(response)
        cost = self._cost_per_hour()
        return Stage(
            decision_type=decision_type,
            cost_per_hour_before=before,
            cost_per_hour_after=cost,
            saving_usd_month=(before - cost) * HOURS_PER_MONTH,
            note=note,
            response=response,
        )

    def _happen(self, response: DecisionResponse) -> str:
        """The state after the answer; what there is to say about it."""
        if response.status is DecisionStatus.REFUSED:
            return f"no advice: {response.message}"
        if _is_rejected(response):
            return "its plan did not pass the safety layers, so nothing of it is counted"
        if response.decision_type is DecisionType.SCHEDULE:
            return self._sleep(response)
        self._floors += tuple(_memory_floors(response))
        self.state = after(self.state, _to_execute(response), self._request.now)
        if any(isinstance(one, PatchWorkloadResources) for one in response.execution_plan):
            return "other requests change no bill by themselves: the next stages count with them"
        unknown = _unknown_types(response.execution_plan, self.state)
        if unknown:
            return f"the cost after it leaves out types that are not known: {', '.join(unknown)}"
        return ""

    def _sleep(self, response: DecisionResponse) -> str:
        """Hours of the month that office hours save, as a share of the whole bill."""
        month = self._cost_per_hour() * HOURS_PER_MONTH
        if month <= 0 or response.estimated_savings <= 0:
            return ""
        asleep = min(Decimal(1), response.estimated_savings / month)
        self.awake_share = (1 - asleep).quantize(_FRACTION_OF_A_CENT)
        return (
            f"sleeping saves {asleep:.1%} of the node-hours, if the nodes that it empties go; "
            "later stages count for the hours that are left"
        )

    def _cost_per_hour(self) -> Decimal:
        """The bill of the nodes in an average hour of the month."""
        cost = summarise_cluster(self.state, self._request.now).current_cost_per_hour
        return (cost * self.awake_share).quantize(_FRACTION_OF_A_CENT)


def _is_rejected(response: DecisionResponse) -> bool:
    """Whether the judge let neither the plan nor an alternative pass."""
    if response.safety is None or response.safety.is_safe:
        return False
    alternative = response.alternative_safety
    return alternative is None or not alternative.is_safe


def _to_execute(response: DecisionResponse) -> DecisionResponse:
    """The answer with the plan that may be carried out: its own, or the safe alternative."""
    if response.safety is None or response.safety.is_safe:
        return response
    return msgspec.structs.replace(
        response, execution_plan=response.alternative_plan, recommendations=()
    )


def _memory_floors(response: DecisionResponse) -> Iterable[Any]:
    """What an OOM remedy asks rightsizing to leave alone."""
    for one in response.recommendations:
        floor = one.evidence.get("memory_floor")
        if floor is not None:
            yield floor


def _unknown_types(plan: Iterable[PlanStep], state: ClusterState) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                step.instance_type
                for step in plan
                if isinstance(step, LaunchInstance)
                and step.instance_type not in state.instance_types
            }
        )
    )
