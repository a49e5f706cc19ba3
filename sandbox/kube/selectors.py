"""Label and field selectors: the server's grammar, its error messages, its matching."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.kube import syntax
from sandbox.kube.failures import bad_request
from sandbox.kube.objects import Obj, labels_of
from sandbox.kube.resources import Resource

Match = Callable[[Obj], bool]

_TOKEN = re.compile(r"\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)")
_SYMBOLS = frozenset(("=", "==", "!=", "!", "(", ")", ",", "<", ">"))
_OPERATORS = {
    "=": "In",
    "==": "In",
    "in": "In",
    "!=": "NotIn",
    "notin": "NotIn",
    ">": "Gt",
    "<": "Lt",
    "gt": "Gt",
    "lt": "Lt",
}


@dataclass(frozen=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.operator == "Exists":
            return value is not None
        if self.operator == "DoesNotExist":
            return value is None
        if self.operator == "NotIn":
            return value is None or value not in self.values
        if value is None:
            return False
        if self.operator == "In":
            return value in self.values
        return _is_beyond(value, self.operator, self.values[0])


def _is_beyond(value: str, operator: str, bound: str) -> bool:
    try:
        left, right = int(value), int(bound)
    except ValueError:
        return False
    return left > right if operator == "Gt" else left < right


def parse_labels(text: str) -> list[Requirement]:
    """The requirements of `labelSelector`; ApiError 400 with the server's message."""
    return _Parser(text).requirements()


class _Parser:
    """k8s.io/apimachinery/pkg/labels: Parser, reduced to what can be told apart from outside."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._next = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        if not self._tokens:
            return found
        while True:
            if not (self._is_identifier() or self._peek() == "!"):
                raise bad_request(
                    f"found '{self._peek()}', expected: !, identifier, or 'end of string'"
                )
            found.append(self._requirement())
            separator = self._take()
            if separator == "":
                return found
            if separator != ",":
                raise bad_request(f"found '{separator}', expected: ',' or 'end of string'")
            if not (self._is_identifier() or self._peek() == "!"):
                raise bad_request(f"found '{self._peek()}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        absent = self._peek() == "!"
        if absent:
            self._take()
        key = self._take()
        if key in _SYMBOLS or key == "":
            raise _unparsable(f"found '{key}', expected: identifier")
        faults = syntax.key_faults(key)
        if faults:
            raise _unparsable(f'<nil>: Invalid value: "{key}": {faults[0]}')
        if absent:
            return Requirement(key, "DoesNotExist")
        if self._peek() in ("", ","):
            return Requirement(key, "Exists")
        sign = self._take()
        if sign not in _OPERATORS:
            raise _unparsable(f"found '{sign}', expected: in, notin, =, ==, !=, gt, lt")
        values = self._set() if sign in ("in", "notin") else (self._single(),)
        return _checked(Requirement(key, _OPERATORS[sign], values))

    def _set(self) -> tuple[str, ...]:
        opening = self._take()
        if opening != "(":
            raise _unparsable(f"found '{opening}' expected: '('")
        values: list[str] = []
        while True:
            values.append("" if self._peek() in (",", ")") else self._take())
            separator = self._take()
            if separator == ")":
                return tuple(values)
            if separator != ",":
                raise _unparsable(f"found '{separator}', expected: ',' or ')'")

    def _single(self) -> str:
        if self._peek() in ("", ","):
            return ""
        value = self._take()
        if value in _SYMBOLS:
            raise _unparsable(f"found '{value}', expected: identifier")
        return value

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _is_identifier(self) -> bool:
        return self._peek() not in _SYMBOLS and self._peek() != ""


def _checked(one: Requirement) -> Requirement:
    for index, value in enumerate(one.values):
        for fault in syntax.value_faults(value):
            raise _unparsable(f'values[{index}][{one.key}]: Invalid value: "{value}": {fault}')
    return one


def _unparsable(what: str) -> Exception:
    return bad_request(f"unable to parse requirement: {what}")


def label_match(selector: Obj | None) -> Match:
    """A LabelSelector object as a test; None selects nothing, `{}` everything."""
    if selector is None:
        return lambda obj: False
    requirements = [
        Requirement(key, "In", (value,))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    requirements += [
        Requirement(one["key"], one["operator"], tuple(one.get("values") or ()))
        for one in selector.get("matchExpressions") or ()
    ]
    return _all(requirements)


def selector_text(selector: Obj) -> str:
    """A LabelSelector as text, as `status.selector` of a Scale shows it."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    words = {"In": "in", "NotIn": "notin"}
    for one in selector.get("matchExpressions") or ():
        if one["operator"] in words:
            values = ",".join(sorted(one["values"]))
            parts.append(f"{one['key']} {words[one['operator']]} ({values})")
        else:
            parts.append(("!" if one["operator"] == "DoesNotExist" else "") + one["key"])
    return ",".join(sorted(parts))


def _all(requirements: list[Requirement]) -> Match:
    def matches(obj: Obj) -> bool:
        labels = labels_of(obj)
        return all(one.matches(labels) for one in requirements)

    return matches


def query_match(resource: Resource, labels: str, fields: str) -> Match | None:
    """Both selectors of a query as one test; None when neither selects anything."""
    tests = []
    if labels:
        tests.append(_all(parse_labels(labels)))
    if fields:
        tests.append(_field_match(resource, fields))
    if not tests:
        return None
    return lambda obj: all(test(obj) for test in tests)


def _field_match(resource: Resource, text: str) -> Match:
    wanted: list[tuple[str, str, bool]] = []
    for part in text.split(","):
        if not part:
            continue
        found = re.fullmatch(r"([^=!<>()\s]+)(==|=|!=)([^\s]*)", part)
        if found is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        wanted.append((found[1], found[3], found[2] != "!="))
    for name, _, _ in wanted:
        _refuse_unknown(resource, name)
    return lambda obj: all((_field(obj, name) == value) is same for name, value, same in wanted)


def _refuse_unknown(resource: Resource, name: str) -> None:
    if name in ("metadata.name", "metadata.namespace", *resource.field_labels):
        return
    if resource.group == "":
        raise bad_request(f"field label not supported: {name}")
    known = '"metadata.name", "metadata.namespace"'
    raise bad_request(f'"{name}" is not a known field selector: only {known}')


def _field(obj: Obj, path: str) -> str:
    """A field as the text that selectors compare: absent is empty, absent booleans are false."""
    value: object = obj
    if path == "source":
        path = "source.component"
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if path in ("spec.unschedulable", "spec.hostNetwork"):
        return "true" if value else "false"
    return "" if value is None else str(value)
