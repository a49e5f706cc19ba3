"""The node controllers: taints that follow a node's state, and pods driven off by them."""

from functools import partial

from sandbox.kube import deletion
from sandbox.kube.controllers.worker import Worker
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.objects import (
    Obj,
    clone,
    condition,
    is_condition_true,
    is_finished,
    is_terminating,
    labels_of,
    name_of,
    with_condition,
)
from sandbox.kube.resources import NODES, PODS
from sandbox.kube.store import Change
from sandbox.kube.tolerations import seconds_tolerated
from sandbox.kube.world import World

_DELAY_SECONDS = 0.05
_METADATA_SECONDS = 0.0085
_TTL = "node.alpha.kubernetes.io/ttl"
_PREFIX = "node.kubernetes.io/"
_PRESSURES = {
    "MemoryPressure": "memory-pressure",
    "DiskPressure": "disk-pressure",
    "PIDPressure": "pid-pressure",
    "NetworkUnavailable": "network-unavailable",
}
_KEPT_BY_US = {
    _PREFIX + one for one in ("unschedulable", "not-ready", "unreachable", *_PRESSURES.values())
}


class NodeController:
    """NoSchedule taints follow at once, NoExecute taints with the next round of the monitor."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taints = Worker(world, self._sync_taints, delay_seconds=_DELAY_SECONDS, managed=True)
        self._evictions = Worker(world, self._drive_off, delay_seconds=_DELAY_SECONDS, managed=True)
        self._metadata = Worker(
            world, self._sync_metadata, delay_seconds=_METADATA_SECONDS, managed=True
        )
        world.store.listeners.append(self._on_change)
        world.clock.after(world.settings.node_monitor_seconds, self._monitor)

    def _on_change(self, change: Change) -> None:
        if change.resource is NODES and change.kind != "DELETED":
            if not _is_labelled(change.obj):
                self._metadata.add(name_of(change.obj))
            self._taints.add(name_of(change.obj))
            self._evictions.add(name_of(change.obj))
        elif change.resource is PODS and change.kind == "MODIFIED":
            node = change.obj["spec"].get("nodeName")
            if node and change.before and "nodeName" not in change.before["spec"]:
                self._evictions.add(node)

    def _sync_taints(self, name: str) -> None:
        node = self._world.store.get(NODES, None, name)
        if node is None:
            return
        wanted = {(_PREFIX + key, "NoSchedule") for key in _wanted_keys(node)}
        managed = {(key, "NoSchedule") for key in _KEPT_BY_US}
        self._replace(node, managed, wanted)

    def _sync_metadata(self, name: str) -> None:
        """The annotation of the TTL controller, and the beta labels beside the final ones."""
        node = self._world.store.get(NODES, None, name)
        if node is not None and not _is_labelled(node):
            changed: Obj = clone(node)
            metadata = changed["metadata"]
            metadata.setdefault("annotations", {}).setdefault(_TTL, "0")
            metadata["labels"] = {**labels_of(node), **_beta_labels(node)}
            self._world.store.put(NODES, changed)

    def _monitor(self) -> None:
        """The periodic round: NoExecute taints, and pods of dead nodes become unready."""
        self._world.clock.after(self._world.settings.node_monitor_seconds, self._monitor)
        if self._world.paused:
            return
        for node in list(self._world.store.all(NODES)):
            managed = {(_PREFIX + key, "NoExecute") for key in ("not-ready", "unreachable")}
            state = _unready_key(node)
            wanted = {(_PREFIX + state, "NoExecute")} if state else set()
            self._replace(node, managed, wanted)
            if state:
                self._mark_pods_unready(name_of(node))

    def _replace(
        self, node: Obj, managed: set[tuple[str, str]], wanted: set[tuple[str, str]]
    ) -> None:
        before = (node.get("spec") or {}).get("taints") or []
        present = {(one["key"], one["effect"]) for one in before}
        kept = [one for one in before if (one["key"], one["effect"]) not in managed - wanted]
        now = self._world.now_text()
        added = [
            {"key": key, "effect": effect, "timeAdded": now}
            for key, effect in sorted(wanted - present)
        ]
        if kept == before and not added:
            return
        changed: Obj = clone(node)
        changed["spec"]["taints"] = [*clone(kept), *added]
        if not changed["spec"]["taints"]:
            del changed["spec"]["taints"]
        self._world.store.put(NODES, changed)

    def _mark_pods_unready(self, node: str) -> None:
        for pod in list(self._world.store.all(PODS)):
            if pod["spec"].get("nodeName") == node and is_condition_true(pod, "Ready"):
                unready: Obj = {"type": "Ready", "status": "False", "lastProbeTime": None}
                marked = with_condition(clone(pod), unready, self._world.now())
                self._world.store.put(PODS, marked)

    def _drive_off(self, name: str) -> None:
        """Deletes the pods that do not tolerate the node's NoExecute taints, in their time."""
        node = self._world.store.get(NODES, None, name)
        taints = ((node or {}).get("spec") or {}).get("taints") or []
        if node is None or not any(one["effect"] == "NoExecute" for one in taints):
            return
        for pod in list(self._world.store.all(PODS)):
            if pod["spec"].get("nodeName") != name or is_terminating(pod) or is_finished(pod):
                continue
            seconds = seconds_tolerated(node, pod)
            if seconds == 0:
                deletion.delete(self._world, PODS, pod, DeleteOptions())
            elif seconds is not None:
                expire = partial(self._expire, name, pod["metadata"]["uid"])
                self._world.clock.after(seconds, expire)

    def _expire(self, node_name: str, uid: str) -> None:
        node = self._world.store.get(NODES, None, node_name)
        pods = self._world.store.all(PODS)
        pod = next((one for one in pods if one["metadata"]["uid"] == uid), None)
        if node is None or pod is None or is_terminating(pod):
            return
        if seconds_tolerated(node, pod) is not None:
            deletion.delete(self._world, PODS, pod, DeleteOptions())


def _beta_labels(node: Obj) -> dict[str, str]:
    labels = labels_of(node)
    pairs = ((f"beta.kubernetes.io/{one}", f"kubernetes.io/{one}") for one in ("os", "arch"))
    return {beta: labels[final] for beta, final in pairs if final in labels}


def _is_labelled(node: Obj) -> bool:
    annotations = node["metadata"].get("annotations") or {}
    return _TTL in annotations and _beta_labels(node).items() <= labels_of(node).items()


def _unready_key(node: Obj) -> str:
    """not-ready, unreachable, or nothing; a node that never reported counts as ready."""
    ready = condition(node, "Ready")
    if ready is None or ready["status"] == "True":
        return ""
    return "not-ready" if ready["status"] == "False" else "unreachable"


def _wanted_keys(node: Obj) -> list[str]:
    keys = ["unschedulable"] if (node.get("spec") or {}).get("unschedulable") else []
    keys += [key for kind, key in _PRESSURES.items() if is_condition_true(node, kind)]
    state = _unready_key(node)
    return [*keys, state] if state else keys
