"""Services, their endpoints, and events."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times
from engines.contracts.kubernetes.containers import Transient
from engines.contracts.kubernetes.meta import (
    KubernetesObject,
    KubernetesStruct,
    ObjectReference,
)


class ServiceSpec(KubernetesStruct, frozen=True, kw_only=True):
    """``selector`` empty: the endpoints are made by hand. ``cluster_ip`` "None": headless."""

    type: str = "ClusterIP"
    selector: Mapping[str, str] = {}
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    internal_traffic_policy: str = "Cluster"
    external_traffic_policy: str = ""
    traffic_distribution: str | None = None

    def __post_init__(self) -> None:
        if self.cluster_ip not in ("", "None"):  # addresses are not needed, so not kept
            msgspec.structs.force_setattr(self, "cluster_ip", "")


class Service(KubernetesObject, frozen=True, kw_only=True):
    """A name for a set of pods."""

    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(KubernetesStruct, frozen=True, kw_only=True):
    """None means unknown, which clients read as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ZoneHint(KubernetesStruct, frozen=True, kw_only=True):
    """A zone whose clients should use the endpoint."""

    name: str


class EndpointHints(KubernetesStruct, frozen=True, kw_only=True):
    """Topology aware routing."""

    for_zones: tuple[ZoneHint, ...] = ()


class Endpoint(KubernetesStruct, frozen=True, kw_only=True):
    """One endpoint; addresses are not kept."""

    node_name: str | None = None
    zone: str | None = None
    target_ref: ObjectReference | None = None
    conditions: EndpointConditions = EndpointConditions()
    hints: EndpointHints | None = None


class EndpointSlice(KubernetesObject, frozen=True, kw_only=True):
    """Endpoints of the service named by the label kubernetes.io/service-name."""

    endpoints: tuple[Endpoint, ...] = ()
    address_type: str = ""


class EventSeries(KubernetesStruct, frozen=True, kw_only=True):
    """Repeats of one event."""

    count: Integer = 0
    last_observed_time: Time | None = None

    def __post_init__(self) -> None:
        tidy_times(self, "last_observed_time")


class OutOfMemory(StrEnum):
    """Whose memory ran out when the kernel killed, or the kubelet evicted."""

    CONTAINER = "container"
    NODE = "node"


_MEMORY_OF = {
    OutOfMemory.CONTAINER: (b"Memory cgroup out of memory", b"CONSTRAINT_MEMCG"),
    OutOfMemory.NODE: (
        b"Out of memory: Kill",
        b"CONSTRAINT_NONE",
        b"System OOM encountered",
        b"Attempting to reclaim memory",
    ),
}
"""The words of the kernel (which node-problem-detector quotes) and of the kubelet."""


class Event(KubernetesObject, frozen=True, kw_only=True):
    """Something that happened. The message is not kept, for it may quote customer data: only
    whose memory ran out, where it tells that.

    ``involved_object`` of core/v1 and ``regarding`` of events.k8s.io/v1 are one thing: ``subject``;
    so are their ``message`` and ``note``.
    """

    involved_object: ObjectReference | None = None
    regarding: ObjectReference | None = None
    reason: str = ""
    type: str = ""
    count: Integer = 0
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    event_time: Time | None = None
    series: EventSeries | None = None
    out_of_memory: OutOfMemory | None = None
    message: Transient = msgspec.UNSET
    note: Transient = msgspec.UNSET

    def __post_init__(self) -> None:
        tidy_times(self, "first_timestamp", "last_timestamp", "event_time")
        for name in ("message", "note"):
            text = getattr(self, name)
            if text is not msgspec.UNSET:
                if found := _memory_of(bytes(text)):
                    msgspec.structs.force_setattr(self, "out_of_memory", found)
                msgspec.structs.force_setattr(self, name, msgspec.UNSET)

    @property
    def subject(self) -> ObjectReference | None:
        """The object that the event is about."""
        return self.involved_object or self.regarding

    @property
    def last_seen_at(self) -> Time | None:
        """When it last happened, by the newest of the fields that tell."""
        repeats = self.series.last_observed_time if self.series else None
        moments = (self.last_timestamp, repeats, self.event_time, self.first_timestamp)
        return max((one for one in moments if one), default=self.metadata.creation_timestamp)


def _memory_of(message: bytes) -> OutOfMemory | None:
    """Whose memory ran out by a message; None: it does not tell."""
    for scope, words in _MEMORY_OF.items():
        if any(one in message for one in words):
            return scope
    return None
