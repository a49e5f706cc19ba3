"""Who causes the cost of the nodes: each workload's part by its requests, and what is idle.

A pod's part of its node is the mean of its CPU share and its memory share of the allocatable: both
weigh alike. What no pod requests is idle. Nodes without a known price are in no part; how many
there are stands in the cluster's summary.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import MICRO_USD_PER_USD
from engines.contracts.state import ClusterState
from engines.cost import UNKNOWN_COST, node_cost_per_hour

NO_WORKLOAD = "no workload"


class WorkloadCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one workload's pods cause, USD per hour; ``kind`` is "" for pods without a workload."""

    namespace: str
    kind: str
    name: str
    pods: int
    usd_per_hour: Decimal


class CostShares(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of all priced nodes, split. ``workloads`` come dearest first."""

    workloads: tuple[WorkloadCost, ...]
    idle_usd_per_hour: Decimal
    by_capacity_type: Mapping[str, Decimal]  # "spot", "on-demand" ...; "" where nothing tells

    def by_namespace(self) -> dict[str, Decimal]:
        """The cost of each namespace, USD per hour, dearest first."""
        sums: dict[str, Decimal] = {}
        for one in self.workloads:
            sums[one.namespace] = sums.get(one.namespace, Decimal(0)) + one.usd_per_hour
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def share_costs(state: ClusterState, now: datetime) -> CostShares:
    """Split what the nodes cost at ``now`` among the workloads whose pods run on them."""
    nodes, pods = state.cluster.nodes, state.cluster.pods
    costs = node_cost_per_hour(state, now).astype(np.float64)
    costs[costs == UNKNOWN_COST] = 0.0
    rows = np.flatnonzero(~pods.is_finished & (pods.node >= 0))
    at = pods.node[rows]
    share = 0.5 * (
        _part(pods.request_cpu_millicores[rows], nodes.allocatable_cpu_millicores[at])
        + _part(pods.request_memory_bytes[rows], nodes.allocatable_memory_bytes[at])
    )
    caused = share * costs[at]
    sums: dict[tuple[str, str, str], tuple[float, int]] = {}
    for row, amount in zip(rows.tolist(), caused.tolist(), strict=True):
        key = _workload_of(state, row)
        before, count = sums.get(key, (0.0, 0))
        sums[key] = (before + amount, count + 1)
    workloads = [
        WorkloadCost(
            namespace=key[0], kind=key[1], name=key[2], pods=count, usd_per_hour=_usd(sum_)
        )
        for key, (sum_, count) in sums.items()
    ]
    workloads.sort(key=lambda one: (-one.usd_per_hour, one.namespace, one.kind, one.name))
    return CostShares(
        workloads=tuple(workloads),
        idle_usd_per_hour=_usd(max(0.0, float(costs.sum() - caused.sum()))),
        by_capacity_type=_by_capacity_type(state, costs),
    )


def _by_capacity_type(state: ClusterState, costs: NDArray[np.float64]) -> dict[str, Decimal]:
    sums: dict[str, float] = {}
    for kind, cost in zip(state.cluster.nodes.capacity_types, costs.tolist(), strict=True):
        name = "" if kind is None else kind.value
        sums[name] = sums.get(name, 0.0) + cost
    return {name: _usd(sums[name]) for name in sorted(sums)}


def _part(asked: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.float64]:
    """Asked for of what is there; a node that offers nothing is nobody's."""
    return np.where(there > 0, asked / np.maximum(there, 1), 0.0)


def _workload_of(state: ClusterState, row: int) -> tuple[str, str, str]:
    """namespace, kind, name of the workload that a pod belongs to."""
    pods = state.cluster.pods
    namespace = pods.items[row].metadata.namespace
    if (position := int(pods.workload[row])) < 0:
        return namespace, "", NO_WORKLOAD
    workload = state.cluster.workloads[position]
    return namespace, type(workload).__name__, workload.metadata.name


def _usd(micro_usd: float) -> Decimal:
    return Decimal(round(micro_usd)) / MICRO_USD_PER_USD
