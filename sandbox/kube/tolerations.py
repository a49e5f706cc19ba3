"""Taints and tolerations."""

from collections.abc import Sequence

from sandbox.kube.objects import Obj


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Whether one toleration covers one taint (an empty key with Exists covers every taint)."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    key = toleration.get("key", "")
    if toleration.get("operator", "Equal") == "Exists":
        return key in ("", taint["key"])
    return bool(key == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def untolerated(node: Obj, pod: Obj, effects: Sequence[str]) -> list[Obj]:
    """The taints of these effects that the pod does not tolerate."""
    tolerations = pod["spec"].get("tolerations") or ()
    return [
        taint
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint["effect"] in effects and not any(tolerates(one, taint) for one in tolerations)
    ]


def seconds_tolerated(node: Obj, pod: Obj) -> float | None:
    """How long a pod may stay under the node's NoExecute taints; None: for ever."""
    if untolerated(node, pod, ("NoExecute",)):
        return 0.0
    tolerations = pod["spec"].get("tolerations") or ()
    limits = [
        one["tolerationSeconds"]
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint["effect"] == "NoExecute"
        for one in tolerations
        if "tolerationSeconds" in one and tolerates(one, taint)
    ]
    return float(min(limits)) if limits else None
