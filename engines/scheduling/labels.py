"""Label selectors and node selectors, exactly as Kubernetes matches them.

An undefined key fails In, Exists, Gt and Lt and passes NotIn and DoesNotExist. An operator that
Kubernetes does not know matches nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from engines.contracts.kubernetes import LabelSelector, NodeSelector, NodeSelectorTerm

_INTEGER = re.compile(r"[+-]?[0-9]+")  # what Go's strconv.ParseInt(text, 10, 64) takes
_LARGEST_INT64 = 2**63 - 1


class Expression(NamedTuple):
    """One requirement on a label; ``values`` are sorted."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


Expressions = tuple[Expression, ...]
"""All of them must hold; none of them holds everywhere."""


def expressions_of(
    selector: LabelSelector | None, more: Iterable[Expression] = ()
) -> Expressions | None:
    """The selector in one canonical form, with ``more`` added; None selects nothing."""
    if selector is None:
        return None
    wanted = {Expression(key, "In", (value,)) for key, value in selector.match_labels.items()}
    wanted |= {
        Expression(one.key, one.operator, tuple(sorted(one.values)))
        for one in selector.match_expressions
    }
    return tuple(sorted(wanted | set(more)))


def all_hold(expressions: Expressions, labels: Mapping[str, str]) -> bool:
    """Whether the labels meet every requirement."""
    return all(holds(one, labels.get(one.key)) for one in expressions)


def holds(expression: Expression, value: str | None) -> bool:
    """Whether a label with this value (None: there is no such label) meets the requirement."""
    test = _TESTS.get(expression.operator)
    return test is not None and test(value, expression.values)


def _is_in(value: str | None, values: tuple[str, ...]) -> bool:
    return value is not None and value in values


def _exceeds(value: str | None, values: tuple[str, ...]) -> bool:
    numbers = _two_integers(value, values)
    return numbers is not None and numbers[0] > numbers[1]


def _is_below(value: str | None, values: tuple[str, ...]) -> bool:
    numbers = _two_integers(value, values)
    return numbers is not None and numbers[0] < numbers[1]


def _two_integers(value: str | None, values: tuple[str, ...]) -> tuple[int, int] | None:
    """The label and its bound as numbers, or None where one of them is no 64-bit integer."""
    if value is None or len(values) != 1:
        return None
    if not (_INTEGER.fullmatch(value) and _INTEGER.fullmatch(values[0])):
        return None
    numbers = (int(value), int(values[0]))
    return numbers if max(map(abs, numbers)) <= _LARGEST_INT64 else None


_TESTS: Mapping[str, Callable[[str | None, tuple[str, ...]], bool]] = {
    "In": _is_in,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": _exceeds,
    "Lt": _is_below,
}


class NodeTerm(NamedTuple):
    """One alternative of a node selector."""

    labels: Expressions
    fields: Expressions

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing: such a term matches no node."""
        return not (self.labels or self.fields)


def node_terms(selector: NodeSelector | None) -> tuple[NodeTerm, ...] | None:
    """The alternatives of a node selector; None: there is none, every node will do."""
    if selector is None:
        return None
    return tuple(map(node_term, selector.node_selector_terms))


def node_term(term: NodeSelectorTerm) -> NodeTerm:
    """One term in canonical form."""
    return NodeTerm(
        tuple(Expression(one.key, one.operator, one.values) for one in term.match_expressions),
        tuple(Expression(one.key, one.operator, one.values) for one in term.match_fields),
    )
