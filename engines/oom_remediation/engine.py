"""From a request to an answer."""

from decimal import Decimal

from engines.contracts.requests import DecisionRequest, input_digest, refused
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
)
from engines.cost import node_cost_per_hour
from engines.oom_remediation.aftermath import outcomes
from engines.oom_remediation.answer import confidence_of, recommendations, steps, warnings_of
from engines.oom_remediation.cases import judge_kills
from engines.oom_remediation.kills import gather_kills
from engines.oom_remediation.parameters import read_parameters
from engines.oom_remediation.reasons import RefusalReason
from engines.resource_policy.request_value import workload_rates

NAME = "oom_remediation"
VERSION = "1.0.0"


def recommend_oom_remediation(request: DecisionRequest) -> DecisionResponse:
    """Answer the OOM kills of the last 24 hours: raise memory, or call a person.

    Every container that was killed is advised or stands in ``skipped`` with a reason. Raises
    InvalidInputError for a parameter that cannot be used.
    """
    parameters = read_parameters(request)
    state, now = request.current_state, request.now
    if "pods" not in state.cluster.listed and not parameters.oom_history:
        return _refused(request)
    kills = gather_kills(state.cluster, parameters.oom_history, now)
    findings = judge_kills(state, kills, parameters, now)
    costs = node_cost_per_hour(state, now)
    rates = workload_rates(state.cluster, costs)
    advice = tuple(recommendations(findings.cases, parameters, rates, now))
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.OOMKILLED_REMEDIATE,
        engine=EngineIdentity(name=NAME, version=VERSION),
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=advice,
        skipped=tuple(sorted(findings.skipped, key=lambda one: (one.subject, one.reason))),
        execution_plan=tuple(steps(findings.cases, parameters)),
        estimated_savings=sum((one.savings_usd_month for one in advice), Decimal(0)),
        confidence_score=confidence_of(state, findings.cases),
        warnings=warnings_of(state, kills, findings.cases, parameters, costs),
        evidence={
            "kills": sum(len(one) for one in kills.by_container.values()),
            "containers_killed": len(kills.by_container),
            "kills_older_than_24_hours": sum(len(one) for one in kills.older.values()),
            "killed_for_another_reason": kills.not_oom,
            "outcomes": outcomes(state.cluster, kills, now),
        },
    )


def _refused(request: DecisionRequest) -> DecisionResponse:
    return refused(
        request,
        EngineIdentity(name=NAME, version=VERSION),
        RefusalReason.NOTHING_TO_LOOK_AT,
        "neither pods nor a history of kills were given; read the cluster first",
    )
