"""What fields each kind has, of what type: read from the models of the official Python client.

`decode` does what the real server's decoder does with a JSON body: fields it does not know are
named and dropped, values of a wrong type are refused in Go's words, nulls and empty values that
Go leaves out are left out, quantities get their canonical spelling.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from kubernetes.client import models

from sandbox.kube import gojson, quantities
from sandbox.kube.objects import Obj

_QUANTITIES = frozenset(
    (
        *("requests", "limits", "capacity", "allocatable", "hard", "used", "overhead", "default"),
        *("defaultRequest", "max", "min", "maxLimitRequestRatio", "allocatedResources"),
    )
)
_INT64 = frozenset(
    (
        *("gracePeriodSeconds", "terminationGracePeriodSeconds", "deletionGracePeriodSeconds"),
        *("activeDeadlineSeconds", "tolerationSeconds", "startingDeadlineSeconds", "sizeBytes"),
        *("generation", "observedGeneration", "expirationSeconds"),
        *("runAsUser", "runAsGroup", "fsGroup"),
    )
)
_OMIT_FALSE = frozenset(
    (
        *("unschedulable", "hostNetwork", "hostPID", "hostIPC"),
        *("stdin", "stdinOnce", "tty", "readOnly"),
    )
)
"""Booleans that are no pointers in Go: false is the same as absent."""

_KEEP_EMPTY_TEXT = frozenset(("V1Condition", "V1NodeSystemInfo", "V1HTTPHeader", "V1Preconditions"))
_ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "V1PodCondition": {"lastProbeTime": None},
    "V1NodeCondition": {"lastHeartbeatTime": None, "lastTransitionTime": None},
    "V1Container": {"resources": {}},
    "V1PodTemplateSpec": {"metadata": {}},
    "V1JobTemplateSpec": {"metadata": {}},
    "CoreV1Event": {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": None,
    },
}
"""Fields that Go writes even when nothing was said about them."""

_COUNT_OR_PERCENT = frozenset(("minAvailable", "maxUnavailable", "maxSurge", "targetPort"))
_VERSIONED = re.compile(
    r"^(?:Core|Apps|Events|Rbac|Storage|Discovery)?(V\d+(?:(?:alpha|beta)\d+)?)"
)


class TypeFaultError(ValueError):
    """A value of a wrong type, in the words of Go's decoder."""


class Decoded:
    """The decoded object and the paths of what the server does not know."""

    def __init__(self, obj: Obj, unknown: list[str]) -> None:
        self.obj = obj
        self.unknown = unknown


def decode(model: str, value: Obj) -> Decoded:
    """`value` as the server understands it; TypeFaultError when a type is wrong."""
    walk = _Walk()
    return Decoded(walk.struct(model, value, ""), walk.unknown)


@cache
def fields(model: str) -> Mapping[str, str]:
    """The JSON names of a model's fields and their types, as the client writes them."""
    cls = getattr(models, model)
    return {cls.attribute_map[name]: kind for name, kind in cls.openapi_types.items()}


class _Walk:
    def __init__(self) -> None:
        self.unknown: list[str] = []

    def struct(self, model: str, value: Obj, path: str) -> Obj:
        known = fields(model)
        found: Obj = {}
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            if name not in known:
                self.unknown.append(inner)
            elif item is not None:
                owner = _Owner(model, name, inner)
                decoded = self.value(known[name], item, owner)
                if not _is_omitted(model, name, known[name], decoded):
                    found[name] = decoded
        for name, default in _ALWAYS.get(model, {}).items():
            found.setdefault(name, {} if default == {} else default)
        return found

    def value(self, kind: str, item: Any, owner: "_Owner") -> Any:
        if kind.startswith("list["):
            return self._list(kind[5:-1], item, owner)
        if kind.startswith("dict["):
            return self._map(kind[5:-1].split(", ", 1)[1], item, owner)
        if kind in ("object", "datetime"):
            if owner.name in _COUNT_OR_PERCENT and not isinstance(item, int | str):
                raise _fault(gojson.type_name(item), owner, "string")
            return item
        if kind in _SCALARS:
            return _scalar(kind, item, owner)
        if not isinstance(item, dict):
            raise _fault(gojson.type_name(item), owner, _go_type(kind, owner.name))
        return self.struct(kind, item, owner.path)

    def _list(self, kind: str, items: Any, owner: "_Owner") -> list[Any]:
        if not isinstance(items, list):
            raise _fault(gojson.type_name(items), owner, "[]" + _go_type(kind, owner.name))
        return [
            self.value(kind, item, owner.at(f"{owner.path}[{index}]"))
            for index, item in enumerate(items)
            if item is not None
        ]

    def _map(self, kind: str, items: Any, owner: "_Owner") -> Obj:
        if not isinstance(items, dict):
            raise _fault(gojson.type_name(items), owner, "map[string]string")
        present = {key: item for key, item in items.items() if item is not None}
        if owner.name in _QUANTITIES:
            return {key: _quantity(item) for key, item in present.items()}
        return {key: self.value(kind, item, owner) for key, item in present.items()}


class _Owner:
    """Where a value stands: the struct, its field, and the path from the root."""

    def __init__(self, model: str, name: str, path: str) -> None:
        self.model = model
        self.name = name
        self.path = path

    def at(self, path: str) -> "_Owner":
        return _Owner(self.model, self.name, path)


_SCALARS: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
}


def _scalar(kind: str, item: Any, owner: _Owner) -> Any:
    if kind == "str" and owner.name in ("storage", "sizeLimit"):
        return _quantity(item)
    fits = isinstance(item, _SCALARS[kind]) and (kind == "bool") == isinstance(item, bool)
    if not fits:
        told = gojson.type_name(item)
        is_fraction = kind == "int" and isinstance(item, float)
        raise _fault(f"number {item}" if is_fraction else told, owner, _go_type(kind, owner.name))
    if kind == "int" and owner.name not in _INT64 and not -(2**31) <= item < 2**31:
        raise _fault(f"number {item}", owner, "int32")
    return item


def _quantity(item: Any) -> str:
    text = item if isinstance(item, str) else str(item)
    try:
        return quantities.canonical(text)
    except ValueError as error:
        raise TypeFaultError(str(error)) from error


def _fault(found: str, owner: _Owner, wanted: str) -> TypeFaultError:
    path = re.sub(r"\[\d+\]", "", owner.path)
    struct = _VERSIONED.sub("", owner.model)
    return TypeFaultError(
        f"json: cannot unmarshal {found} into Go struct field {struct}.{path} of type {wanted}"
    )


def _go_type(kind: str, name: str) -> str:
    if kind in _SCALARS:
        return {"str": "string", "bool": "bool", "float": "float64"}.get(
            kind, "int64" if name in _INT64 else "int32"
        )
    version = _VERSIONED.match(kind)
    return f"{version[1].lower()}.{_VERSIONED.sub('', kind)}" if version else kind


def _is_omitted(model: str, name: str, kind: str, item: Any) -> bool:
    if item == "":
        is_pointer = (model, name) == ("V1PersistentVolumeClaimSpec", "storageClassName")
        return model not in _KEEP_EMPTY_TEXT and not is_pointer
    if item is False:
        return name in _OMIT_FALSE
    return (item == [] and kind.startswith("list[")) or (item == {} and kind.startswith("dict["))
