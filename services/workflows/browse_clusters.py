"""What screens show of clusters: which are known, and what is inside one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import msgspec

from db.records import Cluster, ClusterSource, ClusterStatus
from db.repositories import clusters
from db.session import Database
from engines.contracts.results import Skipped
from engines.contracts.state import ClusterState, DataSource, compile_state
from engines.cost import ClusterSummary, summarise_cluster
from services.errors import InvalidInputError, NotFoundError
from services.workflows.market_data import load_market_data
from services.workflows.node_rows import (
    NodeRow,
    node_rows,
    requests_by_node,
    share,
    use_by_node,
)
from services.workflows.open_cluster import load_latest_document

__all__ = ["Cluster", "ClusterSource", "ClusterStatus", "ClusterSummary", "Database", "NodeRow"]

NOT_KNOWN = "not known"
_GIB = 1 << 30


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
    cpu_use_share: float | None  # measured use of the nodes that were measured
    memory_use_share: float | None
    zones: Mapping[str, Mapping[str, int]]  # nodes by zone and capacity type
    capacity_types: Mapping[str, int]  # nodes by capacity type
    nodes: tuple[NodeRow, ...]
    namespaces: tuple[NamespaceRow, ...]
    problems: tuple[Skipped, ...]
    sources: tuple[DataSource, ...]


def load_clusters(database: Database) -> tuple[Cluster, ...]:
    """All clusters that are not archived, by name."""
    with database.reader() as reader:
        return clusters.list_all(reader)


def find_cluster(database: Database, name: str) -> Cluster:
    """The cluster of that id or name. Raises NotFoundError; an error names all where several
    customers have one of that name."""
    known = load_clusters(database)
    found = [one for one in known if one.id == name] or [one for one in known if one.name == name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(
            f"no cluster is called {name!r}",
            next_step=f"choose one of {', '.join(one.name for one in known)}"
            if known
            else "register one with cluster add",
        )
    raise InvalidInputError(
        f"cluster {name!r}",
        "is the name of several customers' clusters",
        next_step="give the id: " + ", ".join(one.id for one in found),
    )


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
    cpu, memory = nodes.allocatable_cpu_millicores, nodes.allocatable_memory_bytes
    _, requests = requests_by_node(state)
    use = use_by_node(state)
    return ClusterView(
        cluster=cluster,
        summary=summarise_cluster(state, at),
        cpu_share=share(requests.cpu_millicores, cpu),
        memory_share=share(requests.memory_bytes, memory),
        cpu_use_share=share(use.cpu_millicores, cpu),
        memory_use_share=share(use.memory_bytes, memory),
        zones=_zones(state),
        capacity_types=_counted(nodes.capacity_types),
        nodes=node_rows(state, at),
        namespaces=_namespaces(state),
        problems=state.problems,
        sources=sources,
    )


def _zones(state: ClusterState) -> dict[str, dict[str, int]]:
    nodes = state.cluster.nodes
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for zone, capacity_type in zip(nodes.zones, nodes.capacity_types, strict=True):
        found[str(zone or NOT_KNOWN)][str(capacity_type or NOT_KNOWN)] += 1
    return {zone: dict(sorted(found[zone].items())) for zone in sorted(found)}


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
    return dict(sorted(Counter(str(value or NOT_KNOWN) for value in values).items()))
