"""What a kind refuses, in the server's words, as far as clients of this kind can run into it."""

import re
from collections.abc import Callable

from sandbox.kube import quantities, syntax
from sandbox.kube.failures import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from sandbox.kube.objects import Obj
from sandbox.kube.selectors import label_match

Check = Callable[[Obj, Obj | None], list[FieldError]]
"""(the object, the version it replaces or None) -> what is wrong with it."""

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NOT_NEGATIVE = "must be greater than or equal to 0"
_STANDARD_RESOURCES = frozenset(("cpu", "memory", "ephemeral-storage"))
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or"
    " '93%', regex used for validation is '[0-9]+%')"
)
_POD_MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
    " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set"
    " to 1 if it was previously negative)"
)


def check(kind: str, obj: Obj, old: Obj | None) -> list[FieldError]:
    """All faults of `obj`, metadata first, in the order in which the server names them."""
    faults = _metadata(obj["metadata"]) + _CHECKS.get(kind, _nothing)(obj, old)
    if kind == "Node" and old is not None:
        # The real server validates a node as new and as an update, its metadata twice each time.
        faults = faults + _taints(obj) + 3 * _metadata(obj["metadata"])
    return faults


def _metadata(metadata: Obj) -> list[FieldError]:
    faults = []
    for key, value in (metadata.get("labels") or {}).items():
        faults += [invalid("metadata.labels", key, told) for told in syntax.key_faults(key)]
        faults += [invalid("metadata.labels", value, told) for told in syntax.value_faults(value)]
    for key in metadata.get("annotations") or {}:
        told_of = syntax.key_faults(key.lower())
        faults += [invalid("metadata.annotations", key, told) for told in told_of]
    return faults


def _nothing(obj: Obj, old: Obj | None) -> list[FieldError]:
    return []


def _node(obj: Obj, old: Obj | None) -> list[FieldError]:
    faults = _taints(obj)
    if old is None:
        return faults
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    for field, shown in (("podCIDR", "podCIDRs"), ("providerID", "providerID")):
        if before.get(field) and spec.get(field) != before[field]:
            told = f'node updates may not change {field} except from "" to valid'
            faults.append(forbidden_field(f"spec.{shown}", told))
    return faults


def _taints(node: Obj) -> list[FieldError]:
    faults: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate((node.get("spec") or {}).get("taints") or ()):
        at = f"metadata.taints[{index}]"
        key, effect = taint.get("key", ""), taint.get("effect", "")
        faults += [invalid(f"{at}.key", key, told) for told in syntax.key_faults(key)]
        if effect == "":
            faults.append(required(f"{at}.effect"))
        elif effect not in _EFFECTS:
            faults.append(unsupported(f"{at}.effect", effect, _EFFECTS))
        if (key, effect) in seen:
            shown = {"Key": key, "Value": taint.get("value", ""), "Effect": effect}
            told = "taints must be unique by key and effect pair"
            faults.append(duplicate(at, {**shown, "TimeAdded": None}, told))
        seen.add((key, effect))
    return faults


def _pod(obj: Obj, old: Obj | None) -> list[FieldError]:
    if old is not None:
        is_same = _immutable(obj["spec"]) == _immutable(old["spec"])
        return [] if is_same else [forbidden_field("spec", _POD_MUTABLE)]
    return _containers(obj["spec"], "spec")


def _immutable(spec: Obj) -> Obj:
    """A pod's spec without what an update may change."""
    kept = {
        name: value
        for name, value in spec.items()
        if name not in ("tolerations", "activeDeadlineSeconds")
    }
    for part in ("containers", "initContainers"):
        kept[part] = [{**one, "image": ""} for one in spec.get(part, ())]
    return kept


def _containers(spec: Obj, at: str) -> list[FieldError]:
    if not spec.get("containers"):
        return [required(f"{at}.containers")]
    faults = []
    for index, container in enumerate(spec["containers"]):
        here = f"{at}.containers[{index}]"
        if not container.get("name"):
            faults.append(required(f"{here}.name"))
        if not container.get("image"):
            faults.append(required(f"{here}.image"))
        faults += _resources(container.get("resources") or {}, f"{here}.resources")
    return faults


def _resources(resources: Obj, at: str) -> list[FieldError]:
    faults = []
    for part in ("limits", "requests"):
        for name, value in (resources.get(part) or {}).items():
            here = f"{at}.{part}[{name}]"
            is_known = "/" in name or name.startswith("hugepages-")
            if not is_known and name not in _STANDARD_RESOURCES:
                faults.append(
                    invalid(here, name, "must be a standard resource type or fully qualified")
                )
                faults.append(invalid(here, name, "must be a standard resource for containers"))
            elif quantities.parse(value) < 0:
                faults.append(invalid(here, value, _NOT_NEGATIVE))
    limits = resources.get("limits") or {}
    for name, value in (resources.get("requests") or {}).items():
        if name in limits and quantities.parse(value) > quantities.parse(limits[name]):
            told = f"must be less than or equal to {name} limit of {limits[name]}"
            faults.append(invalid(f"{at}.requests", value, told))
    return faults


