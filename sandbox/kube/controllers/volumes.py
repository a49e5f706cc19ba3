"""Claims that name their volume are bound to it; protected claims and volumes go when unused."""

from sandbox.kube import registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import Obj, clone, is_finished, is_terminating, name_of, namespace_of
from sandbox.kube.resources import BY_PLURAL, PODS, Resource
from sandbox.kube.store import Change, key_of
from sandbox.kube.world import World

CLAIMS = BY_PLURAL["persistentvolumeclaims"]
VOLUMES = BY_PLURAL["persistentvolumes"]

_DELAY_SECONDS = 0.02
_PROTECTION = ("kubernetes.io/pvc-protection", "kubernetes.io/pv-protection")


class VolumeController:
    """Reacts to claims, to volumes, and to pods that stop using claims."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.resource is CLAIMS:
            self._worker.add(key_of(change.obj))
        elif change.resource is VOLUMES:
            self._worker.add(f"/{name_of(change.obj)}")
            reference = change.obj["spec"].get("claimRef")
            if reference:
                self._worker.add(f"{reference['namespace']}/{reference['name']}")
        elif change.resource is PODS and change.kind == "DELETED":
            for name in _claims_of(change.obj):
                self._worker.add(f"{namespace_of(change.obj)}/{name}")

    def _sync(self, key: str) -> None:
        namespace, name = split(key)
        resource = CLAIMS if namespace else VOLUMES
        found = self._world.store.get(resource, namespace or None, name)
        if found is None:
            return
        if is_terminating(found):
            if not self._is_used(found):
                self._release(resource, found)
        elif namespace and found["status"].get("phase") == "Pending":
            self._bind(found)

    def _bind(self, claim: Obj) -> None:
        volume = self._world.store.get(VOLUMES, None, claim["spec"].get("volumeName", ""))
        if volume is None or not _is_free_for(volume, claim):
            return
        bound: Obj = clone(volume)
        bound["spec"]["claimRef"] = {
            "kind": "PersistentVolumeClaim",
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": claim["metadata"]["uid"],
            "apiVersion": "v1",
            "resourceVersion": claim["metadata"]["resourceVersion"],
        }
        now = self._world.now_text()
        bound["status"] = {"phase": "Bound", "lastPhaseTransitionTime": now}
        self._world.store.put(VOLUMES, bound)
        taken: Obj = clone(claim)
        taken["metadata"].setdefault("annotations", {})["pv.kubernetes.io/bind-completed"] = "yes"
        taken["status"] = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }
        self._world.store.put(CLAIMS, taken)

    def _is_used(self, found: Obj) -> bool:
        """A claim is used by pods that have not finished, a volume by being bound."""
        namespace = namespace_of(found)
        if namespace is None:
            return bool(found["status"].get("phase") == "Bound")
        pods = self._world.store.all(PODS, namespace)
        return any(name_of(found) in _claims_of(pod) for pod in pods if not is_finished(pod))

    def _release(self, resource: Resource, found: Obj) -> None:
        freed: Obj = clone(found)
        left = [one for one in freed["metadata"].get("finalizers", ()) if one not in _PROTECTION]
        if left != freed["metadata"].get("finalizers"):
            freed["metadata"]["finalizers"] = left
            registry.settle(self._world, resource, freed)


def _claims_of(pod: Obj) -> list[str]:
    volumes = pod["spec"].get("volumes") or ()
    return [
        one["persistentVolumeClaim"]["claimName"]
        for one in volumes
        if "persistentVolumeClaim" in one
    ]


def _is_free_for(volume: Obj, claim: Obj) -> bool:
    reference = volume["spec"].get("claimRef")
    if not reference:
        return True
    wanted = (namespace_of(claim), name_of(claim))
    is_named = (reference["namespace"], reference["name"]) == wanted
    return is_named and reference.get("uid", "") in ("", claim["metadata"]["uid"])
