"""What admission adds to the pods of a template: sidecars of a mesh, agents, overhead.

They stand in no template, and yet they count: for the size of a pod, its QoS class, its quota.
"""

from collections.abc import Iterable, Mapping

import msgspec

from engines.contracts.kubernetes import Container, Pod, PodSpec
from engines.contracts.snapshot import ClusterSnapshot
from engines.resource_policy.settings import Setting, containers_of, in_force, setting_of


def running_pods(snapshot: ClusterSnapshot, workload: int) -> tuple[Pod, ...]:
    """The pods of a workload (by its row) that are neither finished nor on their way out."""
    pods = snapshot.pods
    return tuple(
        pods.items[one]
        for one in pods.by_workload.members(workload).tolist()
        if not pods.is_finished[one] and not pods.is_terminating[one]
    )


def distinct_specs(pods: Iterable[Pod]) -> tuple[PodSpec, ...]:
    """One spec for all pods that share their lists of containers, as those of a revision do."""
    return tuple(
        {(id(one.spec.containers), id(one.spec.init_containers)): one.spec for one in pods}.values()
    )


def as_it_runs(template: PodSpec, pods: Iterable[PodSpec]) -> PodSpec:
    """The template's spec with the containers and the overhead that its pods have beside it.

    Of containers that differ from pod to pod the first counts. Init containers that are injected
    start first, as those of a mesh do.
    """
    known = {one.name for one in containers_of(template)}
    containers: dict[str, Container] = {}
    init_containers: dict[str, Container] = {}
    overhead = template.overhead
    for pod in pods:
        overhead = overhead or pod.overhead
        for found, listed in (
            (containers, pod.containers),
            (init_containers, pod.init_containers),
        ):
            for one in listed:
                if one.name not in known:
                    found.setdefault(one.name, one)
    return msgspec.structs.replace(
        template,
        containers=(*template.containers, *containers.values()),
        init_containers=(*init_containers.values(), *template.init_containers),
        overhead=overhead,
    )


def defaults_by_container(
    template: PodSpec, pods: Iterable[PodSpec], defaults: Setting
) -> Mapping[str, Setting]:
    """The LimitRange defaults that are in force for each container of a template: none where its
    pods run as it is written, for rules do not touch pods that are older. Raises InvalidInputError
    on what is no amount."""
    listed = tuple(pods)

    def of(container: Container) -> Setting:
        written = setting_of(container)
        seen = settings_seen(listed, container.name)
        is_untouched = in_force(written, Setting()) in seen
        return Setting() if is_untouched and in_force(written, defaults) not in seen else defaults

    return {one.name: of(one) for one in containers_of(template)}


def settings_seen(pods: Iterable[PodSpec], container: str) -> frozenset[Setting]:
    """What pods give a container; a pod that says nothing contradicts nobody."""
    settings = (
        setting_of(one) for pod in pods for one in containers_of(pod) if one.name == container
    )
    return frozenset(in_force(one, Setting()) for one in settings if not one.is_empty)


def settings_of_injected(template: PodSpec, running: PodSpec) -> Mapping[str, Setting]:
    """The settings of the containers that only the running spec has, by name. Raises
    InvalidInputError on what is no amount."""
    known = {one.name for one in containers_of(template)}
    return {
        one.name: in_force(setting_of(one), Setting())
        for one in containers_of(running)
        if one.name not in known
    }