def _workload(obj: Obj, old: Obj | None) -> list[FieldError]:
    spec = obj["spec"]
    faults = []
    if spec.get("replicas", 0) < 0:
        faults.append(invalid("spec.replicas", spec["replicas"], _NOT_NEGATIVE))
    template = spec["template"]
    labels = template["metadata"].get("labels") or {}
    wrong = _selector(spec.get("selector") or {}, "spec.selector")
    if "selector" not in spec:
        faults.append(required("spec.selector"))
    elif wrong:
        faults += wrong
    elif not label_match(spec["selector"])({"metadata": {"labels": labels}}):
        told = "`selector` does not match template `labels`"
        faults.append(invalid("spec.template.metadata.labels", labels, told))
    faults += _containers(template.get("spec") or {}, "spec.template.spec")
    if old is not None and spec.get("selector") != old["spec"].get("selector"):
        faults.append(invalid("spec.selector", spec["selector"], "field is immutable"))
    return faults


def _selector(selector: Obj, at: str) -> list[FieldError]:
    """What is wrong with the expressions of a LabelSelector."""
    faults = []
    for index, one in enumerate(selector.get("matchExpressions") or ()):
        here, operator = f"{at}.matchExpressions[{index}]", one.get("operator", "")
        key, values = one.get("key", ""), one.get("values")
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            told = "not a valid selector operator"
            faults.append(invalid(f"{here}.operator", operator, told))
        elif operator in ("In", "NotIn") and not values:
            told = "must be specified when `operator` is 'In' or 'NotIn'"
            faults.append(required(f"{here}.values", told))
        elif operator in ("Exists", "DoesNotExist") and values:
            told = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            faults.append(forbidden_field(f"{here}.values", told))
        faults += [invalid(f"{here}.key", key, told) for told in syntax.key_faults(key)]
    return faults


def _job(obj: Obj, old: Obj | None) -> list[FieldError]:
    spec = obj["spec"]["template"].get("spec") or {}
    faults = _containers(spec, "spec.template.spec")
    if spec.get("restartPolicy") not in ("OnFailure", "Never"):
        told = 'valid values: "OnFailure", "Never"'
        faults.append(required("spec.template.spec.restartPolicy", told))
    return faults


def _service(obj: Obj, old: Obj | None) -> list[FieldError]:
    told = "must be between 1 and 65535, inclusive"
    ports = (obj.get("spec") or {}).get("ports") or ()
    return [
        invalid(f"spec.ports[{index}].port", one.get("port", 0), told)
        for index, one in enumerate(ports)
        if not 1 <= one.get("port", 0) <= 65535
    ]


def _cron_job(obj: Obj, old: Obj | None) -> list[FieldError]:
    schedule = obj["spec"].get("schedule", "")
    parts = schedule.split()
    if schedule.startswith("@") or len(parts) == 5:
        return []
    told = f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
    return [invalid("spec.schedule", schedule, told)]


def _budget(obj: Obj, old: Obj | None) -> list[FieldError]:
    spec = obj.get("spec") or {}
    faults = _selector(spec.get("selector") or {}, "spec.selector")
    if "minAvailable" in spec and "maxUnavailable" in spec:
        shown = {
            "MinAvailable": spec["minAvailable"],
            "Selector": spec.get("selector"),
            "MaxUnavailable": spec["maxUnavailable"],
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        faults.append(invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"))
    for field in ("minAvailable", "maxUnavailable"):
        if field in spec:
            faults += _count_or_percent(spec[field], f"spec.{field}")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy not in (None, "AlwaysAllow", "IfHealthyBudget"):
        allowed = ("AlwaysAllow", "IfHealthyBudget")
        faults.append(unsupported("spec.unhealthyPodEvictionPolicy", policy, allowed))
    return faults


def _count_or_percent(value: int | str, at: str) -> list[FieldError]:
    if isinstance(value, int):
        return [invalid(at, value, _NOT_NEGATIVE)] if value < 0 else []
    if not re.fullmatch("[0-9]+%", value):
        return [invalid(at, value, _PERCENT_RULE)]
    if int(value[:-1]) > 100:
        return [invalid(at, value, "must not be greater than 100%")]
    return []


_CHECKS: dict[str, Check] = {
    "Node": _node,
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "Job": _job,
    "Service": _service,
    "CronJob": _cron_job,
    "PodDisruptionBudget": _budget,
}
