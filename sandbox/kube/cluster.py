"""One pretend cluster: the API with everything that reacts behind it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.kube import metrics, registry
from sandbox.kube.api import Api
from sandbox.kube.controllers.daemonsets import DaemonSetController
from sandbox.kube.controllers.deployments import DeploymentController
from sandbox.kube.controllers.disruption import DisruptionController
from sandbox.kube.controllers.garbage import GarbageCollector
from sandbox.kube.controllers.jobs import JobController
from sandbox.kube.controllers.kubelets import Kubelets
from sandbox.kube.controllers.nodes import NodeController
from sandbox.kube.controllers.replicasets import ReplicaSetController
from sandbox.kube.controllers.scheduler import Scheduler
from sandbox.kube.controllers.statefulsets import StatefulSetController
from sandbox.kube.controllers.volumes import VolumeController
from sandbox.kube.defaults import EMPTY_NODE_STATUS
from sandbox.kube.faults import Faults
from sandbox.kube.identity import Identity
from sandbox.kube.objects import Obj, clone
from sandbox.kube.placement import place_by_rules
from sandbox.kube.rbac import Gate
from sandbox.kube.resources import NAMESPACES, NODES, PODS, RESOURCES
from sandbox.kube.store import Change
from sandbox.kube.world import Place, Settings, Usage, World

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_BY_KIND = {(one.api_version, one.kind): one for one in RESOURCES}


@dataclass(frozen=True, kw_only=True)
class NewNode:
    """What becomes a Node when an instance is launched. Quantities as Kubernetes writes them."""

    name: str
    zone: str
    region: str
    instance_type: str
    provider_id: str
    capacity: Mapping[str, str]
    allocatable: Mapping[str, str]
    architecture: str = "amd64"
    labels: Mapping[str, str] = field(default_factory=dict)
    internal_ip: str = ""
    ready_after_seconds: float = 30.0
    """From registration to Ready, as long as the network plugin takes."""


class Cluster:
    """Clock, store, API, controllers, scheduler and kubelets, wired together."""

    def __init__(
        self,
        settings: Settings,
        *,
        identity: Identity | None = None,
        place: Place = place_by_rules,
        usage: Usage = metrics.steady_usage,
        clock: Clock | None = None,
    ) -> None:
        """``clock`` None: one of its own, by the settings; else it is shared with others."""
        if clock is None:
            clock = Clock(settings.start_unix_seconds, speed=settings.speed)
        drawn = identity or Identity(settings.seed)
        self.world = World(settings=settings, identity=drawn, clock=clock)
        self.gate = Gate(self.world)
        self.faults = Faults()
        self.reports: dict[str, Callable[[], bytes]] = {}
        """What the control endpoint tells besides (GET, by name), as CSV."""

        self._kubelets = Kubelets(self.world)
        scheduler = Scheduler(self.world, place)
        self.api = Api(self.world, self.gate, scheduler.bind, usage)
        for controller in (
            DeploymentController,
            ReplicaSetController,
            StatefulSetController,
            DaemonSetController,
            JobController,
            DisruptionController,
            NodeController,
            VolumeController,
            GarbageCollector,
        ):
            controller(self.world)
        self.world.store.listeners.append(self._wake_watches)
        self._compact_later(0)
        with clock.lock:
            for name in _NAMESPACES:
                registry.create(self.world, NAMESPACES, None, {"metadata": {"name": name}})

    def load(self, objects: Iterable[Obj]) -> None:
        """Puts objects in as they are (kind, uid, status, resourceVersion); nothing is filled in.

        The objects belong to the cluster from now on. Controllers see them like any other write.
        """
        with self.world.clock.lock:
            for given in objects:
                obj: Obj = {**given, "metadata": {**given["metadata"]}}
                resource = _BY_KIND[obj.pop("apiVersion"), obj.pop("kind")]
                obj["metadata"].pop("managedFields", None)
                obj["metadata"].setdefault("uid", self.world.identity.uid())
                obj["metadata"].setdefault("creationTimestamp", self.world.now_text())
                version = obj["metadata"].get("resourceVersion")
                self.world.store.put(resource, obj, revision=int(version) if version else None)

    def add_node(self, new: NewNode) -> None:
        """An instance has started: its kubelet registers the node now and is Ready later."""
        with self.world.clock.lock:
            self._kubelets.dead_nodes.discard(new.name)
            registry.create(self.world, NODES, None, _node(new, self.world.now_text()))
            self.world.clock.after(new.ready_after_seconds, lambda: self._make_ready(new.name))

    def remove_node(self, name: str) -> None:
        """An instance is gone: so are its node and, without grace, the pods on it."""
        with self.world.clock.lock:
            self._kubelets.dead_nodes.add(name)
            node = self.world.store.get(NODES, None, name)
            if node is not None:
                self.world.store.remove(NODES, node)
            for pod in list(self.world.store.all(PODS)):
                if pod["spec"].get("nodeName") == name:
                    self.world.store.remove(PODS, pod)

    def compact(self) -> None:
        """Forgets all history up to now: older pages and watches get 410."""
        with self.world.clock.lock:
            self.world.store.compact(self.world.store.revision)

    def _wake_watches(self, change: Change) -> None:
        self.world.clock.changed.notify_all()

    def _make_ready(self, name: str) -> None:
        node = self.world.store.get(NODES, None, name)
        if node is not None:
            ready: Obj = clone(node)
            ready["status"]["conditions"] = _conditions(self.world.now_text(), ready="True")
            self.world.store.put(NODES, ready)

    def _compact_later(self, revision: int) -> None:
        """As the real server: every so often what was old at the last time is forgotten."""

        def compact() -> None:
            self.world.store.compact(revision)
            self._compact_later(self.world.store.revision)

        self.world.clock.after(self.world.settings.compaction_seconds, compact)


def _node(new: NewNode, now: str) -> Obj:
    labels = {
        "beta.kubernetes.io/arch": new.architecture,
        "beta.kubernetes.io/instance-type": new.instance_type,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": new.architecture,
        "kubernetes.io/hostname": new.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": new.instance_type,
        "topology.kubernetes.io/region": new.region,
        "topology.kubernetes.io/zone": new.zone,
        **new.labels,
    }
    return {
        "metadata": {"name": new.name, "labels": labels},
        "spec": {"providerID": new.provider_id},
        "status": {
            "capacity": dict(new.capacity),
            "allocatable": dict(new.allocatable),
            "conditions": _conditions(now, ready="False"),
            "addresses": _addresses(new),
            "nodeInfo": {
                **EMPTY_NODE_STATUS["nodeInfo"],
                "machineID": new.name,
                "systemUUID": new.name,
                "kubeletVersion": "v1.36.2",
                "operatingSystem": "linux",
                "architecture": new.architecture,
            },
        },
    }


def _addresses(new: NewNode) -> list[Obj]:
    internal = [{"type": "InternalIP", "address": new.internal_ip}] if new.internal_ip else []
    return [*internal, {"type": "Hostname", "address": new.name}]


def _conditions(now: str, *, ready: str) -> list[Obj]:
    reason = "KubeletReady" if ready == "True" else "KubeletNotReady"
    healthy = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
        ("Ready", ready, reason),
    )
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": why,
        }
        for kind, status, why in healthy
    ]
