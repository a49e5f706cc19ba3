"""A cluster as engines see it: the objects, and the columns that bulk decisions are made on.

Tables are sorted, so that equal clusters are equal whatever the order in which they were read.
``snapshot_builder`` makes them; ``state`` joins them with prices and AWS resources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts import kubernetes
from engines.contracts.pricing import CapacityType
from engines.contracts.results import Skipped


class ProblemReason(StrEnum):
    """Why an object, or a part of it, is not in the columns."""

    UNREADABLE_OBJECT = "unreadable_object"
    INVALID_QUANTITY = "invalid_quantity"
    MISSING_NAME = "missing_name"
    CONTRADICTORY_DUPLICATE = "contradictory_duplicate"
    UNKNOWN_NODE = "unknown_node"
    NODE_WITHOUT_INSTANCE_TYPE = "node_without_instance_type"
    NODE_WITHOUT_ZONE = "node_without_zone"
    NODE_WITHOUT_REGION = "node_without_region"
    CAPACITY_TYPE_UNCLEAR = "capacity_type_unclear"


class WorkloadKey(NamedTuple):
    """One workload by name."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class SparseAmounts:
    """Amounts of a resource that few rows have; rows that are not named have none."""

    rows: NDArray[np.int32]  # ascending
    amounts: NDArray[np.int64]  # whole units: a count, or bytes

    def dense(self, length: int) -> NDArray[np.int64]:
        """One amount for each of ``length`` rows."""
        column = np.zeros(length, np.int64)
        column[self.rows] = self.amounts
        return column


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows by the group that they belong to; rows without a group (-1) are in none."""

    order: NDArray[np.int32]
    starts: NDArray[np.int64]  # number of groups + 1

    @classmethod
    def of(cls, groups: NDArray[np.int32], count: int) -> "Groups":
        """Group the rows by ``groups[row]``, which lies in -1..count-1."""
        order = np.argsort(groups, kind="stable").astype(np.int32)
        return cls(order, np.searchsorted(groups[order], np.arange(count + 1)).astype(np.int64))

    def members(self, group: int) -> NDArray[np.int32]:
        """The rows of a group, ascending."""
        return self.order[self.starts[group] : self.starts[group + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class NodeTable:
    """The nodes, sorted by name; position ``i`` of every column is about ``items[i]``.

    None in a tuple: neither the node's labels nor EC2 tell. Nodes whose amounts could not be read
    are not here but in the snapshot's problems.
    """

    items: tuple[kubernetes.Node, ...]
    names: tuple[str, ...]
    index: Mapping[str, int]
    instance_types: tuple[str | None, ...]
    zones: tuple[str | None, ...]
    regions: tuple[str | None, ...]
    capacity_types: tuple[CapacityType | None, ...]
    instance_ids: tuple[str | None, ...]  # None: not an EC2 instance (Fargate, hybrid, other cloud)
    architectures: tuple[str | None, ...]  # "amd64", "arm64"
    operating_systems: tuple[str | None, ...]  # "linux", "windows"
    ready: NDArray[np.bool_]
    schedulable: NDArray[np.bool_]  # not cordoned; taints are another matter
    deleting: NDArray[np.bool_]  # by the API, or marked by an autoscaler or termination handler
    fully_read: NDArray[np.bool_]  # False: a pod of the node could not be read, leave it alone
    allocatable_cpu_millicores: NDArray[np.int64]
    allocatable_memory_bytes: NDArray[np.int64]
    allocatable_ephemeral_storage_bytes: NDArray[np.int64]
    allocatable_pods: NDArray[np.int64]
    capacity_cpu_millicores: NDArray[np.int64]
    capacity_memory_bytes: NDArray[np.int64]
    extended: Mapping[str, SparseAmounts]  # allocatable extended resources, by name

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, eq=False)
class PodTable:
    """The pods, sorted by (namespace, name); position ``i`` of every column is about ``items[i]``.

    Requests are **effective**: what the scheduler sets aside on the node (containers, sidecars,
    the largest init container, overhead, pod-level resources, a resize under way).
    """

    items: tuple[kubernetes.Pod, ...]
    node: NDArray[np.int32]  # row of NodeTable; -1: not bound, or bound to an unknown node
    request_cpu_millicores: NDArray[np.int64]
    request_memory_bytes: NDArray[np.int64]
    request_ephemeral_storage_bytes: NDArray[np.int64]
    extended: Mapping[str, SparseAmounts]  # requests of extended resources, by name
    workload: NDArray[np.int32]  # row of ClusterSnapshot.workloads, the topmost owner; -1: none
    has_controller: NDArray[np.bool_]  # False: a bare pod, nobody would replace it
    is_orphan: NDArray[np.bool_]  # its controller is gone, though others of that kind were read
    is_daemonset: NDArray[np.bool_]
    is_mirror: NDArray[np.bool_]  # a static pod, run by its node
    is_terminating: NDArray[np.bool_]
    is_finished: NDArray[np.bool_]  # Succeeded or Failed: takes no room
    by_node: Groups
    by_workload: Groups

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterSnapshot:
    """All that was read of a cluster. Tuples are sorted by (kind, namespace, name).

    ``listed`` names the fields that were given at all: without "pdbs" in it, an empty ``pdbs``
    does not mean that there are none. ``problems`` are the objects that could not be used, for
    any reason; of these ``unread`` did not even fit their types, and ``set_aside`` holds the others
    by field, so that the state can be stored whole.
    """

    nodes: NodeTable
    pods: PodTable
    workloads: tuple[kubernetes.Workload, ...] = ()
    workload_index: Mapping[WorkloadKey, int] = field(default_factory=dict)
    namespaces: tuple[kubernetes.Namespace, ...] = ()
    pdbs: tuple[kubernetes.PodDisruptionBudget, ...] = ()
    hpas: tuple[kubernetes.HorizontalPodAutoscaler, ...] = ()
    pvcs: tuple[kubernetes.PersistentVolumeClaim, ...] = ()
    pvs: tuple[kubernetes.PersistentVolume, ...] = ()
    storage_classes: tuple[kubernetes.StorageClass, ...] = ()
    volume_attachments: tuple[kubernetes.VolumeAttachment, ...] = ()
    csi_nodes: tuple[kubernetes.CSINode, ...] = ()
    limit_ranges: tuple[kubernetes.LimitRange, ...] = ()
    resource_quotas: tuple[kubernetes.ResourceQuota, ...] = ()
    services: tuple[kubernetes.Service, ...] = ()
    endpoint_slices: tuple[kubernetes.EndpointSlice, ...] = ()
    events: tuple[kubernetes.Event, ...] = ()
    webhooks: tuple[kubernetes.WebhookConfiguration, ...] = ()
    scaled_objects: tuple[kubernetes.ScaledObject, ...] = ()
    node_metrics: tuple[kubernetes.NodeMetrics, ...] = ()
    pod_metrics: tuple[kubernetes.PodMetrics, ...] = ()
    listed: frozenset[str] = frozenset()
    problems: tuple[Skipped, ...] = ()
    unread: tuple[Skipped, ...] = ()
    set_aside: Mapping[str, tuple[kubernetes.KubernetesObject, ...]] = field(default_factory=dict)
