"""Creating and changing objects, with everything a real server checks and fills in on the way."""

from sandbox.kube import defaults, syntax, validation
from sandbox.kube.failures import (
    ApiError,
    already_exists,
    bad_request,
    details_of,
    invalid,
    invalid_object,
    modified_meanwhile,
    not_found,
    required,
    server_error,
)
from sandbox.kube.objects import Obj, clone, is_terminating, labels_of, name_of
from sandbox.kube.resources import BY_PLURAL, NAMESPACES, NODES, PDBS, PODS, Resource
from sandbox.kube.world import World

PRIORITY_CLASSES = BY_PLURAL["priorityclasses"]

_OTHER_NAMESPACE = (
    "the namespace of the provided object does not match the namespace sent on the request"
)
_KEPT_METADATA = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
    "generateName",
)
_BUILT_IN_PRIORITIES = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
_TOPOLOGY_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_EMPTY_STATUS: dict[str, Obj] = {
    "PodDisruptionBudget": {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    },
    "ReplicaSet": {"replicas": 0},
    "ReplicationController": {"replicas": 0},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
}
_STATUS_ON_CREATE = frozenset(("Node", "Namespace", "Pod", "Service", "PersistentVolumeClaim"))
"""Kinds whose status a POST may carry, or that get one of their own from the defaults."""


def find(world: World, resource: Resource, namespace: str | None, name: str) -> Obj:
    """The present object; ApiError 404."""
    found = world.store.get(resource, namespace, name)
    if found is None:
        raise not_found(resource, name)
    return found


def create(
    world: World, resource: Resource, namespace: str | None, body: Obj, *, dry_run: bool = False
) -> Obj:
    """Stores a new object and returns it; ApiError when the server would refuse it."""
    obj: Obj = clone(body)
    metadata = obj.setdefault("metadata", {})
    _place(world, resource, namespace, metadata)
    _name(world, resource, namespace, metadata)
    metadata["uid"] = world.identity.uid()
    metadata["creationTimestamp"] = world.now_text()
    for name in ("resourceVersion", "managedFields", "deletionTimestamp"):
        metadata.pop(name, None)
    if resource.has_generation:
        metadata["generation"] = 1
    if "status" in resource.subresources and resource.kind not in _STATUS_ON_CREATE:
        obj["status"] = dict(_EMPTY_STATUS.get(resource.kind, {}))
    if resource.has_generation:
        obj.setdefault("spec", {})
    defaults.fill(resource.kind, obj, world.identity, is_new=True)
    if resource is PODS:
        label_topology(world, obj)
        _prioritise(world, obj)
    faults = validation.check(resource.kind, obj, None)
    if faults:
        raise invalid_object(resource.kind, metadata["name"], faults, group=resource.group)
    if world.store.get(resource, namespace, metadata["name"]) is not None:
        raise already_exists(resource, metadata["name"])
    if dry_run:
        return obj
    return world.store.put(resource, obj)


def label_topology(world: World, pod: Obj) -> None:
    """A pod on a node gets the node's zone and region as labels (admission PodTopologyLabels)."""
    node = world.store.get(NODES, None, pod["spec"].get("nodeName", ""))
    known = labels_of(node) if node else {}
    topology = {name: known[name] for name in _TOPOLOGY_LABELS if name in known}
    if topology:
        pod["metadata"]["labels"] = {**labels_of(pod), **topology}


def _prioritise(world: World, pod: Obj) -> None:
    """The number of the pod's priority class (admission Priority); ApiError 403 for none such."""
    spec = pod["spec"]
    classes = {name_of(one): one for one in world.store.all(PRIORITY_CLASSES)}
    name = spec.get("priorityClassName")
    if name is None:
        defaults_ = (one for one in classes.values() if one.get("globalDefault"))
        chosen = next(defaults_, {"value": 0})
    elif name in _BUILT_IN_PRIORITIES:
        chosen = {"value": _BUILT_IN_PRIORITIES[name]}
    elif name in classes:
        chosen = classes[name]
    else:
        told = f'pods "{name_of(pod)}" is forbidden: no PriorityClass with name {name} was found'
        raise ApiError(403, "Forbidden", told, details_of(PODS, name_of(pod)))
    spec["priority"] = chosen["value"]
    spec.setdefault("preemptionPolicy", chosen.get("preemptionPolicy", "PreemptLowerPriority"))


