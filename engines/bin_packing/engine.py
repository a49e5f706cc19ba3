"""From a request to an answer."""

from collections.abc import Iterator
from decimal import Decimal

from engines.bin_packing.answer import evidence, monthly, recommendations, skipped
from engines.bin_packing.decision import Decision, decide
from engines.bin_packing.parameters import read_parameters
from engines.bin_packing.plan import nodes_at_once, plan_steps
from engines.bin_packing.proof import objections
from engines.bin_packing.reasons import RefusalReason, WarningCode
from engines.bin_packing.situation import Refusal, read_situation
from engines.contracts.requests import DecisionRequest, input_digest
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Notice,
)
from engines.cost import UNKNOWN_COST

NAME = "bin_packing"
VERSION = "1.0.0"

MOST_OBJECTIONS = 5


def recommend_packing(request: DecisionRequest) -> DecisionResponse:
    """Find the fewest dollars of nodes that hold every pod, and the steps that lead there.

    Every node is advised or skipped with a reason. The placement behind the advice has passed the
    independent checker; where the checker objects the whole answer is refused. Raises
    InvalidInputError for a parameter that cannot be used.
    """
    asked = read_parameters(request)
    try:
        decision = decide(read_situation(request, asked))
        _verify(decision)
    except Refusal as refusal:
        return DecisionResponse(
            request_id=request.request_id,
            decision_type=DecisionType.BIN_PACK,
            engine=EngineIdentity(name=NAME, version=VERSION),
            input_digest=input_digest(request),
            status=DecisionStatus.REFUSED,
            reason=refusal.reason,
            message=refusal.message,
        )
    return _answer(request, decision)


def _verify(decision: Decision) -> None:
    """Raises Refusal where the checker finds fault with the placement."""
    found = objections(decision)
    if found:
        named = "; ".join(
            f"{one.pod} on {one.node}: {one.message}" for one in found[:MOST_OBJECTIONS]
        )
        raise Refusal(
            RefusalReason.PLACEMENT_NOT_VERIFIED,
            f"the independent check objects to the placement that was found ({len(found)} times:"
            f" {named}); this is a fault of the engine, please report it with the request",
        )


def _answer(request: DecisionRequest, decision: Decision) -> DecisionResponse:
    situation = decision.cluster.situation
    saving = decision.saving_micro_usd if decision.changes_something else 0
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.BIN_PACK,
        engine=EngineIdentity(name=NAME, version=VERSION),
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations(decision),
        skipped=skipped(decision),
        execution_plan=plan_steps(situation, decision.launches, decision.removals),
        estimated_savings=monthly(saving) if saving else Decimal(0),
        confidence_score=_confidence(decision),
        warnings=tuple(_warnings(decision)),
        evidence=evidence(decision) | {"nodes_at_once": nodes_at_once(situation)},
    )


def _confidence(decision: Decision) -> float:
    """0.4 x nodes with a price + 0.3 x objects read + 0.2 x budgets read + 0.1 x rehearsed."""
    situation = decision.cluster.situation
    costs = situation.roles.micro_usd_per_hour
    cluster = situation.state.cluster
    objects = len(cluster.nodes) + len(cluster.pods)
    priced = float((costs != UNKNOWN_COST).mean())
    read = objects / (objects + len(cluster.problems))
    budgets = 1.0 if "pdbs" in cluster.listed else 0.0
    return round(0.4 * priced + 0.3 * read + 0.2 * budgets + 0.1 * decision.is_rehearsed, 6)


def _warnings(decision: Decision) -> Iterator[Notice]:
    situation = decision.cluster.situation
    cluster, roles = situation.state.cluster, situation.roles
    if "pdbs" not in cluster.listed:
        yield Notice(
            code=WarningCode.BUDGETS_NOT_READ,
            message="disruption budgets were not read; the Eviction API asks them, and may refuse",
        )
    unpriced = [
        cluster.nodes.names[row]
        for row, cost in enumerate(roles.micro_usd_per_hour.tolist())
        if cost == UNKNOWN_COST
    ]
    if unpriced:
        yield Notice(
            code=WarningCode.UNPRICED_NODES,
            message=f"{len(unpriced)} nodes have no known price and stay as they are",
            subjects=tuple(unpriced),
        )
    if cluster.unread:
        yield Notice(
            code=WarningCode.UNREAD_OBJECTS,
            message=f"{len(cluster.unread)} objects could not be read and are not judged",
        )
    if not decision.is_rehearsed:
        yield Notice(
            code=WarningCode.NOT_REHEARSED,
            message="too many pods move to play through what the scheduler will do; it may choose"
            " other nodes than the plan, and leave a pod pending for a while",
        )
    if situation.may_launch and not decision.cluster.launches:
        yield Notice(
            code=WarningCode.NO_OFFERS,
            message="no instance that could be launched is cheaper than what runs, or prices and"
            " sizes of such instances are not known",
        )
    if decision.changes_something and not decision.keeps_safety_limits:
        yield Notice(
            code=WarningCode.BREAKS_SAFETY_LIMITS,
            message="no saving is possible within the safety layers; this plan breaks them",
        )
