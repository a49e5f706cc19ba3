"""The metrics summary: what a cluster costs and uses at a moment, and which nodes it has.

What is not known is left out, never zero: nothing of a cluster whose state is old, no use without
metrics of every Ready node, no baseline before it is frozen. Costs are list prices of the nodes
whose price is known; how many have none is a metric of its own.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from db.measurement_records import MetricLine, MetricType, NodeRecord, NodeStatus
from db.records import Cluster
from db.repositories import clusters, metrics_summary, nodes
from db.session import Database
from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import NodeMetrics
from engines.contracts.pricing import CapacityType, to_micro_usd, to_usd
from engines.contracts.quantities import cpu_millicores, whole_units
from engines.contracts.snapshot import ClusterSnapshot, NodeTable
from engines.contracts.state import ClusterState
from engines.cost import UNKNOWN_COST, node_cost_per_hour
from services.metrics import CLUSTER_BASELINE, CLUSTER_COST, CLUSTER_NODES, CLUSTER_STATE_TIME
from services.workflows.first_data import missing_prices
from services.workflows.priced_state import load_priced_state

__all__ = ["MetricLine", "MetricType", "load_metrics", "missing_for_summary", "summarise_metrics"]

FRESH = timedelta(minutes=5)
"""A state older than this says nothing about the present."""

OWNER_LABELS = (  # what tells the node pool, the most common first
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "alpha.eksctl.io/nodegroup-name",
)
_MILLICORES = 1000
_GIB = 1 << 30

Values = Mapping[MetricType, int]


def summarise_metrics(database: Database, cluster_id: str, *, at: datetime) -> Values:
    """Store the values of this minute and the nodes seen; the values."""
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        state = load_priced_state(reader, cluster, at)
    values = metrics_of(state, cluster, at)
    seen = tuple(_node(state.cluster.nodes, row, at) for row in range(len(state.cluster.nodes)))
    with database.transaction() as tx:
        metrics_summary.save(tx, cluster_id, values, at=at)
        nodes.save(tx, cluster_id, seen, at=at)
    _show(cluster, values)
    return values


def missing_for_summary(database: Database, cluster_id: str, *, at: datetime) -> str:
    """Why nothing can be said about a cluster's present; '' where something can."""
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        if cluster.latest_snapshot_at is None:
            return "the first state of the cluster"
        if at - cluster.latest_snapshot_at > FRESH:
            return "a state of the cluster that is not older than 5 minutes"
        return missing_prices(reader, cluster, at)


def load_metrics(
    database: Database,
    *,
    types: tuple[MetricType, ...],
    since: datetime,
    until: datetime,
    cluster_id: str | None = None,
) -> tuple[MetricLine, ...]:
    """The stored lines of those types, of one cluster or of all; see ``MetricType`` for units."""
    with database.reader() as reader:
        return metrics_summary.load(
            reader, types=types, since=since, until=until, cluster_id=cluster_id
        )


def metrics_of(state: ClusterState, cluster: Cluster, at: datetime) -> Values:
    """All that can be said of a priced state."""
    values = {
        **_costs(state, at),
        **_amounts(state.cluster),
        **_use(state.cluster),
    }
    if cluster.baseline is not None:
        cores = Decimal(values[MetricType.CPU_REQUESTED]) / _MILLICORES
        gib = Decimal(values[MetricType.MEMORY_REQUESTED]) / _GIB
        per_hour = (
            cores * cluster.baseline.usd_per_vcpu_hour + gib * cluster.baseline.usd_per_gib_hour
        )
        values[MetricType.COST_BASELINE] = to_micro_usd(per_hour)
    return values


