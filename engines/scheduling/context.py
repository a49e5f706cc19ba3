"""A cluster compiled for scheduling questions: what never changes while pods are moved about.

Pods and nodes are named by their row in the snapshot. Pods with the same constraints share one
compiled form, so 30,000 pods cost little more than their distinct shapes. The changing part, who
runs where, is an ``Occupancy``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.kubernetes import Pod, PodSpec, template_of
from engines.contracts.snapshot import ClusterSnapshot, NodeTable, PodTable, SparseAmounts
from engines.scheduling.counters import CounterBook, Domains
from engines.scheduling.neighbours import NeighbourCompiler, Neighbourhood
from engines.scheduling.nodes import Mask, NodeDemand, NodeIndex, Tolerance, tolerance_of
from engines.scheduling.podsets import Namespaces
from engines.scheduling.reasons import Refusal, RefusalReason
from engines.scheduling.volumes import NO_VOLUMES, PodVolumes, VolumeCompiler, VolumeId

PLAIN_RESOURCES = ("cpu", "memory", "ephemeral-storage")

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterContext:
    """All that the rules need of a cluster, except who runs where.

    ``resources`` names the rows of ``allocatable`` (by node) and the columns of ``requests`` (by
    pod): millicores, bytes and counts; the last one is "pods". ``demand``, ``tolerance`` and
    ``neighbourhood`` point, for each pod, into the tuples of the same matter.
    """

    snapshot: ClusterSnapshot
    nodes: NodeIndex
    resources: tuple[str, ...]
    allocatable: NDArray[np.int64]  # resources x nodes
    requests: NDArray[np.int64]  # pods x resources
    demands: tuple[NodeDemand, ...]
    demand: tuple[int, ...]
    tolerances: tuple[Tolerance, ...]
    tolerance: tuple[int, ...]
    pins: Mapping[int, str]  # pods whose template names a node
    neighbourhoods: tuple[Neighbourhood, ...]
    neighbourhood: tuple[int, ...]
    volumes: Mapping[int, PodVolumes]  # pods with volumes that matter
    attach_limits: Mapping[str, NDArray[np.int32]]  # by driver, by node
    attachments: tuple[tuple[int, VolumeId], ...]  # what is attached to which node now
    blocked: Mapping[int, tuple[Refusal, ...]]  # pods that no node may take
    domains: tuple[Domains, ...]
    domains_length: int
    cells_length: int
    starts_absent: Mask

    def neighbours_of(self, pod: int) -> Neighbourhood:
        """The rules about neighbours of a pod."""
        return self.neighbourhoods[self.neighbourhood[pod]]

    def tolerance_of(self, pod: int) -> Tolerance:
        """What the pod's tolerations mean on these nodes."""
        return self.tolerances[self.tolerance[pod]]

    def affinity_of(self, pod: int) -> Mask:
        """Nodes that the pod's nodeSelector and required node affinity allow."""
        return self.demands[self.demand[pod]].mask()

    def volumes_of(self, pod: int) -> PodVolumes:
        """What the pod's volumes demand."""
        return self.volumes.get(pod, NO_VOLUMES)


def build_context(snapshot: ClusterSnapshot, *, absent_nodes: Sequence[str] = ()) -> ClusterContext:
    """Compile a snapshot.

    ``absent_nodes`` are in the snapshot but not yet in the cluster: machines that a plan may buy.
    An ``Occupancy`` can add them.
    """
    nodes = NodeIndex(snapshot.nodes)
    pods = snapshot.pods.items
    book = CounterBook()
    demands, demand = _demands(pods, nodes)
    tolerances, tolerance = _tolerances(pods, nodes)
    own_namespaces = sorted({pod.metadata.namespace for pod in pods})
    compiler = NeighbourCompiler(nodes, Namespaces(snapshot.namespaces, own_namespaces), book)
    node_classes = list(zip(demand, tolerance, strict=True))
    neighbourhoods, neighbourhood = compiler.compile(pods, node_classes, demands, tolerances)
    volumes = VolumeCompiler(snapshot, nodes)
    by_pod = {row: volumes.compile(pod) for row, pod in enumerate(pods) if pod.spec.volumes}
    resources, allocatable, requests = _amounts(snapshot.nodes, snapshot.pods)
    return ClusterContext(
        snapshot=snapshot,
        nodes=nodes,
        resources=resources,
        allocatable=allocatable,
        requests=requests,
        demands=tuple(demands),
        demand=demand,
        tolerances=tuple(tolerances),
        tolerance=tolerance,
        pins=_pins(snapshot),
        neighbourhoods=tuple(neighbourhoods),
        neighbourhood=neighbourhood,
        volumes={row: one for row, one in by_pod.items() if one is not NO_VOLUMES},
        attach_limits=volumes.limits(),
        attachments=tuple(volumes.attachments()),
        blocked=_blocked(pods, by_pod),
        domains=book.all_domains,
        domains_length=book.domains_length,
        cells_length=book.length,
        starts_absent=np.isin(nodes.names, absent_nodes),
    )


