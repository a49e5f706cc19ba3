"""Whether a cluster would take other resources for a workload: QoS class, LimitRanges for whole
pods, the largest node, quotas."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from engines.contracts.effective_requests import PodRequests, effective_requests
from engines.contracts.kubernetes import CronJob, DaemonSet, Job, PodSpec, Workload
from engines.contracts.snapshot import ClusterSnapshot
from engines.resource_policy.limit_ranges import LimitBook
from engines.resource_policy.node_fit import NodeFit
from engines.resource_policy.quotas import QuotaLedger, total_raise
from engines.resource_policy.settings import (
    Pair,
    Resource,
    Setting,
    qos_class,
    with_settings,
)


class ObjectionReason(StrEnum):
    """Why a cluster would not take a change."""

    WOULD_CHANGE_QOS_CLASS = "would_change_qos_class"
    LIMIT_RANGE_FORBIDS = "limit_range_forbids"
    FITS_NO_NODE = "fits_no_node"
    QUOTA_REFUSES = "quota_refuses"


class Objection(NamedTuple):
    """The reason, its sentence with the next step, and what stands in the way."""

    reason: ObjectionReason
    message: str
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """Other settings for a workload: those in force of all containers, before and after.

    ``spec`` is that of its pods, with what is injected into them; ``pods``: how many run now.
    """

    workload: Workload
    spec: PodSpec
    before: Mapping[str, Setting]
    after: Mapping[str, Setting]
    pods: int


class Acceptance:
    """Judges changes one by one; what is accepted spends quota, so the order must be fixed."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self.limits = LimitBook(snapshot.limit_ranges)
        self._has_nodes = len(snapshot.nodes) > 0
        self._quotas = QuotaLedger(snapshot.resource_quotas)
        self._fit = NodeFit(snapshot)

    def most_memory(self, spec: PodSpec) -> int | None:
        """The most that a container of such a pod can ever use on a node; None: no nodes known."""
        return self._fit.most_memory(spec) if self._has_nodes else None

    def accept(self, change: ResourceChange) -> Objection | None:
        """Spend the change's quota, or say why the cluster would not take it.

        Raises InvalidInputError where an amount of a rule is none.
        """
        objection = (
            _other_qos(change)
            or self._beyond_pod_limits(change)
            or self._without_node(change)
            or self._beyond_quota(change)
        )
        if objection is None:
            self._quotas.spend(change.workload.metadata.namespace, _raises(change))
        return objection

    def _beyond_pod_limits(self, change: ResourceChange) -> Objection | None:
        """LimitRanges for whole pods; what breaks them already may go on doing so."""
        old, new = _requests(change)
        asked = {
            Resource.CPU: (old.cpu_millicores, new.cpu_millicores),
            Resource.MEMORY: (old.memory_bytes, new.memory_bytes),
        }
        limits = self.limits.of(change.workload.metadata.namespace)
        for resource, bounds in limits.pod.items():
            before = Pair(asked[resource][0], _sum_of_limits(change.before, resource))
            after = Pair(asked[resource][1], _sum_of_limits(change.after, resource))
            if bounds.allows(before) and not bounds.allows(after):
                return Objection(
                    ObjectionReason.LIMIT_RANGE_FORBIDS,
                    f"a LimitRange for pods does not allow this sum of {resource}; change it first",
                )
        return None

    def _without_node(self, change: ResourceChange) -> Objection | None:
        old, new = _requests(change)
        more_cpu = new.cpu_millicores - old.cpu_millicores
        more_memory = new.memory_bytes - old.memory_bytes
        if max(more_cpu, more_memory) <= 0 or not self._has_nodes:
            return None
        if isinstance(change.workload, DaemonSet):
            nodes = self._fit.nodes_without_room(change.spec, more_cpu, more_memory)
            message = "it needs more than these nodes have free; make room there first"
            return Objection(ObjectionReason.FITS_NO_NODE, message, nodes) if nodes else None
        if self._fit.holds(change.spec, new):
            return None
        return Objection(
            ObjectionReason.FITS_NO_NODE,
            f"its pods would ask for {new.cpu_millicores}m CPU and {new.memory_bytes} bytes, more"
            " than any node that they may run on has beside its DaemonSets; add larger nodes first",
        )

    def _beyond_quota(self, change: ResourceChange) -> Objection | None:
        quotas = self._quotas.refusing(change.workload.metadata.namespace, _raises(change))
        if not quotas:
            return None
        message = "it needs more than a quota of its namespace has left; raise the quota first"
        return Objection(ObjectionReason.QUOTA_REFUSES, message, quotas)


def _other_qos(change: ResourceChange) -> Objection | None:
    before, after = qos_class(change.before.values()), qos_class(change.after.values())
    if after is before:
        return None
    needs = "; ".join(
        f"{name} needs {one.cpu.request}m CPU and {one.memory.request} bytes"
        for name, one in sorted(change.after.items())
        if one != change.before[name]
    )
    return Objection(
        ObjectionReason.WOULD_CHANGE_QOS_CLASS,
        f"requests would make its pods {after} instead of {before} ({needs}); set them by hand if"
        " that is wanted",
    )


def _requests(change: ResourceChange) -> tuple[PodRequests, PodRequests]:
    """The effective requests of a pod, before and after."""
    old = effective_requests(with_settings(change.spec, change.before))
    return old, effective_requests(with_settings(change.spec, change.after))


def _sum_of_limits(settings: Mapping[str, Setting], resource: Resource) -> int | None:
    """None: some container has no limit."""
    limits = [one.of(resource).limit for one in settings.values()]
    return None if None in limits else sum(one or 0 for one in limits)


def _raises(change: ResourceChange) -> Setting:
    pods = max(change.pods, wanted_pods(change.workload))
    return total_raise(change.before.values(), change.after.values(), pods)


def wanted_pods(workload: Workload) -> int:
    """How many pods the workload should have, where its spec tells; else 0."""
    match workload:
        case CronJob():
            return workload.spec.job_template.spec.parallelism
        case Job():
            return workload.spec.parallelism
        case DaemonSet():
            return 0
        case _:
            return workload.spec.replicas


def freed_of_each_pod(
    change: ResourceChange, containers: Iterable[str]
) -> tuple[tuple[int, int], ...]:
    """Millicores and bytes that each changed container frees of one pod; negative: it takes.

    In **effective** pod requests, the changes applied one after the other: shrinking a container
    below a larger init container frees nothing, and the parts sum to the whole.
    """
    settings = dict(change.before)
    held = effective_requests(with_settings(change.spec, settings))
    freed = []
    for name in containers:
        settings[name] = change.after[name]
        left = effective_requests(with_settings(change.spec, settings))
        freed.append(
            (held.cpu_millicores - left.cpu_millicores, held.memory_bytes - left.memory_bytes)
        )
        held = left
    return tuple(freed)
