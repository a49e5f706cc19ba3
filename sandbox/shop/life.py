"""What goes on by itself: nodes report, old events go, a leaking service is killed again."""

import zlib
from collections.abc import Sequence

from sandbox.kube.objects import (
    Obj,
    clone,
    is_condition_true,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    rfc3339,
    unix_seconds,
)
from sandbox.kube.resources import EVENTS, NODES, PODS
from sandbox.kube.store import Change
from sandbox.kube.world import World
from sandbox.shop.usage import LEAK_SECONDS
from sandbox.shop.workloads import Workload

HEARTBEAT_SECONDS = 300.0
"""How often a kubelet reports where nothing changes (its node-status-report-frequency)."""

EVENT_SECONDS = 3600.0
"""How long events are kept (--event-ttl of the API server)."""

KILLED_ONCE_SECONDS = 5 * 3600.0
_KILLED_EXIT_CODE = 137  # 128 + SIGKILL


class Life:
    """Puts what recurs on the clock of a cluster."""

    def __init__(self, world: World, workloads: Sequence[Workload]) -> None:
        self._world = world
        self._leaking = {(one.namespace, one.name) for one in workloads if one.leaks}
        self._killed_once = [one for one in workloads if one.killed_once]
        self._followed: set[str] = set()

    def begin(self) -> None:
        """Writes the kills of the past; from then on everything goes on by itself."""
        for pod in list(self._world.store.all(PODS)):
            if self._is_leaking(pod):
                self._begin_leak(pod)
        for workload in self._killed_once:
            self._kill_first_of(workload)
        self._world.store.listeners.append(self._on_change)
        self._beat()
        self._forget_events()

    def _beat(self) -> None:
        now = self._world.now_text()
        for node in list(self._world.store.all(NODES)):
            beating: Obj = clone(node)
            for condition in beating["status"]["conditions"]:
                condition["lastHeartbeatTime"] = now
            self._world.store.put(NODES, beating)
        self._world.clock.after(HEARTBEAT_SECONDS, self._beat)

    def _forget_events(self) -> None:
        oldest = self._world.now() - EVENT_SECONDS
        for event in list(self._world.store.all(EVENTS)):
            if unix_seconds(event["metadata"]["creationTimestamp"]) < oldest:
                self._world.store.remove(EVENTS, event)
        self._world.clock.after(HEARTBEAT_SECONDS, self._forget_events)

    def _is_leaking(self, pod: Obj) -> bool:
        name = labels_of(pod).get("app.kubernetes.io/name", "")
        return (namespace_of(pod) or "", name) in self._leaking

    def _on_change(self, change: Change) -> None:
        """New pods of a leaking workload leak too."""
        pod = change.obj
        is_new = change.resource is PODS and pod["metadata"]["uid"] not in self._followed
        if is_new and is_condition_true(pod, "Ready") and self._is_leaking(pod):
            self._follow(pod)

    def _follow(self, pod: Obj) -> None:
        self._followed.add(pod["metadata"]["uid"])
        full_at = _started_at(pod) + LEAK_SECONDS
        self._world.clock.after(max(0.0, full_at - self._world.now()), lambda: self._kill(pod))

    def _begin_leak(self, pod: Obj) -> None:
        """As many kills as fit into the pod's life, the last one less than a leak ago."""
        age = self._world.now() - _started_at(pod)
        since_kill = zlib.crc32(name_of(pod).encode()) % LEAK_SECONDS
        kills = int((age - since_kill) // LEAK_SECONDS)
        if kills > 0:
            killed_at = self._world.now() - since_kill
            pod = self._write_kill(pod, killed_at, restarts=kills)
        self._follow(pod)

    def _kill_first_of(self, workload: Workload) -> None:
        for pod in self._world.store.all(PODS, workload.namespace):
            if labels_of(pod).get("app.kubernetes.io/name") == workload.name:
                killed_at = max(_started_at(pod), self._world.now() - KILLED_ONCE_SECONDS)
                self._write_kill(pod, killed_at, restarts=1)
                return

    def _kill(self, pod: Obj) -> None:
        found = self._world.store.get(PODS, namespace_of(pod), name_of(pod))
        if found is None or found["metadata"]["uid"] != pod["metadata"]["uid"]:
            self._followed.discard(pod["metadata"]["uid"])
        elif not is_terminating(found):
            restarts = found["status"]["containerStatuses"][0]["restartCount"] + 1
            self._follow(self._write_kill(found, self._world.now(), restarts=restarts))

    def _write_kill(self, pod: Obj, at: float, *, restarts: int) -> Obj:
        """The kernel has killed the first container; its kubelet started it again at once."""
        killed: Obj = clone(pod)
        status = killed["status"]["containerStatuses"][0]
        ended = {
            "exitCode": _KILLED_EXIT_CODE,
            "reason": "OOMKilled",
            "startedAt": rfc3339(max(_started_at(pod), at - LEAK_SECONDS)),
            "finishedAt": rfc3339(at),
            "containerID": status["containerID"],
        }
        status["lastState"] = {"terminated": ended}
        status["state"] = {"running": {"startedAt": rfc3339(at + 1)}}
        status["restartCount"] = restarts
        self._tell(killed, at)
        return self._world.store.put(PODS, killed)

    def _tell(self, pod: Obj, at: float) -> None:
        """The node's event of the kill, as the node problem detector writes it."""
        node = self._world.store.get(NODES, None, pod["spec"]["nodeName"])
        if node is None or at < self._world.now() - EVENT_SECONDS:
            return
        name = pod["spec"]["containers"][0]["name"]
        told = f"Memory cgroup out of memory: Killed process 4242 ({name}) of pod {name_of(pod)}"
        event = self._world.component_event("kernel-monitor", "OOMKilling", told, "Warning")
        event |= {"firstTimestamp": rfc3339(at), "lastTimestamp": rfc3339(at)}
        self._world.tell(NODES, node, event)


def _started_at(pod: Obj) -> float:
    """When its first container was started the last time, in Unix seconds."""
    state = pod["status"]["containerStatuses"][0]["state"]
    return unix_seconds(state["running"]["startedAt"])
