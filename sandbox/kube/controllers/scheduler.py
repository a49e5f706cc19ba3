"""The scheduling loop: takes the pending pods and binds them where `place` says."""

from sandbox.kube import deletion, registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.objects import (
    Obj,
    clone,
    is_terminating,
    rfc3339,
    with_condition,
)
from sandbox.kube.resources import BY_PLURAL, PODS
from sandbox.kube.store import Change, key_of
from sandbox.kube.world import Place, Placement, World

_DELAY_SECONDS = 0.005
_RETRY_SECONDS = 0.01
_ROUND = "round"
_MAY_HELP = tuple(
    BY_PLURAL[name] for name in ("nodes", "pods", "persistentvolumeclaims", "persistentvolumes")
)
_REPORTER = {
    "reportingComponent": "default-scheduler",
    "reportingInstance": "default-scheduler-sandbox",
}


class Scheduler:
    """Binds; pods that fit nowhere wait until a node or another pod changes."""

    def __init__(self, world: World, place: Place) -> None:
        self._world = world
        self._place = place
        self._waiting: dict[str, None] = {}
        self._unschedulable: dict[str, None] = {}
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=False)
        world.store.listeners.append(self._on_change)

    def bind(self, pod: Obj, node: str) -> None:
        """Writes the binding: the node's name and its topology labels."""
        bound: Obj = clone(pod)
        bound["spec"]["nodeName"] = node
        bound["status"].pop("nominatedNodeName", None)
        registry.label_topology(self._world, bound)
        done = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        self._world.store.put(PODS, with_condition(bound, done, self._world.now()))

    def _on_change(self, change: Change) -> None:
        if change.resource is PODS and change.kind != "DELETED":
            if change.kind == "ADDED" and _is_waiting(change.obj):
                self._queue(key_of(change.obj))
        elif change.resource in _MAY_HELP and self._unschedulable:
            again = list(self._unschedulable)
            self._unschedulable.clear()
            self._world.clock.after(_RETRY_SECONDS, lambda: self._queue(*again))

    def _queue(self, *keys: str) -> None:
        self._waiting.update(dict.fromkeys(keys))
        self._worker.add(_ROUND)

    def _sync(self, _: str) -> None:
        """One round: all waiting pods, the most important ones first."""
        store = self._world.store
        found = [store.get(PODS, *split(key)) for key in self._waiting]
        self._waiting.clear()
        pods = [pod for pod in found if pod is not None and _is_waiting(pod)]
        pods.sort(key=lambda pod: -int(pod["spec"].get("priority", 0)))
        for pod, placement in zip(pods, self._place(pods, store), strict=True):
            if placement.node is None:
                self._refuse(pod, placement)
            else:
                self.bind(pod, placement.node)
                told = f"Successfully assigned {key_of(pod)} to {placement.node}"
                self._tell(pod, "Scheduled", told, "Normal", "Binding")

    def _refuse(self, pod: Obj, placement: Placement) -> None:
        self._unschedulable[key_of(pod)] = None
        failed: Obj = {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "observedGeneration": pod["metadata"]["generation"],
            "reason": "Unschedulable",
            "message": placement.message,
        }
        marked = with_condition(clone(pod), failed, self._world.now())
        if placement.nominated:
            marked["status"]["nominatedNodeName"] = placement.nominated
        if marked != pod:
            self._world.store.put(PODS, marked)
            self._tell(pod, "FailedScheduling", placement.message, "Warning", "Scheduling")
        for key in placement.victims:
            self._preempt(key, pod, placement.nominated)

    def _preempt(self, key: str, pod: Obj, node: str) -> None:
        victim = self._world.store.get(PODS, *split(key))
        if victim is None or is_terminating(victim):
            return
        uid = pod["metadata"]["uid"]
        target: Obj = {
            "type": "DisruptionTarget",
            "status": "True",
            "lastProbeTime": None,
            "reason": "PreemptionByScheduler",
            "message": "default-scheduler: preempting to accommodate a higher priority pod",
        }
        marked = with_condition(clone(victim), target, self._world.now())
        deletion.delete(self._world, PODS, self._world.store.put(PODS, marked), DeleteOptions())
        told = f"Preempted by pod {uid} on node {node}"
        self._tell(victim, "Preempted", told, "Normal", "Preempting")

    def _tell(self, pod: Obj, reason: str, message: str, kind: str, action: str) -> None:
        now = self._world.now()
        micros = int(now % 1 * 1_000_000)
        event: Obj = {
            "reason": reason,
            "message": message,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": kind,
            "eventTime": f"{rfc3339(now)[:-1]}.{micros:06d}Z",
            "action": action,
            **_REPORTER,
        }
        self._world.tell(PODS, pod, event)


def _is_waiting(pod: Obj) -> bool:
    spec = pod["spec"]
    is_ours = spec.get("schedulerName") == "default-scheduler" and not spec.get("schedulingGates")
    return is_ours and not spec.get("nodeName") and not is_terminating(pod)
