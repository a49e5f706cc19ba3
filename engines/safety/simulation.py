"""Playing a plan over a cluster: every state of its capacity, from the first step to the end.

Capacity is the allocatable of Ready nodes. A node that is being deleted or under notice of
interruption does not count. What each step does to it:

- ``launch_instance``: the type's estimated allocatable is on its way; it has joined at the plan's
  own ``wait_for_node``, or at the end of a plan that never waits for it.
- ``drain_node``, ``terminate_instance``: the node no longer counts.
- ``uncordon_node``: a node that the plan itself had drained counts again.
- all others, ``cordon_node`` among them, leave capacity as it is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from engines.contracts.node_facts import may_stand_on_any_instance
from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    UncordonNode,
    WaitForNode,
)
from engines.contracts.pricing import CapacityType, InstanceType
from engines.contracts.state import ClusterState
from engines.node_capacity import estimate_allocatable
from engines.safety.fleet import EMPTY, UNKNOWN, Fleet, FleetNode, Pool, Room
from engines.safety.layers import FleetState

AT_THE_START = "before the plan"
AT_THE_END = "after the plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNodes:
    """The nodes of a cluster as a plan may name them.

    ``counted`` are those that are capacity; ``instance_ids`` has every node, None where its
    instance is not known or there is none; ``unidentified`` are those that may stand on any.
    """

    counted: Mapping[str, FleetNode]
    instance_ids: Mapping[str, str | None]
    unidentified: tuple[str, ...]
    unclear: tuple[str, ...]  # counted, but nothing tells how they are bought: taken for Spot

    @classmethod
    def of(cls, state: ClusterState, under_notice: Iterable[str] = ()) -> "KnownNodes":
        table = state.cluster.nodes
        leaving = frozenset(under_notice)
        rows = [
            row
            for row, name in enumerate(table.names)
            if table.ready[row] and not table.deleting[row] and name not in leaving
        ]
        return cls(
            counted={
                table.names[row]: fleet_node(
                    table.instance_types[row],
                    table.zones[row],
                    table.capacity_types[row],
                    Room(
                        1,
                        int(table.allocatable_cpu_millicores[row]),
                        int(table.allocatable_memory_bytes[row]),
                    ),
                )
                for row in rows
            },
            instance_ids=dict(zip(table.names, table.instance_ids, strict=True)),
            unidentified=tuple(
                name
                for name, node in zip(table.names, table.items, strict=True)
                if may_stand_on_any_instance(node)
            ),
            unclear=tuple(table.names[row] for row in rows if table.capacity_types[row] is None),
        )


def fleet_node(
    instance_type: str | None, zone: str | None, capacity_type: CapacityType | None, room: Room
) -> FleetNode:
    """What a node counts for; where nothing tells how it is bought it is taken for Spot."""
    is_interruptible = capacity_type is None or capacity_type is CapacityType.SPOT
    pool = Pool(instance_type or UNKNOWN, zone or UNKNOWN) if is_interruptible else None
    return FleetNode(room, zone, pool)


def launched_node(
    instance_type: str, zone: str, capacity_type: CapacityType, types: Mapping[str, InstanceType]
) -> FleetNode | None:
    """What an instance will count for once it has joined; None: its type's size is not known."""
    if (known := types.get(instance_type)) is None:
        return None
    offered = estimate_allocatable(known)
    room = Room(1, offered.cpu_millicores, offered.memory_bytes)
    return fleet_node(instance_type, zone, capacity_type, room)


class PlanProblem(NamedTuple):
    """A step that cannot be judged on this cluster: what it is about, and why."""

    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Playback:
    """What a plan does to the capacity of a cluster.

    ``states`` begins before the first step and ends after the last. ``added`` counts the launches
    of each Spot pool. ``removed`` are the nodes that were capacity and are taken away, be it for a
    while; ``staying`` are capacity at the end, ``emptied`` are drained then and ``terminated``
    gone, whether they were capacity or not.
    """

    states: tuple[FleetState, ...]
    problems: tuple[PlanProblem, ...]
    added: Mapping[Pool, int]
    removed: frozenset[str]
    staying: frozenset[str]
    emptied: frozenset[str]
    terminated: frozenset[str]
    has_launches: bool
    changes_nodes: bool


def play(
    nodes: KnownNodes, plan: Iterable[PlanStep], instance_types: Mapping[str, InstanceType]
) -> Playback:
    """Play all steps in their order. A step that cannot be judged is a problem, not an error."""
    player = _Player(nodes, instance_types)
    for step in plan:
        player.take(step)
    return player.playback()


