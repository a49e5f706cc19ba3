"""From a request to an answer."""

from decimal import Decimal
from typing import NamedTuple

from engines.contracts.plan import PlanStep
from engines.contracts.requests import DecisionRequest, input_digest, refused
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Json,
    Recommendation,
    Skipped,
)
from engines.resource_policy.request_value import workload_rates
from engines.rightsizing.answer import PricedAdvice, workload_recommendations, workload_steps
from engines.rightsizing.given import Given, read_given
from engines.rightsizing.node_answer import exchanges, node_recommendations, node_steps
from engines.rightsizing.node_use import node_use
from engines.rightsizing.nodes import judge_nodes
from engines.rightsizing.parameters import RightsizingParameters, read_parameters
from engines.rightsizing.reasons import RefusalReason
from engines.rightsizing.savings import freed_evidence, savings_of
from engines.rightsizing.trust import confidence_of, skipped_by_reason, usage_evidence, warnings_of
from engines.rightsizing.type_table import TypeTable
from engines.rightsizing.workloads import judge_workloads

NAME = "rightsizing"
VERSION = "1.0.0"


def recommend_rightsizing(request: DecisionRequest) -> DecisionResponse:
    """Size containers by what they used, and nodes by what runs on them.

    Every container and node is advised or stands in ``skipped`` with a reason. Raises
    InvalidInputError for a parameter that cannot be used.
    """
    parameters = read_parameters(request)
    cluster = request.current_state.cluster
    if not cluster.workloads and not len(cluster.nodes) and not len(cluster.pods):
        return refused(
            request,
            EngineIdentity(name=NAME, version=VERSION),
            RefusalReason.NOTHING_TO_SIZE,
            "there are neither workloads nor nodes; read the cluster first",
        )
    return _answer(request, parameters)


class _Level(NamedTuple):
    """What one level has to say."""

    recommendations: tuple[Recommendation, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    plan: tuple[PlanStep, ...] = ()
    priced: tuple[PricedAdvice, ...] = ()
    evidence: tuple[tuple[str, Json], ...] = ()

    @property
    def usd_month(self) -> Decimal:
        """The sum of its savings."""
        return sum((one.savings_usd_month for one in self.recommendations), Decimal(0))


def _answer(request: DecisionRequest, parameters: RightsizingParameters) -> DecisionResponse:
    given = read_given(request, parameters)
    level = parameters.level
    workloads = _Level() if level == "node" else _workloads(given)
    nodes = _Level() if level == "workload" else _nodes(given)
    skipped = (*workloads.skipped, *nodes.skipped)
    skipped = tuple(sorted(skipped, key=lambda one: (one.subject, one.reason)))
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.RIGHTSIZE,
        engine=EngineIdentity(name=NAME, version=VERSION),
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=(*workloads.recommendations, *nodes.recommendations),
        skipped=skipped,
        execution_plan=(*workloads.plan, *nodes.plan),
        estimated_savings=_saved(workloads, nodes),
        confidence_score=confidence_of(given.histories, skipped, given.costs),
        warnings=warnings_of(given, workloads.priced),
        evidence={
            "usage": usage_evidence(given.summary),
            "skipped_by_reason": skipped_by_reason(skipped),
            "usd_month_by_level": {"workload": workloads.usd_month, "node": nodes.usd_month},
            **dict(workloads.evidence),
            **dict(nodes.evidence),
        },
    )


def _workloads(given: Given) -> _Level:
    cluster = given.state.cluster
    findings = judge_workloads(cluster, given.histories, given.parameters, given.now)
    rates = workload_rates(cluster, given.costs)
    priced = tuple(PricedAdvice(one, savings_of(one, rates)) for one in findings.advice)
    return _Level(
        recommendations=tuple(workload_recommendations(priced, given.histories)),
        skipped=findings.skipped,
        plan=tuple(workload_steps(priced)),
        priced=priced,
        evidence=tuple(freed_evidence(cluster, priced, given.costs).items()),
    )


def _nodes(given: Given) -> _Level:
    """Asked for both levels, nodes get advice and no steps: right requests come first."""
    state = given.state
    table = TypeTable(state.instance_types)
    use = node_use(state.cluster, given.summary, given.owners)
    findings = judge_nodes(given, use, table)
    is_alone = given.parameters.level == "node"
    chosen = exchanges(state, findings.advice, given.now) if is_alone else ()
    return _Level(
        recommendations=tuple(node_recommendations(state, findings.advice, chosen)),
        skipped=findings.skipped,
        plan=tuple(node_steps(chosen)),
        evidence=(
            (
                "type_table",
                {
                    "types": len(state.instance_types),
                    "cells": len(table.cells),
                    "version": table.version,
                },
            ),
        ),
    )


def _saved(workloads: _Level, nodes: _Level) -> Decimal:
    """Both levels act on the same node-hours, so the larger sum counts, never both."""
    sums = [one.usd_month for one in (workloads, nodes) if one.recommendations]
    return max(sums, default=Decimal(0))
