"""One decision, judged: the engine answers, the safety layers have the last word.

Everything that decides passes here: a click, a command, a schedule. No database, no clock of its
own but the one that measures how long it took.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from engines import (
    bin_packing,
    ghost_probe,
    network_optimizer,
    office_hours,
    oom_remediation,
    rightsizing,
    spot_optimizer,
    volume_cleanup,
)
from engines.contracts.requests import DecisionRequest, convert_part
from engines.contracts.results import DecisionResponse, DecisionStatus, DecisionType
from engines.contracts.verdict import (
    Circumstances,
    PlanPurpose,
    SafetyLimits,
    SafetyVerdict,
    VerdictAction,
)
from engines.planning import CombinedPlan, combine
from engines.pools import pool_scores
from engines.safety import Choices, judge_or_replace, judge_plan
from services.errors import InvalidInputError
from services.metrics import (
    DECISION_SECONDS,
    DECISIONS,
    SAFE_ALTERNATIVES,
    SAFETY_VALIDATIONS,
    SAFETY_VIOLATIONS,
)


class Engine(NamedTuple):
    """A decision engine as the product calls it."""

    name: str
    parameters: type[msgspec.Struct]
    decide: Callable[[DecisionRequest], DecisionResponse]


ENGINES: Mapping[DecisionType, Engine] = {
    DecisionType.SPOT_OPTIMIZE: Engine(
        name=spot_optimizer.NAME,
        parameters=spot_optimizer.PARAMETERS,
        decide=spot_optimizer.recommend_spot_pools,
    ),
    DecisionType.BIN_PACK: Engine(
        name=bin_packing.NAME,
        parameters=bin_packing.PARAMETERS,
        decide=bin_packing.recommend_packing,
    ),
    DecisionType.RIGHTSIZE: Engine(
        name=rightsizing.NAME,
        parameters=rightsizing.PARAMETERS,
        decide=rightsizing.recommend_rightsizing,
    ),
    DecisionType.SCHEDULE: Engine(
        name=office_hours.NAME,
        parameters=office_hours.PARAMETERS,
        decide=office_hours.plan_office_hours,
    ),
    DecisionType.GHOST_PROBE: Engine(
        name=ghost_probe.NAME,
        parameters=ghost_probe.PARAMETERS,
        decide=ghost_probe.find_ghosts,
    ),
    DecisionType.VOLUME_CLEANUP: Engine(
        name=volume_cleanup.NAME,
        parameters=volume_cleanup.PARAMETERS,
        decide=volume_cleanup.find_zombie_volumes,
    ),
    DecisionType.NETWORK_OPTIMIZE: Engine(
        name=network_optimizer.NAME,
        parameters=network_optimizer.PARAMETERS,
        decide=network_optimizer.plan_zone_traffic,
    ),
    DecisionType.OOMKILLED_REMEDIATE: Engine(
        name=oom_remediation.NAME,
        parameters=oom_remediation.PARAMETERS,
        decide=oom_remediation.recommend_oom_remediation,
    ),
}
"""The built-in engine of each decision type that this version has."""


def engine_for(decision_type: DecisionType) -> Engine:
    """The engine of a decision type; InvalidInputError where this version has none."""
    engine = ENGINES.get(decision_type)
    if engine is None:
        raise InvalidInputError(
            "decision type",
            f"this version has no engine for {decision_type}",
            next_step=f"it has {', '.join(sorted(ENGINES))}",
        )
    return engine


def decide(request: DecisionRequest) -> DecisionResponse:
    """Ask the engine and have its plan judged; ``safety`` of the answer is always set here.

    A plan that fails is answered together with its safe alternative, where there is one. Raises
    InvalidInputError for a parameter, a limit or a decision type that cannot be used.
    """
    engine = engine_for(request.decision_type)
    limits = limits_of(request)
    with DECISION_SECONDS.labels(request.decision_type).time():
        response = engine.decide(request)
        if response.status is DecisionStatus.OK:
            response = _judged(request, response, limits)
    DECISIONS.labels(request.decision_type, response.status).inc()
    return response


def decide_combined(
    request: DecisionRequest,
    parameters: Mapping[DecisionType, Mapping[str, Any]],
    answers: Iterable[DecisionResponse] = (),
) -> CombinedPlan:
    """All engines as one plan; ``parameters`` are each engine's own.

    Each part is judged on the state that it finds, and the steps of all of them once more as one
    plan for the cluster as it is. ``answers`` are what ``decide`` said already about that state
    with those parameters; they are not asked for again.
    """
    known = {one.decision_type: one for one in answers}

    def ask(question: DecisionRequest) -> DecisionResponse:
        answer = known.get(question.decision_type)
        is_same_question = (
            question.current_state is request.current_state
            and question.requirements == parameters.get(question.decision_type, {})
        )
        if answer is None or not is_same_question:
            return decide(question)
        return msgspec.structs.replace(answer, request_id=question.request_id)

    plan = combine(request, dict.fromkeys(ENGINES, ask), parameters)
    verdict = judge_plan(
        request.current_state,
        plan.execution_plan,
        limits_of(request),
        pool_scores(request.current_state, request.now),
        Circumstances(nodes_under_notice=_under_notice(*parameters.values())),
    )
    return msgspec.structs.replace(plan, safety=verdict)


def limits_of(request: DecisionRequest) -> SafetyLimits:
    """The safety limits that a request comes with; the documented defaults where it is silent."""
    limits = convert_part(request.constraints, SafetyLimits, "constraints")
    if request.requirements.get("allow_small_cluster_exception") is True:
        return msgspec.structs.replace(limits, allow_small_cluster_exception=True)
    return limits


def _judged(
    request: DecisionRequest, response: DecisionResponse, limits: SafetyLimits
) -> DecisionResponse:
    """The answer with its verdict; an alternative is only sought for a plan that fails."""
    judgement = judge_or_replace(
        request.current_state,
        response.execution_plan,
        limits,
        pool_scores(request.current_state, request.now),
        lambda: _choices(request),
        _circumstances(request, response),
    )
    _count(judgement.verdict)
    return msgspec.structs.replace(
        response,
        safety=judgement.verdict,
        alternative_plan=judgement.plan if judgement.alternative_verdict else (),
        alternative_safety=judgement.alternative_verdict,
    )


def _choices(request: DecisionRequest) -> Choices | None:
    """What a safe alternative may be made of: what the Spot optimizer would choose from.

    Of another engine's parameters only the region means the same there.
    """
    if request.decision_type is DecisionType.SPOT_OPTIMIZE:
        return spot_optimizer.choices_for(request)
    region = {name: value for name, value in request.requirements.items() if name == "region"}
    return spot_optimizer.choices_for(msgspec.structs.replace(request, requirements=region))


def _circumstances(request: DecisionRequest, response: DecisionResponse) -> Circumstances:
    """Why the plan is made; nodes under notice are no capacity for the judge either.

    Only office hours open an exception, and say themselves whether they take nodes away or bring
    some back: waking must satisfy all layers.
    """
    purpose = PlanPurpose.CHANGE
    if response.decision_type is DecisionType.SCHEDULE:
        purpose = PlanPurpose(response.evidence["purpose"])
    return Circumstances(purpose=purpose, nodes_under_notice=_under_notice(request.requirements))


def _under_notice(*requirements: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for one in requirements for name in one.get("nodes_under_notice", ()))


def _count(verdict: SafetyVerdict) -> None:
    SAFETY_VALIDATIONS.labels(verdict.action_taken).inc()
    for violation in verdict.violations:
        SAFETY_VIOLATIONS.labels(str(violation.layer.value), violation.severity).inc()
    if verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED:
        SAFE_ALTERNATIVES.inc()
