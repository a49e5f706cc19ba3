"""What a pod asks of the pods around it, and what they ask of it, compiled to counters.

Inter-pod affinity and anti-affinity (also that of pods already there), topology spread and host
ports. Pods that agree in all of this share one ``Neighbourhood``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from engines.contracts.kubernetes import (
    HostPort,
    LabelSelector,
    Pod,
    PodAffinityTerm,
    PodSpec,
    TopologySpreadConstraint,
)
from engines.scheduling.counters import Counter, CounterBook
from engines.scheduling.nodes import NodeDemand, NodeIndex, Tolerance, Topology
from engines.scheduling.podsets import (
    Labels,
    Membership,
    Namespaces,
    PodFilter,
    PodSet,
    belongs,
    selected,
)

_ALL_ADDRESSES = ("", "0.0.0.0", "::")  # noqa: S104  # compared, not bound to


class SpreadRule(NamedTuple):
    """One DoNotSchedule constraint. ``adds_itself`` is 1 where the pod is counted by it, else 0."""

    topology: Topology
    counter: Counter
    max_skew: int
    min_domains: int
    adds_itself: int


class Term(NamedTuple):
    """One affinity or anti-affinity term: its topology key and the pods it is about, counted."""

    topology: Topology
    counter: Counter


class PortRule(NamedTuple):
    """A host port of the pod and the ports of others that would collide with it."""

    text: str
    rivals: tuple[Counter, ...]


class Neighbourhood(NamedTuple):
    """The rules of one class of pods, and the counters that its pods move.

    ``founds_group``: the pod meets its own affinity terms, so that it may be the first of them.
    ``counted`` counts each placed pod; ``counted_alive`` only those that are not terminating.
    """

    affinity: tuple[Term, ...]
    founds_group: bool
    anti_affinity: tuple[Term, ...]
    shunned_by: tuple[Term, ...]
    spread: tuple[SpreadRule, ...]
    ports: tuple[PortRule, ...]
    counted: tuple[Counter, ...]
    counted_alive: tuple[Counter, ...]

    @property
    def is_indifferent(self) -> bool:
        """Whether nothing here can keep the pod off a node."""
        return not (
            self.affinity or self.anti_affinity or self.shunned_by or self.spread or self.ports
        )


class Wishes(NamedTuple):
    """The hard rules about neighbours that a pod's spec holds."""

    affinity: tuple[PodAffinityTerm, ...]
    anti_affinity: tuple[PodAffinityTerm, ...]
    spread: tuple[TopologySpreadConstraint, ...]


class _Kind(NamedTuple):
    """What pods have in common that share a neighbourhood."""

    namespace: str
    labels: Labels
    wishes: bytes
    ports: tuple[HostPort, ...]
    node_class: tuple[int, int] | None  # of node affinity and tolerations, where spread asks


class _Draft(NamedTuple):
    """A neighbourhood before it is known who counts whom."""

    kind: _Kind
    affinity: tuple[tuple[PodSet, Term], ...]
    anti_affinity: tuple[tuple[PodSet, Term, Term], ...]  # the pods it is about; its owners
    spread: tuple[tuple[PodSet, SpreadRule], ...]


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_NO_WISHES = Wishes((), (), ())


def wishes_of(spec: PodSpec) -> Wishes:
    """The required (anti-)affinity terms and the DoNotSchedule constraints of a pod."""
    affinity = spec.affinity
    return Wishes(
        affinity.pod_affinity.required if affinity and affinity.pod_affinity else (),
        affinity.pod_anti_affinity.required if affinity and affinity.pod_anti_affinity else (),
        tuple(
            one
            for one in spec.topology_spread_constraints
            if one.when_unsatisfiable == "DoNotSchedule"
        ),
    )


def host_ports(spec: PodSpec) -> tuple[HostPort, ...]:
    """The host ports that the pod's containers and sidecars take, sorted."""
    containers = (*spec.containers, *(one for one in spec.init_containers if one.is_sidecar))
    ports = {
        (port.host_ip, port.protocol, port.host_port): port
        for container in containers
        for port in container.ports
    }
    return tuple(ports[key] for key in sorted(ports))


def collide(one: HostPort, other: HostPort) -> bool:
    """Whether two host ports exclude each other on a node.

    An address that stands for all addresses overlaps any other. (kube-scheduler knows only
    0.0.0.0 as such; a kubelet could not bind :: beside another address either.)
    """
    if (one.host_port, one.protocol) != (other.host_port, other.protocol):
        return False
    addresses = (one.host_ip, other.host_ip)
    return addresses[0] == addresses[1] or any(one in _ALL_ADDRESSES for one in addresses)


