"""ReplicaSets: as many pods as wanted; and what Jobs and StatefulSets share with them."""

import math
from collections.abc import Callable

from sandbox.kube import deletion, registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.failures import ApiError
from sandbox.kube.objects import (
    Obj,
    clone,
    condition,
    controller_of,
    is_condition_true,
    is_finished,
    is_terminating,
    name_of,
    namespace_of,
    owned_by,
    owner_reference,
    unix_seconds,
)
from sandbox.kube.resources import PODS, REPLICA_SETS, Resource
from sandbox.kube.store import Change, key_of
from sandbox.kube.world import World

_DELAY_SECONDS = 0.008
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_COST = "controller.kubernetes.io/pod-deletion-cost"


class ReplicaSetController:
    """Creates and deletes pods, counts them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(listener(REPLICA_SETS, self._worker))

    def _sync(self, key: str) -> None:
        replica_set = self._world.store.get(REPLICA_SETS, *split(key))
        if replica_set is None:
            return
        pods = pods_of(self._world, replica_set)
        active = [pod for pod in pods if is_active(pod)]
        missing = replica_set["spec"]["replicas"] - len(active)
        if missing > 0 and not is_terminating(replica_set):
            for _ in range(missing):
                create_pod(self._world, REPLICA_SETS, replica_set)
        elif missing < 0:
            for pod in self._surplus(replica_set, active, -missing):
                delete_pod(self._world, REPLICA_SETS, replica_set, pod)
        self._write_status(replica_set)

    def _surplus(self, replica_set: Obj, active: list[Obj], count: int) -> list[Obj]:
        return surplus(active, count, self._related(replica_set), self._world.now())

    def _related(self, replica_set: Obj) -> list[Obj]:
        """The pods of all ReplicaSets of the same Deployment."""
        reference = controller_of(replica_set)
        namespace = namespace_of(replica_set)
        siblings = [
            one
            for one in self._world.store.all(REPLICA_SETS, namespace)
            if reference is not None and controller_of(one) == reference
        ]
        return [pod for one in siblings or [replica_set] for pod in pods_of(self._world, one)]

    def _write_status(self, replica_set: Obj) -> None:
        pods = pods_of(self._world, replica_set)
        active = [pod for pod in pods if is_active(pod)]
        ready = sum(is_condition_true(pod, "Ready") for pod in active)
        counts = {
            "fullyLabeledReplicas": len(active),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        status = {
            "replicas": len(active),
            **{name: count for name, count in counts.items() if count},
            "terminatingReplicas": sum(is_terminating(pod) for pod in pods),
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        registry.write_status(self._world, REPLICA_SETS, replica_set, status)


def listener(resource: Resource, worker: Worker) -> Callable[[Change], None]:
    """Queues an object of `resource` when it, or a pod that it controls, changes."""

    def on_change(change: Change) -> None:
        if change.resource is resource and change.kind != "DELETED":
            worker.add(key_of(change.obj))
        elif change.resource is PODS:
            reference = controller_of(change.obj)
            if reference is not None and reference["kind"] == resource.kind:
                worker.add(f"{namespace_of(change.obj)}/{reference['name']}")

    return on_change


def pods_of(world: World, owner: Obj) -> list[Obj]:
    return list(filter(owned_by(owner), world.store.all(PODS, namespace_of(owner))))


def is_active(pod: Obj) -> bool:
    return not is_terminating(pod) and not is_finished(pod)


def create_pod(world: World, resource: Resource, owner: Obj, pod: Obj | None = None) -> None:
    """Creates a pod of the owner's template, or the given one; a refusal becomes an event."""
    if pod is None:
        pod = pod_of_template(owner)
        pod["metadata"]["generateName"] = f"{name_of(owner)}-"
    reference = owner_reference(owner, resource.api_version, resource.kind)
    pod["metadata"]["ownerReferences"] = [reference]
    component = f"{resource.kind.lower()}-controller"
    try:
        created = registry.create(world, PODS, namespace_of(owner), pod)
    except ApiError as error:
        told = f"Error creating: {error}"
        event = world.component_event(component, "FailedCreate", told, "Warning")
    else:
        told = f"Created pod: {name_of(created)}"
        event = world.component_event(component, "SuccessfulCreate", told, "Normal")
    world.tell(resource, owner, event)


def pod_of_template(owner: Obj) -> Obj:
    template = owner["spec"]["template"]
    kept = ("labels", "annotations", "finalizers")
    metadata = {name: clone(value) for name, value in template["metadata"].items() if name in kept}
    return {"metadata": metadata, "spec": clone(template["spec"])}


def delete_pod(world: World, resource: Resource, owner: Obj, pod: Obj) -> None:
    deletion.delete(world, PODS, pod, DeleteOptions())
    component = f"{resource.kind.lower()}-controller"
    told = f"Deleted pod: {name_of(pod)}"
    world.tell(
        resource, owner, world.component_event(component, "SuccessfulDelete", told, "Normal")
    )


def surplus(pods: list[Obj], count: int, related: list[Obj], now: float) -> list[Obj]:
    """The pods to go first: unbound, pending, unready, cheap, on a node with related ones, young.

    As in the real controller ages differ only when their logarithms do; then the uid decides.
    """
    crowd: dict[str, int] = {}
    for pod in filter(is_active, related):
        node = pod["spec"].get("nodeName", "")
        crowd[node] = crowd.get(node, 0) + 1

    def rank(pod: Obj) -> tuple[int, int, int, int, int, int, str]:
        node = pod["spec"].get("nodeName", "")
        cost = (pod["metadata"].get("annotations") or {}).get(_COST, "0")
        return (
            1 if node else 0,
            _PHASES.get(pod["status"].get("phase", "Unknown"), 1),
            int(is_condition_true(pod, "Ready")),
            int(cost),
            -crowd.get(node, 0),
            _age_rank(pod, now),
            str(pod["metadata"]["uid"]),
        )

    return sorted(pods, key=rank)[:count]


def _age_rank(pod: Obj, now: float) -> int:
    ready = condition(pod, "Ready")
    since = ready["lastTransitionTime"] if ready else pod["metadata"]["creationTimestamp"]
    age_nanoseconds = (now - unix_seconds(since)) * 1e9
    return int(math.log2(age_nanoseconds)) if age_nanoseconds > 1 else -1
