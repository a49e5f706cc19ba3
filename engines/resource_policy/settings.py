"""Requests and limits of containers as numbers: as written, as in force, and back to quantities.

``Setting`` is what a container asks for. None means that an amount is not set, which is never
zero. A limit without a request is a request of the same amount: the API server copies it. A limit
of 0 limits nothing, and a QoS class is made of amounts above 0 alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from engines.contracts.kubernetes import Container, PodSpec, Quantity, ResourceRequirements
from engines.contracts.plan import ContainerResources
from engines.contracts.quantities import cpu_millicores, whole_units

MIB = 1024**2


class Resource(StrEnum):
    """The two resources that are sized."""

    CPU = "cpu"  # in millicores
    MEMORY = "memory"  # in bytes


class Pair(NamedTuple):
    """Request and limit of one resource, millicores or bytes; None: not set."""

    request: int | None = None
    limit: int | None = None

    @property
    def is_equal(self) -> bool:
        """Whether both are set to one amount: what a Guaranteed pod has."""
        return bool(self.request) and self.request == self.limit


class Setting(NamedTuple):
    """What one container asks for."""

    cpu: Pair = Pair()
    memory: Pair = Pair()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked for."""
        return not any((*self.cpu, *self.memory))

    def of(self, resource: Resource) -> Pair:
        """The pair of one resource."""
        return self.cpu if resource is Resource.CPU else self.memory


class QosClass(StrEnum):
    """Kubernetes' quality of service: who is killed first when a node runs out of memory."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


def setting_of(container: Container) -> Setting:
    """The setting as it is written. Raises InvalidInputError on what is no amount."""
    return setting_of_resources(container.resources)


def setting_of_resources(resources: ResourceRequirements) -> Setting:
    """The same of a plain resource block."""
    requests, limits = resources.requests, resources.limits
    return Setting(
        Pair(_millicores(requests.get("cpu")), _millicores(limits.get("cpu"))),
        Pair(_bytes(requests.get("memory")), _bytes(limits.get("memory"))),
    )


def in_force(written: Setting, defaults: Setting) -> Setting:
    """What the API server makes of a written setting: a missing request is the limit, then come
    the namespace's defaults (LimitRange). A limit of 0 is none."""
    return Setting(
        _pair_in_force(written.cpu, defaults.cpu),
        _pair_in_force(written.memory, defaults.memory),
    )


def _pair_in_force(written: Pair, defaults: Pair) -> Pair:
    request = written.limit if written.request is None else written.request
    return Pair(
        defaults.request if request is None else request,
        defaults.limit if written.limit is None else written.limit or None,
    )


def containers_of(spec: PodSpec) -> Iterator[Container]:
    """Containers and init containers (sidecars among them), in the spec's order."""
    yield from spec.containers
    yield from spec.init_containers


def qos_class(settings: Iterable[Setting]) -> QosClass:
    """The class of a pod from the settings in force of all its containers.

    (k8s.io/kubernetes pkg/apis/core/v1/helper/qos; init containers count.)
    """
    listed = tuple(settings)
    if all(one.is_empty for one in listed):
        return QosClass.BEST_EFFORT
    is_guaranteed = all(one.cpu.is_equal and one.memory.is_equal for one in listed)
    return QosClass.GUARANTEED if is_guaranteed else QosClass.BURSTABLE


def with_settings(spec: PodSpec, settings: Mapping[str, Setting]) -> PodSpec:
    """The same pod spec with other settings for the containers that are named."""

    def changed(container: Container) -> Container:
        if container.name not in settings:
            return container
        resources = _requirements(container.resources, settings[container.name])
        return msgspec.structs.replace(container, resources=resources)

    return msgspec.structs.replace(
        spec,
        containers=tuple(changed(one) for one in spec.containers),
        init_containers=tuple(changed(one) for one in spec.init_containers),
    )


def _requirements(written: ResourceRequirements, setting: Setting) -> ResourceRequirements:
    """The block with the setting in it; other resources (storage, devices) stay."""

    def merged(
        before: Mapping[str, Quantity], cpu: int | None, memory: int | None
    ) -> dict[str, Quantity]:
        kept = {name: amount for name, amount in before.items() if name not in ("cpu", "memory")}
        ours = {"cpu": cpu_text(cpu), "memory": memory_text(memory)}
        return {**kept, **{name: text for name, text in ours.items() if text is not None}}

    return ResourceRequirements(
        requests=merged(written.requests, setting.cpu.request, setting.memory.request),
        limits=merged(written.limits, setting.cpu.limit, setting.memory.limit),
    )


def step_resources(container: Container, written: Setting, new: Setting) -> ContainerResources:
    """The new setting for a step; an amount that stays keeps the text in which it was written."""
    old = resources_as_written(container)
    return ContainerResources(
        container=container.name,
        cpu_request=_kept(old.cpu_request, written.cpu.request, new.cpu.request, cpu_text),
        memory_request=_kept(
            old.memory_request, written.memory.request, new.memory.request, memory_text
        ),
        cpu_limit=_kept(old.cpu_limit, written.cpu.limit, new.cpu.limit, cpu_text),
        memory_limit=_kept(old.memory_limit, written.memory.limit, new.memory.limit, memory_text),
    )


def resources_as_written(container: Container) -> ContainerResources:
    """What a step that changes a container has to remember."""
    requests, limits = container.resources.requests, container.resources.limits
    return ContainerResources(
        container=container.name,
        cpu_request=_text(requests.get("cpu")),
        memory_request=_text(requests.get("memory")),
        cpu_limit=_text(limits.get("cpu")),
        memory_limit=_text(limits.get("memory")),
    )


def cpu_text(millicores: int | None) -> str | None:
    """A Kubernetes quantity of cpu; None: not set."""
    return None if millicores is None else f"{millicores}m"


def memory_text(size: int | None) -> str | None:
    """A Kubernetes quantity of memory: whole MiB where it is that, else bytes."""
    if size is None:
        return None
    return str(size) if size % MIB or not size else f"{size // MIB}Mi"


def as_json(setting: Setting) -> dict[str, int | None]:
    """The setting in the fields that ``current`` and ``recommended`` have."""
    return {
        "cpu_request_millicores": setting.cpu.request,
        "cpu_limit_millicores": setting.cpu.limit,
        "memory_request_bytes": setting.memory.request,
        "memory_limit_bytes": setting.memory.limit,
    }


def _kept(
    text: str | None,
    before: int | None,
    after: int | None,
    write: Callable[[int | None], str | None],
) -> str | None:
    return text if before == after else write(after)


def _text(quantity: Quantity | None) -> str | None:
    return None if quantity is None else str(quantity)


def _millicores(quantity: Quantity | None) -> int | None:
    return None if quantity is None else cpu_millicores(quantity)


def _bytes(quantity: Quantity | None) -> int | None:
    return None if quantity is None else whole_units(quantity)
