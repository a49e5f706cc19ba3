"""A stand-in for all kubelets: bound pods start, terminating pods go."""

from sandbox.kube import deletion
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.objects import (
    Obj,
    clone,
    is_condition_true,
    is_finished,
    is_terminating,
    name_of,
    namespace_of,
    with_condition,
)
from sandbox.kube.resources import NODES, PODS
from sandbox.kube.store import Change
from sandbox.kube.world import World

_REPORT_SECONDS = 0.1
_STARTED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


class Kubelets:
    """Acts for every node but the dead ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._addresses = 0
        self.dead_nodes: set[str] = set()
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        pod = change.obj
        if change.resource is NODES and change.kind == "MODIFIED":
            self._node_changed(change)
        if change.resource is not PODS or change.kind == "DELETED":
            return
        node = pod["spec"].get("nodeName")
        if not node:
            return
        if is_terminating(pod):
            self._stop_later(pod)
        elif pod["status"].get("phase") == "Pending" and not self._was_bound(change):
            self._world.clock.after(
                self._world.settings.pod_start_seconds, lambda: self._start(pod)
            )

    def _node_changed(self, change: Change) -> None:
        """A kubelet that reports again says that its pods are ready, too."""
        is_back = is_condition_true(change.obj, "Ready")
        if is_back and change.before and not is_condition_true(change.before, "Ready"):
            name = name_of(change.obj)
            self._world.clock.after(_REPORT_SECONDS, lambda: self._report_pods(name))

    def _report_pods(self, node: str) -> None:
        ready: Obj = {"type": "Ready", "status": "True", "lastProbeTime": None}
        for pod in list(self._world.store.all(PODS)):
            is_ours = pod["spec"].get("nodeName") == node and node not in self.dead_nodes
            runs = pod["status"].get("phase") == "Running" and not is_terminating(pod)
            if is_ours and runs and not is_condition_true(pod, "Ready"):
                self._world.store.put(PODS, with_condition(clone(pod), ready, self._world.now()))

    def _was_bound(self, change: Change) -> bool:
        return change.before is not None and "nodeName" in change.before["spec"]

    def _stop_later(self, pod: Obj) -> None:
        grace = pod["metadata"]["deletionGracePeriodSeconds"]
        wait = min(grace, self._world.settings.pod_stop_seconds)
        if grace:
            self._world.clock.after(wait, lambda: self._stop(pod))

    def _current(self, pod: Obj) -> Obj | None:
        """The same pod as it is now, if its kubelet can still do something about it."""
        found = self._world.store.get(PODS, namespace_of(pod), name_of(pod))
        if found is None or found["metadata"]["uid"] != pod["metadata"]["uid"]:
            return None
        return None if found["spec"]["nodeName"] in self.dead_nodes else found

    def _stop(self, pod: Obj) -> None:
        found = self._current(pod)
        if found is not None:
            deletion.delete(self._world, PODS, found, DeleteOptions(grace_seconds=0))

    def _start(self, pod: Obj) -> None:
        found = self._current(pod)
        if found is None or is_terminating(found) or is_finished(found):
            return
        started: Obj = clone(found)
        started["status"].update(self._running(found))
        self._world.store.put(PODS, started)

    def _running(self, pod: Obj) -> Obj:
        now = self._world.now_text()
        self._addresses += 1
        address = f"10.64.{self._addresses // 256}.{self._addresses % 256}"
        host = self._address_of(pod["spec"]["nodeName"])
        conditions = [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
            for kind in _STARTED
        ]
        return {
            "phase": "Running",
            "conditions": [*conditions, *pod["status"].get("conditions", ())],
            "hostIP": host,
            "hostIPs": [{"ip": host}],
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": now,
            "containerStatuses": [
                _container_status(pod, one, now) for one in pod["spec"]["containers"]
            ],
        }

    def _address_of(self, name: str) -> str:
        """The node's address, or one made up where it tells none."""
        node = self._world.store.get(NODES, None, name)
        known = (node["status"].get("addresses") or ()) if node else ()
        made_up = f"10.200.0.{sum(name.encode()) % 256}"
        return next((one["address"] for one in known if one["type"] == "InternalIP"), made_up)


def _container_status(pod: Obj, container: Obj, now: str) -> Obj:
    digest = "0" * 64
    return {
        "name": container["name"],
        "state": {"running": {"startedAt": now}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": container["image"],
        "imageID": f"{container['image']}@sha256:{digest}",
        "containerID": f"fake://{pod['metadata']['uid']}",
        "started": True,
    }
