"""The nodes' labels and taints in columns, and the masks that follow from a pod's spec alone.

A mask has one bool for each node, in the order of the node table. Pods of one shape share them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.kubernetes import NodeSelector, PodSpec, Taint, Toleration
from engines.contracts.snapshot import NodeTable
from engines.scheduling.labels import Expression, Expressions, NodeTerm, holds, node_terms
from engines.scheduling.taints import UNSCHEDULABLE, is_tolerated, untolerated

Mask = NDArray[np.bool_]

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Topology(NamedTuple):
    """Nodes by the value of one label. ``slots``: the domain of each node, -1 without the label."""

    key: str
    values: tuple[str, ...]  # sorted; position is the domain
    slots: NDArray[np.int32]


class NodeIndex:
    """Answers questions about all nodes at once; what it worked out it keeps."""

    def __init__(self, nodes: NodeTable) -> None:
        self.names = nodes.names
        self._rows = nodes.index
        self.labels = tuple(node.metadata.labels for node in nodes.items)
        self.cordoned = tuple(node.spec.unschedulable for node in nodes.items)
        self.taints = tuple(
            _taints_beside_the_cordon(node.spec.taints, node.spec.unschedulable)
            for node in nodes.items
        )
        self._taint_sets, self._taint_set_of = _intern_taints(self.taints)
        self._topologies: dict[str, Topology] = {}
        self._expressions: dict[Expression, Mask] = {}
        self._node_selectors: dict[bytes, Mask] = {}

    def __len__(self) -> int:
        return len(self.names)

    def topology(self, key: str) -> Topology:
        """The nodes by the value of the label ``key``."""
        found = self._topologies.get(key)
        if found is None:
            found = self._topologies[key] = _topology(key, [one.get(key) for one in self.labels])
        return found

    def tolerating(self, tolerations: tuple[Toleration, ...]) -> Mask:
        """Nodes whose taints, cordons left aside, the tolerations cover."""
        tolerated = [not untolerated(taints, tolerations) for taints in self._taint_sets]
        return np.array(tolerated, np.bool_)[self._taint_set_of]

    def matching(self, spec: PodSpec) -> Mask:
        """Nodes that the pod's nodeSelector and required node affinity allow."""
        chosen = tuple(Expression(key, "In", (value,)) for key, value in spec.node_selector.items())
        return self._all_hold(chosen) & self.in_terms(required_terms(spec))

    def in_node_selector(self, selector: NodeSelector | None) -> Mask:
        """Nodes that one of the selector's terms matches; all of them without a selector."""
        key = _encode(selector)
        found = self._node_selectors.get(key)
        if found is None:
            found = self._node_selectors[key] = self.in_terms(node_terms(selector))
        return found

    def in_terms(self, terms: Iterable[NodeTerm] | None) -> Mask:
        """Nodes that one of the terms matches; all of them where ``terms`` is None."""
        if terms is None:
            return np.ones(len(self), np.bool_)
        found = np.zeros(len(self), np.bool_)
        for term in terms:
            found |= self._in_term(term)
        return found

    def _in_term(self, term: NodeTerm) -> Mask:
        if term.is_empty:
            return np.zeros(len(self), np.bool_)
        mask = self._all_hold(term.labels)
        for field in term.fields:
            mask &= self._field_holds(field)
        return mask

    def _field_holds(self, field: Expression) -> Mask:
        """Fields know only metadata.name, In and NotIn, and exactly one value."""
        if len(field.values) != 1 or field.operator not in ("In", "NotIn"):
            return np.zeros(len(self), np.bool_)
        mask = np.full(len(self), field.operator == "NotIn")
        row = self._rows.get(field.values[0]) if field.key == "metadata.name" else None
        if row is not None:
            mask[row] = field.operator == "In"
        return mask

    def _all_hold(self, expressions: Expressions) -> Mask:
        mask = np.ones(len(self), np.bool_)
        for expression in expressions:
            mask &= self.holding(expression)
        return mask

    def holding(self, expression: Expression) -> Mask:
        """Nodes whose labels meet one requirement."""
        found = self._expressions.get(expression)
        if found is None:
            topology = self.topology(expression.key)
            verdicts = [holds(expression, value) for value in (*topology.values, None)]
            found = self._expressions[expression] = np.array(verdicts, np.bool_)[topology.slots]
        return found


