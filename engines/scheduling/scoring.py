"""Which of the nodes that can take a pod kube-scheduler would choose: its default scores.

Taints, node affinity, topology spread, inter-pod affinity, least allocated and balanced
allocation, with the default weights. Image locality is not scored (images are not known), all
nodes are scored (kube-scheduler looks at a sample in clusters of more than 100), and of equals
the first by name is taken, where kube-scheduler draws lots.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.effective_requests import effective_requests
from engines.contracts.kubernetes import (
    Container,
    LabelSelector,
    Pod,
    PodAffinityTerm,
    ReplicaSet,
    StatefulSet,
    TopologySpreadConstraint,
)
from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey
from engines.scheduling.context import ClusterContext
from engines.scheduling.filters import feasible_nodes
from engines.scheduling.labels import node_term
from engines.scheduling.nodes import Mask
from engines.scheduling.occupancy import Occupancy
from engines.scheduling.podsets import Namespaces, PodFilter, selected
from engines.scheduling.taints import is_tolerated

Scores = NDArray[np.int64]

BEST = 100
UNSAID_CPU = "100m"  # kube-scheduler's DefaultMilliCPURequest, where a container asks for nothing
UNSAID_MEMORY = "200Mi"  # DefaultMemoryRequest
WEIGHT_OF_REQUIRED_AFFINITY = 1  # hardPodAffinityWeight: of pods already there, towards this one
_HOSTNAME = "kubernetes.io/hostname"

DEFAULT_SPREAD = (
    TopologySpreadConstraint(
        max_skew=3, topology_key=_HOSTNAME, when_unsatisfiable="ScheduleAnyway"
    ),
    TopologySpreadConstraint(
        max_skew=5,
        topology_key="topology.kubernetes.io/zone",
        when_unsatisfiable="ScheduleAnyway",
    ),
)
"""How pods without constraints of their own are spread (kube-scheduler's system defaults)."""


class _WeightedTerm(NamedTuple):
    """Nodes gain ``weight`` for each matching pod in their domain of ``key``."""

    pods: PodFilter
    key: str
    weight: int


class Scorer:
    """Scores nodes for the pods of one context; build it once and ask it often."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        snapshot = context.snapshot
        pods = snapshot.pods.items
        own_namespaces = sorted({pod.metadata.namespace for pod in pods})
        self._namespaces = Namespaces(snapshot.namespaces, own_namespaces)
        self._scored_requests = _scored_requests(pods)
        self._attractions = {row: self._attractions_of(pod) for row, pod in _with_affinity(pods)}

    def choose(self, pod: int, occupancy: Occupancy) -> int | None:
        """The node that the pod would be bound to, or None where no node can take it."""
        nodes = np.flatnonzero(feasible_nodes(pod, occupancy))
        if not len(nodes):
            return None
        return int(nodes[np.argmax(self.scores(pod, occupancy, nodes))])

    def scores(self, pod: int, occupancy: Occupancy, nodes: NDArray[np.intp]) -> Scores:
        """The weighted sum of all scores for each of ``nodes``, which can take the pod."""
        parts: tuple[tuple[int, Callable[[int, Occupancy, NDArray[np.intp]], Scores]], ...] = (
            (3, self.taints),
            (2, self.node_affinity),
            (2, self.spread),
            (2, self.pod_affinity),
            (1, self.least_allocated),
            (1, self.balanced_allocation),
        )
        total = np.zeros(len(nodes), np.int64)
        for weight, part in parts:
            total += weight * part(pod, occupancy, nodes)
        return total

    def taints(self, pod: int, _: Occupancy, nodes: NDArray[np.intp]) -> Scores:
        """Fewer PreferNoSchedule taints that the pod does not tolerate are better."""
        tolerations = tuple(
            one
            for one in self._context.tolerance_of(pod).tolerations
            if one.effect in ("", "PreferNoSchedule")
        )
        counts = [
            sum(
                taint.effect == "PreferNoSchedule" and not is_tolerated(taint, tolerations)
                for taint in self._context.nodes.taints[node]
            )
            for node in nodes.tolist()
        ]
        return BEST - _normalized(np.array(counts, np.int64))

    def node_affinity(self, pod: int, _: Occupancy, nodes: NDArray[np.intp]) -> Scores:
        """The weights of the preferred node affinity terms that hold."""
        affinity = self._context.snapshot.pods.items[pod].spec.affinity
        sums = np.zeros(len(self._context.nodes), np.int64)
        for one in affinity.node_affinity.preferred if affinity and affinity.node_affinity else ():
            sums += one.weight * self._context.nodes.in_terms((node_term(one.preference),))
        return _normalized(sums[nodes])

    def least_allocated(self, pod: int, occupancy: Occupancy, nodes: NDArray[np.intp]) -> Scores:
        """The share of cpu and memory that stays free, in whole percent, averaged."""
        placed = np.array(occupancy.node_of)
        running = placed >= 0
        shares = []
        for column in range(2):
            amounts = self._scored_requests[:, column]
            used = np.zeros(len(self._context.nodes), np.int64)
            np.add.at(used, placed[running], amounts[running])
            capacity = self._context.allocatable[column, nodes]
            left = capacity - used[nodes] - amounts[pod]
            shares.append(np.maximum(left, 0) * BEST // np.maximum(capacity, 1))
        return _mean_of_known(shares, self._context.allocatable[:2, nodes])

    def balanced_allocation(
        self, pod: int, occupancy: Occupancy, nodes: NDArray[np.intp]
    ) -> Scores:
        """The closer the used shares of cpu and memory are, the better; 0 for pods without any."""
        requests = self._context.requests[pod, :2]
        if not requests.any():
            return np.zeros(len(nodes), np.int64)
        capacity = self._context.allocatable[:2, nodes]
        used = capacity - occupancy.free[:2, nodes] + requests[:, None]
        shares = np.minimum(used / np.maximum(capacity, 1), 1.0)
        apart = np.where((capacity > 0).all(axis=0), np.abs(shares[0] - shares[1]) / 2, 0.0)
        return ((1 - apart) * BEST).astype(np.int64)

    def spread(self, pod: int, occupancy: Occupancy, nodes: NDArray[np.intp]) -> Scores:
        """Fewer pods of the same kind in the node's domains are better."""
        own = self._context.snapshot.pods.items[pod]
        constraints, is_default = self._soft_constraints(own)
        if not constraints:
            return np.zeros(len(nodes), np.int64)
        labelled = np.ones(len(self._context.nodes), np.bool_)
        for one in constraints:
            if not is_default:
                labelled &= self._context.nodes.topology(one.topology_key).slots >= 0
        raw = np.zeros(len(nodes))
        for one in constraints:
            raw += self._spread_part(pod, one, occupancy, nodes, labelled)
        return _spread_normalized(np.rint(raw).astype(np.int64), labelled[nodes])

    def _soft_constraints(self, pod: Pod) -> tuple[tuple[TopologySpreadConstraint, ...], bool]:
        """The ScheduleAnyway constraints, and whether they are the defaults."""
        if pod.spec.topology_spread_constraints:
            soft = (
                one
                for one in pod.spec.topology_spread_constraints
                if one.when_unsatisfiable == "ScheduleAnyway"
            )
            return tuple(soft), False
        selector = _default_selector(pod, self._context.snapshot)
        if not (selector.match_labels or selector.match_expressions):
            return (), True
        with_selector = (
            msgspec.structs.replace(one, label_selector=selector) for one in DEFAULT_SPREAD
        )
        return tuple(with_selector), True

    def _spread_part(
        self,
        pod: int,
        constraint: TopologySpreadConstraint,
        occupancy: Occupancy,
        nodes: NDArray[np.intp],
        labelled: Mask,
    ) -> NDArray[np.float64]:
        """The score of one constraint: the pods there, weighted by the number of domains."""
        topology = self._context.nodes.topology(constraint.topology_key)
        matching = self._matching_pods(pod, constraint, occupancy)
        scored = nodes[labelled[nodes]]
        if constraint.topology_key == _HOSTNAME:
            there = matching[nodes]
            size = len(scored)
        else:
            counted = self._counted(pod, constraint, occupancy, labelled)
            by_domain = np.zeros(len(topology.values) + 1, np.int64)
            np.add.at(by_domain, topology.slots[counted], matching[counted])
            there = by_domain[topology.slots[nodes]]
            size = len(np.unique(topology.slots[scored]))
        part = there * np.log(size + 2) + (constraint.max_skew - 1)
        return np.where(topology.slots[nodes] >= 0, part, 0.0)

    def _counted(
        self, pod: int, constraint: TopologySpreadConstraint, occupancy: Occupancy, labelled: Mask
    ) -> Mask:
        """Nodes whose pods count, by the constraint's policies."""
        tolerance = self._context.tolerance_of(pod)
        counted = labelled & occupancy.present
        if constraint.node_affinity_policy == "Honor":
            counted &= self._context.affinity_of(pod)
        if constraint.node_taints_policy == "Honor":
            counted &= tolerance.mask & (~occupancy.cordoned | tolerance.stands_cordon)
        return counted

    def _matching_pods(
        self, pod: int, constraint: TopologySpreadConstraint, occupancy: Occupancy
    ) -> Scores:
        """The matching pods on each node that are not terminating."""
        table = self._context.snapshot.pods
        own = table.items[pod].metadata
        namespaces = frozenset({own.namespace})
        keys = constraint.match_label_keys
        wanted = selected(constraint.label_selector, namespaces, own.labels, keys)
        counts = np.zeros(len(self._context.nodes), np.int64)
        for row, node in enumerate(occupancy.node_of):
            other = table.items[row].metadata
            if node >= 0 and not table.is_terminating[row]:
                counts[node] += wanted.accepts(other.namespace, other.labels)
        return counts

    def pod_affinity(self, pod: int, occupancy: Occupancy, nodes: NDArray[np.intp]) -> Scores:
        """Wishes of the pod about its neighbours, and of theirs about it."""
        sums = np.zeros(len(self._context.nodes), np.int64)
        pods = self._context.snapshot.pods.items
        own = pods[pod].metadata
        own_wishes, _ = self._attractions.get(pod, ((), ()))
        for row, node in enumerate(occupancy.node_of):
            if node < 0:
                continue
            other = pods[row].metadata
            for term in own_wishes:
                if term.pods.accepts(other.namespace, other.labels):
                    self._credit(sums, term, node)
            for term in (one for some in self._attractions.get(row, ()) for one in some):
                if term.pods.accepts(own.namespace, own.labels):
                    self._credit(sums, term, node)
        return _stretched(sums[nodes])

    def _credit(self, sums: Scores, term: _WeightedTerm, node: int) -> None:
        """Add the term's weight to all nodes in the domain of ``node``."""
        slots = self._context.nodes.topology(term.key).slots
        if slots[node] >= 0:
            sums[slots == slots[node]] += term.weight

    def _attractions_of(
        self, pod: Pod
    ) -> tuple[tuple[_WeightedTerm, ...], tuple[_WeightedTerm, ...]]:
        """The pod's wishes, and its required affinity, which draws others towards it."""
        affinity = pod.spec.affinity
        likes = affinity.pod_affinity if affinity else None
        dislikes = affinity.pod_anti_affinity if affinity else None
        wishes = [
            *((one.pod_affinity_term, one.weight) for one in (likes.preferred if likes else ())),
            *(
                (one.pod_affinity_term, -one.weight)
                for one in (dislikes.preferred if dislikes else ())
            ),
        ]
        demands = [(one, WEIGHT_OF_REQUIRED_AFFINITY) for one in (likes.required if likes else ())]
        return tuple(self._weighted(pod, wishes)), tuple(self._weighted(pod, demands))

    def _weighted(
        self, pod: Pod, terms: Iterable[tuple[PodAffinityTerm, int]]
    ) -> Iterator[_WeightedTerm]:
        for term, weight in terms:
            namespaces = self._namespaces.of_term(term, pod.metadata.namespace)
            keys = (term.match_label_keys, term.mismatch_label_keys)
            pods = selected(term.label_selector, namespaces, pod.metadata.labels, *keys)
            yield _WeightedTerm(pods, term.topology_key, weight)


def choose_node(pod: int, occupancy: Occupancy) -> int | None:
    """The node that kube-scheduler would bind the pod to, or None where no node can take it.

    For many pods build one ``Scorer``. Raises ValueError where the pod is placed.
    """
    return Scorer(occupancy.context).choose(pod, occupancy)


def _with_affinity(pods: Sequence[Pod]) -> Iterator[tuple[int, Pod]]:
    for row, pod in enumerate(pods):
        affinity = pod.spec.affinity
        if affinity is not None and (affinity.pod_affinity or affinity.pod_anti_affinity):
            yield row, pod


def _scored_requests(pods: Sequence[Pod]) -> NDArray[np.int64]:
    """cpu millicores and memory bytes by pod, with something assumed for silent containers."""
    known: dict[tuple[int, ...], tuple[int, int]] = {}  # by ids of parts that the pods keep alive
    rows = np.zeros((len(pods), 2), np.int64)
    for row, pod in enumerate(pods):
        spec = pod.spec
        parts = (spec.containers, spec.init_containers, spec.overhead, spec.resources, pod.status)
        key = tuple(map(id, parts))
        if key not in known:
            assumed = msgspec.structs.replace(
                spec,
                containers=tuple(map(_outspoken, spec.containers)),
                init_containers=tuple(map(_outspoken, spec.init_containers)),
            )
            requests = effective_requests(assumed, pod.status)
            known[key] = (requests.cpu_millicores, requests.memory_bytes)
        rows[row] = known[key]
    return rows


def _outspoken(container: Container) -> Container:
    """The container with requests assumed where it makes none."""
    resources = container.resources
    assumed = {"cpu": UNSAID_CPU, "memory": UNSAID_MEMORY}
    silent = {
        name: amount
        for name, amount in assumed.items()
        if name not in resources.requests and name not in resources.limits
    }
    requests = {**resources.requests, **silent}
    return msgspec.structs.replace(
        container, resources=msgspec.structs.replace(resources, requests=requests)
    )


def _default_selector(pod: Pod, snapshot: ClusterSnapshot) -> LabelSelector:
    """The pods of the same services and of the same owner."""
    labels = pod.metadata.labels
    together: dict[str, str] = {}
    for service in snapshot.services:
        selector: Mapping[str, str] = service.spec.selector
        same_namespace = service.metadata.namespace == pod.metadata.namespace
        if selector and same_namespace and selector.items() <= labels.items():
            together.update(selector)
    owner = pod.metadata.controller
    key = None if owner is None else WorkloadKey(owner.kind, pod.metadata.namespace, owner.name)
    row = None if key is None else snapshot.workload_index.get(key)
    workload = None if row is None else snapshot.workloads[row]
    if isinstance(workload, ReplicaSet | StatefulSet) and workload.spec.selector is not None:
        together.update(workload.spec.selector.match_labels)
        expressions = workload.spec.selector.match_expressions
        return LabelSelector(match_labels=together, match_expressions=expressions)
    return LabelSelector(match_labels=together)


def _normalized(scores: Scores) -> Scores:
    """Stretched so that the largest is 100; all zero stays so."""
    most = int(scores.max())
    return scores * BEST // most if most else scores


def _stretched(scores: Scores) -> Scores:
    """Stretched so that the smallest is 0 and the largest 100; all equal: 0."""
    least, most = int(scores.min()), int(scores.max())
    if least == most:
        return np.zeros(len(scores), np.int64)
    return (BEST * ((scores - least) / (most - least))).astype(np.int64)


def _spread_normalized(scores: Scores, scored: Mask) -> Scores:
    """The fewer, the better; nodes that lack a label get nothing."""
    if not scored.any():
        return np.zeros(len(scores), np.int64)
    least, most = scores[scored].min(), scores[scored].max()
    best = np.full(len(scores), BEST, np.int64)
    result = best if most == 0 else BEST * (most + least - scores) // most
    return np.where(scored, result, 0)


def _mean_of_known(shares: list[Scores], capacity: Scores) -> Scores:
    """The mean over the resources that the node has at all, rounded down."""
    known = (capacity > 0).astype(np.int64)
    total = (np.stack(shares) * known).sum(axis=0)
    return np.asarray(total // np.maximum(known.sum(axis=0), 1))
