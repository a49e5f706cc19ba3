"""From a request to an answer."""

from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.requests import DecisionRequest, input_digest, refused
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
)
from engines.spot_optimizer.answer import (
    all_skipped,
    ranked_candidates,
    recommendations,
    skipped_pools,
)
from engines.spot_optimizer.decision import decide, left_alone
from engines.spot_optimizer.evidence import confidence_of, evidence_of, warnings_of
from engines.spot_optimizer.parameters import read_parameters
from engines.spot_optimizer.situation import Refusal, Situation, read_situation

NAME = "spot_optimizer"
VERSION = "1.0.0"


def recommend_spot_pools(request: DecisionRequest) -> DecisionResponse:
    """Rank the safe Spot pools and find the cheapest safe capacity for a cluster.

    The answer has the five best pools, on-demand types where Spot is not enough, the allocation
    and the steps that lead there; every other pool and node stands in ``skipped`` with a reason.
    Raises InvalidInputError for a parameter that cannot be used.
    """
    asked = read_parameters(request)
    try:
        situation = read_situation(request, asked)
    except Refusal as refusal:
        return refused(
            request, EngineIdentity(name=NAME, version=VERSION), refusal.reason, refusal.message
        )
    return _answer(request, situation)


def _answer(request: DecisionRequest, first: Situation) -> DecisionResponse:
    decision = decide(first)
    situation = decision.situation
    ranked = ranked_candidates(situation)
    skipped = all_skipped(
        skipped_pools(situation, ranked, decision),
        situation.roles.skipped,
        left_alone(decision, request.cluster_id),
    )
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.SPOT_OPTIMIZE,
        engine=EngineIdentity(name=NAME, version=VERSION),
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations(situation, ranked, decision, request.cluster_id),
        skipped=skipped,
        execution_plan=decision.plan,
        estimated_savings=to_usd(decision.saving if decision.plan else 0) * HOURS_PER_MONTH,
        confidence_score=confidence_of(situation, ranked, decision),
        warnings=warnings_of(situation, decision),
        evidence=evidence_of(situation, ranked, decision, skipped),
    )
