"""What a cluster's pods need from the nodes that they will run on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.allocation import Capacity
from engines.contracts.kubernetes import PersistentVolume, Pod
from engines.contracts.snapshot import ClusterSnapshot
from engines.spot_optimizer.parameters import SpotParameters
from engines.spot_optimizer.placement_wishes import NO_WISH, wish_of

Flags = NDArray[np.bool_]
Amounts = NDArray[np.int64]  # (rows, 3) or one row: millicores, bytes, pods

NO_SPOT_ANNOTATION = "cloudoptim.io/spot"
NO_SPOT_VALUE = "never"
_ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")


@dataclass(frozen=True, slots=True, eq=False)
class PodNeeds:
    """The pods of a cluster by what they mean for buying capacity; columns are by pod row.

    ``moves`` are pods that need a place wherever their node goes: no DaemonSet's, no static pod,
    none that has finished or is on its way out. ``zone`` is what volumes or selectors tie a pod
    to; ``needs_its_node`` marks pods that ask for what a new node is not known to offer.
    """

    requests: Amounts
    node: NDArray[np.int32]
    moves: Flags
    stays_with_node: Flags  # DaemonSet and static pods that run
    is_on_demand_only: Flags
    selects_on_demand: Flags  # those of them whose own selectors say so to kube-scheduler
    needs_its_node: Flags
    zone: tuple[str | None, ...]

    def total(self, chosen: Flags) -> Amounts:
        """The requests of some pods together."""
        summed: Amounts = self.requests[chosen].sum(axis=0)
        return summed

    def by_node(self, chosen: Flags, nodes: int) -> Amounts:
        """The requests of some pods, summed for each of ``nodes`` nodes."""
        sums = np.zeros((nodes, 3), np.int64)
        bound = chosen & (self.node >= 0)
        np.add.at(sums, self.node[bound], self.requests[bound])
        return sums


def pod_needs(snapshot: ClusterSnapshot, parameters: SpotParameters, architecture: str) -> PodNeeds:
    """Read the pods of a snapshot, for new Linux nodes of an architecture."""
    pods = snapshot.pods
    runs = ~pods.is_finished & ~pods.is_terminating
    stays = pods.is_daemonset | pods.is_mirror
    volumes = _VolumesOf(snapshot)
    wishes = [
        wish_of(one, architecture, "linux")
        if one.spec.node_selector or one.spec.affinity
        else NO_WISH
        for one in pods.items
    ]
    selects_on_demand = np.array([one.is_on_demand_only for one in wishes], np.bool_)
    needs_devices = np.zeros(len(pods), np.bool_)
    for amounts in pods.extended.values():
        needs_devices[amounts.rows[amounts.amounts > 0]] = True
    return PodNeeds(
        requests=np.column_stack(
            (pods.request_cpu_millicores, pods.request_memory_bytes, np.ones(len(pods), np.int64))
        ),
        node=pods.node,
        moves=runs & ~stays,
        stays_with_node=runs & stays,
        is_on_demand_only=_on_demand_only(snapshot, parameters, volumes) | selects_on_demand,
        selects_on_demand=selects_on_demand,
        needs_its_node=needs_devices | np.array([one.needs_its_node for one in wishes], np.bool_),
        zone=tuple(
            volumes.zone_of(pod) or wish.zone for pod, wish in zip(pods.items, wishes, strict=True)
        ),
    )


def _on_demand_only(
    snapshot: ClusterSnapshot, parameters: SpotParameters, volumes: "_VolumesOf"
) -> Flags:
    """Pods that say so, that the selector names, and those of StatefulSets with local data."""
    pods = snapshot.pods
    says_never = [
        one.metadata.annotations.get(NO_SPOT_ANNOTATION) == NO_SPOT_VALUE
        for one in snapshot.workloads
    ]
    selector = (parameters.no_spot_selector or {}).items()
    flags = np.zeros(len(pods), np.bool_)
    for row, (pod, owner) in enumerate(zip(pods.items, pods.workload.tolist(), strict=True)):
        controller = pod.metadata.controller
        flags[row] = (
            pod.metadata.annotations.get(NO_SPOT_ANNOTATION) == NO_SPOT_VALUE
            or (owner >= 0 and says_never[owner])
            or (bool(selector) and selector <= pod.metadata.labels.items())
            or (
                controller is not None
                and controller.kind == "StatefulSet"
                and volumes.has_local_data(pod)
            )
        )
    return flags


class _VolumesOf:
    """The persistent volumes behind the claims of pods."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        volumes = {one.metadata.name: one for one in snapshot.pvs}
        self._by_claim = {
            (one.metadata.namespace, one.metadata.name): volumes.get(one.spec.volume_name)
            for one in snapshot.pvcs
        }

    def has_local_data(self, pod: Pod) -> bool:
        """Whether the pod would lose data with its node."""
        return any(one.is_local for one in pod.spec.volumes) or any(
            one.spec.local is not None or one.spec.host_path is not None for one in self._of(pod)
        )

    def zone_of(self, pod: Pod) -> str | None:
        """The zone, where the pod's volumes can be reached from one only."""
        if not pod.spec.volumes or not self._by_claim:
            return None
        zones = {zone for volume in self._of(pod) for zone in _zones_of(volume)}
        return zones.pop() if len(zones) == 1 else None

    def _of(self, pod: Pod) -> Iterator[PersistentVolume]:
        for volume in pod.spec.volumes:
            if claim := volume.persistent_volume_claim:
                known = self._by_claim.get((pod.metadata.namespace, claim.claim_name))
                if known is not None:
                    yield known


def _zones_of(volume: PersistentVolume) -> list[str]:
    """The zones that a volume's node affinity names, and the zone labels of older volumes."""
    labels = volume.metadata.labels
    found = [labels[name] for name in _ZONE_LABELS if name in labels]
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return found
    return found + [
        value
        for term in affinity.required.node_selector_terms
        for one in term.match_expressions
        if one.operator == "In"
        and one.key.endswith("/zone")  # each CSI driver has a key of its own
        for value in one.values
    ]


def daemonset_overhead(snapshot: ClusterSnapshot, needs: PodNeeds, nodes: Flags) -> Amounts:
    """What DaemonSets will take on a new node: of each that runs on one of ``nodes`` its largest
    pod. (DaemonSets that run on none of them are made for other nodes.)"""
    pods = snapshot.pods
    runs_there = needs.node >= 0
    runs_there[runs_there] = nodes[needs.node[runs_there]]
    largest: dict[tuple[str, str], Amounts] = {}
    for row in np.flatnonzero(pods.is_daemonset & needs.stays_with_node & runs_there).tolist():
        pod = pods.items[row]
        controller = pod.metadata.controller
        owner = (pod.metadata.namespace, "" if controller is None else controller.name)
        held = largest.get(owner, np.zeros(3, np.int64))
        largest[owner] = np.maximum(held, needs.requests[row])
    return sum(largest.values(), np.zeros(3, np.int64))


def capacity_of(amounts: Amounts) -> Capacity:
    """One row of amounts as a capacity; what is less than nothing becomes nothing."""
    return Capacity(*(max(0, int(one)) for one in amounts))


def with_headroom(amounts: Amounts, percent: float) -> Amounts:
    """Amounts and so much on top, rounded up."""
    per_mille = 1000 + round(percent * 10)
    raised: Amounts = -(-amounts * per_mille // 1000)
    return raised
