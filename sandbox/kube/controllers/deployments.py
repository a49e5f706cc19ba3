"""Deployments: one ReplicaSet per template, rolled over within maxSurge and maxUnavailable.

The steps are those of k8s.io/kubernetes/pkg/controller/deployment (rolling.go, sync.go).
"""

import math

from sandbox.kube import registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import (
    Obj,
    clone,
    condition,
    controller_of,
    is_terminating,
    name_of,
    namespace_of,
    owned_by,
    owner_reference,
    rfc3339,
)
from sandbox.kube.resources import DEPLOYMENTS, REPLICA_SETS
from sandbox.kube.store import Change, key_of
from sandbox.kube.world import World

_DELAY_SECONDS = 0.004
_STATUS_SECONDS = 0.008
_COMPONENT = "deployment-controller"
_HASH = "pod-template-hash"
_PREFIX = "deployment.kubernetes.io/"


class DeploymentController:
    """Reacts to Deployments and to their ReplicaSets."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        self._statuses = Worker(
            world, self._sync_status, delay_seconds=_STATUS_SECONDS, managed=True
        )
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.resource is DEPLOYMENTS and change.kind != "DELETED":
            self._worker.add(key_of(change.obj))
        elif change.resource is REPLICA_SETS:
            reference = controller_of(change.obj)
            if reference is not None and reference["kind"] == "Deployment":
                self._worker.add(f"{namespace_of(change.obj)}/{reference['name']}")

    def _sync(self, key: str) -> None:
        deployment = self._get(key)
        if deployment is None:
            return
        if not is_terminating(deployment) and not deployment["spec"].get("paused"):
            self._roll(deployment)
        self._statuses.add(key)

    def _sync_status(self, key: str) -> None:
        deployment = self._get(key)
        if deployment is not None:
            self._write_status(deployment)

    def _get(self, key: str) -> Obj | None:
        return self._world.store.get(DEPLOYMENTS, *split(key))

    def _sets(self, deployment: Obj) -> list[Obj]:
        """The ReplicaSets of the Deployment, oldest first."""
        every = self._world.store.all(REPLICA_SETS, namespace_of(deployment))
        return sorted(filter(owned_by(deployment), every), key=_revision)

    def _roll(self, deployment: Obj) -> None:
        sets = self._sets(deployment)
        new = next((one for one in sets if _is_of(one, deployment)), None)
        if new is None:
            self._create_set(deployment, sets)
            return
        self._bring_up_to_date(deployment, new, sets)
        sets = self._sets(deployment)
        new = next(one for one in sets if _is_of(one, deployment))
        old = [one for one in sets if one is not new]
        if not self._grow_new(deployment, new, sets):
            self._shrink_old(deployment, new, old)
        for one in self._sets(deployment):
            self._annotate(deployment, one)

    def _create_set(self, deployment: Obj, sets: list[Obj]) -> None:
        namespace = namespace_of(deployment) or ""
        template = clone(deployment["spec"]["template"])
        digest = self._world.identity.template_hash(namespace, name_of(deployment), template)
        labels = {**(template["metadata"].get("labels") or {}), _HASH: digest}
        template["metadata"]["labels"] = labels
        selector = clone(deployment["spec"]["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), _HASH: digest}
        replicas = _room_for_new(deployment, sets, present=0)
        revision = str(max((_revision(one)[0] for one in sets), default=0) + 1)
        reference = owner_reference(deployment, "apps/v1", "Deployment")
        body = {
            "metadata": {
                "name": f"{name_of(deployment)}-{digest}",
                "labels": labels,
                "annotations": {**_sizes(deployment), _PREFIX + "revision": revision},
                "ownerReferences": [reference],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        }
        created = registry.create(self._world, REPLICA_SETS, namespace, body)
        if replicas:
            self._tell_scaled(deployment, created, 0, replicas)
        self._set_revision(deployment, revision)
        self._note_progress(
            deployment, "NewReplicaSetCreated", f'Created new replica set "{name_of(created)}"'
        )

    def _bring_up_to_date(self, deployment: Obj, new: Obj, sets: list[Obj]) -> None:
        """A ReplicaSet of an earlier template that is wanted again gets the newest revision."""
        newest = max(_revision(one)[0] for one in sets)
        revision = str(newest if _revision(new)[0] == newest else newest + 1)
        if new["metadata"]["annotations"].get(_PREFIX + "revision") != revision:
            changed: Obj = clone(new)
            changed["metadata"]["annotations"][_PREFIX + "revision"] = revision
            self._world.store.put(REPLICA_SETS, changed)
        self._set_revision(deployment, revision)

    def _set_revision(self, deployment: Obj, revision: str) -> None:
        current = self._get(key_of(deployment)) or deployment
        if (current["metadata"].get("annotations") or {}).get(_PREFIX + "revision") != revision:
            changed: Obj = clone(current)
            changed["metadata"].setdefault("annotations", {})[_PREFIX + "revision"] = revision
            self._world.store.put(DEPLOYMENTS, changed)

    def _grow_new(self, deployment: Obj, new: Obj, sets: list[Obj]) -> bool:
        """Whether the new ReplicaSet was scaled, up as far as the surge allows or down."""
        wanted, present = deployment["spec"]["replicas"], new["spec"]["replicas"]
        target = wanted
        if present < wanted:
            target = present + _room_for_new(deployment, sets, present=present)
        if target == present:
            return False
        self._scale(deployment, new, target)
        return True

    def _shrink_old(self, deployment: Obj, new: Obj, old: list[Obj]) -> None:
        """Unready pods of old ReplicaSets go first, then as many as may be unavailable."""
        wanted = deployment["spec"]["replicas"]
        least = wanted - _max_unavailable(deployment)
        total = sum(one["spec"]["replicas"] for one in [*old, new])
        new_missing = new["spec"]["replicas"] - _available(new)
        room = total - least - new_missing
        if room <= 0:
            return
        healthy_room = sum(map(_available, [*old, new])) - least
        for one in old:
            present = one["spec"]["replicas"]
            broken = min(room, present - _available(one))
            room -= broken
            sound = max(0, min(healthy_room, present - broken))
            healthy_room -= sound
            if broken + sound:
                self._scale(deployment, one, present - broken - sound)

    def _scale(self, deployment: Obj, replica_set: Obj, replicas: int) -> None:
        before = replica_set["spec"]["replicas"]
        changed: Obj = clone(replica_set)
        changed["spec"]["replicas"] = replicas
        changed["metadata"]["generation"] += 1
        changed["metadata"]["annotations"].update(_sizes(deployment))
        self._world.store.put(REPLICA_SETS, changed)
        self._tell_scaled(deployment, changed, before, replicas)

    def _annotate(self, deployment: Obj, replica_set: Obj) -> None:
        sizes = _sizes(deployment)
        present = replica_set["metadata"]["annotations"]
        if replica_set["spec"]["replicas"] and not sizes.items() <= present.items():
            changed: Obj = clone(replica_set)
            changed["metadata"]["annotations"].update(sizes)
            self._world.store.put(REPLICA_SETS, changed)

    def _tell_scaled(self, deployment: Obj, replica_set: Obj, before: int, after: int) -> None:
        way = "up" if after > before else "down"
        told = f"Scaled {way} replica set {name_of(replica_set)} from {before} to {after}"
        event = self._world.component_event(_COMPONENT, "ScalingReplicaSet", told, "Normal")
        self._world.tell(DEPLOYMENTS, deployment, event)

    def _note_progress(self, deployment: Obj, reason: str, message: str) -> None:
        current: Obj = clone(self._get(key_of(deployment)) or deployment)
        told = {"type": "Progressing", "status": "True", "reason": reason, "message": message}
        _set(current, told, self._world.now())
        self._world.store.put(DEPLOYMENTS, current)

    def _write_status(self, deployment: Obj) -> None:
        sets = self._sets(deployment)
        new = next((one for one in sets if _is_of(one, deployment)), None)
        total = sum((one["status"].get("replicas") or 0) for one in sets)
        available = sum(map(_available, sets))
        counts = {
            "replicas": total,
            "updatedReplicas": new["status"].get("replicas", 0) if new else 0,
            "readyReplicas": sum(one["status"].get("readyReplicas", 0) for one in sets),
            "availableReplicas": available,
            "unavailableReplicas": max(0, _wanted_total(sets) - available),
        }
        status: Obj = {
            "observedGeneration": deployment["metadata"]["generation"],
            **{name: count for name, count in counts.items() if count},
            "terminatingReplicas": sum(one["status"].get("terminatingReplicas", 0) for one in sets),
            "conditions": clone((deployment.get("status") or {}).get("conditions") or []),
        }
        holder: Obj = {**deployment, "status": status}
        now = self._world.now()
        _set(holder, _availability(deployment, available), now)
        if new is not None:
            progress = _progress(deployment, new, counts)
            if progress is not None:
                _set(holder, progress, now)
        registry.write_status(self._world, DEPLOYMENTS, deployment, holder["status"])


def _revision(replica_set: Obj) -> tuple[int, str]:
    annotations = replica_set["metadata"].get("annotations") or {}
    return int(annotations.get(_PREFIX + "revision", "0")), name_of(replica_set)


def _is_of(replica_set: Obj, deployment: Obj) -> bool:
    """Whether the ReplicaSet has the Deployment's present template (apart from the hash)."""
    template: Obj = clone(replica_set["spec"]["template"])
    (template["metadata"].get("labels") or {}).pop(_HASH, None)
    wanted: Obj = deployment["spec"]["template"]
    return template == wanted


