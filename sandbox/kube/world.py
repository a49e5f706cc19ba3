"""What every part of the pretend cluster shares: clock, store, names, settings, switches."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.kube.identity import Identity
from sandbox.kube.objects import Obj, name_of, namespace_of, rfc3339
from sandbox.kube.resources import EVENTS, Resource
from sandbox.kube.store import Store

MetricsMode = str
"""absent | unavailable (registered, no backend) | died (backend just gone) | served"""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the pretend cluster behaves; all times are in its own seconds."""

    seed: int = 1
    start_unix_seconds: float = 1_800_000_000.0
    speed: float = 1.0
    """Seconds of the cluster per real second; 0: time moves only by the control endpoint."""

    admin_token: str = "sandbox-admin"  # noqa: S105 - of a pretend cluster on loopback
    pod_start_seconds: float = 0.6
    """From binding to Running and Ready."""

    pod_stop_seconds: float = 3.0
    """A terminating pod is gone after its grace period, but after no more than this."""

    compaction_seconds: float = 300.0
    node_monitor_seconds: float = 5.0


@dataclass(frozen=True)
class Placement:
    """Where a pod goes: a node's name, or why it goes nowhere (the event's message).

    `victims` (namespace/name) would have to go for it to fit on the node `nominated`.
    """

    node: str | None
    message: str = ""
    nominated: str = ""
    victims: tuple[str, ...] = ()


Place = Callable[[list[Obj], Store], list[Placement]]
"""(waiting pods, the cluster) -> one Placement each"""

Usage = Callable[[Obj, Obj, float], tuple[int, int]]
"""(pod, container, now) -> (cpu in millicores, memory in bytes)"""


@dataclass(kw_only=True)
class World:
    """The state behind one pretend API server. Hold `clock.lock` while touching it."""

    settings: Settings
    identity: Identity
    clock: Clock
    store: Store = field(default_factory=Store)
    metrics: MetricsMode = "absent"
    paused: bool = False
    """The controller manager is stopped: nothing reacts until it is started again."""

    def now(self) -> float:
        return self.clock.now()

    def now_text(self) -> str:
        return rfc3339(self.clock.now())

    def tell(self, resource: Resource, obj: Obj, event: Obj) -> None:
        """Writes an Event about `obj`; `event` has reason, message, type and who reports it."""
        namespace = namespace_of(obj) or "default"
        metadata = {
            "name": f"{name_of(obj)}.{int(self.now() * 1e9):x}{self.identity.letters(2)}",
            "namespace": namespace,
            "uid": self.identity.uid(),
            "creationTimestamp": self.now_text(),
        }
        about = {
            "kind": resource.kind,
            **({"namespace": namespace} if resource.namespaced else {}),
            "name": name_of(obj),
            "uid": obj["metadata"]["uid"],
            "apiVersion": resource.api_version,
            "resourceVersion": obj["metadata"]["resourceVersion"],
        }
        self.store.put(EVENTS, {"metadata": metadata, "involvedObject": about, **event})

    def component_event(self, component: str, reason: str, message: str, kind: str) -> Obj:
        """The body of an event in the older form, as controllers write it."""
        return {
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": self.now_text(),
            "lastTimestamp": self.now_text(),
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": "",
        }
