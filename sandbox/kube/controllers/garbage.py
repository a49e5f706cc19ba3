"""What goes when its owner, its namespace or its node has gone."""

from sandbox.kube import deletion, registry
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.objects import Obj, clone, is_terminating, name_of, namespace_of
from sandbox.kube.resources import NAMESPACES, RESOURCES, Resource
from sandbox.kube.store import Change
from sandbox.kube.world import World

_DELAY_SECONDS = 0.02
_NAMESPACE_SECONDS = 0.5
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector:
    """Background, foreground and orphaning deletion of dependents; emptying of namespaces."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        clock = self._world.clock
        if change.kind == "DELETED":
            if change.resource.kind not in ("Event", "Pod", "Node"):
                clock.after(_DELAY_SECONDS, lambda: self._collect(change.obj, "Background"))
            return
        if not is_terminating(change.obj):
            return
        finalizers = change.obj["metadata"].get("finalizers") or []
        if change.resource is NAMESPACES:
            clock.after(_NAMESPACE_SECONDS, lambda: self._empty(name_of(change.obj)))
        elif _FOREGROUND in finalizers or _ORPHAN in finalizers:
            clock.after(_DELAY_SECONDS, lambda: self._finalize(change.resource, change.obj))

    def _dependents(self, owner: Obj) -> list[tuple[Resource, Obj]]:
        uid, namespace = owner["metadata"]["uid"], namespace_of(owner)
        return [
            (resource, obj)
            for resource in RESOURCES
            if resource.namespaced and resource.kind != "Event"
            for obj in self._world.store.all(resource, namespace)
            if any(one["uid"] == uid for one in obj["metadata"].get("ownerReferences") or ())
        ]

    def _collect(self, owner: Obj, policy: str) -> None:
        for resource, obj in self._dependents(owner):
            if not is_terminating(obj):
                deletion.delete(self._world, resource, obj, DeleteOptions(policy=policy))

    def _finalize(self, resource: Resource, owner: Obj) -> None:
        """Lets go of the dependents, or deletes them and waits, then removes the finalizer."""
        current = self._world.store.get(resource, namespace_of(owner), name_of(owner))
        if current is None:
            return
        finalizers = current["metadata"].get("finalizers") or []
        dependents = self._dependents(current)
        if _ORPHAN in finalizers:
            for kind, obj in dependents:
                self._release(kind, obj, current["metadata"]["uid"])
        elif dependents:
            self._collect(current, "Foreground")
            again = _NAMESPACE_SECONDS
            self._world.clock.after(again, lambda: self._finalize(resource, current))
            return
        freed: Obj = clone(current)
        left = [one for one in finalizers if one not in (_FOREGROUND, _ORPHAN)]
        freed["metadata"]["finalizers"] = left
        registry.settle(self._world, resource, freed)

    def _release(self, resource: Resource, obj: Obj, uid: str) -> None:
        freed: Obj = clone(obj)
        references = freed["metadata"].pop("ownerReferences")
        others = [one for one in references if one["uid"] != uid]
        if others:
            freed["metadata"]["ownerReferences"] = others
        self._world.store.put(resource, freed)

    def _empty(self, namespace: str) -> None:
        """Deletes what is in a terminating namespace; once it is empty, the namespace too."""
        home = self._world.store.get(NAMESPACES, None, namespace)
        if home is None:
            return
        contents = [
            (resource, obj)
            for resource in RESOURCES
            if resource.namespaced
            for obj in self._world.store.all(resource, namespace)
        ]
        for resource, obj in contents:
            fresh = self._world.store.get(resource, namespace, name_of(obj))
            if fresh is not None and not is_terminating(fresh):
                deletion.delete(self._world, resource, fresh, DeleteOptions(policy="Background"))
        if contents:
            self._world.clock.after(_NAMESPACE_SECONDS, lambda: self._empty(namespace))
        else:
            self._world.store.remove(NAMESPACES, home)
