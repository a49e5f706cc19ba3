"""The state that a decision is made on: as a JSON document, and compiled to columns.

``CurrentState`` is the document: Kubernetes and AWS items in their APIs' own JSON, tables as
lists of objects. ``ClusterState`` is what engines get. ``compile_state`` and ``to_document``
convert; both forms carry the same facts.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from engines.contracts import aws, kubernetes
from engines.contracts.collection import ObjectCollection
from engines.contracts.interning import in_one_order
from engines.contracts.market_rows import (
    OnDemandRow,
    PriceRow,
    to_advisor,
    to_instance_types,
    to_on_demand,
    to_on_demand_rows,
    to_price_history,
    to_price_rows,
)
from engines.contracts.pricing import (
    AdvisorRate,
    InstanceType,
    OnDemandPrice,
    SpotPriceHistory,
)
from engines.contracts.problems import in_order
from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import ClusterSnapshot, ProblemReason
from engines.contracts.snapshot_builder import FIELDS, build_snapshot
from engines.contracts.usage import (
    TrafficRow,
    TrafficTable,
    UsageRow,
    UsageTable,
    to_traffic_rows,
    to_usage_rows,
)
from engines.contracts.usage_summary import UsageSummary, UsageSummaryRow, to_summary_rows

A = TypeVar("A", bound=aws.AwsStruct)


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
    """The state as JSON carries it. None: the part was not given; (): it was, and is empty.

    ``unread`` names objects that were there but could not be read; ``sources`` tells where all of
    it is from.
    """

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
    auto_scaling: tuple[aws.AutoScalingInstance, ...] | None = None
    kms_keys: tuple[aws.KmsKey, ...] | None = None
    usage: tuple[UsageRow, ...] | None = None
    usage_summary: tuple[UsageSummaryRow, ...] | None = None
    traffic: tuple[TrafficRow, ...] | None = None
    prices: tuple[PriceRow, ...] | None = None
    on_demand: tuple[OnDemandRow, ...] | None = None
    advisor: tuple[AdvisorRate, ...] | None = None
    instance_types: tuple[InstanceType, ...] | None = None
    unread: tuple[Skipped, ...] | None = None
    sources: tuple[DataSource, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterState:
    """All that an engine may look at. None: not given, which is not the same as empty.

    ``problems`` are all objects and rows that could not be used, those of the cluster included.
    """

    cluster: ClusterSnapshot
    spot_prices: SpotPriceHistory
    on_demand: tuple[OnDemandPrice, ...] = ()
    advisor: tuple[AdvisorRate, ...] = ()
    instance_types: Mapping[str, InstanceType] = field(default_factory=dict)
    usage: UsageTable | None = None
    usage_summary: UsageSummary | None = None  # instead of readings, where both are given
    instances: tuple[aws.Instance, ...] | None = None
    volumes: tuple[aws.Volume, ...] | None = None
    snapshots: tuple[aws.Snapshot, ...] | None = None
    auto_scaling: tuple[aws.AutoScalingInstance, ...] | None = None
    kms_keys: tuple[aws.KmsKey, ...] | None = None
    traffic: TrafficTable | None = None
    sources: tuple[DataSource, ...] = ()
    problems: tuple[Skipped, ...] = ()


MARKET_FIELDS = ("prices", "on_demand", "advisor", "instance_types")
"""The fields that many clusters share: they are stored by a digest of their own."""


def compile_state(document: CurrentState) -> ClusterState:
    """The document as engines want it. What cannot be used becomes a problem, nothing is lost.

    Raises InvalidInputError only for a traffic matrix that contradicts itself.
    """
    instances, instance_problems = _without_repeats("Instance", document.instances)
    volumes, volume_problems = _without_repeats("Volume", document.volumes)
    snapshots, snapshot_problems = _without_repeats("Snapshot", document.snapshots)
    members, member_problems = _without_repeats("AutoScalingInstance", document.auto_scaling)
    keys, key_problems = _without_repeats("KmsKey", document.kms_keys)
    on_demand, on_demand_problems = to_on_demand(document.on_demand or ())
    advisor, advisor_problems = to_advisor(document.advisor or ())
    instance_types, type_problems = to_instance_types(document.instance_types or ())
    cluster = build_snapshot(_collected(document), instances or ())
    return ClusterState(
        cluster=cluster,
        spot_prices=to_price_history(document.prices or ()),
        on_demand=on_demand,
        advisor=advisor,
        instance_types=instance_types,
        usage=None if document.usage is None else UsageTable.from_rows(document.usage),
        usage_summary=None
        if document.usage_summary is None
        else UsageSummary.from_rows(document.usage_summary),
        instances=instances,
        volumes=volumes,
        snapshots=snapshots,
        auto_scaling=members,
        kms_keys=keys,
        traffic=None if document.traffic is None else TrafficTable.from_rows(document.traffic),
        sources=tuple(sorted(document.sources or (), key=lambda one: (one.kind, one.name))),
        problems=in_order(
            (
                *cluster.problems,
                *instance_problems,
                *volume_problems,
                *snapshot_problems,
                *member_problems,
                *key_problems,
                *on_demand_problems,
                *advisor_problems,
                *type_problems,
            )
        ),
    )


def to_document(state: ClusterState) -> CurrentState:
    """The state as a document that compiles to an equal state, with the same problems.

    (Contradictions between AWS items or between market rows are settled by then, and gone.)
    """
    return CurrentState(**_cluster_fields(state), **_market_fields(state), sources=state.sources)


def canonical_cluster_json(state: ClusterState) -> bytes:
    """The cluster, its AWS resources and its usage as JSON: equal clusters give equal bytes."""
    return _canonical(CurrentState(**_cluster_fields(state)))


def canonical_market_json(state: ClusterState) -> bytes:
    """Prices, rates and instance types as JSON: equal markets give equal bytes."""
    return _canonical(CurrentState(**_market_fields(state)))


def merge_documents(cluster: CurrentState, market: CurrentState) -> CurrentState:
    """What two documents hold together; where both hold a field, the first one's counts."""
    return CurrentState(
        **{
            name: mine if (mine := getattr(cluster, name)) is not None else getattr(market, name)
            for name in CurrentState.__struct_fields__
        }
    )


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal: the name under which equal content is stored once."""
    return hashlib.sha256(data).hexdigest()


_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def _collected(document: CurrentState) -> ObjectCollection:
    collection = ObjectCollection()
    for name in FIELDS:
        objects = getattr(document, name)
        if objects is not None:
            collection.list_nothing(name)
            collection.add(name, objects)
    for problem in document.unread or ():
        collection.add_unread(problem)
    return collection


def _cluster_fields(state: ClusterState) -> dict[str, Any]:
    """All fields of the document but prices and sources."""
    cluster = state.cluster
    fields: dict[str, Any] = {
        name: (*_items(cluster, name), *cluster.set_aside.get(name, ()))
        for name in FIELDS
        if name in cluster.listed
    }
    return fields | {
        "instances": state.instances,
        "volumes": state.volumes,
        "snapshots": state.snapshots,
        "auto_scaling": state.auto_scaling,
        "kms_keys": state.kms_keys,
        "usage": None if state.usage is None else to_usage_rows(state.usage),
        "usage_summary": None
        if state.usage_summary is None
        else to_summary_rows(state.usage_summary),
        "traffic": None if state.traffic is None else to_traffic_rows(state.traffic),
        "unread": cluster.unread or None,
    }


def _items(cluster: ClusterSnapshot, name: str) -> tuple[kubernetes.KubernetesObject, ...]:
    if name == "nodes":
        return cluster.nodes.items
    if name == "pods":
        return cluster.pods.items
    objects: tuple[kubernetes.KubernetesObject, ...] = getattr(cluster, name)
    return objects


def _market_fields(state: ClusterState) -> dict[str, Any]:
    """Empty tables are left out: engines are told the same by an absent one."""
    return {
        "prices": to_price_rows(state.spot_prices) or None,
        "on_demand": to_on_demand_rows(state.on_demand) or None,
        "advisor": state.advisor or None,
        "instance_types": tuple(state.instance_types.values()) or None,
    }


def _without_repeats(
    kind: str, items: Iterable[A] | None
) -> tuple[tuple[A, ...] | None, list[Skipped]]:
    """Items by id, each once. Of several that differ one counts, the same in any order."""
    if items is None:
        return None, []
    by_id: dict[str, A] = {}
    problems: list[Skipped] = []
    for item in sorted(map(in_one_order, items), key=_canonical):
        identity = _identity(item)
        if by_id.setdefault(identity, item) != item:
            problems.append(_described_twice(kind, identity))
    return tuple(by_id[identity] for identity in sorted(by_id)), problems


def _identity(item: aws.AwsStruct) -> str:
    match item:
        case aws.Instance():
            return item.instance_id
        case aws.Volume():
            return item.volume_id
        case aws.Snapshot():
            return item.snapshot_id
        case aws.AutoScalingInstance():
            return item.instance_id
        case aws.KmsKey():
            return item.arn
    raise TypeError(f"{type(item).__name__} has no id of its own")


def _described_twice(kind: str, identity: str) -> Skipped:
    return Skipped(
        subject=Subject(
            kind=kind,
            name=identity,
            instance_id=identity if kind.endswith("Instance") else "",
            volume_id=identity if kind == "Volume" else "",
        ),
        reason=ProblemReason.CONTRADICTORY_DUPLICATE,
        message="it was described in versions that differ, one of them counts; "
        "describe it once, not at several times",
    )
