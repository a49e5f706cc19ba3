"""What screens show of clusters: which are known, and what is inside one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from db.records import Cluster
from db.repositories import clusters
from db.session import Database
from engines.contracts.pricing import to_usd
from engines.contracts.results import Skipped
from engines.contracts.state import ClusterState, DataSource, compile_state
from engines.cost import ClusterSummary, node_cost_per_hour, summarise_cluster
from services.workflows.market_data import load_market_data
from services.workflows.open_cluster import load_latest_document

__all__ = ["Cluster", "ClusterSummary"]

Integers = NDArray[np.int64]
_GIB = 1 << 30


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Shares are requests of its pods against its allocatable; None: not known."""

    name: str
    instance_type: str | None
    zone: str | None
    capacity_type: str | None
    is_ready: bool
    is_schedulable: bool
    pods: int
    cpu_share: float | None
    memory_share: float | None
    usd_per_hour: Decimal | None


class NamespaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the running pods of one namespace ask for."""

    namespace: str
    pods: int
    cpu_cores: float
    memory_gib: float


class ClusterView(msgspec.Struct, frozen=True, kw_only=True):
    """What is inside a cluster, with its costs at a moment."""

    cluster: Cluster
    summary: ClusterSummary
    cpu_share: float | None  # requests of all pods against all allocatable
    memory_share: float | None
    zones: Mapping[str, int]  # nodes by zone
    capacity_types: Mapping[str, int]  # nodes by capacity type
    nodes: tuple[NodeRow, ...]
    namespaces: tuple[NamespaceRow, ...]
    problems: tuple[Skipped, ...]
    sources: tuple[DataSource, ...]


def load_clusters(database: Database) -> tuple[Cluster, ...]:
    """All clusters that are not archived, by name."""
    with database.reader() as reader:
        return clusters.list_all(reader)


def load_cluster_view(database: Database, cluster_id: str, *, at: datetime) -> ClusterView:
    """The latest known state of a cluster, priced at ``at`` by the market of its region."""
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        document = load_latest_document(reader, cluster)
    state = compile_state(document)
    sources = state.sources
    if cluster.region is not None:
        market = load_market_data(database, region=cluster.region, at=at)
        sources += market.sources
        state = replace(
            state,
            spot_prices=market.spot_prices,
            on_demand=market.on_demand,
            instance_types=market.instance_types,
        )
    return _view(cluster, state, sources, at)


def _view(
    cluster: Cluster, state: ClusterState, sources: tuple[DataSource, ...], at: datetime
) -> ClusterView:
    nodes = state.cluster.nodes
    use = _use(state)
    return ClusterView(
        cluster=cluster,
        summary=summarise_cluster(state, at),
        cpu_share=_share(use.cpu_millicores, nodes.allocatable_cpu_millicores),
        memory_share=_share(use.memory_bytes, nodes.allocatable_memory_bytes),
        zones=_counted(nodes.zones),
        capacity_types=_counted(nodes.capacity_types),
        nodes=_node_rows(state, use, at),
        namespaces=_namespaces(state),
        problems=state.problems,
        sources=sources,
    )


@dataclass(frozen=True, slots=True)
class _Use:
    """What the running pods of each node ask for, in the order of the node table."""

    pods: Integers
    cpu_millicores: Integers
    memory_bytes: Integers


def _use(state: ClusterState) -> _Use:
    pods = state.cluster.pods
    rows = np.flatnonzero(~pods.is_finished & (pods.node >= 0))

    def total(amounts: Integers) -> Integers:
        sums = np.zeros(len(state.cluster.nodes), np.int64)
        np.add.at(sums, pods.node[rows], amounts[rows])
        return sums

    return _Use(
        pods=total(np.ones(len(pods), np.int64)),
        cpu_millicores=total(pods.request_cpu_millicores),
        memory_bytes=total(pods.request_memory_bytes),
    )


def _node_rows(state: ClusterState, use: _Use, at: datetime) -> tuple[NodeRow, ...]:
    nodes = state.cluster.nodes
    costs = node_cost_per_hour(state, at)
    return tuple(
        NodeRow(
            name=name,
            instance_type=nodes.instance_types[row],
            zone=nodes.zones[row],
            capacity_type=nodes.capacity_types[row],
            is_ready=bool(nodes.ready[row]),
            is_schedulable=bool(nodes.schedulable[row]),
            pods=int(use.pods[row]),
            cpu_share=_share(use.cpu_millicores[row], nodes.allocatable_cpu_millicores[row]),
            memory_share=_share(use.memory_bytes[row], nodes.allocatable_memory_bytes[row]),
            usd_per_hour=None if costs[row] < 0 else to_usd(int(costs[row])),
        )
        for row, name in enumerate(nodes.names)
    )


def _namespaces(state: ClusterState) -> tuple[NamespaceRow, ...]:
    """The namespaces with running pods, the largest CPU request first."""
    pods = state.cluster.pods
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for pod, cpu, memory, is_finished in zip(
        pods.items,
        pods.request_cpu_millicores.tolist(),
        pods.request_memory_bytes.tolist(),
        pods.is_finished.tolist(),
        strict=True,
    ):
        if not is_finished:
            total = totals[pod.metadata.namespace]
            total[0] += 1
            total[1] += cpu
            total[2] += memory
    return tuple(
        NamespaceRow(namespace=name, pods=count, cpu_cores=cpu / 1000, memory_gib=memory / _GIB)
        for name, (count, cpu, memory) in sorted(
            totals.items(), key=lambda item: (-item[1][1], item[0])
        )
    )


def _counted(values: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(str(value or "not known") for value in values).items()))


def _share(part: Integers | np.int64, whole: Integers | np.int64) -> float | None:
    """Sum against sum; None where there is nothing to share."""
    total = int(np.sum(whole))
    return int(np.sum(part)) / total if total else None
