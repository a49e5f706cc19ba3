"""The answer of the office hours: changes, steps, savings by the calendar, and the forecast."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from engines.contracts.kubernetes import CronJob, StatefulSet
from engines.contracts.plan import (
    PlanStep,
    ScaleWorkload,
    SuspendCronjob,
    Verify,
    WaitForPods,
    WorkloadRef,
)
from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.requests import DecisionRequest, input_digest
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Json,
    Recommendation,
    Skipped,
    Subject,
)
from engines.contracts.snapshot import WorkloadKey
from engines.contracts.verdict import PlanPurpose
from engines.contracts.wording import counted
from engines.office_hours.calendar import is_open, next_change, open_intervals
from engines.office_hours.decisions import Change, Left
from engines.office_hours.nodes import KeptNode, NodePlan, RemovedNode, node_steps
from engines.office_hours.parameters import SavedNode
from engines.office_hours.reasons import WorkloadReason
from engines.office_hours.reckoning import Changed, Reckoning, Verdict
from engines.office_hours.savings import NodeEffect
from engines.office_hours.schedules import Environment
from engines.office_hours.selection import Schedules
from engines.office_hours.warnings import confidence_of, warnings_of

FORECAST = timedelta(days=7)

_GONE = Left(
    WorkloadReason.GONE, "sleeps according to the ledger, but the cluster has no such workload"
)
_UNREADABLE = Left(
    WorkloadReason.UNREADABLE,
    "sleeps according to the ledger and could not be read; the list of problems says why, and what"
    " is saved of it stays",
)
_SLEEPERS = frozenset(
    {
        WorkloadReason.AWAKE,
        WorkloadReason.ASLEEP,
        WorkloadReason.MANUAL_WAKE,
        WorkloadReason.WITHIN_GRACE,
        WorkloadReason.MADE_WHILE_CLOSED,
        WorkloadReason.CHANGED_BY_HAND,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was decided; ``gone`` are workloads that only the ledger knows, ``unreadable``
    those of the ledger that are there and could not be read."""

    schedules: Schedules
    verdicts: Sequence[Verdict]
    changes: Sequence[Changed]
    gone: Sequence[WorkloadKey]
    unreadable: Sequence[WorkloadKey]
    nodes: NodePlan
    reckoning: Reckoning
    wake_batch_size: int


def answer(
    request: DecisionRequest, engine: EngineIdentity, findings: Findings
) -> DecisionResponse:
    """Put together all that was decided."""
    schedules, verdicts, reckoning = findings.schedules, findings.verdicts, findings.reckoning
    changes, now = findings.changes, request.now
    recommendations = (
        *(_recommendation(one, reckoning, now) for one in changes),
        *(_launched(one) for one in findings.nodes.launched),
        *(_removed(one) for one in findings.nodes.removed),
    )
    skipped = (
        *(_skipped(one.key, one.outcome) for one in verdicts if isinstance(one.outcome, Left)),
        *(_skipped(key, _GONE) for key in findings.gone),
        *(_skipped(key, _UNREADABLE) for key in findings.unreadable),
        *(_kept(one) for one in findings.nodes.kept),
    )
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.SCHEDULE,
        engine=engine,
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations,
        skipped=tuple(sorted(skipped, key=lambda one: (one.subject, one.reason))),
        execution_plan=tuple(_steps(findings)),
        estimated_savings=sum((one.savings_usd_month for one in recommendations), Decimal(0)),
        confidence_score=confidence_of(request, schedules, changes, reckoning),
        warnings=warnings_of(request, schedules, changes, reckoning),
        evidence={
            "purpose": _purpose(changes, findings.nodes),
            "skipped_by_reason": dict(sorted(Counter(one.reason for one in skipped).items())),
            "environments": [
                _environment(one, verdicts, reckoning, now) for one in schedules.environments
            ],
            **_ledger(findings, now),
            "nodes": _nodes(reckoning.effects(changes)),
        },
    )


def _skipped(key: WorkloadKey, left: Left) -> Skipped:
    return Skipped(
        subject=_subject(key),
        reason=left.reason,
        message=f"{key.kind} {key.namespace}/{key.name} {left.message}",
        subjects=left.subjects,
    )


def _subject(key: WorkloadKey) -> Subject:
    return Subject(kind=key.kind, namespace=key.namespace, name=key.name)


