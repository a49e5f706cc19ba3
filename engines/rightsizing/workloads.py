"""The workloads of a cluster: for each container a change, or the reason why it stays."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import (
    Container,
    Workload,
    template_of,
)
from engines.contracts.results import Skipped
from engines.contracts.snapshot import ClusterSnapshot
from engines.resource_policy.acceptance import Acceptance, ResourceChange
from engines.resource_policy.attribution import is_topmost
from engines.resource_policy.floors import FLOOR_HOLDS, floor_after_kills
from engines.resource_policy.injection import (
    as_it_runs,
    defaults_by_container,
    distinct_specs,
    running_pods,
    settings_of_injected,
)
from engines.resource_policy.settings import (
    Pair,
    QosClass,
    Setting,
    containers_of,
    in_force,
    qos_class,
    setting_of,
)
from engines.resource_policy.status_kills import kills_in
from engines.resource_policy.templates import scaled_on
from engines.rightsizing.containers import Outcome, Proposal, Situation, propose
from engines.rightsizing.histories import Histories
from engines.rightsizing.parameters import RightsizingParameters
from engines.rightsizing.reasons import WorkloadReason
from engines.rightsizing.untouched import (
    HOLD_MEMORY,
    Blocked,
    annotations_of,
    injected,
    refuse_foreign,
    skipped_of,
    untouchable,
    without_workload,
)


class ContainerChange(NamedTuple):
    """A new setting for one container; ``written`` is what its template says now."""

    container: Container
    written: Setting
    new: Setting
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadAdvice:
    """The changes of one workload (by its row), those of its containers in the order of names."""

    row: int
    change: ResourceChange
    containers: tuple[ContainerChange, ...]
    qos: QosClass

    @property
    def workload(self) -> Workload:
        """The workload."""
        return self.change.workload


class Findings(NamedTuple):
    """What came out for all workloads."""

    advice: tuple[WorkloadAdvice, ...]
    skipped: tuple[Skipped, ...]


def judge_workloads(
    snapshot: ClusterSnapshot,
    histories: Histories,
    parameters: RightsizingParameters,
    now: datetime,
) -> Findings:
    """Judge every workload and every pod without one. Quota is spent in the order of names."""
    judge = _Judge(snapshot, histories, parameters, now)
    advice: list[WorkloadAdvice] = []
    skipped: list[Skipped] = [*without_workload(snapshot)]
    for row, workload in enumerate(snapshot.workloads):
        if is_topmost(workload, snapshot):
            found, kept = judge.judge(row, workload)
            skipped += kept
            if found is not None:
                advice.append(found)
    return Findings(tuple(advice), tuple(skipped))


class _Judge:
    """What is known about the whole cluster while its workloads are judged one by one."""

    def __init__(
        self,
        snapshot: ClusterSnapshot,
        histories: Histories,
        parameters: RightsizingParameters,
        now: datetime,
    ) -> None:
        self._snapshot = snapshot
        self._histories = histories
        self._parameters = parameters
        self._acceptance = Acceptance(snapshot)
        self._floors = {
            (one.namespace, one.kind, one.name, one.container): one.bytes
            for one in sorted(parameters.memory_floors, key=lambda one: one.bytes)
            if one.holds_at(now)
        }
        self._kills = _recent_kills(snapshot, now)
        self._held = {
            (one.namespace, one.kind, one.name, one.container) for one in parameters.hold_memory
        }

    def judge(self, row: int, workload: Workload) -> tuple[WorkloadAdvice | None, list[Skipped]]:
        """The changes of one workload, and what is told of its other containers."""
        try:
            refuse_foreign(workload)
            return self._judge_own(row, workload)
        except Blocked as why:
            return None, [skipped_of(workload, "", why)]
        except InvalidInputError as error:
            message = f"its resources cannot be read: {error}"
            unreadable = Blocked(WorkloadReason.INVALID_QUANTITY, message)
            return None, [skipped_of(workload, "", unreadable)]

    def _judge_own(
        self, row: int, workload: Workload
    ) -> tuple[WorkloadAdvice | None, list[Skipped]]:
        spec = template_of(workload).spec
        pods = running_pods(self._snapshot, row)
        specs = distinct_specs(pods)
        limits = self._acceptance.limits.of(workload.metadata.namespace)
        written = {one.name: setting_of(one) for one in containers_of(spec)}
        running = as_it_runs(spec, specs)
        defaults = defaults_by_container(spec, specs, limits.defaults)
        before = {
            **{name: in_force(one, defaults[name]) for name, one in written.items()},
            **settings_of_injected(spec, running),
        }
        skipped: list[Skipped] = [*injected(workload, specs)]
        changes: list[ContainerChange] = []
        for container in sorted(containers_of(spec), key=lambda one: one.name):
            why = untouchable(container, spec, before, specs)
            if why is not None:
                skipped.append(skipped_of(workload, container.name, why))
                continue
            proposal = self._propose(row, workload, container, before)
            skipped += (_kept(workload, container.name, one) for one in proposal.kept)
            if proposal.is_change:
                new = proposal.applied_to(written[container.name])
                changes.append(ContainerChange(container, written[container.name], new, proposal))
        if not changes:
            return None, skipped
        news = {
            one.container.name: in_force(one.new, defaults[one.container.name]) for one in changes
        }
        change = ResourceChange(
            workload=workload,
            spec=running,
            before=before,
            after={**before, **news},
            pods=len(pods),
        )
        if objection := self._acceptance.accept(change):
            why = Blocked(WorkloadReason(objection.reason), objection.message, objection.subjects)
            return None, [
                *skipped,
                *(skipped_of(workload, one.container.name, why) for one in changes),
            ]
        qos = qos_class(before.values())
        return WorkloadAdvice(row=row, change=change, containers=tuple(changes), qos=qos), skipped

    def _propose(
        self, row: int, workload: Workload, container: Container, before: Mapping[str, Setting]
    ) -> Proposal:
        metadata, name = workload.metadata, container.name
        setting = before[name]
        is_guaranteed = qos_class(before.values()) is QosClass.GUARANTEED
        limits = self._acceptance.limits.of(metadata.namespace)
        situation = Situation(
            in_force=setting,
            history=self._histories.of(row, name),
            bounds=limits.container,
            least_memory=max(
                self._floors.get((metadata.namespace, workload.kind, metadata.name, name), 0),
                self._memory_of_heap(container),
                self._floor_of_kills(row, name, setting.memory),
            ),
            scaled_on=scaled_on(self._snapshot.hpas, workload, name),
            memory_held_by=self._memory_held_by(workload, container),
            has_whole_cores=self._parameters.keep_whole_cores
            and is_guaranteed
            and not (setting.cpu.request or 0) % 1000,
        )
        return propose(situation, self._parameters)

    def _floor_of_kills(self, row: int, container: str, memory: Pair) -> int:
        """What must stay of its memory after the OOM kills that its pods' statuses tell of."""
        if (row, container) not in self._kills:
            return 0
        return floor_after_kills(memory, self._kills[row, container]) or 0

    def _memory_of_heap(self, container: Container) -> int:
        """What a container needs whose heap has a ceiling in its template: the ceiling and what
        lies beside the heap."""
        heap = container.max_heap_bytes or 0
        return heap + -int(-heap * self._parameters.non_heap_percent // 100)

    def _memory_held_by(self, workload: Workload, container: Container) -> str:
        """What forbids to lower its memory; "" where nothing does."""
        metadata = workload.metadata
        key = (metadata.namespace, workload.kind, metadata.name)
        if HOLD_MEMORY in annotations_of(workload):
            return "an annotation"
        if {(*key, ""), (*key, container.name)} & self._held:
            return "the parameter hold_memory"
        if container.heap_follows_limit and container.max_heap_bytes is None:
            return "its heap, which is sized in percent of the limit, so that its use follows it"
        return ""


def _recent_kills(
    snapshot: ClusterSnapshot, now: datetime
) -> Mapping[tuple[int, str], Sequence[int]]:
    """The limits, where they are known, of the last fortnight's OOM kills, by row of the workload
    and container."""
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    pods = snapshot.pods
    for row, pod in zip(pods.workload.tolist(), pods.items, strict=True):
        for kill in kills_in(pod):
            if row >= 0 and kill.at is not None and now - FLOOR_HOLDS < kill.at:
                limit = kill.limit_bytes
                found[row, kill.container] += [] if limit is None else [limit]
    return found


def _kept(workload: Workload, container: str, outcome: Outcome) -> Skipped:
    reason = outcome.reason or WorkloadReason.ALREADY_RIGHT
    return skipped_of(workload, container, Blocked(reason, outcome.message, outcome.subjects))
