"""Pods and containers that get no advice whatever they used, each with the reason."""

from collections.abc import Iterable, Iterator, Mapping

from engines.contracts.kubernetes import Container, Job, Pod, PodSpec, Workload, template_of
from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import ClusterSnapshot
from engines.resource_policy.injection import settings_seen
from engines.resource_policy.settings import Setting, containers_of
from engines.resource_policy.templates import foreign_owner
from engines.rightsizing.reasons import WorkloadReason

ANNOTATION = "cloudoptim.io/rightsizing"
EXCLUDE = "exclude"
HOLD_MEMORY = "hold-memory"
"""Values of the annotation, on the workload or on its template."""


class Blocked(Exception):  # noqa: N818  # a finding, not an error
    """The workload as a whole gets no advice."""

    def __init__(self, reason: WorkloadReason, message: str, subjects: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.subjects = tuple(subjects)


def subject_of(workload: Workload, container: str = "") -> Subject:
    """A workload, or one container of it, as a subject."""
    return Subject(
        kind=workload.kind,
        namespace=workload.metadata.namespace,
        name=workload.metadata.name,
        container=container,
    )


def refuse_foreign(workload: Workload) -> None:
    """Raise Blocked where the workload's template must not be touched at all."""
    if owner := foreign_owner(workload):
        raise Blocked(
            WorkloadReason.TEMPLATE_NOT_OURS,
            f"{owner} owns it and would revert a change; change the resources there",
            (owner,),
        )
    if isinstance(workload, Job):
        message = "the template of a Job cannot be changed; change what makes the Job"
        raise Blocked(WorkloadReason.TEMPLATE_IMMUTABLE, message)
    if EXCLUDE in annotations_of(workload):
        message = f"it is excluded by the annotation {ANNOTATION}; remove that to size it"
        raise Blocked(WorkloadReason.EXCLUDED, message)
    if template_of(workload).spec.resources is not None:
        raise Blocked(
            WorkloadReason.POD_LEVEL_RESOURCES,
            "its pods ask for resources as a whole, so those of containers save nothing; size"
            " spec.resources by hand",
        )


def annotations_of(workload: Workload) -> frozenset[str]:
    """The values of our annotation on the workload and on its template."""
    places = (workload.metadata, template_of(workload).metadata)
    return frozenset(one.annotations.get(ANNOTATION, "") for one in places)


def untouchable(
    container: Container,
    spec: PodSpec,
    before: Mapping[str, Setting],
    specs: tuple[PodSpec, ...],
) -> Blocked | None:
    """Why a container of the template is not judged by its use."""
    if container in spec.init_containers and not container.is_sidecar:
        return Blocked(
            WorkloadReason.INIT_CONTAINER,
            "it runs only while its pod starts, too short to be measured; size it by hand",
        )
    settings = settings_seen(specs, container.name)
    if settings and before[container.name] not in settings:
        return Blocked(
            WorkloadReason.SET_ELSEWHERE,
            "its pods run with other resources than the template asks for: a rollout is under way,"
            " or an autoscaler (VPA) or webhook sets them; finish the rollout, or size it there",
        )
    return None


def injected(workload: Workload, specs: tuple[PodSpec, ...]) -> Iterator[Skipped]:
    """Containers that run in the pods and stand in no template."""
    known = {one.name for one in containers_of(template_of(workload).spec)}
    names = {one.name for spec in specs for one in containers_of(spec)} - known
    for name in sorted(names):
        why = Blocked(
            WorkloadReason.NOT_IN_TEMPLATE,
            "it is injected into the pods and stands in no template; size it where it comes from",
        )
        yield skipped_of(workload, name, why)


def skipped_of(workload: Workload, container: str, why: Blocked) -> Skipped:
    """The entry about a workload (container "") or one container of it."""
    return Skipped(
        subject=subject_of(workload, container),
        reason=why.reason,
        message=why.message,
        subjects=why.subjects,
    )


def without_workload(snapshot: ClusterSnapshot) -> Iterator[Skipped]:
    """Running pods that no workload which was read makes: one entry for each owner."""
    pods = snapshot.pods
    found: dict[tuple[Subject, WorkloadReason], list[str]] = {}
    for row in ((pods.workload < 0) & ~pods.is_finished).nonzero()[0].tolist():
        pod = pods.items[row]
        owner = pod.metadata.controller
        namespace = pod.metadata.namespace
        if pods.is_mirror[row]:
            key = (_pod_subject(pod), WorkloadReason.STATIC_POD)
        elif owner is None or pods.is_orphan[row]:
            key = (_pod_subject(pod), WorkloadReason.NO_WORKLOAD)
        else:
            subject = Subject(kind=owner.kind, namespace=namespace, name=owner.name)
            key = (subject, WorkloadReason.TEMPLATE_NOT_OURS)
        found.setdefault(key, []).append(pod.key)
    for (subject, reason), names in found.items():
        yield Skipped(
            subject=subject,
            reason=reason,
            message=_WITHOUT_WORKLOAD[reason],
            subjects=tuple(sorted(names)),
        )


def _pod_subject(pod: Pod) -> Subject:
    return Subject(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name)


_WITHOUT_WORKLOAD = {
    WorkloadReason.STATIC_POD: "its node runs it from a file; size it there",
    WorkloadReason.NO_WORKLOAD: "no workload makes this pod, so there is no template to change;"
    " size it where it is created",
    WorkloadReason.TEMPLATE_NOT_OURS: "the pods belong to a kind of object that is not read; size"
    " them there",
}
