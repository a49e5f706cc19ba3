"""The capacity of a cluster, summed the way the safety layers measure it.

Sums are exact integers and shares exact fractions, so a limit that is met exactly is met.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import NamedTuple, TypeVar

UNKNOWN = "unknown"  # in place of an instance type or zone that nothing tells


class Pool(NamedTuple):
    """One instance type in one zone, on Spot."""

    instance_type: str
    availability_zone: str

    def __str__(self) -> str:
        return f"{self.instance_type}/{self.availability_zone}"


_Key = TypeVar("_Key", Pool, str)


class Room(NamedTuple):
    """The allocatable of some nodes together."""

    nodes: int = 0
    cpu_millicores: int = 0
    memory_bytes: int = 0

    def plus(self, other: "Room") -> "Room":
        return Room(
            self.nodes + other.nodes,
            self.cpu_millicores + other.cpu_millicores,
            self.memory_bytes + other.memory_bytes,
        )

    def minus(self, other: "Room") -> "Room":
        return Room(
            self.nodes - other.nodes,
            self.cpu_millicores - other.cpu_millicores,
            self.memory_bytes - other.memory_bytes,
        )


NO_ROOM = Room()


class FleetNode(NamedTuple):
    """What one node, or one instance that will become one, counts for.

    ``pool`` None: on-demand or reserved. ``zone`` None: not known, so it counts as no zone.
    """

    room: Room
    zone: str | None
    pool: Pool | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The sums over a set of nodes. ``pools`` and ``zones`` hold only what has nodes."""

    total: Room = NO_ROOM
    on_demand: Room = NO_ROOM
    pools: Mapping[Pool, Room] = field(default_factory=dict)
    zones: Mapping[str, Room] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[FleetNode]) -> "Fleet":
        """The sums over these nodes, whatever their order."""
        total = on_demand = NO_ROOM
        pools: dict[Pool, Room] = {}
        zones: dict[str, Room] = {}
        for node in nodes:
            total = total.plus(node.room)
            if node.pool is None:
                on_demand = on_demand.plus(node.room)
            else:
                pools[node.pool] = pools.get(node.pool, NO_ROOM).plus(node.room)
            if node.zone is not None:
                zones[node.zone] = zones.get(node.zone, NO_ROOM).plus(node.room)
        return cls(total, on_demand, pools, zones)

    @property
    def spot(self) -> Room:
        """All that is not on-demand."""
        return self.total.minus(self.on_demand)

    def plus(self, other: "Fleet") -> "Fleet":
        """Both together."""
        return Fleet(
            self.total.plus(other.total),
            self.on_demand.plus(other.on_demand),
            _summed(self.pools, other.pools),
            _summed(self.zones, other.zones),
        )

    def minus(self, other: "Fleet") -> "Fleet":
        """What is left without ``other``, which must be part of this fleet."""
        return Fleet(
            self.total.minus(other.total),
            self.on_demand.minus(other.on_demand),
            _less(self.pools, other.pools),
            _less(self.zones, other.zones),
        )


EMPTY = Fleet()


def share_of(part: Room, whole: Room) -> Fraction:
    """The larger of the vCPU share and the memory share; nothing of nothing is 0."""
    return max(
        _ratio(part.cpu_millicores, whole.cpu_millicores),
        _ratio(part.memory_bytes, whole.memory_bytes),
    )


def least_whole(staying: Fleet, now: Fleet, max_pool_share: float) -> Room:
    """The smallest whole in which each pool that stays is within its limit, or has no larger a
    share than ``now``; of this many nodes nothing is said."""
    limit = Fraction(str(max_pool_share))
    cpu_millicores, memory_bytes = 0, 0
    for pool, room in staying.pools.items():
        if bound := max(limit, share_of(now.pools.get(pool, NO_ROOM), now.total)):
            cpu_millicores = max(cpu_millicores, ceil(room.cpu_millicores / bound))
            memory_bytes = max(memory_bytes, ceil(room.memory_bytes / bound))
    return Room(0, cpu_millicores, memory_bytes)


def _ratio(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


def _summed(one: Mapping[_Key, Room], other: Mapping[_Key, Room]) -> dict[_Key, Room]:
    added = {key: one[key].plus(room) if key in one else room for key, room in other.items()}
    return {**one, **added}


def _less(one: Mapping[_Key, Room], other: Mapping[_Key, Room]) -> dict[_Key, Room]:
    left = {**one, **{key: one[key].minus(room) for key, room in other.items()}}
    return {key: room for key, room in left.items() if room.nodes}
