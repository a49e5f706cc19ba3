"""What the scheduler sets aside for a pod on its node.

The rules are those of k8s.io/component-helpers ``resource.PodRequests`` and of the API server's
defaults: a container's missing request is its limit; sidecars add to the containers; an init
container runs beside the sidecars started before it; pod-level amounts override the sum; overhead
comes on top. While a container is resized in place the larger of what is asked, set aside and
in force counts, per container: never less than the scheduler's own sum.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import (
    Container,
    ContainerStatus,
    PodSpec,
    PodStatus,
    Quantity,
    ResourceRequirements,
)
from engines.contracts.quantities import parse_quantity, to_millicores, to_whole_units
from engines.contracts.usage import LARGEST_AMOUNT

Amounts = dict[str, int]
"""Nano-units by resource name."""

_POD_LEVEL_RESOURCES = ("cpu", "memory")  # and huge pages; others cannot be set for a whole pod


class PodRequests(NamedTuple):
    """Effective requests of one pod; ``extended`` are all other resources, sorted by name."""

    cpu_millicores: int
    memory_bytes: int
    ephemeral_storage_bytes: int
    extended: tuple[tuple[str, int], ...]


def effective_requests(spec: PodSpec, status: PodStatus | None = None) -> PodRequests:
    """The effective requests of a pod, or of the pods of a template (without ``status``).

    Raises InvalidInputError where an amount is not one, or larger than any machine.
    """
    return _in_units(_effective_amounts(spec, status or PodStatus()))


def resource_amounts(resources: Mapping[str, Quantity], path: str) -> PodRequests:
    """A plain resource list (a node's allocatable, say) in the same units.

    ``path`` says where it stands, for the InvalidInputError about an amount that is none.
    """
    return _in_units(_parsed(resources, path))


def _in_units(amounts: Amounts) -> PodRequests:
    extended = {
        name: to_whole_units(amount)
        for name, amount in sorted(amounts.items())
        if name not in ("cpu", "memory", "ephemeral-storage", "pods") and amount
    }
    units = PodRequests(
        to_millicores(amounts.get("cpu", 0)),
        to_whole_units(amounts.get("memory", 0)),
        to_whole_units(amounts.get("ephemeral-storage", 0)),
        tuple(extended.items()),
    )
    if max(*units[:3], *extended.values()) > LARGEST_AMOUNT:
        raise InvalidInputError(
            "an amount of a resource",
            "is larger than any machine has",
            next_step="check the object's requests, limits and allocatable",
        )
    return units


def _effective_amounts(spec: PodSpec, status: PodStatus) -> Amounts:
    resize_is_infeasible = any(
        one.type == "PodResizePending" and one.reason == "Infeasible" for one in status.conditions
    )
    amounts = _of_containers(spec, status, resize_is_infeasible)
    amounts.update(_of_pod_level(spec, status, amounts, resize_is_infeasible))
    _add(amounts, _parsed(spec.overhead, "spec.overhead"))
    return amounts


def _of_containers(spec: PodSpec, status: PodStatus, resize_is_infeasible: bool) -> Amounts:
    """The sum over containers and sidecars, or the peak while init containers run."""
    by_name = {one.name: one for one in status.init_container_statuses}
    by_name.update({one.name: one for one in status.container_statuses})
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _of_container(container, by_name.get(container.name), resize_is_infeasible))
    started_sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        own = _of_container(container, by_name.get(container.name), resize_is_infeasible)
        if container.is_sidecar:
            _add(total, own)
            _add(started_sidecars, own)
            own = started_sidecars
        else:
            _add(own, started_sidecars)
        peak = _largest(peak, own)
    return _largest(total, peak)


def _of_container(
    container: Container, status: ContainerStatus | None, resize_is_infeasible: bool
) -> Amounts:
    """The container's requests, or what a resize under way holds if that is more."""
    own = container.resources
    asked = _parsed({**own.limits, **own.requests}, f"the resources of container {container.name}")
    if status is None or not (status.allocated_resources or status.resources):
        return asked
    held = _held(status.resources, status.allocated_resources, f"the status of {container.name}")
    return held if resize_is_infeasible else _largest(asked, held)


def _of_pod_level(
    spec: PodSpec, status: PodStatus, of_containers: Amounts, resize_is_infeasible: bool
) -> Amounts:
    """The amounts that the pod as a whole asks for; they replace the sum over its containers."""
    if spec.resources is None:
        return {}
    asked = {
        name: amount
        for name, amount in _parsed(spec.resources.requests, "spec.resources.requests").items()
        if _may_be_pod_level(name)
    }
    if spec.resources.limits:  # the API server then fills in the requests that are missing
        limits = _parsed(spec.resources.limits, "spec.resources.limits")
        for name in filter(_may_be_pod_level, {**of_containers, **limits}):
            asked.setdefault(name, of_containers.get(name, limits.get(name, 0)))
    held = _held(status.resources, status.allocated_resources, "the pod's status")
    overhead = _parsed(
        spec.overhead, "spec.overhead"
    )  # is in what the status says, and is added once more later
    held = {name: held[name] - overhead.get(name, 0) for name in held if name in asked}
    return {**asked, **held} if resize_is_infeasible else _largest(asked, held)


def _may_be_pod_level(name: str) -> bool:
    return name in _POD_LEVEL_RESOURCES or name.startswith("hugepages-")


def _held(
    in_force: ResourceRequirements | None, allocated: Mapping[str, Quantity], path: str
) -> Amounts:
    """What the node gives at present: the larger of what is in force and what is set aside."""
    return _largest(_parsed(in_force.requests if in_force else {}, path), _parsed(allocated, path))


def _parsed(resources: Mapping[str, Quantity], path: str) -> Amounts:
    amounts: Amounts = {}
    for name in sorted(resources):  # so that of two bad amounts the same one is always named
        try:
            amounts[name] = parse_quantity(resources[name])
        except InvalidInputError as error:
            place = f"{path}, {name}"
            raise InvalidInputError(place, error.reason, next_step=error.next_step) from error
    return amounts


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _largest(*alternatives: Amounts) -> Amounts:
    """For each resource the largest of its amounts."""
    names: Iterable[str] = dict.fromkeys(name for one in alternatives for name in one)
    return {name: max(one.get(name, 0) for one in alternatives) for name in names}