class _Player:
    """The cluster while the plan runs over it."""

    def __init__(self, nodes: KnownNodes, instance_types: Mapping[str, InstanceType]) -> None:
        self._nodes = nodes
        self._instance_types = instance_types
        self._node_by_instance = {known: node for node, known in nodes.instance_ids.items()}
        self._counted = dict(nodes.counted)
        self._drained: dict[str, FleetNode] = {}
        self._coming: dict[str, FleetNode | None] = {}  # by launch step; None: it has joined
        self._joined = Fleet.of(nodes.counted.values())
        self._on_its_way = EMPTY
        self._states = [FleetState(moment=AT_THE_START, joined=self._joined)]
        self._grows = [False]  # beside each state: whether it came about by gaining capacity
        self._problems: list[PlanProblem] = []
        self._step_ids: set[str] = set()
        self._added: Counter[Pool] = Counter()
        self._removed: set[str] = set()
        self._emptied: set[str] = set()
        self._terminated: set[str] = set()
        self._changes_nodes = False

    def take(self, step: PlanStep) -> None:
        """Do to the capacity what the step does."""
        if step.id in self._step_ids:
            self._problem(step.id, f"two steps of the plan have the id {step.id!r}")
        self._step_ids.add(step.id)
        match step:
            case LaunchInstance():
                self._launch(step)
            case WaitForNode():
                self._wait(step)
            case CordonNode():
                self._is_known(step, step.node)
            case UncordonNode():
                self._uncordon(step)
            case DrainNode():
                if self._is_known(step, step.node):
                    self._drain(step)
            case TerminateInstance():
                self._terminate(step)
            case _:
                pass  # workloads, volumes and tags are no capacity

    def playback(self) -> Playback:
        """All that was seen, closed by the state in which every launched instance has joined."""
        grows_next = [*self._grows[1:], False]
        states = [
            replace(state, is_growing=grows and (next_grows or state.on_its_way.total.nodes > 0))
            for state, grows, next_grows in zip(self._states, self._grows, grows_next, strict=True)
        ]
        end = FleetState(moment=AT_THE_END, joined=self._joined.plus(self._on_its_way))
        return Playback(
            states=(*states, end),
            problems=tuple(self._problems),
            added=self._added,
            removed=frozenset(self._removed),
            staying=frozenset(self._counted),
            emptied=frozenset(self._emptied),
            terminated=frozenset(self._terminated),
            has_launches=bool(self._coming),
            changes_nodes=self._changes_nodes or bool(self._problems),
        )

    def _launch(self, step: LaunchInstance) -> None:
        self._changes_nodes = True
        self._coming[step.id] = None
        node = launched_node(
            step.instance_type, step.availability_zone, step.capacity_type, self._instance_types
        )
        if node is None:
            self._problem(
                step.instance_type,
                f"step {step.id!r} launches {step.instance_type}, whose size is not known; import"
                " the instance types, or choose another type",
            )
            return
        self._coming[step.id] = node
        if node.pool is not None:
            self._added[node.pool] += 1
        self._on_its_way = self._on_its_way.plus(Fleet.of((node,)))
        self._now(step, grows=True)

    def _wait(self, step: WaitForNode) -> None:
        if step.launch_step not in self._coming:
            self._problem(
                step.id,
                f"step {step.id!r} waits for {step.launch_step!r}, which is no launch before it",
            )
        elif (node := self._coming[step.launch_step]) is not None:
            self._coming[step.launch_step] = None
            self._on_its_way = self._on_its_way.minus(Fleet.of((node,)))
            self._joined = self._joined.plus(Fleet.of((node,)))
            self._now(step, grows=True)

    def _drain(self, step: DrainNode) -> None:
        if step.node in self._terminated:
            return
        self._emptied.add(step.node)
        if (lost := self._take_away(step, step.node)) is not None:
            self._drained[step.node] = lost

    def _uncordon(self, step: UncordonNode) -> None:
        if not self._is_known(step, step.node):
            return
        self._emptied.discard(step.node)
        if step.node in self._drained:
            self._counted[step.node] = self._drained.pop(step.node)
            self._joined = self._joined.plus(Fleet.of((self._counted[step.node],)))
            self._now(step, grows=True)

    def _terminate(self, step: TerminateInstance) -> None:
        node = step.node or self._node_of_instance(step)
        if node is None or not self._is_known(step, node):
            return
        known_id = self._nodes.instance_ids[node]
        if known_id is not None and known_id != step.instance_id:
            self._problem(
                node,
                f"step {step.id!r} terminates {step.instance_id} as node {node!r}, which runs on"
                f" {known_id}; ask the engine again on fresh data",
            )
            return
        self._terminated.add(node)
        self._emptied.discard(node)
        self._drained.pop(node, None)
        self._take_away(step, node)

    def _node_of_instance(self, step: TerminateInstance) -> str | None:
        """The node of the instance; None: it is none of this cluster's, or nobody can tell."""
        if (node := self._node_by_instance.get(step.instance_id)) is not None:
            return node
        if unidentified := self._nodes.unidentified:
            self._problem(
                step.instance_id,
                f"step {step.id!r} terminates {step.instance_id}, and it may be one of the"
                f" {len(unidentified)} nodes whose instance is not known"
                f" (first: {unidentified[0]!r}); name the node in the step",
            )
        return None

    def _take_away(self, step: PlanStep, node: str) -> FleetNode | None:
        """The node stops counting, if it did."""
        if (lost := self._counted.pop(node, None)) is not None:
            self._removed.add(node)
            self._joined = self._joined.minus(Fleet.of((lost,)))
            self._now(step, grows=False)
        return lost

    def _is_known(self, step: PlanStep, node: str) -> bool:
        self._changes_nodes = True
        if node in self._nodes.instance_ids:
            return True
        self._problem(
            node,
            f"step {step.id!r} is about node {node!r}, which the cluster does not have; ask the"
            " engine again on fresh data",
        )
        return False

    def _now(self, step: PlanStep, *, grows: bool) -> None:
        """Keep the state that the step leads to."""
        kind = step.__struct_config__.tag
        moment = f"after step {step.id!r} ({kind})"
        self._states.append(
            FleetState(moment=moment, joined=self._joined, on_its_way=self._on_its_way)
        )
        self._grows.append(grows)

    def _problem(self, subject: str, message: str) -> None:
        self._problems.append(PlanProblem(subject, message))
