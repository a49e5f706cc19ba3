"""Rules about other pods: affinity, anti-affinity in both directions, topology spread.

Pods that carry the same labels in the same namespace are one *crowd*; rules select crowds, and
are counted by the value that a label has on the nodes where the crowd's pods stand.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from engines.contracts.kubernetes import (
    LabelSelector,
    Node,
    PodAffinityTerm,
    PodSpec,
    TopologySpreadConstraint,
)
from engines.placement_check.end_state import EndState
from engines.placement_check.matching import hard_taints, labels_suit, selector_accepts, stands
from engines.placement_check.violations import PlacementRule, PlacementViolation

_encode = msgspec.msgpack.Encoder(order="deterministic").encode

_R = PlacementRule
_Tally = Mapping[str, int]


class _Crowd(NamedTuple):
    """Pods that selectors cannot tell apart, by row."""

    namespace: str
    labels: Mapping[str, str]
    rows: list[int]


class _Term(NamedTuple):
    """A term as one pod means it; pods of other namespaces or labels may mean another thing."""

    term: PodAffinityTerm
    namespaces: frozenset[str]
    same: tuple[tuple[str, str], ...]
    different: tuple[tuple[str, str], ...]

    def accepts(self, crowd: _Crowd) -> bool:
        """Whether the crowd's pods are ones that the term is about."""
        return (
            crowd.namespace in self.namespaces
            and selector_accepts(self.term.label_selector, crowd.labels)
            and _agree(crowd.labels, self.term.label_selector, self.same, self.different)
        )


def _agree(
    labels: Mapping[str, str],
    selector: LabelSelector | None,
    same: tuple[tuple[str, str], ...],
    different: tuple[tuple[str, str], ...],
) -> bool:
    if selector is None:
        return False
    return all(labels.get(key) == value for key, value in same) and all(
        labels.get(key) != value for key, value in different
    )


class _Crowds:
    """All crowds, and those among which a selector's own are to be found."""

    def __init__(self) -> None:
        self.all: list[_Crowd] = []
        self._by_label: dict[tuple[str, str], list[int]] = defaultdict(list)

    def add(self, crowd: _Crowd) -> None:
        """One crowd more, with the next number."""
        for pair in crowd.labels.items():
            self._by_label[pair].append(len(self.all))
        self.all.append(crowd)

    def candidates(self, selector: LabelSelector | None) -> Sequence[int]:
        """The numbers of crowds that a selector may select: those with the rarest of its labels."""
        if selector is None or not selector.match_labels:
            return range(len(self.all))
        found = (self._by_label.get(pair, []) for pair in selector.match_labels.items())
        return min(found, key=len)


