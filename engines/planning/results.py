"""What a combined plan is: the stages with their savings, the routes that were tried, the steps."""

from decimal import Decimal

import msgspec

from engines.contracts.plan import PlanStep
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.verdict import SafetyVerdict
from engines.cost import ClusterSummary


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One engine's part. Costs are of the cluster's nodes, USD per hour, averaged over a month.

    The saving is what the engine adds to those before it. ``is_in_plan``: the plan has steps of
    its own for it. ``note`` says what a reader must know to understand the figures; ``response`` is
    the engine's whole answer to the state that it found on the chosen route, or, where the route
    leaves it out, to the state that it would have found first.
    """

    decision_type: DecisionType
    cost_per_hour_before: Decimal
    cost_per_hour_after: Decimal
    saving_usd_month: Decimal
    is_in_plan: bool
    note: str
    response: DecisionResponse


class OtherBill(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine saves beside the cluster's nodes."""

    decision_type: DecisionType
    saving_usd_month: Decimal
    response: DecisionResponse


class TriedRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One order of engines that was tried, and where it leads.

    ``moves`` in the order of carrying them out; ``rebalance`` is the bin packer planning all nodes
    anew, Spot launches included. ``problem`` says why it cannot be taken, "" where nothing does.
    """

    moves: tuple[str, ...]
    cost_per_hour_after: Decimal
    node_count: int
    step_count: int
    is_chosen: bool
    problem: str


class CombinedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Today's cost, the cost after each stage, and the end state.

    ``awake_share`` is the part of the month that office hours leave of the node-hours.
    ``final_summary`` describes the nodes in office hours, ``saving_usd_month`` all bills together.
    ``execution_plan`` are the steps that lead there, in order (office hours come and go by the
    calendar, and have none here); ``safety`` is set by the service that had them judged.
    """

    now: ClusterSummary
    stages: tuple[Stage, ...]
    other_bills: tuple[OtherBill, ...]
    routes: tuple[TriedRoute, ...]
    awake_share: Decimal
    cost_per_hour_after: Decimal
    final_summary: ClusterSummary
    saving_usd_month: Decimal
    execution_plan: tuple[PlanStep, ...] = ()
    safety: SafetyVerdict | None = None
