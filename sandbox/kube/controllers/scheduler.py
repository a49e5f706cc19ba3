"""The scheduling loop: takes pending pods one by one and binds them where `place` says."""

from sandbox.kube import registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import (
    Obj,
    clone,
    is_terminating,
    labels_of,
    name_of,
    rfc3339,
    with_condition,
)
from sandbox.kube.resources import NODES, PODS
from sandbox.kube.store import Change, key_of
from sandbox.kube.tolerations import untolerated
from sandbox.kube.world import Place, Placement, World

_DELAY_SECONDS = 0.005
_RETRY_SECONDS = 0.1
_REPORTER = {
    "reportingComponent": "default-scheduler",
    "reportingInstance": "default-scheduler-sandbox",
}


class Scheduler:
    """Binds; pods that fit nowhere wait until a node or another pod changes."""

    def __init__(self, world: World, place: Place) -> None:
        self._world = world
        self._place = place
        self._unschedulable: set[str] = set()
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=False)
        world.store.listeners.append(self._on_change)

    def bind(self, pod: Obj, node: str) -> None:
        """Writes the binding: the node's name and its topology labels."""
        bound: Obj = clone(pod)
        bound["spec"]["nodeName"] = node
        registry.label_topology(self._world, bound)
        done = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        self._world.store.put(PODS, with_condition(bound, done, self._world.now()))

    def _on_change(self, change: Change) -> None:
        if change.resource is PODS and change.kind != "DELETED":
            if _is_waiting(change.obj) and change.kind == "ADDED":
                self._worker.add(key_of(change.obj))
        elif change.resource is PODS or change.resource is NODES:
            self._try_again()

    def _try_again(self) -> None:
        for key in sorted(self._unschedulable):
            self._worker.add_later(key, _RETRY_SECONDS)
        self._unschedulable.clear()

    def _sync(self, key: str) -> None:
        store = self._world.store
        pod = store.get(PODS, *split(key))
        if pod is None or not _is_waiting(pod):
            return
        placement = self._place(pod, list(store.all(NODES)), list(store.all(PODS)))
        if placement.node is None:
            self._unschedulable.add(key)
            self._refuse(pod, placement)
            return
        self.bind(pod, placement.node)
        told = f"Successfully assigned {key} to {placement.node}"
        self._tell(pod, "Scheduled", told, "Normal", "Binding")

    def _refuse(self, pod: Obj, placement: Placement) -> None:
        failed: Obj = {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "observedGeneration": pod["metadata"]["generation"],
            "reason": "Unschedulable",
            "message": placement.message,
        }
        marked = with_condition(clone(pod), failed, self._world.now())
        if marked != pod:
            self._world.store.put(PODS, marked)
            self._tell(pod, "FailedScheduling", placement.message, "Warning", "Scheduling")

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


def place_on_emptiest(pod: Obj, nodes: list[Obj], pods: list[Obj]) -> Placement:
    """The node with the fewest pods among those whose labels and taints let the pod in.

    It stands in for kube-scheduler where placement does not matter.
    """
    counts: dict[str, int] = {name_of(node): 0 for node in nodes}
    for other in pods:
        node_name = other["spec"].get("nodeName")
        if node_name in counts:
            counts[node_name] += 1
    open_to_it = [name_of(node) for node in nodes if is_open(node, pod)]
    if not open_to_it:
        return Placement(None, f"0/{len(nodes)} nodes are available.")
    return Placement(min(open_to_it, key=lambda name: (counts[name], name)))


def is_open(node: Obj, pod: Obj) -> bool:
    """Whether nodeSelector, a required node name and the taints let the pod onto the node."""
    labels, wanted = labels_of(node), pod["spec"].get("nodeSelector") or {}
    names = required_names(pod)
    return (
        all(labels.get(key) == value for key, value in wanted.items())
        and (not names or name_of(node) in names)
        and not untolerated(node, pod, ("NoSchedule", "NoExecute"))
    )


def required_names(pod: Obj) -> list[str]:
    """The node names that a required node affinity on metadata.name lists (DaemonSet pods)."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return [
        name
        for term in required.get("nodeSelectorTerms") or ()
        for one in term.get("matchFields") or ()
        for name in one["values"]
    ]
