"""Labels, selectors, node affinity and taints, each read straight from the Kubernetes API."""

import re
from collections.abc import Mapping

from engines.contracts.kubernetes import (
    LabelSelector,
    Node,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodSpec,
    Taint,
    Toleration,
)

CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_INT64 = range(-(2**63) + 1, 2**63)


def selector_accepts(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels; an absent one selects nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(
        requirement_holds(one.operator, labels.get(one.key), one.values)
        for one in selector.match_expressions
    )


def requirement_holds(operator: str, value: str | None, wanted: tuple[str, ...]) -> bool:
    """One requirement on a label that has ``value``, or does not exist (None)."""
    match operator:
        case "In":
            return value is not None and value in wanted
        case "NotIn":
            return value is None or value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(operator, value, wanted)
        case _:
            return False


def _compares(operator: str, value: str | None, wanted: tuple[str, ...]) -> bool:
    numbers = [value or "", *wanted]
    if len(numbers) != 2 or not all(re.fullmatch(r"[+-]?[0-9]+", one) for one in numbers):
        return False
    left, right = map(int, numbers)
    if left not in _INT64 or right not in _INT64:
        return False
    return left > right if operator == "Gt" else left < right


def labels_suit(spec: PodSpec, node: Node) -> bool:
    """Whether the node's labels meet nodeSelector and required node affinity."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return affinity is None or node_selector_accepts(affinity.required, node)


def node_selector_accepts(selector: NodeSelector | None, node: Node) -> bool:
    """Whether one term holds; without a selector every node will do."""
    if selector is None:
        return True
    return any(_term_holds(term, node) for term in selector.node_selector_terms)


def _term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    labels = node.metadata.labels
    return all(
        requirement_holds(one.operator, labels.get(one.key), one.values)
        for one in term.match_expressions
    ) and all(_field_holds(one, node) for one in term.match_fields)


def _field_holds(field: NodeSelectorRequirement, node: Node) -> bool:
    """The API knows one field, two operators, and exactly one value."""
    if field.operator not in ("In", "NotIn") or len(field.values) != 1:
        return False
    name = node.metadata.name if field.key == "metadata.name" else None
    return (name == field.values[0]) == (field.operator == "In")


def hard_taints(node: Node) -> tuple[Taint, ...]:
    """The taints that keep pods off, that of a cordon among them."""
    taints = tuple(one for one in node.spec.taints if one.effect in ("NoSchedule", "NoExecute"))
    has_cordon = any((one.key, one.effect) == (CORDON.key, CORDON.effect) for one in taints)
    return (*taints, CORDON) if node.spec.unschedulable and not has_cordon else taints


def stands(tolerations: tuple[Toleration, ...], taint: Taint) -> bool:
    """Whether one of the tolerations lets a pod stand the taint."""
    return any(_covers(one, taint) for one in tolerations)


def _covers(toleration: Toleration, taint: Taint) -> bool:
    same_effect = toleration.effect in ("", taint.effect)
    same_key = toleration.key in ("", taint.key)
    if not (same_effect and same_key):
        return False
    match toleration.operator:
        case "Exists":
            return True
        case "" | "Equal":
            return toleration.value == taint.value
        case _:
            return False
