"""From a request to an answer."""

from decimal import Decimal

from engines.contracts.requests import DecisionRequest, input_digest
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
)
from engines.contracts.usage import UsageTable
from engines.cost import node_cost_per_hour
from engines.resource_policy.attribution import PodOwners
from engines.resource_policy.request_value import workload_rates
from engines.rightsizing.answer import PricedAdvice, workload_recommendations, workload_steps
from engines.rightsizing.histories import gather
from engines.rightsizing.parameters import read_parameters
from engines.rightsizing.reasons import RefusalReason
from engines.rightsizing.savings import freed_evidence, savings_of
from engines.rightsizing.summaries import summarise
from engines.rightsizing.trust import confidence_of, skipped_by_reason, usage_evidence, warnings_of
from engines.rightsizing.workloads import judge_workloads

NAME = "rightsizing"
VERSION = "1.0.0"


def recommend_rightsizing(request: DecisionRequest) -> DecisionResponse:
    """Size containers by what they used, and nodes by what runs on them.

    Every container and node is advised or stands in ``skipped`` with a reason. Raises
    InvalidInputError for a parameter that cannot be used.
    """
    parameters = read_parameters(request)
    state, now = request.current_state, request.now
    cluster = state.cluster
    identity = EngineIdentity(name=NAME, version=VERSION)
    if not cluster.workloads and not len(cluster.nodes) and not len(cluster.pods):
        return DecisionResponse(
            request_id=request.request_id,
            decision_type=DecisionType.RIGHTSIZE,
            engine=identity,
            input_digest=input_digest(request),
            status=DecisionStatus.REFUSED,
            reason=RefusalReason.NOTHING_TO_SIZE,
            message="there are neither workloads nor nodes; read the cluster first",
        )
    summary = summarise(state.usage or UsageTable.from_rows(()), int(now.timestamp()))
    histories = gather(summary, PodOwners(cluster))
    costs = node_cost_per_hour(state, now)
    rates = workload_rates(cluster, costs)
    findings = judge_workloads(cluster, histories, parameters, now)
    priced = tuple(PricedAdvice(one, savings_of(one, rates)) for one in findings.advice)
    recommendations = tuple(workload_recommendations(priced, histories))
    skipped = tuple(sorted(findings.skipped, key=lambda one: (one.subject, one.reason)))
    saved = sum((one.savings_usd_month for one in recommendations), Decimal(0))
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.RIGHTSIZE,
        engine=identity,
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations,
        skipped=skipped,
        execution_plan=tuple(workload_steps(priced)),
        estimated_savings=saved,
        confidence_score=confidence_of(histories, skipped, costs),
        warnings=warnings_of(state, now, summary, histories, costs, priced),
        evidence={
            "usage": usage_evidence(summary),
            "skipped_by_reason": skipped_by_reason(skipped),
            **freed_evidence(cluster, priced, costs),
        },
    )
