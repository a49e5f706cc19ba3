"""Services, their endpoints, and events."""

from collections.abc import Mapping

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times
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


class Event(KubernetesObject, frozen=True, kw_only=True):
    """Something that happened. The message is not kept: it may quote customer data.

    ``involved_object`` of core/v1 and ``regarding`` of events.k8s.io/v1 are one thing: ``subject``.
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

    def __post_init__(self) -> None:
        tidy_times(self, "first_timestamp", "last_timestamp", "event_time")

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
