"""DaemonSets: one pod on every node that lets it in, cordoned ones included."""

from sandbox.kube import registry
from sandbox.kube.controllers.replicasets import (
    create_pod,
    delete_pod,
    is_active,
    listener,
    pod_of_template,
    pods_of,
)
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import (
    Obj,
    is_condition_true,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
)
from sandbox.kube.resources import DAEMON_SETS, NODES
from sandbox.kube.store import Change, key_of
from sandbox.kube.tolerations import untolerated
from sandbox.kube.world import World

_DELAY_SECONDS = 0.008
_REVISION = "controller-revision-hash"
_TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)
"""Taints that the controller makes every daemon pod tolerate."""


class DaemonSetController:
    """Reacts to DaemonSets, their pods and to nodes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(listener(DAEMON_SETS, self._worker))
        world.store.listeners.append(self._on_node)

    def _on_node(self, change: Change) -> None:
        if change.resource is NODES:
            for owner in self._world.store.all(DAEMON_SETS):
                self._worker.add(key_of(owner))

    def _sync(self, key: str) -> None:
        owner = self._world.store.get(DAEMON_SETS, *split(key))
        if owner is None:
            return
        pods = pods_of(self._world, owner)
        nodes = [node for node in self._world.store.all(NODES) if _is_open(node, _pod(owner))]
        wanted = {name_of(node) for node in nodes}
        if not is_terminating(owner):
            self._meet(owner, pods, wanted)
        self._write_status(owner, wanted)

    def _meet(self, owner: Obj, pods: list[Obj], wanted: set[str]) -> None:
        served = {node for pod in pods for node in _required_names(pod)}
        for node in sorted(wanted - served):
            self._create(owner, node)
        for pod in pods:
            if is_active(pod) and not set(_required_names(pod)) <= wanted:
                delete_pod(self._world, DAEMON_SETS, owner, pod)

    def _create(self, owner: Obj, node: str) -> None:
        pod = _pod(owner)
        digest = self._world.identity.template_hash(
            namespace_of(owner) or "", name_of(owner), owner["spec"]["template"]
        )
        pod["metadata"]["generateName"] = f"{name_of(owner)}-"
        pod["metadata"]["labels"] = {
            **labels_of(pod),
            _REVISION: digest,
            "pod-template-generation": "1",
        }
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        affinity = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        pod["spec"].setdefault("affinity", {})["nodeAffinity"] = affinity
        create_pod(self._world, DAEMON_SETS, owner, pod)

    def _write_status(self, owner: Obj, wanted: set[str]) -> None:
        pods = [pod for pod in pods_of(self._world, owner) if is_active(pod)]
        ready = sum(is_condition_true(pod, "Ready") for pod in pods)
        counts = {
            "updatedNumberScheduled": len(pods),
            "numberAvailable": ready,
            "numberUnavailable": len(wanted) - ready,
        }
        status: Obj = {
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": len(wanted),
            "numberReady": ready,
            "observedGeneration": owner["metadata"]["generation"],
            **{name: count for name, count in counts.items() if count > 0},
        }
        registry.write_status(self._world, DAEMON_SETS, owner, status)


def _pod(owner: Obj) -> Obj:
    pod = pod_of_template(owner)
    pod["spec"].setdefault("tolerations", []).extend(
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
        for key, effect in _TOLERATED
    )
    return pod


def _is_open(node: Obj, pod: Obj) -> bool:
    """Whether nodeSelector, a required node name and the taints let the pod onto the node."""
    labels, wanted = labels_of(node), pod["spec"].get("nodeSelector") or {}
    names = _required_names(pod)
    return (
        all(labels.get(key) == value for key, value in wanted.items())
        and (not names or name_of(node) in names)
        and not untolerated(node, pod, ("NoSchedule", "NoExecute"))
    )


def _required_names(pod: Obj) -> list[str]:
    """The node names that a required node affinity on metadata.name lists (DaemonSet pods)."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return [
        name
        for term in required.get("nodeSelectorTerms") or ()
        for one in term.get("matchFields") or ()
        for name in one["values"]
    ]