def _demands(pods: Sequence[Pod], nodes: NodeIndex) -> tuple[list[NodeDemand], tuple[int, ...]]:
    """The distinct demands on the node, and which of them each pod makes."""
    position: dict[bytes, int] = {}
    demands: list[NodeDemand] = []
    of_pod: list[int] = []
    known: dict[tuple[int, int], int] = {}  # by ids of parts that the pods keep alive
    for pod in pods:
        part = (id(pod.spec.node_selector), id(pod.spec.affinity))
        found = known.get(part)
        if found is None:
            key = _encode((pod.spec.node_selector, _required_node_affinity(pod.spec)))
            if key not in position:
                position[key] = len(demands)
                demands.append(NodeDemand(pod.spec, nodes))
            found = known[part] = position[key]
        of_pod.append(found)
    return demands, tuple(of_pod)


def _required_node_affinity(spec: PodSpec) -> object:
    if spec.affinity is None or spec.affinity.node_affinity is None:
        return None
    return spec.affinity.node_affinity.required


def _tolerances(pods: Sequence[Pod], nodes: NodeIndex) -> tuple[list[Tolerance], tuple[int, ...]]:
    """The distinct lists of tolerations, worked out, and which of them each pod has."""
    position: dict[bytes, int] = {}
    tolerances: list[Tolerance] = []
    of_pod: list[int] = []
    known: dict[int, int] = {}
    for pod in pods:
        tolerations = pod.spec.tolerations
        found = known.get(id(tolerations))
        if found is None:
            key = _encode(tolerations)
            if key not in position:
                position[key] = len(tolerances)
                tolerances.append(tolerance_of(tolerations, nodes))
            found = known[id(tolerations)] = position[key]
        of_pod.append(found)
    return tolerances, tuple(of_pod)


def _pins(snapshot: ClusterSnapshot) -> dict[int, str]:
    """Pods whose workload names a node.

    The nodeName of a bound pod says where it runs, not where its replacement must.
    """
    names = [template_of(one).spec.node_name for one in snapshot.workloads]
    if not any(names):
        return {}
    return {
        row: names[workload]
        for row, workload in enumerate(snapshot.pods.workload.tolist())
        if workload >= 0 and names[workload]
    }


def _blocked(
    pods: Sequence[Pod], volumes: Mapping[int, PodVolumes]
) -> dict[int, tuple[Refusal, ...]]:
    """Pods that are refused whatever the node, with all the reasons."""
    blocked: dict[int, tuple[Refusal, ...]] = {}
    for row, pod in enumerate(pods):
        refusals: list[Refusal] = []
        if pod.spec.scheduling_gates:
            gates = tuple(sorted(gate.name for gate in pod.spec.scheduling_gates))
            refusals.append(Refusal(RefusalReason.SCHEDULING_GATED, gates))
        if pod.spec.resource_claims:
            claims = tuple(sorted(claim.name for claim in pod.spec.resource_claims))
            refusals.append(Refusal(RefusalReason.RESOURCE_CLAIMS_NOT_JUDGED, claims))
        if row in volumes:
            refusals += volumes[row].blocked
        if refusals:
            blocked[row] = tuple(refusals)
    return blocked


def _amounts(
    nodes: NodeTable, pods: PodTable
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]:
    """The names of all resources, what the nodes have of them and what the pods ask for."""
    extended = sorted({*nodes.extended, *pods.extended})
    allocatable = np.stack(
        [
            nodes.allocatable_cpu_millicores,
            nodes.allocatable_memory_bytes,
            nodes.allocatable_ephemeral_storage_bytes,
            *(_dense(nodes.extended.get(name), len(nodes)) for name in extended),
            nodes.allocatable_pods,
        ]
    )
    requests = np.stack(
        [
            pods.request_cpu_millicores,
            pods.request_memory_bytes,
            pods.request_ephemeral_storage_bytes,
            *(_dense(pods.extended.get(name), len(pods)) for name in extended),
            np.ones(len(pods), np.int64),
        ],
        axis=1,
    )
    return (*PLAIN_RESOURCES, *extended, "pods"), allocatable, requests


def _dense(amounts: SparseAmounts | None, length: int) -> NDArray[np.int64]:
    return np.zeros(length, np.int64) if amounts is None else amounts.dense(length)
