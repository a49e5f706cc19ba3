"""The three patch types that clients of this kind send: JSON patch, merge, strategic merge."""

from collections.abc import Mapping
from typing import Any

from sandbox.kube import schema
from sandbox.kube.failures import ApiError, bad_request, server_error
from sandbox.kube.objects import Obj, clone

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_MERGE_KEYS: Mapping[tuple[str, str], str] = {
    ("V1PodSpec", "containers"): "name",
    ("V1PodSpec", "initContainers"): "name",
    ("V1PodSpec", "ephemeralContainers"): "name",
    ("V1PodSpec", "volumes"): "name",
    ("V1PodSpec", "imagePullSecrets"): "name",
    ("V1PodSpec", "hostAliases"): "ip",
    ("V1PodSpec", "topologySpreadConstraints"): "topologyKey",
    ("V1Container", "env"): "name",
    ("V1Container", "ports"): "containerPort",
    ("V1Container", "volumeMounts"): "mountPath",
    ("V1Container", "volumeDevices"): "devicePath",
    ("V1PodStatus", "conditions"): "type",
    ("V1NodeStatus", "conditions"): "type",
    ("V1NodeStatus", "addresses"): "type",
    ("V1DeploymentStatus", "conditions"): "type",
    ("V1ReplicaSetStatus", "conditions"): "type",
    ("V1StatefulSetStatus", "conditions"): "type",
    ("V1DaemonSetStatus", "conditions"): "type",
    ("V1JobStatus", "conditions"): "type",
    ("V1NamespaceStatus", "conditions"): "type",
    ("V1PodDisruptionBudgetStatus", "conditions"): "type",
    ("V1ServiceSpec", "ports"): "port",
    ("V1ObjectMeta", "ownerReferences"): "uid",
}
"""patchMergeKey of the Go types. Node taints and pod tolerations have none: lists are replaced."""

_PRIMITIVE_SETS = frozenset((("V1ObjectMeta", "finalizers"),))


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def strategic(model: str, target: Obj, patch: Obj) -> Obj:
    """Strategic merge by the merge keys of `model`; ApiError 500 when an item lacks its key."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: clone(value) for name, value in patch.items() if name != "$patch"}
    result = dict(target)
    known = schema.fields(model) if model else {}
    for name, value in patch.items():
        if name == "$patch" or name.startswith(("$setElementOrder/", "$retainKeys")):
            continue
        kind = known.get(name, "")
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = strategic(_inner(kind), _as_dict(result.get(name)), value)
        elif isinstance(value, list):
            result[name] = _strategic_list(model, name, kind, result.get(name), value)
        else:
            result[name] = value
    return result


def _as_dict(value: object) -> Obj:
    return value if isinstance(value, dict) else {}


def _inner(kind: str) -> str:
    return kind if kind.startswith(("V1", "V2", "Core")) else ""


def _strategic_list(
    model: str, name: str, kind: str, target: list[Any] | None, patch: list[Any]
) -> list[Any]:
    present = list(target or ())
    if (model, name) in _PRIMITIVE_SETS:
        return present + [one for one in patch if one not in present]
    key = _MERGE_KEYS.get((model, name))
    if key is None:
        return [_dropping_nulls(one) for one in patch]
    if any(one.get("$patch") == "replace" for one in patch):
        return [clone(one) for one in patch if one.get("$patch") != "replace"]
    fresh: list[Any] = []
    for item in patch:
        if key not in item:
            raise server_error(f"map: {go_text(item)} does not contain declared merge key: {key}")
        index = next((at for at, one in enumerate(present) if one.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del present[index]
        elif index is None:
            fresh.append(strategic(kind[5:-1], {}, item))
        else:
            present[index] = strategic(kind[5:-1], present[index], item)
    return fresh + present


def _dropping_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dropping_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_dropping_nulls(one) for one in value]
    return value


def json_patch(target: Obj, operations: list[Any]) -> Obj:
    """RFC 6902 as evanphx/json-patch applies it; ApiError 422 when it cannot be applied."""
    document: Any = clone(target)
    for operation in operations:
        document = _apply(document, operation)
    return _as_dict(document)


def _apply(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise _cannot_apply()
    verb, path = operation.get("op"), _steps(operation["path"])
    if verb in ("move", "copy"):
        source = _steps(str(operation.get("from", "")))
        value = clone(_read(document, source))
        if verb == "move":
            _edit(document, source, "remove", None)
        _edit(document, path, "add", value)
    elif verb == "test":
        if _read(document, path, missing=None) != operation.get("value"):
            raise _cannot_apply()
    elif verb in ("add", "replace", "remove"):
        _edit(document, path, verb, clone(operation.get("value")))
    else:
        raise _cannot_apply()
    return document


def _cannot_apply() -> ApiError:
    message = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", message, {})


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise _cannot_apply()
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


_NOTHING = object()


def _read(document: Any, steps: list[str], missing: Any = _NOTHING) -> Any:
    value = document
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif missing is _NOTHING:
            raise _cannot_apply()
        else:
            return missing
    return value


def _edit(document: Any, steps: list[str], verb: str, value: Any) -> None:
    if not steps:
        raise _cannot_apply()
    holder = _read(document, steps[:-1])
    if isinstance(holder, dict):
        _edit_map(holder, steps[-1], verb, value)
    elif isinstance(holder, list):
        _edit_list(holder, steps[-1], verb, value)
    else:
        raise _cannot_apply()


def _edit_map(holder: Obj, step: str, verb: str, value: Any) -> None:
    if verb == "remove":
        if step not in holder:
            raise _cannot_apply()
        del holder[step]
    else:
        holder[step] = value


def _edit_list(holder: list[Any], step: str, verb: str, value: Any) -> None:
    if step == "-" and verb == "add":
        holder.append(value)
        return
    if not step.isdigit() or int(step) > len(holder) - (verb != "add"):
        raise _cannot_apply()
    index = int(step)
    if verb == "add":
        holder.insert(index, value)
    elif verb == "replace":
        holder[index] = value
    else:
        del holder[index]


def apply(content_type: str, model: str, target: Obj, patch: Any) -> Obj:
    """`target` patched; the content type must be one of the three."""
    if content_type == JSON_PATCH:
        if not isinstance(patch, list):
            raise bad_request("error decoding patch: json: cannot unmarshal object into Go value")
        return json_patch(target, patch)
    if content_type == MERGE:
        return _as_dict(merge(target, patch))
    return strategic(model, target, patch or {})


def go_text(value: Any) -> str:
    """A JSON value as Go's %v prints it: `map[spec:map[a:1]]`."""
    if isinstance(value, dict):
        inner = " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value))
        return f"map[{inner}]"
    if isinstance(value, list):
        return "[" + " ".join(go_text(one) for one in value) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