class Neighbours:
    """The rules about neighbours over one end state."""

    def __init__(self, state: EndState) -> None:
        self._state = state
        self._crowds = _Crowds()
        self._crowd_of: dict[int, int] = {}
        self._namespaces = _namespace_labels(state)
        self._meanings: dict[tuple[object, ...], _Term] = {}
        self._terms_of: dict[tuple[int, int], tuple[_Term, ...]] = {}  # by ids of kept parts
        self._tallies: dict[tuple[object, ...], tuple[frozenset[int], _Tally]] = {}
        self._gather()
        self._shunning = self._anti_terms_by_crowd()

    def violations(self) -> Iterator[PlacementViolation]:
        """Every objection to the placed pods on account of their neighbours."""
        spread = _Spread(self._state, self._crowds, self._crowd_of)
        for row in self._state.placed:
            spec = self._state.pod(row).spec
            affinity = spec.affinity
            if affinity is not None and affinity.pod_affinity is not None:
                yield from self._lacks_friends(row, affinity.pod_affinity.required)
            if affinity is not None and affinity.pod_anti_affinity is not None:
                yield from self._meets_enemies(row, affinity.pod_anti_affinity.required)
            yield from self._is_shunned(row)
            yield from spread.violations(row)

    def _gather(self) -> None:
        numbers: dict[tuple[str, int], int] = {}
        for row in self._state.node_of:
            metadata = self._state.pod(row).metadata
            key = (metadata.namespace, id(metadata.labels))
            number = numbers.setdefault(key, len(self._crowds.all))
            if number == len(self._crowds.all):
                self._crowds.add(_Crowd(metadata.namespace, metadata.labels, []))
            self._crowds.all[number].rows.append(row)
            self._crowd_of[row] = number

    def _terms(self, row: int, terms: tuple[PodAffinityTerm, ...]) -> tuple[_Term, ...]:
        crowd = self._crowds.all[self._crowd_of[row]]
        key = (id(terms), self._crowd_of[row])
        if key not in self._terms_of:
            self._terms_of[key] = tuple(self._meant(crowd, term) for term in terms)
        return self._terms_of[key]

    def _meant(self, crowd: _Crowd, term: PodAffinityTerm) -> _Term:
        """The term as a pod of the crowd means it; equal meanings are one object."""
        own = crowd.labels
        meant = _Term(
            term,
            self._looks_into(term, crowd.namespace),
            tuple((key, own[key]) for key in term.match_label_keys if key in own),
            tuple((key, own[key]) for key in term.mismatch_label_keys if key in own),
        )
        return self._meanings.setdefault((_encode(term), *meant[1:]), meant)

    def _looks_into(self, term: PodAffinityTerm, own: str) -> frozenset[str]:
        if not term.namespaces and term.namespace_selector is None:
            return frozenset((own,))
        selector = term.namespace_selector
        found = {
            name for name, labels in self._namespaces.items() if selector_accepts(selector, labels)
        }
        return frozenset(found.union(term.namespaces))

    def _tally(self, terms: tuple[_Term, ...], key: str) -> tuple[frozenset[int], _Tally]:
        """The crowds that all ``terms`` are about, and their pods by the value of ``key``."""
        name = (*map(id, terms), key)
        if name not in self._tallies:
            chosen = frozenset(
                number
                for number in self._crowds.candidates(terms[0].term.label_selector)
                if all(one.accepts(self._crowds.all[number]) for one in terms)
            )
            rows = [row for number in chosen for row in self._crowds.all[number].rows]
            self._tallies[name] = (chosen, self._by_value(rows, key))
        return self._tallies[name]

    def _by_value(self, rows: list[int], key: str) -> _Tally:
        tally: Counter[str] = Counter()
        for row in rows:
            value = self._state.node(row).metadata.labels.get(key)
            if value is not None:
                tally[value] += 1
        return tally

    def _lacks_friends(
        self, row: int, terms: tuple[PodAffinityTerm, ...]
    ) -> Iterator[PlacementViolation]:
        """All terms are about the same pods; the first of a group of its own may be alone."""
        if not terms:
            return
        meant = self._terms(row, terms)
        labels = self._state.node(row).metadata.labels
        is_one = 0
        others = 0
        lonely = ""
        for term in terms:
            chosen, tally = self._tally(meant, term.topology_key)
            is_one = int(self._crowd_of[row] in chosen)
            value = labels.get(term.topology_key)
            if value is None:
                text = f"its node has no label {term.topology_key}"
                yield self._state.violation(_R.POD_AFFINITY, row, text)
                return
            others += sum(tally.values()) - is_one
            if tally.get(value, 0) - is_one <= 0:
                lonely = term.topology_key
        if lonely and not (is_one and others == 0):
            text = f"no pod that it must be with shares its {lonely}"
            yield self._state.violation(_R.POD_AFFINITY, row, text)

    def _meets_enemies(
        self, row: int, terms: tuple[PodAffinityTerm, ...]
    ) -> Iterator[PlacementViolation]:
        labels = self._state.node(row).metadata.labels
        for one in self._terms(row, terms):
            chosen, tally = self._tally((one,), one.term.topology_key)
            value = labels.get(one.term.topology_key)
            mine = int(self._crowd_of[row] in chosen)
            if value is not None and tally.get(value, 0) - mine > 0:
                text = f"a pod that it must be apart from shares its {one.term.topology_key}"
                yield self._state.violation(_R.POD_ANTI_AFFINITY, row, text)

    def _is_shunned(self, row: int) -> Iterator[PlacementViolation]:
        """Anti-affinity of the pods that are there already, or come with the same plan."""
        labels = self._state.node(row).metadata.labels
        for key, owners in self._shunning.get(self._crowd_of[row], ()):
            value = labels.get(key)
            if value is not None and owners.get(value, frozenset()) - {row}:
                text = f"a pod that shares its {key} must be apart from it"
                yield self._state.violation(_R.POD_ANTI_AFFINITY, row, text)

    def _anti_terms_by_crowd(
        self,
    ) -> Mapping[int, list[tuple[str, Mapping[str, frozenset[int]]]]]:
        """For each crowd the terms of others that are about it: key, and owners by its value."""
        owners: dict[int, list[int]] = defaultdict(list)
        terms: dict[int, _Term] = {}
        for row in self._state.node_of:
            affinity = self._state.pod(row).spec.affinity
            if affinity is None or affinity.pod_anti_affinity is None:
                continue
            for one in self._terms(row, affinity.pod_anti_affinity.required):
                terms[id(one)] = one
                owners[id(one)].append(row)
        found: dict[int, list[tuple[str, Mapping[str, frozenset[int]]]]] = defaultdict(list)
        for name, one in terms.items():
            by_value = self._rows_by_value(owners[name], one.term.topology_key)
            for number in self._crowds.candidates(one.term.label_selector):
                if one.accepts(self._crowds.all[number]):
                    found[number].append((one.term.topology_key, by_value))
        return found

    def _rows_by_value(self, rows: list[int], key: str) -> Mapping[str, frozenset[int]]:
        grouped: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            value = self._state.node(row).metadata.labels.get(key)
            if value is not None:
                grouped[value].add(row)
        return {value: frozenset(some) for value, some in grouped.items()}


