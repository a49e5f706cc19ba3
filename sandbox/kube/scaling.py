"""The scale subresource: `spec.replicas` of a workload seen as an autoscaling/v1 Scale."""

from sandbox.kube.failures import bad_request, invalid, invalid_object, modified_meanwhile
from sandbox.kube.objects import Obj, clone, name_of
from sandbox.kube.resources import Resource
from sandbox.kube.selectors import selector_text
from sandbox.kube.world import World

API_VERSION = "autoscaling/v1"
MODEL = "V1Scale"


def scale_of(obj: Obj) -> Obj:
    """The Scale of a workload; as in Go, no replicas is `spec: {}`."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {name: obj["metadata"][name] for name in kept if name in obj["metadata"]}
    replicas = obj["spec"].get("replicas", 1)
    return {
        "kind": "Scale",
        "apiVersion": API_VERSION,
        "metadata": metadata,
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": (obj.get("status") or {}).get("replicas", 0),
            "selector": selector_text(obj["spec"]["selector"]),
        },
    }


def write(world: World, resource: Resource, obj: Obj, scale: Obj, *, dry_run: bool) -> Obj:
    """Takes `spec.replicas` of a Scale over into the workload; returns the new Scale."""
    _check(resource, obj, scale)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas == obj["spec"].get("replicas", 1):
        return scale_of(obj)
    new: Obj = clone(obj)
    new["spec"]["replicas"] = replicas
    new["metadata"]["generation"] += 1
    return scale_of(new if dry_run else world.store.put(resource, new))


def _check(resource: Resource, obj: Obj, scale: Obj) -> None:
    metadata, name = scale.get("metadata") or {}, name_of(obj)
    if scale.get("apiVersion", API_VERSION) != API_VERSION:
        raise bad_request(
            f"the API version in the data ({scale['apiVersion']}) does not match the expected API"
            f" version ({API_VERSION})"
        )
    if metadata.get("name", name) != name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({name})"
        )
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        faults = [invalid("spec.replicas", replicas, "must be greater than or equal to 0")]
        raise invalid_object("Scale", name, faults, group="autoscaling")
    version = metadata.get("resourceVersion", "")
    if version and version != obj["metadata"]["resourceVersion"]:
        raise modified_meanwhile(resource, name)
