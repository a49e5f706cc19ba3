"""The state that a decision is made on: as a JSON document, and compiled to columns.

``CurrentState`` is the document: Kubernetes and AWS items in their APIs' own JSON, tables as
lists of objects. ``ClusterState`` is what engines get. ``compile_state`` and ``to_document``
convert; both forms carry the same facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from engines.contracts import aws, kubernetes
from engines.contracts.pricing import (
    AdvisorRate,
    InstanceType,
    OnDemandPrice,
    OperatingSystem,
    SpotPriceHistory,
)
from engines.contracts.results import Skipped
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.usage import TrafficRow, TrafficTable, UsageRow, UsageTable


class PriceRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One change point of a Spot price, in USD per hour."""

    instance_type: str
    availability_zone: str
    region: str
    product_description: str
    spot_price: Decimal
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]


class OnDemandRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An on-demand list price, in USD per hour; the date is a day or a moment in UTC."""

    region: str
    instance_type: str
    operating_system: OperatingSystem
    hourly_price: Decimal
    effective_date: str


class DataSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input behind a decision: what, from where, how much and how old.

    ``as_of`` None: nothing tells its age. ``as_of_basis`` says how the age is known.
    """

    kind: str
    name: str
    count: int
    as_of: datetime | None = None
    as_of_basis: str = ""
    is_ignored: bool = False  # counted, but of a kind that is not read


class CurrentState(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The state as JSON carries it. None: the part was not given; (): it was, and is empty."""

    nodes: tuple[kubernetes.Node, ...] | None = None
    pods: tuple[kubernetes.Pod, ...] | None = None
    namespaces: tuple[kubernetes.Namespace, ...] | None = None
    pdbs: tuple[kubernetes.PodDisruptionBudget, ...] | None = None
    workloads: tuple[kubernetes.Workload, ...] | None = None
    hpas: tuple[kubernetes.HorizontalPodAutoscaler, ...] | None = None
    pvcs: tuple[kubernetes.PersistentVolumeClaim, ...] | None = None
    pvs: tuple[kubernetes.PersistentVolume, ...] | None = None
    storage_classes: tuple[kubernetes.StorageClass, ...] | None = None
    volume_attachments: tuple[kubernetes.VolumeAttachment, ...] | None = None
    csi_nodes: tuple[kubernetes.CSINode, ...] | None = None
    limit_ranges: tuple[kubernetes.LimitRange, ...] | None = None
    resource_quotas: tuple[kubernetes.ResourceQuota, ...] | None = None
    services: tuple[kubernetes.Service, ...] | None = None
    endpoint_slices: tuple[kubernetes.EndpointSlice, ...] | None = None
    events: tuple[kubernetes.Event, ...] | None = None
    webhooks: tuple[kubernetes.WebhookConfiguration, ...] | None = None
    scaled_objects: tuple[kubernetes.ScaledObject, ...] | None = None
    node_metrics: tuple[kubernetes.NodeMetrics, ...] | None = None
    pod_metrics: tuple[kubernetes.PodMetrics, ...] | None = None
    instances: tuple[aws.Instance, ...] | None = None
    volumes: tuple[aws.Volume, ...] | None = None
    snapshots: tuple[aws.Snapshot, ...] | None = None
    usage: tuple[UsageRow, ...] | None = None
    traffic: tuple[TrafficRow, ...] | None = None
    prices: tuple[PriceRow, ...] | None = None
    on_demand: tuple[OnDemandRow, ...] | None = None
    advisor: tuple[AdvisorRate, ...] | None = None
    instance_types: tuple[InstanceType, ...] | None = None
    sources: tuple[DataSource, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterState:
    """All that an engine may look at. None: not given, which is not the same as empty."""

    cluster: ClusterSnapshot
    spot_prices: SpotPriceHistory
    on_demand: tuple[OnDemandPrice, ...] = ()
    advisor: tuple[AdvisorRate, ...] = ()
    instance_types: Mapping[str, InstanceType] = field(default_factory=dict)
    usage: UsageTable | None = None
    instances: tuple[aws.Instance, ...] | None = None
    volumes: tuple[aws.Volume, ...] | None = None
    snapshots: tuple[aws.Snapshot, ...] | None = None
    traffic: TrafficTable | None = None
    sources: tuple[DataSource, ...] = ()
    problems: tuple[Skipped, ...] = ()
