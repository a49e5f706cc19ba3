"""Sets of pods by namespace and labels, and which of them a pod belongs to."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engines.contracts.kubernetes import LabelSelector, Namespace, PodAffinityTerm
from engines.scheduling.labels import Expression, Expressions, all_hold, expressions_of

Labels = tuple[tuple[str, str], ...]
"""Labels of a pod that some selector asks about, sorted."""


class PodFilter(NamedTuple):
    """Pods of some namespaces whose labels meet ``expressions`` (None: no pod at all)."""

    namespaces: frozenset[str]
    expressions: Expressions | None

    def sort_key(self) -> tuple[list[str], bool, Expressions]:
        """Equal filters have equal keys."""
        return sorted(self.namespaces), self.expressions is None, self.expressions or ()

    def accepts(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a pod of this namespace and with these labels is one of them."""
        return (
            self.expressions is not None
            and namespace in self.namespaces
            and all_hold(self.expressions, labels)
        )


PodSet = tuple[PodFilter, ...]
"""Pods that every filter accepts."""


def belongs(namespace: str, labels: Mapping[str, str], pods: PodSet) -> bool:
    """Whether a pod of this namespace and with these labels is in the set."""
    return all(one.accepts(namespace, labels) for one in pods)


class Namespaces:
    """The namespaces and their labels; those that were not read carry their name only."""

    def __init__(self, namespaces: Iterable[Namespace], also: Iterable[str]) -> None:
        self._labels: dict[str, Mapping[str, str]] = {name: _own_label(name) for name in also}
        for one in namespaces:
            name = one.metadata.name
            self._labels[name] = {**_own_label(name), **one.metadata.labels}

    def of_term(self, term: PodAffinityTerm, own: str) -> frozenset[str]:
        """The namespaces that a term of a pod in the namespace ``own`` looks into."""
        if not term.namespaces and term.namespace_selector is None:
            return frozenset({own})
        expressions = expressions_of(term.namespace_selector)
        if expressions is None:
            return frozenset(term.namespaces)
        chosen = {name for name, labels in self._labels.items() if all_hold(expressions, labels)}
        return frozenset(chosen | set(term.namespaces))


def _own_label(name: str) -> Mapping[str, str]:
    return {"kubernetes.io/metadata.name": name}  # the API server puts it on every namespace


def selected(
    selector: LabelSelector | None,
    namespaces: frozenset[str],
    labels: Mapping[str, str],
    same: Iterable[str] = (),
    different: Iterable[str] = (),
) -> PodFilter:
    """The pods that ``selector`` means when it stands in a pod with these ``labels``.

    ``same`` are its matchLabelKeys, ``different`` its mismatchLabelKeys; keys that the pod does
    not carry are left out, as the API server does.
    """
    more = [Expression(key, "In", (labels[key],)) for key in same if key in labels]
    more += [Expression(key, "NotIn", (labels[key],)) for key in different if key in labels]
    return PodFilter(namespaces, expressions_of(selector, more))


class Membership:
    """Finds the sets that pods belong to without trying each set on each pod."""

    def __init__(self, sets: Sequence[PodSet], pods: Iterable[Labels]) -> None:
        frequency = Tally(pair for labels in pods for pair in labels)
        self._by_pair: dict[tuple[str, str], list[PodSet]] = defaultdict(list)
        self._others: list[PodSet] = []
        for one in sets:
            pairs = [pair for part in one for pair in _required_pairs(part)]
            if pairs:
                self._by_pair[min(pairs, key=lambda pair: (frequency[pair], pair))].append(one)
            else:
                self._others.append(one)

    def of(self, namespace: str, labels: Labels) -> list[PodSet]:
        """The sets that a pod of this namespace and with these labels belongs to."""
        candidates = [*self._others]
        for pair in labels:
            candidates += self._by_pair.get(pair, ())
        as_mapping = dict(labels)
        return [one for one in candidates if belongs(namespace, as_mapping, one)]


def _required_pairs(part: PodFilter) -> Iterable[tuple[str, str]]:
    """Labels without which no pod passes the filter."""
    for one in part.expressions or ():
        if one.operator == "In" and len(one.values) == 1:
            yield one.key, one.values[0]
