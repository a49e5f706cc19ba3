"""PodDisruptionBudgets: which pods they cover and the arithmetic of their status.

The rules are those of k8s.io/kubernetes/pkg/controller/disruption: integer minAvailable counts
the pods that are there; percentages and maxUnavailable count what the pods' controllers want.
"""

import math

from sandbox.kube.objects import (
    Obj,
    clone,
    condition,
    controller_of,
    is_condition_true,
    is_terminating,
    name_of,
    namespace_of,
    rfc3339,
    unix_seconds,
)
from sandbox.kube.resources import (
    BY_PLURAL,
    DEPLOYMENTS,
    PDBS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    RESOURCES,
    STATEFUL_SETS,
)
from sandbox.kube.selectors import label_match
from sandbox.kube.world import World

DISRUPTION_SECONDS = 120
"""How long a spent disruption counts when its pod does not go (DeletionTimeout)."""

_SCALABLE = {
    one.kind: one for one in (REPLICA_SETS, DEPLOYMENTS, STATEFUL_SETS, REPLICATION_CONTROLLERS)
}


class NotScalableError(ValueError):
    """A controller of the pods has no scale subresource."""


def covering(world: World, pod: Obj) -> list[Obj]:
    """The budgets whose selector matches the pod, by name."""
    budgets = world.store.all(PDBS, namespace_of(pod))
    return [one for one in budgets if label_match(one["spec"].get("selector"))(pod)]


def covered(world: World, budget: Obj) -> list[Obj]:
    """The pods of the budget's namespace that its selector matches."""
    matches = label_match(budget["spec"].get("selector"))
    return [pod for pod in world.store.all(PODS, namespace_of(budget)) if matches(pod)]


def share(value: int | str, total: int) -> int:
    """A count, or a percentage of `total` rounded up."""
    if isinstance(value, int):
        return value
    return math.ceil(int(value[:-1]) * total / 100)


def status_of(world: World, budget: Obj) -> Obj:
    """The status that the disruption controller would write now."""
    pods = covered(world, budget)
    disrupted = _still_disrupted(world, budget, pods)
    try:
        expected, desired = _expected(world, budget, pods)
    except NotScalableError as error:
        return _failed(world, budget, str(error))
    healthy = sum(_is_healthy(pod, disrupted) for pod in pods)
    allowed = max(0, healthy - desired) if expected > 0 else 0
    new: Obj = {
        "observedGeneration": budget["metadata"]["generation"],
        **({"disruptedPods": disrupted} if disrupted else {}),
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "conditions": clone((budget.get("status") or {}).get("conditions") or []),
    }
    holder = {**budget, "status": new}
    set_allowed_condition(holder, world.now())
    return new


def has_expired(world: World, since: str) -> bool:
    return world.now() - unix_seconds(since) > DISRUPTION_SECONDS


def _still_disrupted(world: World, budget: Obj, pods: list[Obj]) -> dict[str, str]:
    before: dict[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
    alive = {name_of(pod) for pod in pods if not is_terminating(pod)}
    return {
        name: since
        for name, since in before.items()
        if name in alive and not has_expired(world, since)
    }


def _is_healthy(pod: Obj, disrupted: dict[str, str]) -> bool:
    is_leaving = is_terminating(pod) or name_of(pod) in disrupted
    return not is_leaving and is_condition_true(pod, "Ready")


def _expected(world: World, budget: Obj, pods: list[Obj]) -> tuple[int, int]:
    """(expectedPods, desiredHealthy)"""
    spec = budget["spec"]
    if "maxUnavailable" in spec:
        expected = _wanted_by_controllers(world, pods)
        return expected, max(0, expected - share(spec["maxUnavailable"], expected))
    if "minAvailable" not in spec:
        return 0, 0
    if isinstance(spec["minAvailable"], int):
        return len(pods), spec["minAvailable"]
    expected = _wanted_by_controllers(world, pods)
    return expected, share(spec["minAvailable"], expected)


def _wanted_by_controllers(world: World, pods: list[Obj]) -> int:
    """The replicas that the pods' controllers ask for; pods without a controller count as none."""
    wanted: dict[str, int] = {}
    for pod in pods:
        reference = controller_of(pod)
        if reference is None:
            continue
        owner = _top(world, namespace_of(pod), reference)
        if owner is not None:
            wanted[owner["metadata"]["uid"]] = owner["spec"].get("replicas", 1)
    return sum(wanted.values())


def _top(world: World, namespace: str | None, reference: Obj) -> Obj | None:
    """The controller that decides on the number: of a ReplicaSet its Deployment, if it has one."""
    resource = _SCALABLE.get(reference["kind"])
    if resource is None:
        known = next((one for one in RESOURCES if one.kind == reference["kind"]), None)
        name = known.qualified if known else reference["kind"].lower()
        raise NotScalableError(f"{name} does not implement the scale subresource")
    owner = world.store.get(resource, namespace, reference["name"])
    if owner is None or owner["metadata"]["uid"] != reference["uid"]:
        return None
    above = controller_of(owner)
    if above is None or above["kind"] != "Deployment":
        return owner
    return world.store.get(BY_PLURAL["deployments"], namespace, above["name"]) or owner


def _failed(world: World, budget: Obj, told: str) -> Obj:
    new: Obj = clone(budget["status"])
    new["disruptionsAllowed"] = 0
    new["observedGeneration"] = budget["metadata"]["generation"]
    holder = {**budget, "status": new}
    _set_condition(holder, world.now(), is_allowed=False, reason="SyncFailed", message=told)
    return new


def set_allowed_condition(budget: Obj, now: float) -> None:
    """The condition DisruptionAllowed as `status.disruptionsAllowed` demands, in place."""
    allowed = budget["status"]["disruptionsAllowed"] > 0
    reason = "SufficientPods" if allowed else "InsufficientPods"
    _set_condition(budget, now, is_allowed=allowed, reason=reason, message="")


def _set_condition(budget: Obj, now: float, *, is_allowed: bool, reason: str, message: str) -> None:
    old = condition(budget, "DisruptionAllowed")
    value = "True" if is_allowed else "False"
    is_same = old is not None and old["status"] == value
    new = {
        "type": "DisruptionAllowed",
        "status": value,
        "observedGeneration": budget["metadata"]["generation"],
        "lastTransitionTime": old["lastTransitionTime"] if old and is_same else rfc3339(now),
        "reason": reason,
        "message": message,
    }
    others = [
        one
        for one in budget["status"].get("conditions") or []
        if one["type"] != "DisruptionAllowed"
    ]
    budget["status"]["conditions"] = [*others, new]
