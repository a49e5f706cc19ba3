"""What a client can notice of two answers, compared field by field.

Not compared, because no two servers agree on them: uids, resourceVersions, managedFields, the
random part of volume and event names, addresses, the numbers of revisions inside messages, and
the object that Go prints into the message of a patch it refuses. Times may differ by 1.5 s.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.kube import paging
from sandbox.kube.objects import unix_seconds
from tests.sandbox.kube.recordings import Exchange

TIME_TOLERANCE_SECONDS = 1.5
HEADERS = ("content-type", "warning", "retry-after")

_DROPPED = {"managedFields", "storageVersionHash"}
_MASKED_FIELDS = {
    "uid",
    "resourceVersion",
    "podIP",
    "hostIP",
    "ip",
    "containerID",
    "serverAddress",
    "reportingInstance",
    "token",
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
_EVENT_NAME = re.compile(r"\.[0-9a-f]{16}([bcdfghjklmnpqrstvwxz2456789]{2})?$")
_VOLUME = re.compile(r"^kube-api-access-\w{5}$")
_DUMP = re.compile(r'Invalid value: "(\{\\".*?\}|\{.*\})": ', re.DOTALL)
_NUMBERS = (
    (re.compile(r"too old resource version: \d+ \(\d+\)"), "too old resource version: <rv>"),
    (re.compile(r"in record \(\d+\)"), "in record (<rv>)"),
    (re.compile(r"\n@@ .*", re.DOTALL), ""),
)


@dataclass(frozen=True)
class Difference:
    """One place where the answers differ."""

    path: str
    recorded: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded!r}, ours {self.ours!r}"


def compare(one: Exchange, status: int, headers: dict[str, str], body: Any) -> list[Difference]:
    """All differences in status, headers and body."""
    found = []
    if status != one.status:
        found.append(Difference("status code", one.status, status))
    for name in HEADERS:
        recorded, ours = one.response_headers.get(name), headers.get(name)
        if recorded != ours and not (one.is_watch and name == "content-type"):
            found.append(Difference(f"header {name}", recorded, ours))
    recorded, ours = _normal(_parsed(one, one.response)), _normal(_parsed(one, body))
    if is_told_in_other_steps(one, body):
        recorded, ours = _last_of_runs(recorded), _last_of_runs(ours)
    if isinstance(recorded, dict) and isinstance(ours, dict):
        recorded = _served_here(recorded, ours)
    return found + _differences(recorded, ours, "")


def is_told_in_other_steps(one: Exchange, body: Any) -> bool:
    """Whether a watch told of the same object more or less often than the recorded one."""
    return one.is_watch and isinstance(body, list) and _names(one.response) != _names(body)


def _parsed(one: Exchange, body: Any) -> Any:
    is_yaml = one.response_headers.get("content-type") == "application/yaml"
    return yaml.load(body, Loader=yaml.BaseLoader) if is_yaml else body


def _last_of_runs(events: list[Any]) -> list[Any]:
    """How often a controller writes an object before anything else happens is its own affair."""
    return [
        event
        for index, event in enumerate(events)
        if event["type"] != "MODIFIED" or _name(event) not in _names(events[index + 1 :][:1])
    ]


def _served_here(recorded: Any, ours: Any) -> Any:
    """The sandbox serves fewer groups, resources and paths: those that it has are compared."""
    reduced = dict(recorded)
    for part in ("groups", "resources", "paths", "versions"):
        if isinstance(recorded.get(part), list) and isinstance(ours.get(part), list):
            known = _names(ours[part])
            kept = [one for one in recorded[part] if _name(one) in known]
            order = {str(name): index for index, name in enumerate(known)}
            kept.sort(key=lambda one: order[str(_name(one))])
            pairs = zip(kept, ours[part], strict=False)
            reduced[part] = [_served_here(a, b) if isinstance(a, dict) else a for a, b in pairs]
            reduced[part] += kept[len(reduced[part]) :]
    return reduced


def _normal(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _normal(item, key) for key, item in value.items() if key not in _DROPPED}
    if isinstance(value, list):
        items = [_normal(item, name) for item in value]
        return [item for item in items if not (_is_of_the_fork(item) or _is_untold(item))]
    if isinstance(value, str):
        return _normal_text(value, name)
    return value


def _is_of_the_fork(item: Any) -> bool:
    """The recorded server is a fork that projects one ConfigMap more."""
    return isinstance(item, dict) and (item.get("configMap") or {}).get("name") == (
        "openshift-service-ca.crt"
    )


def _is_untold(item: Any) -> bool:
    """The sandbox drives pods off tainted nodes, but writes no events about it."""
    return isinstance(item, dict) and item.get("reason") == "TaintManagerEviction"


def _normal_text(text: str, name: str) -> str:
    if name in _MASKED_FIELDS:
        return f"<{name}>"
    if name == "continue":
        return paging.decode_token(text)[1]
    if _VOLUME.match(text):
        return "kube-api-access-<random>"
    text = UUID.sub("<uid>", text)
    text = _DUMP.sub('Invalid value: "<object>": ', text)
    for pattern, shown in _NUMBERS:
        text = pattern.sub(shown, text)
    return _EVENT_NAME.sub(".<moment>", text) if name == "name" else text


def _differences(recorded: Any, ours: Any, path: str) -> list[Difference]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = []
        for key in sorted(recorded.keys() | ours.keys()):
            inner = f"{path}.{key}" if path else key
            if key not in ours:
                found.append(Difference(inner, recorded[key], "<absent>"))
            elif key not in recorded:
                found.append(Difference(inner, "<absent>", ours[key]))
            else:
                found += _differences(recorded[key], ours[key], inner)
        return found
    if isinstance(recorded, list) and isinstance(ours, list):
        return _list_differences(recorded, ours, path)
    return [] if _is_same(recorded, ours) else [Difference(path, recorded, ours)]


def _list_differences(recorded: list[Any], ours: list[Any], path: str) -> list[Difference]:
    if len(recorded) != len(ours):
        return [Difference(f"{path}.length", _names(recorded), _names(ours))]
    return [
        difference
        for index, (left, right) in enumerate(zip(recorded, ours, strict=True))
        for difference in _differences(left, right, f"{path}[{index}]")
    ]


def _names(items: list[Any]) -> list[Any]:
    return [_name(item) for item in items]


def _name(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    inner = item.get("object", item)
    name = (inner.get("metadata") or {}).get("name") or inner.get("name")
    name = name or inner.get("groupVersion") or inner.get("type")
    return f"{item['type']} {name}" if "object" in item else name


def _is_same(recorded: Any, ours: Any) -> bool:
    if isinstance(recorded, str) and isinstance(ours, str) and _TIME.match(recorded):
        if not _TIME.match(ours):
            return False
        return abs(unix_seconds(recorded) - unix_seconds(ours)) <= TIME_TOLERANCE_SECONDS
    return type(recorded) is type(ours) and recorded == ours
