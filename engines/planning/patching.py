"""Workloads and pods as a patch of their template makes them."""

from collections.abc import Iterable, Mapping

import msgspec

from engines.contracts.kubernetes import CronJob, Pod, PodSpec, Workload, template_of
from engines.contracts.kubernetes.containers import Container, ResourceRequirements
from engines.contracts.plan import ContainerResources, PatchWorkloadResources, PlanStep
from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey

Patches = Mapping[WorkloadKey, Mapping[str, ContainerResources]]
"""New requests and limits by workload and container."""

_FIELDS = (
    ("cpu_request", "requests", "cpu"),
    ("memory_request", "requests", "memory"),
    ("cpu_limit", "limits", "cpu"),
    ("memory_limit", "limits", "memory"),
)


def patches_of(plan: Iterable[PlanStep]) -> Patches:
    """What the steps of a plan change in templates; of several for one workload all count."""
    patches: dict[WorkloadKey, dict[str, ContainerResources]] = {}
    for step in plan:
        if isinstance(step, PatchWorkloadResources):
            key = WorkloadKey(step.workload.kind, step.workload.namespace, step.workload.name)
            patches.setdefault(key, {}).update({one.container: one for one in step.resources})
    return patches


def patched_pods(cluster: ClusterSnapshot, patches: Patches) -> Mapping[str, Pod]:
    """The pods of the patched workloads as they will be, by namespace/name."""
    pods = cluster.pods
    return {
        pods.items[row].key: _patched_pod(pods.items[row], patches[key])
        for position, one in enumerate(cluster.workloads)
        if (key := _key(one)) in patches
        for row in pods.by_workload.members(position).tolist()
    }


def patched_workload(workload: Workload, patches: Patches) -> Workload:
    """The workload with its new template; itself where no patch is about it."""
    if (patch := patches.get(_key(workload))) is None:
        return workload
    template = template_of(workload)
    template = msgspec.structs.replace(template, spec=_patched_spec(template.spec, patch))
    if isinstance(workload, CronJob):
        job = workload.spec.job_template
        job = msgspec.structs.replace(
            job, spec=msgspec.structs.replace(job.spec, template=template)
        )
        spec = msgspec.structs.replace(workload.spec, job_template=job)
        return msgspec.structs.replace(workload, spec=spec)
    return msgspec.structs.replace(
        workload, spec=msgspec.structs.replace(workload.spec, template=template)
    )


def _key(workload: Workload) -> WorkloadKey:
    metadata = workload.metadata
    return WorkloadKey(type(workload).__name__, metadata.namespace, metadata.name)


def _patched_pod(pod: Pod, patch: Mapping[str, ContainerResources]) -> Pod:
    """A pod as the patched template would make it; its own record of a resize is forgotten."""
    status = msgspec.structs.replace(
        pod.status,
        container_statuses=(),
        init_container_statuses=(),
        resources=None,
        allocated_resources={},
    )
    return msgspec.structs.replace(pod, spec=_patched_spec(pod.spec, patch), status=status)


def _patched_spec(spec: PodSpec, patch: Mapping[str, ContainerResources]) -> PodSpec:
    return msgspec.structs.replace(
        spec,
        containers=_containers(spec.containers, patch),
        init_containers=_containers(spec.init_containers, patch),
    )


def _containers(
    containers: Iterable[Container], patch: Mapping[str, ContainerResources]
) -> tuple[Container, ...]:
    return tuple(
        msgspec.structs.replace(one, resources=_resources(one.resources, patch[one.name]))
        if one.name in patch
        else one
        for one in containers
    )


def _resources(before: ResourceRequirements, patch: ContainerResources) -> ResourceRequirements:
    """What the patch names replaces what is there; None leaves it as it is."""
    parts = {"requests": dict(before.requests), "limits": dict(before.limits)}
    for name, part, resource in _FIELDS:
        value = getattr(patch, name)
        if value is not None:
            parts[part][resource] = value
    return ResourceRequirements(requests=parts["requests"], limits=parts["limits"])