class _Spread:
    """Topology spread constraints that forbid (DoNotSchedule)."""

    def __init__(self, state: EndState, crowds: _Crowds, crowd_of: Mapping[int, int]) -> None:
        self._state = state
        self._crowds = crowds
        self._crowd_of = crowd_of
        self._known: dict[tuple[int, ...], Mapping[str, frozenset[int]]] = {}
        self._counted_by: dict[tuple[object, ...], Mapping[str, str]] = {}

    def violations(self, row: int) -> Iterator[PlacementViolation]:
        """The constraints of one pod, in the end state."""
        spec = self._state.pod(row).spec
        hard = [
            one
            for one in spec.topology_spread_constraints
            if one.when_unsatisfiable == "DoNotSchedule"
        ]
        labels = self._state.node(row).metadata.labels
        for one in hard:
            value = labels.get(one.topology_key)
            if value is None:
                text = f"its node has no label {one.topology_key}"
                yield self._state.violation(_R.TOPOLOGY_SPREAD, row, text)
                return
            domains = self._domains(row, spec, one, hard)
            there = _without(row, domains.get(value, frozenset())) + self._counts_itself(row, one)
            fewest = min((_without(row, rows) for rows in domains.values()), default=0)
            if len(domains) < (one.min_domains or 1):
                fewest = 0
            if there - fewest > one.max_skew:
                text = f"{there} in {value}, {fewest} in another {one.topology_key}"
                yield self._state.violation(_R.TOPOLOGY_SPREAD, row, text)

    def _counts_itself(self, row: int, one: TopologySpreadConstraint) -> int:
        return int(self._selects(one, self._crowds.all[self._crowd_of[row]], row))

    def _selects(self, one: TopologySpreadConstraint, crowd: _Crowd, owner: int) -> bool:
        mine = self._state.pod(owner).metadata
        keys = [key for key in one.match_label_keys if key in mine.labels]
        return (
            crowd.namespace == mine.namespace
            and selector_accepts(one.label_selector, crowd.labels)
            and all(crowd.labels.get(key) == mine.labels[key] for key in keys)
        )

    def _domains(
        self,
        row: int,
        spec: PodSpec,
        one: TopologySpreadConstraint,
        hard: list[TopologySpreadConstraint],
    ) -> Mapping[str, frozenset[int]]:
        """Rows of the selected pods by domain; domains without any are there, empty."""
        key = (
            id(one),
            id(spec.topology_spread_constraints),
            id(spec.node_selector),
            id(spec.affinity),
            id(spec.tolerations),
            self._crowd_of[row],
        )
        if key not in self._known:
            self._known[key] = self._grouped(row, one, self._counted(spec, one, hard))
        return self._known[key]

    def _counted(
        self, spec: PodSpec, one: TopologySpreadConstraint, hard: list[TopologySpreadConstraint]
    ) -> Mapping[str, str]:
        """The nodes that are looked at, with their domains; specs alike in this share it."""
        node_rules = (spec.node_selector, spec.affinity and spec.affinity.node_affinity)
        key = (
            one.topology_key,
            one.node_affinity_policy,
            one.node_taints_policy,
            frozenset(other.topology_key for other in hard),
            _encode((*node_rules, spec.tolerations)),
        )
        if key not in self._counted_by:
            self._counted_by[key] = {
                name: node.metadata.labels[one.topology_key]
                for name, node in self._state.nodes.items()
                if _counts(node, spec, one, hard)
            }
        return self._counted_by[key]

    def _grouped(
        self, owner: int, one: TopologySpreadConstraint, counted: Mapping[str, str]
    ) -> Mapping[str, frozenset[int]]:
        grouped: dict[str, set[int]] = {value: set() for value in counted.values()}
        leaving = self._state.snapshot.pods.is_terminating
        for number in self._crowds.candidates(one.label_selector):
            crowd = self._crowds.all[number]
            if self._selects(one, crowd, owner):
                for row in crowd.rows:
                    value = counted.get(self._state.node_of[row])
                    if value is not None and not leaving[row]:
                        grouped[value].add(row)
        return {value: frozenset(rows) for value, rows in grouped.items()}


def _without(row: int, rows: frozenset[int]) -> int:
    """How many rows there are beside one."""
    return len(rows) - (row in rows)


def _counts(
    node: Node,
    spec: PodSpec,
    one: TopologySpreadConstraint,
    hard: list[TopologySpreadConstraint],
) -> bool:
    """Whether a node is looked at: all labels of all constraints, and what the policies say."""
    if any(other.topology_key not in node.metadata.labels for other in hard):
        return False
    if one.node_affinity_policy == "Honor" and not labels_suit(spec, node):
        return False
    return one.node_taints_policy != "Honor" or all(
        stands(spec.tolerations, taint) for taint in hard_taints(node)
    )


def _namespace_labels(state: EndState) -> Mapping[str, Mapping[str, str]]:
    """Every namespace with its labels and the one that the API server gives it."""
    known = {name: {"kubernetes.io/metadata.name": name} for name in _pod_namespaces(state)}
    for one in state.snapshot.namespaces:
        name = one.metadata.name
        known[name] = {"kubernetes.io/metadata.name": name, **one.metadata.labels}
    return known


def _pod_namespaces(state: EndState) -> set[str]:
    return {pod.metadata.namespace for pod in state.snapshot.pods.items}