def _place(world: World, resource: Resource, namespace: str | None, metadata: Obj) -> None:
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if metadata.get("namespace", namespace) != namespace:
        raise bad_request(_OTHER_NAMESPACE)
    metadata["namespace"] = namespace
    home = world.store.get(NAMESPACES, None, str(namespace))
    if home is None:
        raise not_found(NAMESPACES, str(namespace))


def _name(world: World, resource: Resource, namespace: str | None, metadata: Obj) -> None:
    prefix = metadata.get("generateName")
    if not metadata.get("name") and prefix:
        metadata["name"] = world.identity.name(namespace or "", prefix)
    name = metadata.get("name", "")
    if not name:
        told = "name or generateName is required"
        faults = [required("metadata.name", told)]
        raise invalid_object(resource.kind, "", faults, group=resource.group)
    if resource.group == "rbac.authorization.k8s.io":
        return  # role names may hold colons
    wrong = syntax.subdomain_faults(name)
    if wrong:
        faults = [invalid("metadata.name", name, wrong[0])]
        raise invalid_object(resource.kind, name, faults, group=resource.group)


def update(
    world: World,
    resource: Resource,
    old: Obj,
    body: Obj,
    *,
    subresource: str = "",
    dry_run: bool = False,
) -> Obj:
    """Replaces `old` by `body` as PUT and PATCH do; what must not change is taken from `old`.

    An update that changes nothing keeps the resourceVersion. A dry run answers with the old one.
    """
    new: Obj = clone(body)
    _check_preconditions(resource, old, new.setdefault("metadata", {}))
    _keep_metadata(resource, old, new)
    if subresource == "status":
        kept = {name: value for name, value in old.items() if name not in ("status", "metadata")}
        new = {**new, **clone(kept), "status": new.get("status", {})}
    elif "status" in resource.subresources and resource is not NAMESPACES:
        new["status"] = clone(old.get("status", {}))
    defaults.fill(resource.kind, new, world.identity, is_new=False)
    if resource.has_generation and new.get("spec") != old.get("spec"):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    faults = validation.check(resource.kind, new, old)
    if faults:
        raise invalid_object(resource.kind, name_of(old), faults, group=resource.group)
    if _same(new, old):
        return old
    if dry_run:
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        return new
    return settle(world, resource, new)


def settle(world: World, resource: Resource, new: Obj) -> Obj:
    """Writes a changed object; one that only waited for its finalizers goes now."""
    metadata = new["metadata"]
    waits = metadata.get("finalizers") or (new.get("spec") or {}).get("finalizers")
    ripe = not metadata.get("deletionGracePeriodSeconds")
    if is_terminating(new) and not waits and ripe:
        return world.store.remove(resource, new)
    return world.store.put(resource, new)


def _same(new: Obj, old: Obj) -> bool:
    left, right = dict(new), dict(old)
    left["metadata"] = {**new["metadata"], "resourceVersion": ""}
    right["metadata"] = {**old["metadata"], "resourceVersion": ""}
    return left == right


def _check_preconditions(resource: Resource, old: Obj, metadata: Obj) -> None:
    name = name_of(old)
    if metadata.get("name", name) != name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({name})"
        )
    homes = ("", old["metadata"].get("namespace", ""))
    if resource.namespaced and metadata.get("namespace", "") not in homes:
        raise bad_request(_OTHER_NAMESPACE)
    if metadata.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
        faults = [invalid("metadata.uid", metadata["uid"], "field is immutable")]
        raise invalid_object(resource.kind, name, faults, group=resource.group)
    version = metadata.get("resourceVersion", "")
    if not version and resource is PDBS:  # the one kind here that is never written blindly
        faults = [invalid("metadata.resourceVersion", 0, "must be specified for an update")]
        raise invalid_object(resource.kind, name, faults, group=resource.group)
    if version and not version.isdigit():
        raise server_error(
            f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}":'
            " invalid syntax"
        )
    if version and version != old["metadata"]["resourceVersion"]:
        raise modified_meanwhile(resource, name)


def _keep_metadata(resource: Resource, old: Obj, new: Obj) -> None:
    metadata, before = new["metadata"], old["metadata"]
    metadata["name"] = before["name"]
    for name in _KEPT_METADATA:
        metadata.pop(name, None)
        if name in before:
            metadata[name] = before[name]
    metadata.pop("managedFields", None)
    if resource is NODES or resource.has_generation:
        new.setdefault("spec", {})


def write_status(world: World, resource: Resource, obj: Obj, status: Obj) -> Obj:
    """What a controller does at the end of its work: stores the status if it differs."""
    if status == obj.get("status"):
        return obj
    return world.store.put(resource, {**clone(obj), "status": status})
