"""What became of containers that were killed within the last fortnight, as far as kills tell.

A container whose memory limit is above that of its last kill was raised since and holds; one that
was killed at a higher limit than before was raised in vain. What is not seen as a kill is not
judged: nobody is asked whether the raised memory is used.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import Workload, template_of
from engines.contracts.results import Json
from engines.contracts.snapshot import ClusterSnapshot
from engines.oom_remediation.kills import Kill, Kills
from engines.resource_policy.attribution import PodOwners
from engines.resource_policy.floors import FLOOR_HOLDS, MemoryFloor, floor_after_kills
from engines.resource_policy.limit_ranges import LimitBook
from engines.resource_policy.settings import Pair, containers_of, in_force, setting_of


class Result(StrEnum):
    """What became of the memory limit after a kill."""

    HOLDS = "holds"
    KILLED_AGAIN = "killed_again"
    NOT_RAISED = "not_raised"
    LOWERED = "lowered"


class Killed(NamedTuple):
    """A container that was killed, with the memory that is in force for it now.

    ``kills``: all that are known of the last fortnight, in the order of time.
    """

    workload: Workload
    container: str
    memory: Pair
    kills: tuple[Kill, ...]

    @property
    def limits(self) -> tuple[int, ...]:
        """The limits of those kills of which they are known, in the order of time."""
        return tuple(one.limit_bytes for one in self.kills if one.limit_bytes is not None)


def outcomes(snapshot: ClusterSnapshot, kills: Kills, now: datetime) -> tuple[Json, ...]:
    """Each container with a kill whose limit is known, and what became of it; for evidence."""
    return tuple(
        {
            "kind": one.workload.kind,
            "namespace": one.workload.metadata.namespace,
            "name": one.workload.metadata.name,
            "container": one.container,
            "result": result,
            "last_kill": _moment(one.kills[-1]).isoformat(),
            "limit_at_kill_bytes": one.limits[-1],
            "limit_now_bytes": one.memory.limit,
        }
        for one in _killed(snapshot, kills, now)
        if (result := _result(one)) is not None
    )


def memory_floors(
    snapshot: ClusterSnapshot, kills: Kills, factor: float, now: datetime
) -> tuple[MemoryFloor, ...]:
    """The memory requests that must not be taken back for 14 days after a kill."""
    return tuple(
        MemoryFloor(
            namespace=one.workload.metadata.namespace,
            kind=one.workload.kind,
            name=one.workload.metadata.name,
            container=one.container,
            bytes=floor,
            since=_moment(one.kills[-1]),
        )
        for one in _killed(snapshot, kills, now)
        if (floor := floor_after_kills(one.memory, one.limits, factor)) is not None
    )


def _killed(snapshot: ClusterSnapshot, kills: Kills, now: datetime) -> Iterator[Killed]:
    """The containers that stand in a template, by workload and name."""
    since = int((now - FLOOR_HOLDS).timestamp())
    owners, limits = PodOwners(snapshot), LimitBook(snapshot.limit_ranges)
    found: dict[tuple[int, str], list[Kill]] = defaultdict(list)
    for known in (kills.older, kills.by_container):
        for key, some in known.items():
            row = owners.workload_of(key.namespace, key.pod)
            if row >= 0:
                found[row, key.container] += (one for one in some if one.at > since)
    for (row, name), recent in sorted(found.items()):
        memory = _memory_of(snapshot.workloads[row], name, limits)
        if recent and memory is not None:
            ordered = tuple(sorted(recent, key=lambda one: one.at))
            yield Killed(snapshot.workloads[row], name, memory, ordered)


def _memory_of(workload: Workload, name: str, limits: LimitBook) -> Pair | None:
    """What is in force for a container now; None: it is not in the template, or unreadable."""
    try:
        defaults = limits.of(workload.metadata.namespace).defaults
        for container in containers_of(template_of(workload).spec):
            if container.name == name:
                return in_force(setting_of(container), defaults).memory
    except InvalidInputError:  # the judgement of the kill names it
        return None
    return None


def _result(one: Killed) -> Result | None:
    limit = one.memory.limit
    if limit is None or not one.limits:
        return None
    last = one.limits[-1]
    if limit != last:
        return Result.HOLDS if limit > last else Result.LOWERED
    return Result.KILLED_AGAIN if min(one.limits) < last else Result.NOT_RAISED


def _moment(kill: Kill) -> datetime:
    return datetime.fromtimestamp(kill.at, UTC)
