"""What is inside a cluster: cards, zones and capacity types, nodes, namespaces, problems."""

from collections.abc import Mapping

import msgspec
import streamlit as st

from services.workflows.browse_clusters import Cluster, ClusterView
from ui import session
from ui.components import charts, data, formatting, tables
from ui.components.cards import (
    Card,
    show_cards,
    show_empty,
    show_heading,
    show_source,
    source_parts,
)

NODE_COLUMNS = (
    tables.Column(name="name", label="Node"),
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="zone", label="Zone"),
    tables.Column(name="capacity_type", label="Capacity type"),
    tables.Column(name="pods", label="Pods", kind="number"),
    tables.Column(name="cpu_share", label="CPU requested", kind="bar"),
    tables.Column(name="memory_share", label="Memory requested", kind="bar"),
    tables.Column(name="usd_per_hour", label="USD/h", kind="price"),
    tables.Column(name="is_ready", label="Ready", kind="flag"),
    tables.Column(name="is_schedulable", label="Schedulable", kind="flag"),
)
NAMESPACE_COLUMNS = (
    tables.Column(name="namespace", label="Namespace"),
    tables.Column(name="pods", label="Pods", kind="number"),
    tables.Column(name="cpu_cores", label="CPU requested, cores", kind="decimal"),
    tables.Column(name="memory_gib", label="Memory requested, GiB", kind="decimal"),
)
PROBLEM_COLUMNS = (
    tables.Column(name="kind", label="Kind"),
    tables.Column(name="namespace", label="Namespace"),
    tables.Column(name="name", label="Name"),
    tables.Column(name="reason", label="Code"),
    tables.Column(name="message", label="What is wrong", width="large"),
)
CAPACITY_COLORS = {
    "spot": charts.GREEN,
    "on-demand": charts.BLUE,
    "reserved": charts.YELLOW,
}


def choose_cluster() -> Cluster | None:
    """The cluster to look at; None where there is none yet."""
    clusters = {one.name: one for one in data.clusters()}
    if not clusters:
        show_empty(
            "No cluster yet",
            "Open a dump above. CloudOptim needs nothing in the cluster and no access to it.",
            "hub",
        )
        return None
    name = st.selectbox(
        "Cluster", list(clusters), key="clusters_name", bind="query-params", width=320
    )
    return clusters[name]


def show_cluster(cluster: Cluster) -> None:
    """Everything that is known of one cluster."""
    view = data.cluster_view(
        cluster.id, at=session.now().replace(minute=0, second=0, microsecond=0)
    )
    show_summary(view)
    left, right = st.columns(2, gap="medium")
    with left:
        show_heading("Zones", "Nodes in each availability zone")
        _show_counts(
            {zone: sum(counts.values()) for zone, counts in view.zones.items()},
            key="clusters-zones",
        )
    with right:
        show_heading("Capacity types", "How the nodes are bought")
        _show_counts(view.capacity_types, key="clusters-capacity")
    show_heading("Nodes", "Requests of pods against what a node can give them (allocatable)")
    tables.show_table(
        [msgspec.structs.asdict(node) for node in view.nodes],
        NODE_COLUMNS,
        key="clusters_nodes",
        file_name=f"nodes-{cluster.name}",
        noun="node",
    )
    show_heading("Namespaces", "What running pods ask for")
    tables.show_table(
        [msgspec.structs.asdict(one) for one in view.namespaces],
        NAMESPACE_COLUMNS,
        key="clusters_namespaces",
        file_name=f"namespaces-{cluster.name}",
        noun="namespace",
    )
    _show_problems(view)


def show_summary(view: ClusterView) -> None:
    """The cards of a cluster, each with its source, and the line of sources."""
    summary = view.summary
    read = formatting.age(view.cluster.latest_snapshot_at, session.now())
    unpriced = len(summary.unpriced_nodes)
    show_cards(
        [
            Card(
                label="Cost now",
                value=formatting.price_per_hour(summary.current_cost_per_hour),
                note=f"{formatting.money(summary.current_cost_per_month)} a month",
                source="list prices" + (f" · {unpriced} nodes without a price" if unpriced else ""),
                tone="warning" if unpriced else "info",
            ),
            Card(
                label="Nodes",
                value=f"{summary.node_count:,}",
                note=f"{summary.on_demand_count} on-demand, {summary.spot_count} Spot",
                source=f"dump, {read}",
            ),
            Card(
                label="Pods",
                value=f"{summary.pod_count:,}",
                note=formatting.count_of(len(view.namespaces), "namespace"),
                source=f"dump, {read}",
            ),
            Card(
                label="CPU requested",
                value=formatting.percent(view.cpu_share),
                note=f"of {summary.total_cpu:,.0f} cores allocatable",
                source="requests of running pods",
            ),
            Card(
                label="Memory requested",
                value=formatting.percent(view.memory_share),
                note=f"of {summary.total_memory:,.0f} GiB allocatable",
                source="requests of running pods",
            ),
        ]
    )
    show_source(source_parts(view.sources), session.now())


def _show_counts(counts: Mapping[str, int], *, key: str) -> None:
    total = sum(counts.values())
    figure = charts.bar_chart(
        [
            charts.Bar(
                label=name,
                value=count,
                text=f"{formatting.count_of(count, 'node')} · {formatting.percent(count / total)}",
                color=CAPACITY_COLORS.get(name, charts.BLUE),
            )
            for name, count in counts.items()
        ],
        value_format=",d",
    )
    st.plotly_chart(figure, key=key, config=charts.PLOT_CONFIG)


def _show_problems(view: ClusterView) -> None:
    if not view.problems:
        return
    show_heading("Objects that could not be used in full", "Nothing is guessed in their place")
    tables.show_table(
        [
            {
                "kind": one.subject.kind,
                "namespace": one.subject.namespace,
                "name": one.subject.name,
                "reason": one.reason,
                "message": one.message,
            }
            for one in view.problems
        ],
        PROBLEM_COLUMNS,
        key="clusters_problems",
        file_name=f"problems-{view.cluster.name}",
        noun="object",
    )