def _recommendation(changed: Changed, reckoning: Reckoning, now: datetime) -> Recommendation:
    verdict, change = changed
    saving = reckoning.usd_month(verdict) if changed.is_sleep else Decimal(0)
    return Recommendation(
        subject=_subject(verdict.key),
        action=change.action,
        savings_usd_month=saving or Decimal(0),
        reason=change.message,
        current={"replicas": verdict.standing.replicas},
        recommended={"replicas": change.replicas, "saved_replicas": change.saved},
        evidence={
            "is_saving_known": saving is not None,
            **_calendar_evidence(verdict.environment, reckoning, now),
        },
    )


def _calendar_evidence(
    environment: Environment | None, reckoning: Reckoning, now: datetime
) -> dict[str, Json]:
    if environment is None:
        return {"environment": None}
    changes_at = next_change(environment.schedule, now)
    return {
        "environment": environment.document.environment,
        "next_change_at": None if changes_at is None else changes_at.isoformat(),
        "hours_asleep_in_month": round(reckoning.hours_asleep(environment.schedule), 4),
    }


def _launched(saved: SavedNode) -> Recommendation:
    return Recommendation(
        subject=_node_subject(saved, ""),
        action="launch_node",
        savings_usd_month=Decimal(0),
        reason="It was taken away for the night, and what slept on it is to be awake.",
        recommended={"capacity_type": saved.capacity_type},
        evidence={"environments": list(saved.environments)},
    )


def _removed(one: RemovedNode) -> Recommendation:
    """Its cost is what makes the workloads' savings real: it is not counted a second time."""
    return Recommendation(
        subject=_node_subject(one.saved, one.instance_id),
        action="remove_node",
        savings_usd_month=Decimal(0),
        reason="Once the workloads sleep, nothing runs on it but DaemonSets.",
        current={"usd_per_hour": one.usd_per_hour},
        recommended={"saved_node": _entry(one.saved)},
        evidence={"environments": list(one.saved.environments)},
    )


def _entry(saved: SavedNode) -> dict[str, Json]:
    """An entry of ``saved_nodes``, as JSON has it."""
    return {**msgspec.structs.asdict(saved), "environments": list(saved.environments)}


def _node_subject(saved: SavedNode, instance_id: str) -> Subject:
    return Subject(
        kind="Node",
        name=saved.node,
        node=saved.node,
        instance_id=instance_id,
        instance_type=saved.instance_type,
        availability_zone=saved.availability_zone,
    )


def _kept(one: KeptNode) -> Skipped:
    return Skipped(
        subject=Subject(kind="Node", name=one.node, node=one.node),
        reason=one.reason,
        message=f"{one.node} {one.message}",
        subjects=one.subjects,
    )


def _steps(findings: Findings) -> Iterator[PlanStep]:
    """Front ends fall asleep before what keeps their data, and wake after it.

    What wakes is scaled before nodes are launched for it: what has room already need not wait. The
    last batch waits for those nodes, too.
    """
    changes, nodes = findings.changes, findings.nodes
    ordered = sorted(changes, key=lambda one: (_priority(one), one.verdict.key))
    woken = [one for one in ordered if not one.is_sleep]
    for one in ordered:
        if one.is_sleep:
            yield _step(one)
    for first in range(0, len(woken), findings.wake_batch_size):
        batch = woken[first : first + findings.wake_batch_size]
        if first:
            yield _wait(first, woken[first - findings.wake_batch_size : first])
        for one in batch:
            yield _step(one)
    launches, after = node_steps(nodes)
    yield from launches
    yield from after
    if woken:
        yield _wait(len(woken), woken)
    if changes or launches or after:
        workloads = counted(
            len(changes),
            "workload has the replicas that it was",
            "workloads have the replicas that they were",
        )
        yield Verify(
            id="verify",
            expectation=f"{workloads} given, {counted(len(nodes.launched), 'node')} came"
            f" and {len(nodes.removed)} went",
        )


def _wait(count: int, woken: Sequence[Changed]) -> WaitForPods:
    """Image pulls and launches of all at once would slow each other down."""
    namespaces = {one.verdict.key.namespace for one in woken}
    return WaitForPods(id=f"wait-for-{count}", namespaces=tuple(sorted(namespaces)))


def _priority(changed: Changed) -> int:
    workload = changed.verdict.standing.workload
    order = 0 if isinstance(workload, StatefulSet) else 2 if isinstance(workload, CronJob) else 1
    return 2 - order if changed.is_sleep else order