class NeighbourCompiler:
    """Compiles the neighbourhoods of all pods of a cluster."""

    def __init__(self, nodes: NodeIndex, namespaces: Namespaces, book: CounterBook) -> None:
        self._nodes = nodes
        self._namespaces = namespaces
        self._book = book
        self._itself = Topology("", nodes.names, np.arange(len(nodes), dtype=np.int32))

    def compile(
        self,
        pods: Sequence[Pod],
        node_classes: Sequence[tuple[int, int]],
        demands: Sequence[NodeDemand],
        tolerances: Sequence[Tolerance],
    ) -> tuple[list[Neighbourhood], tuple[int, ...]]:
        """The distinct neighbourhoods, and which of them each pod has.

        ``node_classes`` points, for each pod, into ``demands`` and ``tolerances``.
        """
        kinds, wishes, of_pod = _kinds(pods, node_classes)
        drafts = []
        for kind in kinds:
            demand, tolerance = kind.node_class or (0, 0)
            eligible = (demands[demand], tolerances[tolerance])
            drafts.append(self._draft(kind, wishes[kind.wishes], *eligible))
        return self._finish(drafts), of_pod

    def _draft(
        self, kind: _Kind, wishes: Wishes, demand: NodeDemand, tolerance: Tolerance
    ) -> _Draft:
        return _Draft(
            kind,
            self._affinity_terms(kind, wishes.affinity),
            tuple(self._anti_affinity_term(kind, term) for term in wishes.anti_affinity),
            tuple(self._spread_rules(kind, wishes.spread, demand, tolerance)),
        )

    def _affinity_terms(
        self, kind: _Kind, terms: tuple[PodAffinityTerm, ...]
    ) -> tuple[tuple[PodSet, Term], ...]:
        """A pod counts for affinity only where it meets all the terms at once."""
        together: PodSet = tuple(
            sorted({self._filter(kind, term)[0] for term in terms}, key=PodFilter.sort_key)
        )
        return tuple((together, self._term("pods", together, one.topology_key)) for one in terms)

    def _anti_affinity_term(self, kind: _Kind, term: PodAffinityTerm) -> tuple[PodSet, Term, Term]:
        pods = self._filter(kind, term)
        key = term.topology_key
        return pods, self._term("pods", pods, key), self._term("owners", pods, key)

    def _filter(self, kind: _Kind, term: PodAffinityTerm) -> PodSet:
        namespaces = self._namespaces.of_term(term, kind.namespace)
        keys = (term.match_label_keys, term.mismatch_label_keys)
        return (selected(term.label_selector, namespaces, dict(kind.labels), *keys),)

    def _term(self, role: str, pods: PodSet, key: str) -> Term:
        topology = self._nodes.topology(key)
        return Term(topology, self._book.counter((role, pods), self._book.domains(topology)))

    def _spread_rules(
        self,
        kind: _Kind,
        constraints: tuple[TopologySpreadConstraint, ...],
        demand: NodeDemand,
        tolerance: Tolerance,
    ) -> Iterator[tuple[PodSet, SpreadRule]]:
        """Nodes count that have all the labels, and that the policies do not leave out."""
        topologies = [self._nodes.topology(one.topology_key) for one in constraints]
        labelled = np.ones(len(self._nodes), np.bool_)
        for topology in topologies:
            labelled &= topology.slots >= 0
        for one, topology in zip(constraints, topologies, strict=True):
            honours_demand = one.node_affinity_policy == "Honor"
            counted = labelled & demand.mask() if honours_demand else labelled
            honours_taints = one.node_taints_policy == "Honor"
            if honours_taints:
                counted = counted & tolerance.mask
            shuns_cordon = honours_taints and not tolerance.stands_cordon
            domains = self._book.domains(topology, counted, shuns_cordon=shuns_cordon)
            own = frozenset({kind.namespace})
            labels = dict(kind.labels)
            pods = (selected(one.label_selector, own, labels, one.match_label_keys),)
            counter = self._book.counter(("alive", pods), domains)
            adds = int(belongs(kind.namespace, labels, pods))
            yield pods, SpreadRule(topology, counter, one.max_skew, one.min_domains or 1, adds)

    def _finish(self, drafts: list[_Draft]) -> list[Neighbourhood]:
        """Find out who counts whom, now that all the sets are known."""
        pods_counters = _Grouped()
        owners = _Grouped()
        alive_counters = _Grouped()
        for draft in drafts:
            for pods, term in draft.affinity:
                pods_counters.put(pods, term)
            for pods, term, own in draft.anti_affinity:
                pods_counters.put(pods, term)
                owners.put(pods, own)
            for pods, rule in draft.spread:
                alive_counters.put(pods, Term(rule.topology, rule.counter))
        groups = (pods_counters, owners, alive_counters)
        sets = list(dict.fromkeys(pods for group in groups for pods in group.terms))
        membership = Membership(sets, [draft.kind.labels for draft in drafts])
        ports = self._ports(draft.kind.ports for draft in drafts)
        memberships: dict[tuple[str, Labels], list[PodSet]] = {}
        finished = []
        for draft in drafts:
            name = (draft.kind.namespace, draft.kind.labels)
            if name not in memberships:
                memberships[name] = membership.of(*name)
            finished.append(_finished(draft, memberships[name], groups, ports))
        return finished

    def _ports(self, used: Iterable[tuple[HostPort, ...]]) -> Mapping[HostPort, Counter]:
        """A counter of each distinct host port, by node."""
        domains = self._book.domains(self._itself)
        distinct = sorted(
            {port for some in used for port in some},
            key=lambda port: (port.host_port, port.protocol, port.host_ip),
        )
        return {port: self._book.counter(("port", port), domains) for port in distinct}


