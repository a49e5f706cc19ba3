"""What repositories return of measurements: metrics by the minute, use by the hour, nodes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.usage_histogram import Counts


class MetricType(StrEnum):
    """What the metrics summary holds of a cluster; every value is a whole number of its unit.

    Costs are micro-dollars per hour at list prices, CPU is in millicores, memory in bytes. What
    is not known is not stored: a cluster without metrics-server has no ``..._USED``.
    """

    COST_TOTAL = "cost_total"
    COST_SPOT = "cost_spot"
    COST_ON_DEMAND = "cost_on_demand"
    COST_BASELINE = "cost_baseline"
    NODES = "nodes"
    NODES_SPOT = "nodes_spot"
    NODES_ON_DEMAND = "nodes_on_demand"
    NODES_UNPRICED = "nodes_unpriced"
    PODS = "pods"
    CPU_ALLOCATABLE = "cpu_allocatable"
    CPU_REQUESTED = "cpu_requested"
    CPU_USED = "cpu_used"
    MEMORY_ALLOCATABLE = "memory_allocatable"
    MEMORY_REQUESTED = "memory_requested"
    MEMORY_USED = "memory_used"


@dataclass(frozen=True, slots=True, eq=False)
class MetricLine:
    """One series of the metrics summary, by time."""

    cluster_id: str
    type: MetricType
    times: NDArray[np.int64]  # Unix seconds, ascending
    values: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContainerHour:
    """What one container used in one hour; its workload outlives its pod.

    ``hour`` and ``last_sample_at`` are Unix seconds. ``memory_max_bytes`` None: never read.
    """

    namespace: str
    pod: str
    container: str
    workload_kind: str
    workload: str
    hour: int
    cpu: Counts
    memory_max_bytes: int | None
    last_sample_at: int

    @property
    def samples(self) -> int:
        """How many readings of CPU there were."""
        return int(self.cpu.sum())


class NodeStatus(StrEnum):
    """How a node was last seen."""

    READY = "ready"
    NOT_READY = "not_ready"
    CORDONED = "cordoned"
    GONE = "gone"


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it was last seen; CPU and memory are its allocatable. None: nothing tells."""

    name: str
    instance_id: str | None
    instance_type: str | None
    availability_zone: str | None
    capacity_type: str | None
    status: NodeStatus
    cpu_millicores: int
    memory_bytes: int
    owner: str | None
    first_seen_at: datetime
    changed_at: datetime
    gone_at: datetime | None = None


class TrafficRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where the traffic data of a cluster come from, how much and how old they are.

    ``as_of`` is the last moment that was measured and ``as_of_basis`` how that is known;
    ``covered_seconds`` None: the file does not say how long it measured.
    """

    cluster_id: str
    source_name: str
    pairs: int
    bytes_per_day: int
    as_of: datetime
    as_of_basis: str
    covered_seconds: int | None
    imported_at: datetime
    imported_by: str