def _step(changed: Changed) -> PlanStep:
    (_, key, standing, _, _), change = changed
    reference = WorkloadRef(kind=key.kind, namespace=key.namespace, name=key.name)
    name = f"{change.action}-{key.kind.lower()}-{key.namespace}-{key.name}"
    if isinstance(standing.workload, CronJob):
        return SuspendCronjob(
            id=name,
            priority=_priority(changed),
            workload=reference,
            suspend=change.replicas == 0,
            previously_suspended=standing.replicas == 0,
        )
    return ScaleWorkload(
        id=name,
        priority=_priority(changed),
        workload=reference,
        replicas=change.replicas,
        previous_replicas=standing.replicas,
    )


def _purpose(changes: Sequence[Changed], nodes: NodePlan) -> PlanPurpose:
    """What a caller declares to the judge: whoever brings anything back must meet all layers."""
    if nodes.launched or any(not one.is_sleep for one in changes):
        return PlanPurpose.SCHEDULED_WAKE
    return PlanPurpose.SCHEDULED_SLEEP if changes else PlanPurpose.CHANGE


def _ledger(findings: Findings, now: datetime) -> dict[str, Json]:
    """What the ledger must gain before the steps run, and may lose now or after them."""
    changes = findings.changes
    stale = [
        one.key for one in findings.verdicts if isinstance(one.outcome, Left) and one.outcome.forget
    ]
    return {
        "save": [
            {
                **one.verdict.key._asdict(),
                "replicas": one.change.saved,
                "slept_to": one.change.replicas,
                "slept_at": now.isoformat(),
            }
            for one in changes
            if one.is_sleep
        ],
        "forget": [key._asdict() for key in sorted((*stale, *findings.gone))],
        "forget_when_woken": [one.verdict.key._asdict() for one in changes if not one.is_sleep],
        "save_nodes": [_entry(one.saved) for one in findings.nodes.removed],
        "forget_nodes": list(findings.nodes.still_there),
        "forget_nodes_when_launched": [one.node for one in findings.nodes.launched],
    }


def _environment(
    environment: Environment, verdicts: Sequence[Verdict], reckoning: Reckoning, now: datetime
) -> dict[str, Json]:
    """One environment on the page: now, the coming week, and what its workloads would save."""
    schedule, document = environment.schedule, environment.document
    mine = [one for one in verdicts if _follows(one, environment)]
    able = [one for one in mine if _may_sleep(one)]
    savings = [reckoning.usd_month(one) for one in able]
    asleep = reckoning.hours_asleep(schedule)
    return {
        **_calendar_evidence(environment, reckoning, now),
        "timezone": document.timezone,
        "local_time": now.astimezone(schedule.zone).isoformat(),
        "is_open": is_open(schedule, now),
        "open": [
            {"from": one.start.isoformat(), "to": one.end.isoformat()}
            for one in open_intervals(schedule, now, now + FORECAST)
        ],
        "hours_awake_in_month": round(float(HOURS_PER_MONTH) - asleep, 4),
        "scale_down_replicas": document.scale_down_replicas,
        "scale_down_instance_count": document.scale_down_instance_count,
        "workloads": len(mine),
        "workloads_that_sleep": len(able),
        "workloads_without_known_cost": sum(one is None for one in savings),
        "savings_usd_month": sum((one for one in savings if one is not None), Decimal(0)),
    }


def _follows(verdict: Verdict, environment: Environment) -> bool:
    own = verdict.environment
    return own is not None and own.document.environment == environment.document.environment


def _may_sleep(verdict: Verdict) -> bool:
    """Whether the workload follows its schedule, be it asleep just now or not."""
    outcome = verdict.outcome
    return isinstance(outcome, Change) or outcome.reason in _SLEEPERS


def _nodes(effects: Sequence[NodeEffect]) -> Mapping[str, Json]:
    """Which nodes stand empty once the workloads sleep, and what holds the others."""
    empty = [one for one in effects if not one.pod_count]
    return {
        "emptied": [one.node for one in empty],
        "emptied_usd_per_hour": sum((one.usd_per_hour or Decimal(0) for one in empty), Decimal(0)),
        "held": [
            {"node": one.node, "pods": list(one.pods), "pod_count": one.pod_count}
            for one in effects
            if one.pod_count
        ],
    }