class _Grouped:
    """Terms by the set of pods that they are about, each once."""

    def __init__(self) -> None:
        self.terms: dict[PodSet, dict[int, Term]] = {}

    def put(self, pods: PodSet, term: Term) -> None:
        self.terms.setdefault(pods, {})[term.counter.start] = term

    def about(self, sets: Iterable[PodSet]) -> tuple[Term, ...]:
        return tuple(term for pods in sets for term in self.terms.get(pods, {}).values())


def _finished(
    draft: _Draft,
    sets: list[PodSet],
    groups: tuple[_Grouped, _Grouped, _Grouped],
    ports: Mapping[HostPort, Counter],
) -> Neighbourhood:
    pods_counters, owners, alive = groups
    labels = dict(draft.kind.labels)
    own = (
        *(term.counter for term in pods_counters.about(sets)),
        *{own.counter.start: own.counter for _, _, own in draft.anti_affinity}.values(),
        *(ports[port] for port in draft.kind.ports),
    )
    return Neighbourhood(
        affinity=tuple(term for _, term in draft.affinity),
        founds_group=all(belongs(draft.kind.namespace, labels, pods) for pods, _ in draft.affinity),
        anti_affinity=tuple(term for _, term, _ in draft.anti_affinity),
        shunned_by=owners.about(sets),
        spread=tuple(rule for _, rule in draft.spread),
        ports=tuple(_port_rule(port, ports) for port in draft.kind.ports),
        counted=own,
        counted_alive=tuple(term.counter for term in alive.about(sets)),
    )


def _port_rule(port: HostPort, ports: Mapping[HostPort, Counter]) -> PortRule:
    rivals = tuple(counter for other, counter in ports.items() if collide(port, other))
    return PortRule(f"{port.host_ip or '*'}:{port.host_port}/{port.protocol}", rivals)


def _kinds(
    pods: Sequence[Pod], node_classes: Sequence[tuple[int, int]]
) -> tuple[list[_Kind], Mapping[bytes, Wishes], tuple[int, ...]]:
    """The distinct kinds of pods, the wishes by their key, and which kind each pod is of."""
    keys_by_part: dict[tuple[int, int], bytes] = {}  # ids of parts that the pods keep alive
    wishes: dict[bytes, Wishes] = {b"": _NO_WISHES}
    keys = []
    for pod in pods:
        part = (id(pod.spec.affinity), id(pod.spec.topology_spread_constraints))
        key = keys_by_part.get(part)
        if key is None:
            some = wishes_of(pod.spec)
            key = keys_by_part[part] = _encode(some) if any(some) else b""
            wishes.setdefault(key, some)
        keys.append(key)
    asked = {key for some in wishes.values() for key in _label_keys(some)}
    position: dict[_Kind, int] = {}
    of_pod: list[int] = []
    for row, (pod, key) in enumerate(zip(pods, keys, strict=True)):
        labels = tuple(sorted(pair for pair in pod.metadata.labels.items() if pair[0] in asked))
        node_class = node_classes[row] if wishes[key].spread else None
        ports = host_ports(pod.spec)
        kind = _Kind(pod.metadata.namespace, labels, key, ports, node_class)
        of_pod.append(position.setdefault(kind, len(position)))
    return list(position), wishes, tuple(of_pod)


def _label_keys(wishes: Wishes) -> Iterator[str]:
    """The keys of pod labels that the wishes ask about."""
    for term in (*wishes.affinity, *wishes.anti_affinity):
        yield from _selector_keys(term.label_selector)
        yield from (*term.match_label_keys, *term.mismatch_label_keys)
    for one in wishes.spread:
        yield from _selector_keys(one.label_selector)
        yield from one.match_label_keys


def _selector_keys(selector: LabelSelector | None) -> Iterator[str]:
    if selector is not None:
        yield from selector.match_labels
        yield from (one.key for one in selector.match_expressions)
