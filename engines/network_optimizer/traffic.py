"""Who talks to whom, and from which zone to which: pods summed up to workloads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.usage import PodKey, TrafficTable
from engines.network_optimizer.reasons import PodReason


class Entity(NamedTuple):
    """What sends or receives: a workload, or a pod of its own."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(self)


Pair = tuple[Entity, Entity]
"""Two entities in their order; the direction of traffic between them does not matter."""

Cells = Mapping[tuple[str, str], int]
"""Bytes a day by the zone of the pair's first entity and that of its second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneTraffic:
    """The traffic of a cluster. ``unknown`` are pods whose traffic counts for nothing."""

    pairs: Mapping[Pair, Cells]
    unknown: Mapping[PodKey, PodReason]
    total_bytes: int
    unknown_bytes: int


def cross_zone_bytes(cells: Cells) -> int:
    """Bytes a day that change zones."""
    return sum(amount for (one, other), amount in cells.items() if one != other)


def entity_of_pod(snapshot: ClusterSnapshot, pod: int) -> Entity:
    """The topmost workload of a pod (by row), or the pod itself."""
    row = int(snapshot.pods.workload[pod])
    if row >= 0:
        workload = snapshot.workloads[row]
        return Entity(workload.kind, workload.metadata.namespace, workload.metadata.name)
    metadata = snapshot.pods.items[pod].metadata
    return Entity("Pod", metadata.namespace, metadata.name)


def sum_traffic(table: TrafficTable, snapshot: ClusterSnapshot) -> ZoneTraffic:
    """Sum the matrix up to workloads and zones."""
    ends = _ends(table, snapshot)
    places = sorted({end for end in ends if isinstance(end, _Place)})
    number = {place: index for index, place in enumerate(places)}
    index = np.array([number[end] if isinstance(end, _Place) else -1 for end in ends], np.int64)
    senders, receivers = index[table.senders], index[table.receivers]
    is_known = (senders >= 0) & (receivers >= 0)
    return ZoneTraffic(
        pairs=_pairs(places, senders[is_known], receivers[is_known], table.bytes_per_day[is_known]),
        unknown={
            pod: end
            for pod, end in zip(table.pods, ends, strict=True)
            if isinstance(end, PodReason)
        },
        total_bytes=int(table.bytes_per_day.sum()),
        unknown_bytes=int(table.bytes_per_day[~is_known].sum()),
    )


class _Place(NamedTuple):
    entity: Entity
    zone: str


def _ends(table: TrafficTable, snapshot: ClusterSnapshot) -> list["_Place | PodReason"]:
    """For each pod of the matrix who it is and where, or why that is not known."""
    rows = {
        PodKey(pod.metadata.namespace, pod.metadata.name): row
        for row, pod in enumerate(snapshot.pods.items)
    }
    return [_end(snapshot, rows.get(pod)) for pod in table.pods]


def _end(snapshot: ClusterSnapshot, pod: int | None) -> "_Place | PodReason":
    if pod is None:
        return PodReason.UNKNOWN_POD
    zone = zone_of_pod(snapshot, pod)
    return PodReason.UNKNOWN_ZONE if zone is None else _Place(entity_of_pod(snapshot, pod), zone)


def zone_of_pod(snapshot: ClusterSnapshot, pod: int) -> str | None:
    """The zone of the node that a pod (by row) is bound to; None: nothing tells."""
    node = int(snapshot.pods.node[pod])
    return None if node < 0 else snapshot.nodes.zones[node]


def _pairs(
    places: list[_Place],
    senders: NDArray[np.int64],
    receivers: NDArray[np.int64],
    amounts: NDArray[np.int64],
) -> Mapping[Pair, Cells]:
    """Both directions together, the pair's entities in their order (places are sorted)."""
    first, second = np.minimum(senders, receivers), np.maximum(senders, receivers)
    keys, inverse = np.unique(first * len(places) + second, return_inverse=True)
    sums = np.zeros(len(keys), np.int64)
    np.add.at(sums, inverse, amounts)
    pairs: dict[Pair, dict[tuple[str, str], int]] = {}
    for one, other, amount in _cells(places, keys, sums):
        cells = pairs.setdefault((one.entity, other.entity), {})
        cells[one.zone, other.zone] = cells.get((one.zone, other.zone), 0) + amount
    return {pair: pairs[pair] for pair in sorted(pairs)}


def _cells(
    places: list[_Place], keys: NDArray[np.int64], sums: NDArray[np.int64]
) -> Iterator[tuple[_Place, _Place, int]]:
    for key, amount in zip(keys.tolist(), sums.tolist(), strict=True):
        yield places[key // len(places)], places[key % len(places)], amount
