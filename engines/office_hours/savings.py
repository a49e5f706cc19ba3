"""What sleep frees: the cost of requests that go, and the nodes that stand empty because of it.

A pod's cost is its part of what its node costs: the mean of its shares of allocatable vCPU and
memory, so that the pods of a node never cost more than the node.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.state import ClusterState
from engines.cost import UNKNOWN_COST, node_cost_per_hour
from engines.office_hours.calendar import Schedule, hours_awake

MONTH = timedelta(hours=int(HOURS_PER_MONTH))
_NAMED_PODS = 5


def hours_asleep(schedule: Schedule, now: datetime) -> float:
    """Hours of the coming month (730 hours) at which the schedule is closed."""
    return float(HOURS_PER_MONTH) - hours_awake(schedule, now, now + MONTH)


class Costs:
    """What the pods of a cluster cost per hour."""

    def __init__(self, state: ClusterState, now: datetime) -> None:
        self._snapshot = state.cluster
        self._node_costs = node_cost_per_hour(state, now)
        self._pod_costs = _pod_costs(state.cluster, self._node_costs)

    def of_replica(self, workload: int) -> Decimal | None:
        """USD per hour of one replica of a workload (by row), the mean of those that run."""
        rows = self._snapshot.pods.by_workload.members(workload)
        costs = self._pod_costs[rows]
        known = costs[~np.isnan(costs)]
        return to_usd(round(float(known.mean()))) if len(known) else None

    def of_node(self, node: int) -> Decimal | None:
        """USD per hour of a node (by row)."""
        cost = int(self._node_costs[node])
        return None if cost == UNKNOWN_COST else to_usd(cost)


def _pod_costs(snapshot: ClusterSnapshot, node_costs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Micro-dollars per hour of each pod; NaN: it runs nowhere, or its node has no price."""
    nodes, pods = snapshot.nodes, snapshot.pods
    costs = np.full(len(pods), np.nan)
    bound = np.flatnonzero((pods.node >= 0) & ~pods.is_finished)
    bound = bound[node_costs[pods.node[bound]] != UNKNOWN_COST]
    node = pods.node[bound]
    cpu = pods.request_cpu_millicores[bound] / np.maximum(nodes.allocatable_cpu_millicores[node], 1)
    memory = pods.request_memory_bytes[bound] / np.maximum(nodes.allocatable_memory_bytes[node], 1)
    costs[bound] = (cpu + memory) / 2 * node_costs[node]
    return costs


class NodeEffect(NamedTuple):
    """What becomes of a node that loses pods to sleep; ``pods`` are those that hold it."""

    node: str
    usd_per_hour: Decimal | None
    pods: tuple[str, ...]
    pod_count: int


def node_effects(
    snapshot: ClusterSnapshot, costs: Costs, sleeping: Collection[int]
) -> tuple[NodeEffect, ...]:
    """The nodes that lose pods of workloads (by row) that go down to no replicas.

    A node without ``pods`` runs nothing but DaemonSets, static and finished pods any more.
    """
    pods = snapshot.pods
    goes = np.isin(pods.workload, np.array(sorted(sleeping), np.int32))
    stays = ~(goes | pods.is_daemonset | pods.is_mirror | pods.is_finished)
    touched = sorted({int(node) for node in pods.node[goes & ~pods.is_finished] if node >= 0})
    effects = []
    for node in touched:
        rows = [int(row) for row in pods.by_node.members(node) if stays[row]]
        named = tuple(pods.items[row].key for row in rows[:_NAMED_PODS])
        effects.append(
            NodeEffect(snapshot.nodes.names[node], costs.of_node(node), named, len(rows))
        )
    return tuple(effects)
