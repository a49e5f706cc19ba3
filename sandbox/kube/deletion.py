"""Deleting: grace periods, preconditions, finalizers, propagation."""

from dataclasses import dataclass

from sandbox.kube.failures import (
    ApiError,
    FieldError,
    invalid,
    invalid_object,
    unsupported,
)
from sandbox.kube.objects import (
    Obj,
    clone,
    is_finished,
    is_terminating,
    name_of,
    rfc3339,
    unix_seconds,
)
from sandbox.kube.resources import NAMESPACES, PODS, Resource
from sandbox.kube.world import World

_POLICIES = ("Foreground", "Background", "Orphan", "nil")
_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


@dataclass(frozen=True, kw_only=True)
class DeleteOptions:
    """The body of a DELETE or of an eviction's `deleteOptions`, checked."""

    grace_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    policy: str | None = None
    dry_run: bool = False


def checked(options: Obj) -> DeleteOptions:
    """A DeleteOptions object; ApiError 422 with the server's causes."""
    policy, orphan = options.get("propagationPolicy"), options.get("orphanDependents")
    faults: list[FieldError] = []
    if policy is not None and orphan is not None:
        told = "orphanDependents and deletionPropagation cannot be both set"
        faults.append(invalid("propagationPolicy", policy, told))
    elif policy is not None and policy not in _POLICIES[:3]:
        faults.append(unsupported("propagationPolicy", policy, _POLICIES))
    dry_run = options.get("dryRun") or []
    faults += [unsupported("dryRun", value, ("All",)) for value in dry_run if value != "All"]
    if faults:
        raise invalid_object("DeleteOptions", "", faults, group="meta.k8s.io")
    preconditions = options.get("preconditions") or {}
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    return DeleteOptions(
        grace_seconds=options.get("gracePeriodSeconds"),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        policy=policy,
        dry_run=bool(dry_run),
    )


def check_preconditions(resource: Resource, obj: Obj, options: DeleteOptions) -> None:
    """ApiError 409 when uid or resourceVersion are not those that the caller expects."""
    metadata = obj["metadata"]
    if options.uid is not None and options.uid != metadata["uid"]:
        raise _conflict(
            resource,
            obj,
            f"the UID in the precondition ({options.uid}) does not match the UID in record"
            f" ({metadata['uid']}). The object might have been deleted and then recreated",
        )
    version = options.resource_version
    if version is not None and version != metadata["resourceVersion"]:
        raise _conflict(
            resource,
            obj,
            f"the ResourceVersion in the precondition ({version}) does not match the"
            f" ResourceVersion in record ({metadata['resourceVersion']}). The object might have"
            " been modified",
        )


def _conflict(resource: Resource, obj: Obj, told: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified_kind} "{name_of(obj)}": {told}'
    details = {
        "name": name_of(obj),
        **({"group": resource.group} if resource.group else {}),
        "kind": resource.kind,
    }
    return ApiError(409, "Conflict", message, details)


def delete(world: World, resource: Resource, obj: Obj, options: DeleteOptions) -> Obj:
    """Deletes and returns what the server answers: the object, or a Status."""
    check_preconditions(resource, obj, options)
    if resource is PODS:
        return _delete_pod(world, obj, options)
    finalizer = _FINALIZERS.get(options.policy or "")
    present = obj["metadata"].get("finalizers") or []
    if resource is NAMESPACES or finalizer or present:
        return _mark(world, resource, obj, finalizer, options)
    if not options.dry_run:
        world.store.remove(resource, obj)
    details = {
        "name": name_of(obj),
        **({"group": resource.group} if resource.group else {}),
        "kind": resource.plural,
        "uid": obj["metadata"]["uid"],
    }
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return {**status, "details": details}


def _mark(
    world: World, resource: Resource, obj: Obj, finalizer: str | None, options: DeleteOptions
) -> Obj:
    if is_terminating(obj):
        return obj
    marked: Obj = clone(obj)
    metadata = marked["metadata"]
    metadata["deletionTimestamp"] = world.now_text()
    if resource is NAMESPACES:
        marked["status"]["phase"] = "Terminating"
    else:
        metadata["deletionGracePeriodSeconds"] = 0
        if "generation" in metadata:
            metadata["generation"] += 1
    if finalizer:
        metadata["finalizers"] = [*(metadata.get("finalizers") or []), finalizer]
    return marked if options.dry_run else world.store.put(resource, marked)


def _delete_pod(world: World, pod: Obj, options: DeleteOptions) -> Obj:
    grace = _grace_of(pod, options)
    metadata = pod["metadata"]
    was_terminating = is_terminating(pod)
    if was_terminating and grace >= metadata["deletionGracePeriodSeconds"] and grace > 0:
        return pod
    marked: Obj = clone(pod)
    since = world.now()
    if was_terminating and grace > 0:
        since = unix_seconds(metadata["deletionTimestamp"]) - metadata["deletionGracePeriodSeconds"]
    if not was_terminating:
        marked["metadata"]["generation"] = metadata.get("generation", 0) + 1
    marked["metadata"]["deletionTimestamp"] = rfc3339(since + grace)
    marked["metadata"]["deletionGracePeriodSeconds"] = grace
    if options.dry_run:
        return marked
    if grace > 0:
        return world.store.put(PODS, marked)
    return _delete_now(world, pod, marked)


def _delete_now(world: World, pod: Obj, marked: Obj) -> Obj:
    """A bound pod that was terminating is seen once more with grace 0 before it is gone."""
    if marked["metadata"].get("finalizers"):
        return pod if pod == marked else world.store.put(PODS, marked)
    if is_terminating(pod):
        marked = clone(world.store.put(PODS, marked))
    return world.store.remove(PODS, marked)


def _grace_of(pod: Obj, options: DeleteOptions) -> int:
    if not pod["spec"].get("nodeName") or is_finished(pod):
        return 0
    grace = options.grace_seconds
    if grace is None:
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
    return 1 if grace < 0 else int(grace)
