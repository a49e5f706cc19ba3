"""From a request to an answer: every workload sleeps, wakes or is left with a reason."""

from collections.abc import Iterator, Mapping, Set
from datetime import timedelta

from engines.contracts.requests import DecisionRequest, convert_part, refused
from engines.contracts.results import (
    DecisionResponse,
    EngineIdentity,
)
from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey
from engines.contracts.verdict import SafetyLimits
from engines.office_hours.answer import Findings, answer
from engines.office_hours.calendar import is_open
from engines.office_hours.decisions import (
    Autoscalers,
    Change,
    Left,
    Standing,
    decide_closed,
    decide_open,
    objection_to_sleep,
    replicas_of,
    saved_of,
)
from engines.office_hours.nodes import plan_nodes
from engines.office_hours.parameters import SavedReplicas, ScheduleParameters
from engines.office_hours.reasons import RefusalReason, WorkloadReason
from engines.office_hours.reckoning import Reckoning, Verdict, changed_of
from engines.office_hours.schedules import Environment
from engines.office_hours.selection import Exempt, Guard, Schedules

NAME = "office_hours"
VERSION = "1.0.0"


def plan_office_hours(request: DecisionRequest) -> DecisionResponse:
    """Compare each workload's wanted state at ``now`` with its present one.

    Raises InvalidInputError for a parameter that cannot be used; a schedule that is not understood
    is no such parameter: it keeps its environment awake and is reported.
    """
    parameters = convert_part(request.requirements, ScheduleParameters, "requirements")
    convert_part(request.constraints, SafetyLimits, "constraints")
    snapshot = request.current_state.cluster
    if "workloads" not in snapshot.listed:
        return _refused(
            request,
            RefusalReason.WORKLOADS_NOT_GIVEN,
            "workloads were not read; allow listing Deployments, StatefulSets and CronJobs",
        )
    if not (parameters.schedules or parameters.saved_replicas or parameters.saved_nodes):
        return _refused(
            request,
            RefusalReason.NO_SCHEDULES,
            "there are no schedules and nothing sleeps; give an environment its office hours",
        )
    schedules = Schedules(parameters, snapshot)
    judge = _Judge(request, parameters, schedules)
    verdicts = tuple(judge.verdicts())
    reckoning, changes = Reckoning(request), changed_of(verdicts)
    findings = Findings(
        schedules=schedules,
        verdicts=verdicts,
        changes=changes,
        gone=tuple(judge.gone()),
        unreadable=tuple(judge.unreadable()),
        nodes=plan_nodes(request, parameters, schedules, changes, reckoning),
        reckoning=reckoning,
        wake_batch_size=parameters.wake_batch_size,
    )
    return answer(request, EngineIdentity(name=NAME, version=VERSION), findings)


def _refused(request: DecisionRequest, reason: RefusalReason, message: str) -> DecisionResponse:
    return refused(request, EngineIdentity(name=NAME, version=VERSION), reason, message)


class _Judge:
    """Goes through the workloads of a request."""

    def __init__(
        self, request: DecisionRequest, parameters: ScheduleParameters, schedules: Schedules
    ) -> None:
        self._snapshot: ClusterSnapshot = request.current_state.cluster
        self._now = request.now
        self._grace = timedelta(minutes=parameters.grace_minutes)
        self._schedules = schedules
        self._guard = Guard(schedules, self._snapshot)
        self._autoscalers = Autoscalers(self._snapshot)
        self._ledger = _ledger_of(parameters)
        self._woken = {
            WorkloadKey(one.kind, one.namespace, one.name): one.until
            for one in sorted(parameters.manual_wake, key=lambda one: one.until)
        }

    def verdicts(self) -> Iterator[Verdict]:
        """One for each workload that is not another one's."""
        for row, workload in enumerate(self._snapshot.workloads):
            owner = workload.metadata.controller
            key = WorkloadKey(workload.kind, workload.metadata.namespace, workload.metadata.name)
            if owner is not None and (
                WorkloadKey(owner.kind, key.namespace, owner.name) in self._snapshot.workload_index
            ):
                continue
            standing = Standing(workload, replicas_of(workload), saved_of(workload, self._ledger))
            found = self._schedules.of(workload)
            environment = found if isinstance(found, Environment) else None
            outcome = self._outcome(key, standing, found)
            yield Verdict(row, key, standing, environment, outcome)

    def gone(self) -> Iterator[WorkloadKey]:
        """What the ledger remembers and the cluster no longer has."""
        yield from sorted(self._missing() - _unreadable(self._snapshot))

    def unreadable(self) -> Iterator[WorkloadKey]:
        """What the ledger remembers and the cluster has, though nobody could read it."""
        yield from sorted(self._missing() & _unreadable(self._snapshot))

    def _missing(self) -> Set[WorkloadKey]:
        return self._ledger.keys() - self._snapshot.workload_index.keys()

    def _outcome(
        self, key: WorkloadKey, standing: Standing, found: Environment | Exempt
    ) -> Change | Left:
        awake = self._reason_to_be_awake(key, standing, found)
        if awake is not None:
            return decide_open(standing, awake, self._autoscalers.hpa_of(standing.workload))
        assert isinstance(found, Environment)  # noqa: S101  # else there is a reason to be awake
        return decide_closed(standing, found, self._now, self._grace)

    def _reason_to_be_awake(
        self, key: WorkloadKey, standing: Standing, found: Environment | Exempt
    ) -> Left | None:
        exempt = (
            found if isinstance(found, Exempt) else self._guard.objection(standing.workload, found)
        )
        if exempt is None and isinstance(found, Environment):
            until = self._woken.get(key)
            if until is not None and until > self._now:
                return Left(
                    WorkloadReason.MANUAL_WAKE, f"was woken by hand until {until.isoformat()}"
                )
            if is_open(found.schedule, self._now):
                return Left(WorkloadReason.AWAKE, "is awake, as it should be in office hours")
            exempt = objection_to_sleep(standing, found, self._autoscalers)
        if exempt is None:
            return None
        return Left(exempt.reason, exempt.message, subjects=exempt.subjects)


def _ledger_of(parameters: ScheduleParameters) -> Mapping[WorkloadKey, SavedReplicas]:
    """The saved replicas by workload; of repeats the earliest, which is what was saved first."""
    ledger: dict[WorkloadKey, SavedReplicas] = {}
    entries = sorted(
        parameters.saved_replicas,
        key=lambda one: (one.slept_at is not None, str(one.slept_at), one.replicas, one.slept_to),
    )
    for one in entries:
        ledger.setdefault(WorkloadKey(one.kind, one.namespace, one.name), one)
    return ledger


def _unreadable(snapshot: ClusterSnapshot) -> Set[WorkloadKey]:
    """The objects that are there and could not be used."""
    aside = (
        WorkloadKey(one.kind, one.metadata.namespace, one.metadata.name)
        for one in snapshot.set_aside.get("workloads", ())
    )
    problems = (one.subject for one in snapshot.problems)
    return {*aside, *(WorkloadKey(one.kind, one.namespace, one.name) for one in problems)}
