"""Kills by the container of a workload, and what becomes of each: a fix, or a person's look."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import Container, Job, Pod, Workload, template_of
from engines.contracts.results import Skipped, Subject
from engines.contracts.state import ClusterState
from engines.contracts.usage import UsageTable
from engines.contracts.usage_summary import UsageSummary
from engines.oom_remediation.growth import Growth, growth_of, with_peak
from engines.oom_remediation.kills import Kill, Kills, PodContainer
from engines.oom_remediation.parameters import OomParameters
from engines.oom_remediation.reasons import KillReason
from engines.oom_remediation.remedies import MOST_RESTARTS, Ceilings, NoRemedy, Remedy, remedy_for
from engines.resource_policy.acceptance import Acceptance, Objection, ResourceChange
from engines.resource_policy.attribution import PodOwners
from engines.resource_policy.injection import (
    as_it_runs,
    defaults_by_container,
    distinct_specs,
    running_pods,
    settings_of_injected,
)
from engines.resource_policy.limit_ranges import NO_BOUNDS
from engines.resource_policy.settings import (
    Resource,
    Setting,
    containers_of,
    in_force,
    setting_of,
)
from engines.resource_policy.templates import foreign_owner

ANNOTATION = "cloudoptim.io/oom-remediation"
EXCLUDE = "exclude"
ALLOW_RESTART = "allow-restart"
"""Values of the annotation, on the workload or on its template."""


class PodKill(NamedTuple):
    """A kill and the pod that it happened in."""

    pod: str
    kill: Kill


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One container of a workload that was killed, and what is known about it."""

    container: Container
    kills: tuple[PodKill, ...]  # in the order of time
    times_killed: int  # events may tell of more kills than are known one by one
    restarts: int  # of all causes, where they are known; at least ``times_killed``
    growth: Growth
    written: Setting
    in_force: Setting
    remedy: Remedy | NoRemedy

    @property
    def needs_a_person(self) -> bool:
        """Whether it restarted too often for an automatic change."""
        return self.restarts > MOST_RESTARTS

    @property
    def new(self) -> Setting | None:
        """The setting that the remedy makes, or None without one."""
        if isinstance(self.remedy, NoRemedy):
            return None
        return self.written._replace(memory=self.remedy.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadCase:
    """The containers of one workload that were killed: those that are fixed and those that a
    person has to look at. ``change`` None: nothing is fixed."""

    row: int
    workload: Workload
    fixed: tuple[Case, ...]
    escalated: tuple[Case, ...]
    change: ResourceChange | None


class Findings(NamedTuple):
    """What came out for all kills."""

    cases: tuple[WorkloadCase, ...]
    skipped: tuple[Skipped, ...]


class _Skip(Exception):  # noqa: N818  # a finding, not an error
    def __init__(self, reason: KillReason, message: str, subjects: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.subjects = subjects


def judge_kills(
    state: ClusterState, kills: Kills, parameters: OomParameters, now: datetime
) -> Findings:
    """Judge all kills; workloads in the order of their names, which is how quota is spent."""
    judge = _Judge(state, kills, parameters, now)
    cases: list[WorkloadCase] = []
    skipped: list[Skipped] = [*judge.without_workload(), *_without_time(kills)]
    for row in judge.rows:
        found, others = judge.judge(row)
        skipped += others
        if found is not None:
            cases.append(found)
    return Findings(tuple(cases), tuple(skipped))


def subject_of(workload: Workload, container: str = "") -> Subject:
    """A workload, or one container of it, as a subject."""
    metadata = workload.metadata
    return Subject(
        kind=workload.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        container=container,
    )


def annotations_of(workload: Workload) -> frozenset[str]:
    """The values of our annotation on the workload and on its template."""
    places = (workload.metadata, template_of(workload).metadata)
    return frozenset(one.annotations.get(ANNOTATION, "") for one in places)


class _Judge:
    def __init__(
        self, state: ClusterState, kills: Kills, parameters: OomParameters, now: datetime
    ) -> None:
        self._state = state
        self._snapshot = state.cluster
        self._kills = kills
        self._parameters = parameters
        self._now = now
        self._acceptance = Acceptance(state.cluster)
        owners = PodOwners(state.cluster)
        self._by_row: dict[int, dict[str, list[PodContainer]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._lost: list[PodContainer] = []
        for key in kills.by_container:
            row = owners.workload_of(key.namespace, key.pod)
            if row < 0:
                self._lost.append(key)
            else:
                self._by_row[row][key.container].append(key)
        self._readings = _positions(state.usage, owners, self._by_row)
        self._summaries = _positions(state.usage_summary, owners, self._by_row)

    @property
    def rows(self) -> list[int]:
        """The rows of the workloads with kills, ascending: by kind, namespace and name."""
        return sorted(self._by_row)

    def without_workload(self) -> Iterator[Skipped]:
        """Kills in pods that no workload makes, or whose name tells none."""
        for key in self._lost:
            yield Skipped(
                subject=Subject(
                    kind="Pod", namespace=key.namespace, name=key.pod, container=key.container
                ),
                reason=KillReason.NO_WORKLOAD,
                message="it was killed for memory, and no workload that was read makes the pod;"
                " raise its memory where it is created",
            )

    def judge(self, row: int) -> tuple[WorkloadCase | None, list[Skipped]]:
        workload = self._snapshot.workloads[row]
        killed = self._by_row[row]
        try:
            _refuse_foreign(workload)
            return self._judge_own(row, workload)
        except _Skip as why:
            return None, [_skipped(workload, name, why) for name in sorted(killed)]
        except InvalidInputError as error:
            broken = _Skip(KillReason.INVALID_QUANTITY, f"its resources cannot be read: {error}")
            return None, [_skipped(workload, name, broken) for name in sorted(killed)]

    def _judge_own(self, row: int, workload: Workload) -> tuple[WorkloadCase | None, list[Skipped]]:
        limits = self._acceptance.limits.of(workload.metadata.namespace)
        containers = {one.name: one for one in containers_of(template_of(workload).spec)}
        written = {name: setting_of(one) for name, one in containers.items()}
        pods = running_pods(self._snapshot, row)
        specs = distinct_specs(pods)
        defaults = defaults_by_container(template_of(workload).spec, specs, limits.defaults)
        before = {name: in_force(one, defaults[name]) for name, one in written.items()}
        ceilings = Ceilings(
            limits.container.get(Resource.MEMORY, NO_BOUNDS),
            self._acceptance.most_memory(template_of(workload).spec),
        )
        skipped: list[Skipped] = []
        cases: list[Case] = []
        for name in sorted(self._by_row[row]):
            if name not in containers:
                skipped.append(_skipped(workload, name, _INJECTED))
                continue
            case = self._case(row, containers[name], written[name], before[name], ceilings)
            if isinstance(case.remedy, NoRemedy) and not case.needs_a_person:
                skipped.append(_skipped(workload, name, _Skip(*case.remedy)))
            else:
                cases.append(case)
        fixed = tuple(one for one in cases if not one.needs_a_person)
        change = _change(workload, pods, before, defaults, fixed)
        objection = self._acceptance.accept(change) if change else None
        if objection:
            skipped += (_objected(workload, one, objection) for one in fixed)
            fixed, change = (), None
        escalated = tuple(one for one in cases if one.needs_a_person)
        if not fixed and not escalated:
            return None, skipped
        case_of_all = WorkloadCase(
            row=row, workload=workload, fixed=fixed, escalated=escalated, change=change
        )
        return case_of_all, skipped

    def _case(
        self, row: int, container: Container, written: Setting, before: Setting, ceilings: Ceilings
    ) -> Case:
        keys = self._by_row[row][container.name]
        kills = sorted(
            (PodKill(key.pod, kill) for key in keys for kill in self._kills.by_container[key]),
            key=lambda one: (one.kill.at, one.pod),
        )
        killed = {
            key: max(len(self._kills.by_container[key]), self._kills.repeats.get(key, 0))
            for key in keys
        }
        growth = self._growth(row, container.name)
        return Case(
            container=container,
            kills=tuple(kills),
            times_killed=sum(killed.values()),
            restarts=sum(max(n, self._kills.restarts.get(key, 0)) for key, n in killed.items()),
            growth=growth,
            written=written,
            in_force=before,
            remedy=remedy_for(
                [one.kill for one in kills],
                before.memory,
                self._parameters.memory_factor,
                ceilings,
                growth,
            ),
        )

    def _growth(self, row: int, container: str) -> Growth:
        """By the readings, and the peak by the summary, too; whatever of them was given."""
        growth, key = Growth(), (row, container)
        usage = self._state.usage
        if usage is not None:
            positions = self._readings.get(key, ())
            kills = {
                one: tuple(kill.at for kill in self._kills.by_container[killed])
                for one in positions
                if (killed := PodContainer(*usage.containers[one])) in self._kills.by_container
            }
            growth = growth_of(usage, positions, kills, self._now)
        if self._state.usage_summary is not None:
            growth = with_peak(
                growth, self._state.usage_summary.memory, self._summaries.get(key, ())
            )
        return growth


def _change(
    workload: Workload,
    pods: Sequence[Pod],
    before: Mapping[str, Setting],
    defaults: Mapping[str, Setting],
    fixed: Sequence[Case],
) -> ResourceChange | None:
    """What the fixes of a workload change together; None without one."""
    news = {
        one.container.name: in_force(one.new, defaults[one.container.name])
        for one in fixed
        if one.new is not None
    }
    if not news:
        return None
    template = template_of(workload).spec
    spec = as_it_runs(template, distinct_specs(pods))
    before = {**before, **settings_of_injected(template, spec)}
    return ResourceChange(
        workload=workload, spec=spec, before=before, after={**before, **news}, pods=len(pods)
    )


def _positions(
    measured: UsageTable | UsageSummary | None,
    owners: PodOwners,
    killed: Mapping[int, Collection[str]],
) -> Mapping[tuple[int, str], list[int]]:
    """Where the containers that were killed stand in what was measured, over all their pods."""
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    if measured is None or not killed:
        return found
    for position, key in enumerate(measured.containers):
        row = owners.workload_of(key.namespace, key.pod)
        if row in killed and key.container in killed[row]:
            found[row, key.container].append(position)
    return found


_INJECTED = _Skip(
    KillReason.NOT_IN_TEMPLATE,
    "it is injected into the pods and stands in no template; raise its memory where it comes from",
)


def _refuse_foreign(workload: Workload) -> None:
    """Raise _Skip where the workload's template must not be touched at all."""
    if owner := foreign_owner(workload):
        message = f"{owner} owns it and would revert a change; raise the memory there"
        raise _Skip(KillReason.TEMPLATE_NOT_OURS, message, (owner,))
    if isinstance(workload, Job):
        message = "the template of a Job cannot be changed; start it again with more memory"
        raise _Skip(KillReason.TEMPLATE_IMMUTABLE, message)
    if EXCLUDE in annotations_of(workload):
        message = f"it is excluded by the annotation {ANNOTATION}; remove that to have it fixed"
        raise _Skip(KillReason.EXCLUDED, message)
    if template_of(workload).spec.resources is not None:
        message = "its pods ask for memory as a whole; raise spec.resources by hand"
        raise _Skip(KillReason.POD_LEVEL_RESOURCES, message)


def _objected(workload: Workload, case: Case, objection: Objection) -> Skipped:
    reason = KillReason(objection.reason)
    why = _Skip(reason, objection.message, objection.subjects)
    return _skipped(workload, case.container.name, why)


def _skipped(workload: Workload, container: str, why: _Skip) -> Skipped:
    return Skipped(
        subject=subject_of(workload, container),
        reason=why.reason,
        message=why.message,
        subjects=why.subjects,
    )


def _without_time(kills: Kills) -> Iterator[Skipped]:
    for key in kills.without_time:
        yield Skipped(
            subject=Subject(
                kind="Pod", namespace=key.namespace, name=key.pod, container=key.container
            ),
            reason=KillReason.KILL_WITHOUT_TIME,
            message="its status tells of an OOM kill and not when, or of a moment to come; look at"
            " the pod and at its node's clock",
        )
