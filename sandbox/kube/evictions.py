"""The eviction subresource: a delete that asks the pod's disruption budget first."""

from sandbox.kube import budgets, deletion
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.failures import ApiError, server_error
from sandbox.kube.objects import (
    Obj,
    clone,
    is_condition_true,
    is_terminating,
    name_of,
    namespace_of,
    with_condition,
)
from sandbox.kube.resources import PDBS, PODS
from sandbox.kube.world import World

_TWO_BUDGETS = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not"
    " support."
)


def evict(world: World, pod: Obj, options: DeleteOptions) -> None:
    """Spends the budget, marks the pod, deletes it; ApiError 409, 429 or 500.

    In the real server's order: the budget is spent before the uid is compared, and is not given
    back when that fails.
    """
    if not _is_unprotected(pod):
        covering = budgets.covering(world, pod)
        if len(covering) > 1:
            raise server_error(_TWO_BUDGETS)
        if covering and not _may_ignore(covering[0], pod):
            _spend(world, covering[0], pod, dry_run=options.dry_run)
    deletion.check_preconditions(PODS, pod, options)
    if not options.dry_run and not is_terminating(pod):
        pod = _mark_target(world, pod)
    # The mark changed the resourceVersion, which has been compared already.
    unconditional = DeleteOptions(
        grace_seconds=options.grace_seconds, policy=options.policy, dry_run=options.dry_run
    )
    deletion.delete(world, PODS, pod, unconditional)


def _is_unprotected(pod: Obj) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return is_terminating(pod) or phase in ("Succeeded", "Failed", "Pending")


def _may_ignore(budget: Obj, pod: Obj) -> bool:
    """An unready pod may go when the policy says so or enough others are healthy."""
    if is_condition_true(pod, "Ready"):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget["status"]
    return bool(status["currentHealthy"] >= status["desiredHealthy"] > 0)


def _spend(world: World, budget: Obj, pod: Obj, *, dry_run: bool) -> None:
    name, status = name_of(budget), budget["status"]
    if status.get("observedGeneration", 0) < budget["metadata"]["generation"]:
        told = f"The disruption budget {name} is still being processed by the server."
        raise _too_many(told, retry_after_seconds=10)
    if status["disruptionsAllowed"] <= 0:
        raise _too_many(_shortage(name, status))
    if dry_run:
        return
    new: Obj = clone(status)
    new["disruptionsAllowed"] -= 1
    disrupted = new.setdefault("disruptedPods", {})
    disrupted[name_of(pod)] = world.now_text()
    holder = {**clone(budget), "status": new}
    budgets.set_allowed_condition(holder, world.now())
    world.store.put(PDBS, holder)


def _shortage(name: str, status: Obj) -> str:
    if status["currentHealthy"] > status["desiredHealthy"]:
        return f"The disruption budget {name} does not allow evicting pods currently"
    return (
        f"The disruption budget {name} needs {status['desiredHealthy']} healthy pods and has"
        f" {status['currentHealthy']} currently"
    )


def _too_many(told: str, *, retry_after_seconds: int = 0) -> ApiError:
    details: Obj = {"causes": [{"reason": "DisruptionBudget", "message": told}]}
    headers = {}
    if retry_after_seconds:
        details["retryAfterSeconds"] = retry_after_seconds
        headers["Retry-After"] = str(retry_after_seconds)
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return ApiError(429, "TooManyRequests", message, details, headers)


def _mark_target(world: World, pod: Obj) -> Obj:
    present = world.store.get(PODS, namespace_of(pod), name_of(pod)) or pod
    marked = clone(present)
    reason: Obj = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    return world.store.put(PODS, with_condition(marked, reason, world.now()))
