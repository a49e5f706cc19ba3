"""Where pending pods go: the product's own scheduling rules over the cluster as it is."""

from collections.abc import Iterable

import msgspec

from engines.contracts.collection import ObjectCollection
from engines.contracts.kubernetes.kinds import KINDS
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.snapshot_builder import build_snapshot
from engines.scheduling import (
    Occupancy,
    Scorer,
    build_context,
    failure_message,
    plan_preemption,
)
from sandbox.kube.objects import Obj
from sandbox.kube.resources import RESOURCES
from sandbox.kube.store import Store, key_of
from sandbox.kube.world import Placement

_READ = (
    *("Node", "Pod", "Namespace", "PodDisruptionBudget", "ReplicaSet", "StatefulSet"),
    *("PersistentVolumeClaim", "PersistentVolume", "StorageClass", "CSINode"),
)
_RESOURCES = {one.kind: one for one in RESOURCES if one.kind in _READ}
_UNREADABLE = "the pod could not be read by the scheduler"


def place_by_rules(pods: list[Obj], store: Store) -> list[Placement]:
    """A placement for each pod, in order; each counts for those after it.

    A pod that fits nowhere may name victims: with them gone it would fit on the nominated node.
    """
    batch = _Batch(_snapshot(store))
    return [batch.place(key_of(pod)) for pod in pods]


def _snapshot(store: Store) -> ClusterSnapshot:
    collection = ObjectCollection()
    for name, resource in _RESOURCES.items():
        page = {"metadata": {}, "items": list(store.all(resource))}
        collection.add_page(KINDS[name], msgspec.json.encode(page))
    return build_snapshot(collection)


class _Batch:
    """One look at the cluster, in which pod after pod finds its place."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        context = build_context(snapshot)
        self._occupancy = Occupancy(context)
        self._scorer = Scorer(context)
        self._rows = {pod.key: row for row, pod in enumerate(snapshot.pods.items)}
        self._names = context.nodes.names
        self._pods = snapshot.pods.items

    def place(self, key: str) -> Placement:
        row = self._rows.get(key)
        if row is None:
            return Placement(None, _UNREADABLE)
        node = self._scorer.choose(row, self._occupancy)
        if node is not None:
            self._occupancy.place(row, node)
            return Placement(self._names[node])
        message = failure_message(row, self._occupancy)
        preemption = plan_preemption(row, self._occupancy)
        if preemption is None:
            return Placement(None, message)
        self._make_room(preemption.victims)
        self._occupancy.place(row, preemption.node)
        victims = tuple(self._pods[victim].key for victim in preemption.victims)
        return Placement(None, message, self._names[preemption.node], victims)

    def _make_room(self, victims: Iterable[int]) -> None:
        for victim in victims:
            self._occupancy.remove(victim)
