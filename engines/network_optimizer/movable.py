"""Which workloads may move to another zone, and into which: kube-scheduler's filters say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey
from engines.network_optimizer.reasons import PairReason
from engines.network_optimizer.traffic import Entity, zone_of_pod
from engines.scheduling import Occupancy, build_context, feasible_nodes

_GIB = 1024**3

SPREAD = ""
"""The choice of a workload that stands in several zones to stay so."""

_MOVABLE_KINDS = ("Deployment", "StatefulSet", "ReplicaSet")


class Fixed(NamedTuple):
    """Why a workload stays where it is."""

    reason: PairReason
    message: str


class Movable(NamedTuple):
    """A workload that may stand in one zone as well as in another, or stay spread as it is.

    ``choices`` are the zones that would take it alone, where it stands now among them.
    """

    entity: Entity
    pods: tuple[int, ...]  # rows of the snapshot
    choices: tuple[str, ...]
    stays: str  # the choice that changes nothing


class Zones:
    """Where pods run and could run."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._snapshot = snapshot
        self.occupancy = Occupancy(build_context(snapshot))
        nodes = snapshot.nodes
        usable = nodes.ready & ~nodes.deleting
        self.names = tuple(sorted({zone for zone in nodes.zones if zone is not None}))
        self._nodes = {
            zone: usable & np.array([one == zone for one in nodes.zones], np.bool_)
            for zone in self.names
        }

    def place(self, pods: Iterable[int], zone: str) -> list[int]:
        """Place pods on the fullest nodes of a zone that can take them, the largest first.

        Returns those that found a place, for taking them out again.
        """
        table = self._snapshot.pods
        placed = []
        order = sorted(
            pods,
            key=lambda row: (
                -int(table.request_cpu_millicores[row]),
                -int(table.request_memory_bytes[row]),
                row,
            ),
        )
        for pod in order:
            free = self.occupancy.free
            nodes = np.flatnonzero(feasible_nodes(pod, self.occupancy) & self._nodes[zone])
            if not len(nodes):
                continue
            scale = self.occupancy.context.allocatable[:2].max(axis=1, keepdims=True)
            fullness = (free[:2, nodes] / np.maximum(scale, 1)).sum(axis=0)
            self.occupancy.place(pod, int(nodes[np.argmin(fullness)]))
            placed.append(pod)
        return placed

    def take_out(self, pods: Iterable[int]) -> list[tuple[int, int]]:
        """Take pods off their nodes; returns (pod, node) for putting them back."""
        return [(pod, self.occupancy.remove(pod)) for pod in pods]

    def put_back(self, places: Iterable[tuple[int, int]]) -> None:
        """Undo ``take_out``."""
        for pod, node in places:
            self.occupancy.place(pod, node)

    def room(self, zone: str) -> tuple[float, ...]:
        """What is free in a zone on nodes that are of use: vCPU and GiB, never negative."""
        free = self.occupancy.free[:2, self._nodes[zone]]
        cpu_millicores, memory_bytes = np.maximum(free, 0).sum(axis=1).tolist()
        return (cpu_millicores / 1000, memory_bytes / _GIB)

    def needs(self, pods: Sequence[int], zone: str | None) -> tuple[float, ...]:
        """What pods ask for, those that stand in a zone or (None) all: vCPU and GiB."""
        table = self._snapshot.pods
        rows = [pod for pod in pods if zone in (None, zone_of_pod(self._snapshot, pod))]
        return (
            int(table.request_cpu_millicores[rows].sum()) / 1000,
            int(table.request_memory_bytes[rows].sum()) / _GIB,
        )

    def open_to(self, pods: Sequence[int]) -> tuple[str, ...]:
        """The zones in which all of the pods find a place, everything else staying as it is."""
        places = self.take_out(pods)
        found = []
        for zone in self.names:
            placed = self.place(pods, zone)
            if len(placed) == len(pods):
                found.append(zone)
            self.take_out(placed)
        self.put_back(places)
        return tuple(found)


def running_pods(snapshot: ClusterSnapshot) -> Mapping[Entity, tuple[int, ...]]:
    """The rows of the pods of each workload that take room and are not going."""
    pods = snapshot.pods
    found: dict[Entity, tuple[int, ...]] = {}
    for row, workload in enumerate(snapshot.workloads):
        members = [
            int(pod)
            for pod in pods.by_workload.members(row)
            if not (pods.is_finished[pod] or pods.is_terminating[pod])
        ]
        metadata = workload.metadata
        found[Entity(workload.kind, metadata.namespace, metadata.name)] = tuple(members)
    return found


def judge_entity(
    entity: Entity,
    pods: Sequence[int],
    snapshot: ClusterSnapshot,
    zones: Zones,
    required_zones: int,
) -> Movable | Fixed:
    """Whether a workload may be drawn into one zone, and which zones would take it."""
    if entity.kind not in _MOVABLE_KINDS:
        return Fixed(
            PairReason.NOT_MOVABLE, f"{entity} is a {entity.kind}, which is not moved between zones"
        )
    row = snapshot.workload_index[WorkloadKey(*entity)]
    owner = snapshot.workloads[row].metadata.controller
    if owner is not None:
        return Fixed(
            PairReason.MANAGED_BY_OPERATOR,
            f"{entity} is kept by {owner.kind} {owner.name}, which would undo a change",
        )
    stands_in = {zone_of_pod(snapshot, pod) for pod in pods}
    if not pods or None in stands_in:
        return Fixed(
            PairReason.NOT_MOVABLE, f"{entity} has pods that are in no zone; wait until they run"
        )
    if min(required_zones, len(stands_in)) > 1:
        return Fixed(
            PairReason.ZONE_DIVERSITY_WOULD_BE_LOST,
            f"{entity} stands in {len(stands_in)} zones and must keep"
            f" {min(required_zones, len(stands_in))} of them to survive the loss of one",
        )
    stays = stands_in.pop() if len(stands_in) == 1 else SPREAD
    choices = {*zones.open_to(pods), stays or SPREAD}
    if len(choices) == 1:
        return Fixed(
            PairReason.NO_ROOM_IN_ZONE,
            f"no other zone can take the pods of {entity}: room, volumes, selectors or spread are"
            " against it",
        )
    return Movable(entity, tuple(pods), tuple(sorted(choices)), stays or SPREAD)