def _share(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = int(value[:-1]) * total / 100
    return math.ceil(exact) if up else math.floor(exact)


def _limits(deployment: Obj) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; never both zero."""
    strategy, replicas = deployment["spec"]["strategy"], int(deployment["spec"]["replicas"])
    if strategy["type"] == "Recreate":
        return 0, replicas
    rolling = strategy["rollingUpdate"]
    surge = _share(rolling["maxSurge"], replicas, up=True)
    unavailable = _share(rolling["maxUnavailable"], replicas, up=False)
    return surge, (unavailable if surge or unavailable else 1)


def _max_unavailable(deployment: Obj) -> int:
    return min(_limits(deployment)[1], int(deployment["spec"]["replicas"]))


def _sizes(deployment: Obj) -> dict[str, str]:
    replicas = deployment["spec"]["replicas"]
    return {
        _PREFIX + "desired-replicas": str(replicas),
        _PREFIX + "max-replicas": str(replicas + _limits(deployment)[0]),
    }


def _room_for_new(deployment: Obj, sets: list[Obj], *, present: int) -> int:
    """How many pods the new ReplicaSet may get on top of `present`."""
    wanted = int(deployment["spec"]["replicas"])
    room = wanted + _limits(deployment)[0] - _wanted_total(sets)
    return max(0, min(room, wanted - present))


def _available(replica_set: Obj) -> int:
    return int(replica_set["status"].get("availableReplicas", 0))


def _wanted_total(sets: list[Obj]) -> int:
    return sum(one["spec"]["replicas"] for one in sets)


def _set(deployment: Obj, new: Obj, now: float) -> None:
    """Sets a condition, at the end of the list, unless status and reason are the same already."""
    old = condition(deployment, new["type"])
    if old and (old["status"], old["reason"]) == (new["status"], new["reason"]):
        return
    since = old["lastTransitionTime"] if old and old["status"] == new["status"] else rfc3339(now)
    status = deployment.setdefault("status", {})
    others = [one for one in status.get("conditions") or () if one["type"] != new["type"]]
    dated = {**new, "lastUpdateTime": rfc3339(now), "lastTransitionTime": since}
    status["conditions"] = [*others, dated]


def _availability(deployment: Obj, available: int) -> Obj:
    is_enough = available >= deployment["spec"]["replicas"] - _max_unavailable(deployment)
    return {
        "type": "Available",
        "status": "True" if is_enough else "False",
        "reason": f"MinimumReplicas{'Available' if is_enough else 'Unavailable'}",
        "message": f"Deployment {'has' if is_enough else 'does not have'} minimum availability.",
    }


def _progress(deployment: Obj, new: Obj, counts: dict[str, int]) -> Obj | None:
    """The condition Progressing: complete, or on the way."""
    wanted, name = deployment["spec"]["replicas"], name_of(new)
    is_complete = counts["updatedReplicas"] == counts["replicas"] == wanted
    if is_complete and counts["availableReplicas"] == wanted:
        reason, told = "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
    else:
        old = condition(deployment, "Progressing")
        is_settled = old is not None and old["reason"] == "NewReplicaSetAvailable"
        if is_settled and counts["updatedReplicas"] == counts["replicas"]:
            return None
        reason, told = "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
    return {"type": "Progressing", "status": "True", "reason": reason, "message": told}