def _costs(state: ClusterState, at: datetime) -> dict[MetricType, int]:
    costs = node_cost_per_hour(state, at)
    is_known = costs != UNKNOWN_COST
    kinds = state.cluster.nodes.capacity_types
    is_spot = np.array([one is CapacityType.SPOT for one in kinds], np.bool_)
    is_on_demand = np.array([one is CapacityType.ON_DEMAND for one in kinds], np.bool_)
    return {
        MetricType.COST_TOTAL: int(costs[is_known].sum()),
        MetricType.COST_SPOT: int(costs[is_known & is_spot].sum()),
        MetricType.COST_ON_DEMAND: int(costs[is_known & is_on_demand].sum()),
        MetricType.NODES: len(costs),
        MetricType.NODES_SPOT: int(is_spot.sum()),
        MetricType.NODES_ON_DEMAND: int(is_on_demand.sum()),
        MetricType.NODES_UNPRICED: int((~is_known).sum()),
    }


def _amounts(cluster: ClusterSnapshot) -> dict[MetricType, int]:
    """Requests are those of pods that are bound to a node and not finished."""
    pods = cluster.pods
    bound = ~pods.is_finished & (pods.node >= 0)
    return {
        MetricType.PODS: int(bound.sum()),
        MetricType.CPU_ALLOCATABLE: int(cluster.nodes.allocatable_cpu_millicores.sum()),
        MetricType.MEMORY_ALLOCATABLE: int(cluster.nodes.allocatable_memory_bytes.sum()),
        MetricType.CPU_REQUESTED: int(pods.request_cpu_millicores[bound].sum()),
        MetricType.MEMORY_REQUESTED: int(pods.request_memory_bytes[bound].sum()),
    }


def _use(cluster: ClusterSnapshot) -> dict[MetricType, int]:
    """Nothing where a Ready node has no metrics: the sum of a part would look like savings."""
    by_node = {one.metadata.name: one for one in cluster.node_metrics}
    ready = [cluster.nodes.names[row] for row in np.flatnonzero(cluster.nodes.ready)]
    amounts = [_used(by_node.get(name)) for name in ready]
    known = [one for one in amounts if one is not None]
    if not known or len(known) < len(amounts):
        return {}
    return {
        MetricType.CPU_USED: sum(cpu for cpu, _ in known),
        MetricType.MEMORY_USED: sum(memory for _, memory in known),
    }


def _used(metrics: NodeMetrics | None) -> tuple[int, int] | None:
    """Millicores and bytes; None: the node has no metrics that can be read."""
    if metrics is None or not {"cpu", "memory"} <= metrics.usage.keys():
        return None
    try:
        return cpu_millicores(metrics.usage["cpu"]), whole_units(metrics.usage["memory"])
    except InvalidInputError:
        return None


def _node(table: NodeTable, row: int, at: datetime) -> NodeRecord:
    labels = table.items[row].metadata.labels
    if not table.ready[row]:
        status = NodeStatus.NOT_READY
    else:
        status = NodeStatus.READY if table.schedulable[row] else NodeStatus.CORDONED
    return NodeRecord(
        name=table.names[row],
        instance_id=table.instance_ids[row],
        instance_type=table.instance_types[row],
        availability_zone=table.zones[row],
        capacity_type=table.capacity_types[row],
        status=status,
        cpu_millicores=int(table.allocatable_cpu_millicores[row]),
        memory_bytes=int(table.allocatable_memory_bytes[row]),
        owner=next((labels[name] for name in OWNER_LABELS if name in labels), None),
        first_seen_at=at,
        changed_at=at,
    )


def _show(cluster: Cluster, values: Values) -> None:
    """The same for Prometheus."""
    for kind, label in (
        (MetricType.COST_TOTAL, "total"),
        (MetricType.COST_SPOT, "spot"),
        (MetricType.COST_ON_DEMAND, "on-demand"),
    ):
        CLUSTER_COST.labels(cluster.id, label).set(float(to_usd(values[kind])))
    if MetricType.COST_BASELINE in values:
        baseline = to_usd(values[MetricType.COST_BASELINE])
        CLUSTER_BASELINE.labels(cluster.id).set(float(baseline))
    CLUSTER_NODES.labels(cluster.id).set(values[MetricType.NODES])
    if cluster.latest_snapshot_at is not None:
        CLUSTER_STATE_TIME.labels(cluster.id).set(cluster.latest_snapshot_at.timestamp())
