"""OOM kills as the statuses of pods tell them: of each container the present and the last end.

Only the reason OOMKilled tells of one; exit code 137 alone is any SIGKILL.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import ContainerStatus, Pod, ResourceRequirements
from engines.resource_policy.settings import containers_of, setting_of_resources

OOM_KILLED = "OOMKilled"


class StatusKill(NamedTuple):
    """One kill. ``at`` None: the status does not tell when.

    ``limit_bytes`` is the limit in force at it; ``is_limit_known`` False: nobody tells; known and
    None: there was none.
    """

    container: str
    at: datetime | None
    limit_bytes: int | None
    is_limit_known: bool


def statuses_of(pod: Pod) -> tuple[ContainerStatus, ...]:
    """The statuses of a pod's containers and init containers (sidecars among them)."""
    return (*pod.status.container_statuses, *pod.status.init_container_statuses)


def kills_in(pod: Pod) -> Iterator[StatusKill]:
    """The kills that a pod's statuses tell of."""
    for status in statuses_of(pod):
        for ended in (status.state.terminated, status.last_state.terminated):
            if ended is not None and ended.reason == OOM_KILLED:
                yield StatusKill(status.name, ended.finished_at, *_limit_of(pod, status))


def _limit_of(pod: Pod, status: ContainerStatus) -> tuple[int | None, bool]:
    """The memory limit that the pod gives the container, and whether that is known.

    What is in force beats what the spec asks for: a resize may be under way. A limit of 0 is none.
    """
    resources = status.resources or _resources_in(pod, status.name)
    if resources is None:
        return None, False
    try:
        return setting_of_resources(resources).memory.limit or None, True
    except InvalidInputError:
        return None, False


def _resources_in(pod: Pod, name: str) -> ResourceRequirements | None:
    named = (one.resources for one in containers_of(pod.spec) if one.name == name)
    return next(named, None)