class NodeDemand:
    """What a pod's nodeSelector and required node affinity ask of its node.

    The mask is kept, unless the pod names its node: DaemonSets have as many of those as there are
    nodes, and the masks of all would fill the memory.
    """

    def __init__(self, spec: PodSpec, nodes: NodeIndex) -> None:
        self._spec = spec
        self._nodes = nodes
        self._mask = None if named_nodes(spec) is not None else nodes.matching(spec)

    def mask(self) -> Mask:
        """The nodes that meet the demand. Not to be changed."""
        return self._nodes.matching(self._spec) if self._mask is None else self._mask


class Tolerance(NamedTuple):
    """What a list of tolerations means on these nodes."""

    tolerations: tuple[Toleration, ...]
    mask: Mask  # nodes whose taints are tolerated, cordons left aside
    stands_cordon: bool


def tolerance_of(tolerations: tuple[Toleration, ...], nodes: NodeIndex) -> Tolerance:
    """Work out the tolerations once for all pods that carry them."""
    stands_cordon = is_tolerated(UNSCHEDULABLE, tolerations)
    return Tolerance(tolerations, nodes.tolerating(tolerations), stands_cordon)


def required_terms(spec: PodSpec) -> tuple[NodeTerm, ...] | None:
    """The alternatives of the required node affinity; None: none is required."""
    if spec.affinity is None or spec.affinity.node_affinity is None:
        return None
    return node_terms(spec.affinity.node_affinity.required)


def named_nodes(spec: PodSpec) -> frozenset[str] | None:
    """The nodes that the pod names by matchFields in every term; None: it does not.

    kube-scheduler looks at no other node then, and words their refusal differently.
    """
    terms = required_terms(spec)
    if not terms or any(term.is_empty for term in terms):
        return None
    named = [_named_by(term) for term in terms]
    return None if None in named else frozenset().union(*(one or () for one in named))


def _named_by(term: NodeTerm) -> frozenset[str] | None:
    """The names that all In requirements of the term on metadata.name share."""
    names = [
        frozenset(one.values)
        for one in term.fields
        if one.key == "metadata.name" and one.operator == "In"
    ]
    return frozenset.intersection(*names) if names else None


def _topology(key: str, values: Sequence[str | None]) -> Topology:
    known = sorted({value for value in values if value is not None})
    domain = {value: slot for slot, value in enumerate(known)}
    slots = [-1 if value is None else domain[value] for value in values]
    return Topology(key, tuple(known), np.array(slots, np.int32))


def _taints_beside_the_cordon(taints: tuple[Taint, ...], is_cordoned: bool) -> tuple[Taint, ...]:
    """Without the taint that comes and goes with the cordon, which is followed separately."""
    if not is_cordoned:
        return taints
    return tuple(
        taint
        for taint in taints
        if (taint.key, taint.effect) != (UNSCHEDULABLE.key, UNSCHEDULABLE.effect)
    )


def _intern_taints(
    taints: Sequence[tuple[Taint, ...]],
) -> tuple[list[tuple[Taint, ...]], NDArray[np.intp]]:
    """The distinct sets of taints, and which of them each node has."""
    position: dict[bytes, int] = {}
    distinct: list[tuple[Taint, ...]] = []
    of_node = []
    for some in taints:
        key = _encode([(one.key, one.value, one.effect) for one in some])
        if key not in position:
            position[key] = len(distinct)
            distinct.append(some)
        of_node.append(position[key])
    return distinct, np.array(of_node, np.intp)
