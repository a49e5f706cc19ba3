"""In which order to launch and to remove, so that every state on the way is a safe one.

Launching first is the rule: pods then have somewhere to go. But a cluster whose on-demand buffer
is just large enough cannot take one more Spot node before it has given one up, and a large pool
can be emptied only after others have grown. So launches and removals alternate in rounds, each as
large as the layers let it be. The search is greedy; where it finds no safe order the rest follows
in the plain one, launches first, and the judge says what is wrong with it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    WaitForNode,
    WaitForPods,
)
from engines.contracts.pricing import CapacityType, InstanceType
from engines.contracts.state import ClusterState
from engines.contracts.verdict import SafetyLimits
from engines.safety.findings import Allowance, Rules
from engines.safety.fleet import EMPTY, NO_ROOM, Fleet, FleetNode, Pool, Room
from engines.safety.layers import FleetState
from engines.safety.simulation import KnownNodes, launched_node


class NewNode(NamedTuple):
    """An instance to launch."""

    capacity_type: CapacityType
    instance_type: str
    availability_zone: str


def ordered_steps(
    state: ClusterState,
    launches: Iterable[NewNode],
    removals: Iterable[str],
    limits: SafetyLimits,
    *,
    nodes_under_notice: frozenset[str] = frozenset(),
    floor: Room = NO_ROOM,
) -> tuple[PlanStep, ...]:
    """Steps that launch and wait, cordon, drain and terminate, whatever the order of the input.

    ``removals`` are names of nodes. ``floor`` is the allocatable that removals leave at every
    moment, so that the pods have room on the way. Raises ValueError for an instance type without
    a size, an unknown node and a node whose instance is not known.
    """
    nodes = KnownNodes.of(state, nodes_under_notice)
    ids = {node: _instance_id(nodes, node) for node in removals}
    sequencer = _Sequencer(
        rules=Rules.of(_at(Fleet.of(nodes.counted.values())), limits, Allowance()),
        fleet=Fleet.of(nodes.counted.values()),
        floor=floor,
        launches=_launch_order(launches, state.instance_types),
        removals=_removal_order({node: nodes.counted.get(node) for node in ids}),
    )
    return tuple(_steps(sequencer.rounds(), ids))


class _Round(NamedTuple):
    """Launch these, wait for all, then remove those."""

    launches: Sequence[NewNode]
    removals: Sequence[str]


@dataclass(slots=True, kw_only=True)
class _Sequencer:
    """What is left to do, and the capacity as the rounds so far leave it."""

    rules: Rules
    fleet: Fleet
    floor: Room
    launches: list[tuple[NewNode, Fleet]]
    removals: list[tuple[str, Fleet]]

    def rounds(self) -> Iterator[_Round]:
        """Rounds until nothing is left; the last may be an unsafe one, for want of a safe order."""
        while self.launches or self.removals:
            launched = self._launch(self._launchable())
            removed = self._remove_what_may_go()
            if not launched and not removed:
                launched = self._launch(len(self.launches))
                removed = [node for node, _ in self.removals]
                self.removals = []
            yield _Round(launched, removed)

    def _launchable(self) -> int:
        """How many of the launches may come next together: all, or as many as the layers allow.

        Only the state after the last of them has to be safe: nothing is taken away in between.
        """
        if self._is_safe(self._after(len(self.launches))):
            return len(self.launches)
        best, fleet = 0, self.fleet
        for count, (_, gained) in enumerate(self.launches, start=1):
            fleet = fleet.plus(gained)
            if self._is_safe(fleet):
                best = count
            elif best:
                break
        return best

    def _after(self, count: int) -> Fleet:
        fleet = self.fleet
        for _, gained in self.launches[:count]:
            fleet = fleet.plus(gained)
        return fleet

    def _launch(self, count: int) -> list[NewNode]:
        self.fleet = self._after(count)
        launched = [new for new, _ in self.launches[:count]]
        self.launches = self.launches[count:]
        return launched

    def _remove_what_may_go(self) -> list[str]:
        removed, kept = [], []
        for node, lost in self.removals:
            left = self.fleet.minus(lost)
            if not lost.total.nodes or (_holds(left.total, self.floor) and self._is_safe(left)):
                self.fleet = left
                removed.append(node)
            else:
                kept.append((node, lost))
        self.removals = kept
        return removed

    def _is_safe(self, fleet: Fleet) -> bool:
        return not any(finding.blocks for finding in self.rules.findings(_at(fleet)))


def _at(fleet: Fleet) -> FleetState:
    return FleetState(moment="", joined=fleet)


def _holds(room: Room, floor: Room) -> bool:
    return room.cpu_millicores >= floor.cpu_millicores and room.memory_bytes >= floor.memory_bytes


def _instance_id(nodes: KnownNodes, node: str) -> str:
    if (instance_id := nodes.instance_ids.get(node)) is None:
        raise ValueError(f"node {node!r} is not known, or nothing tells its instance")
    return instance_id


def _launch_order(
    launches: Iterable[NewNode], types: Mapping[str, InstanceType]
) -> list[tuple[NewNode, Fleet]]:
    """On-demand first, then Spot pools in turn, so that no pool runs ahead of the others."""
    turns: Counter[NewNode] = Counter()
    ordered = []
    for new in sorted(launches):
        turns[new] += 1
        is_spot = new.capacity_type is CapacityType.SPOT
        ordered.append((is_spot, turns[new] if is_spot else 0, new))
    return [(new, _gain(new, types)) for _, _, new in sorted(ordered)]


def _gain(new: NewNode, types: Mapping[str, InstanceType]) -> Fleet:
    node = launched_node(new.instance_type, new.availability_zone, new.capacity_type, types)
    if node is None:
        raise ValueError(f"the size of instance type {new.instance_type!r} is not known")
    return Fleet.of((node,))


def _removal_order(removals: Mapping[str, FleetNode | None]) -> list[tuple[str, Fleet]]:
    """What is no capacity first, then Spot in turn from its largest pools, on-demand last."""
    left: Counter[Pool] = Counter()
    ordered = []
    for name, node in sorted(removals.items(), reverse=True):
        pool = node.pool if node else None
        if pool is not None:
            left[pool] += 1
        rank = 0 if node is None else 1 if pool is not None else 2
        ordered.append((rank, -left[pool] if pool is not None else 0, name))
    return [
        (name, EMPTY if (node := removals[name]) is None else Fleet.of((node,)))
        for _, _, name in sorted(ordered)
    ]


def _steps(rounds: Iterable[_Round], instance_ids: Mapping[str, str]) -> Iterator[PlanStep]:
    """The steps of all rounds; ids tell what a step does and to what."""
    launched = 0
    for one in rounds:
        numbers = range(launched + 1, launched + 1 + len(one.launches))
        launched += len(one.launches)
        for number, new in zip(numbers, one.launches, strict=True):
            yield LaunchInstance(
                id=f"launch-{number}",
                instance_type=new.instance_type,
                availability_zone=new.availability_zone,
                capacity_type=new.capacity_type,
            )
        for number in numbers:
            yield WaitForNode(id=f"wait-{number}", launch_step=f"launch-{number}")
        for node in one.removals:
            yield CordonNode(id=f"cordon-{node}", node=node)
        for node in one.removals:
            yield DrainNode(id=f"drain-{node}", node=node)
            yield WaitForPods(id=f"settle-{node}")
            yield TerminateInstance(
                id=f"terminate-{node}", instance_id=instance_ids[node], node=node
            )
