"""What is inside a cluster: cards, zones, capacity types, use, owners, nodes, namespaces."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import streamlit as st

from services.workflows.browse_clusters import Cluster, ClusterSource, ClusterView, NodeRow
from ui import session
from ui.clusters.reading import (
    is_reading_awaited,
    show_problems_of_reading,
    show_reading,
)
from ui.components import amount_charts, data, formatting, plot_style, tables, wording
from ui.components.cards import (
    Card,
    show_cards,
    show_empty,
    show_heading,
    show_source,
    source_parts,
)
from ui.components.cluster_names import cluster_namer

REFRESH_SECONDS = 15
AWAITING_SECONDS = 2  # while the scheduler reads on request
NODE_COLUMNS = (
    tables.Column(name="name", label="Node"),
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="zone", label="Zone"),
    tables.Column(name="capacity_type", label="Capacity type"),
    tables.Column(name="owner", label="Owner"),
    tables.Column(name="pods", label="Pods", kind="number"),
    tables.Column(name="cpu_share", label="CPU requested", kind="bar"),
    tables.Column(name="cpu_use_share", label="CPU used", kind="bar"),
    tables.Column(name="memory_share", label="Memory requested", kind="bar"),
    tables.Column(name="memory_use_share", label="Memory used", kind="bar"),
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
    tables.Column(name="message", label="What is wrong", kind="prose", width="large"),
)
CAPACITY_COLORS = {
    "spot": plot_style.GREEN,
    "on-demand": plot_style.BLUE,
    "reserved": plot_style.YELLOW,
}


def choose_cluster() -> Cluster | None:
    """The cluster to look at; None where there is none yet."""
    clusters = {one.id: one for one in data.clusters()}
    if not clusters:
        show_empty(
            "No cluster yet",
            "Open a dump above. Or register a cluster to have it read live; nothing is installed.",
            "hub",
        )
        return None
    chosen = st.selectbox(
        "Cluster",
        list(clusters),
        key="clusters_name",
        bind="query-params",
        format_func=cluster_namer(),
        width=320,
    )
    return clusters.get(chosen)


def show_cluster(cluster_id: str) -> None:
    """Everything that is known of one cluster; what a reading brings appears by itself."""
    is_awaited = is_reading_awaited(cluster_id)
    st.fragment(_show_cluster, run_every=AWAITING_SECONDS if is_awaited else REFRESH_SECONDS)(
        cluster_id
    )


def _show_cluster(cluster_id: str) -> None:
    cluster = next((one for one in data.clusters() if one.id == cluster_id), None)
    if cluster is None:
        return
    show_reading(cluster, session.current_user())
    if cluster.latest_snapshot_digest is None:
        return
    view = data.cluster_view(
        cluster.id, at=session.now().replace(minute=0, second=0, microsecond=0)
    )
    show_summary(view)
    show_problems_of_reading(cluster)
    _show_mixes(view)
    _show_tables(view)


def show_summary(view: ClusterView) -> None:
    """The cards of a cluster, each with its source, and the line of sources."""
    summary = view.summary
    origin = "dump" if view.cluster.source is ClusterSource.DUMP else "API"
    read = f"{origin}, {formatting.age(view.cluster.latest_snapshot_at, session.now())}"
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
                source=read,
            ),
            Card(
                label="Pods",
                value=f"{summary.pod_count:,}",
                note=formatting.count_of(len(view.namespaces), "namespace"),
                source=read,
            ),
            Card(
                label="CPU requested",
                value=formatting.percent(view.cpu_share),
                note=f"of {summary.total_cpu:,.0f} cores allocatable",
                source=_measured(view.cpu_use_share),
            ),
            Card(
                label="Memory requested",
                value=formatting.percent(view.memory_share),
                note=f"of {summary.total_memory:,.0f} GiB allocatable",
                source=_measured(view.memory_use_share),
            ),
        ]
    )
    show_source(source_parts(view.sources), session.now())


def _measured(share: float | None) -> str:
    return "use not measured" if share is None else f"{formatting.percent(share)} used"


def _show_mixes(view: ClusterView) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        show_heading("Zones", "Nodes in each availability zone, by capacity type")
        _show_zones(view)
        show_heading("Utilisation", "Of what the nodes can give (allocatable)")
        _show_utilisation(view)
    with right:
        show_heading("Capacity types", "How the nodes are bought")
        _show_counts(view.capacity_types, key="clusters-capacity")
        show_heading("Owners", "Who replaces a node when it goes")
        owners = Counter(_owner_kind(one) for one in view.nodes)
        _show_counts(dict(owners.most_common()), key="clusters-owners")


def _show_zones(view: ClusterView) -> None:
    kinds = sorted({kind for counts in view.zones.values() for kind in counts})
    figure = amount_charts.stacked_bars(
        list(view.zones),
        {kind: [counts.get(kind, 0) for counts in view.zones.values()] for kind in kinds},
        CAPACITY_COLORS,
    )
    st.plotly_chart(figure, key="clusters-zones", config=plot_style.PLOT_CONFIG)


def _show_utilisation(view: ClusterView) -> None:
    shares = (
        ("CPU requested", view.cpu_share, plot_style.BLUE),
        ("CPU used", view.cpu_use_share, plot_style.GREEN),
        ("Memory requested", view.memory_share, plot_style.BLUE),
        ("Memory used", view.memory_use_share, plot_style.GREEN),
    )
    bars = [
        amount_charts.Bar(label=label, value=share, text=formatting.percent(share, 1), color=color)
        for label, share, color in shares
        if share is not None
    ]
    figure = amount_charts.bar_chart(
        bars, value_format=".0%", limit=1.0, limit_text="100%", text_room=1.1
    )
    st.plotly_chart(figure, key="clusters-utilisation", config=plot_style.PLOT_CONFIG)
    if view.cpu_use_share is None:
        st.caption("Use is not measured: the cluster has no metrics-server that could be read.")


def _show_counts(counts: Mapping[str, int], *, key: str) -> None:
    total = sum(counts.values())
    figure = amount_charts.bar_chart(
        [
            amount_charts.Bar(
                label=name,
                value=count,
                text=f"{formatting.count_of(count, 'node')} · {formatting.percent(count / total)}",
                color=CAPACITY_COLORS.get(name, plot_style.BLUE),
            )
            for name, count in counts.items()
        ],
        value_format=",d",
    )
    st.plotly_chart(figure, key=key, config=plot_style.PLOT_CONFIG)


def _show_tables(view: ClusterView) -> None:
    name = view.cluster.name
    show_heading("Nodes", "Requests and measured use against what a node can give (allocatable)")
    unmeasured = () if view.cpu_use_share is not None else ("cpu_use_share", "memory_use_share")
    tables.show_table(
        [_node(node) for node in view.nodes],
        [one for one in NODE_COLUMNS if one.name not in unmeasured],
        key="clusters_nodes",
        file_name=f"nodes-{name}",
        noun="node",
    )
    show_heading("Namespaces", "What running pods ask for")
    tables.show_table(
        [msgspec.structs.asdict(one) for one in view.namespaces],
        NAMESPACE_COLUMNS,
        key="clusters_namespaces",
        file_name=f"namespaces-{name}",
        noun="namespace",
    )
    _show_problems(view)


def _owner_kind(node: NodeRow) -> str:
    return wording.OWNERS.get(node.owner_kind or "", "Not known")


def _node(node: NodeRow) -> dict[str, Any]:
    known = node.owner_kind is not None
    owner = f"{_owner_kind(node)} {node.owner}".strip() if known else None
    return msgspec.structs.asdict(node) | {"owner": owner}


def _show_problems(view: ClusterView) -> None:
    named = [one for one in view.problems if one.subject.name]  # whole kinds are told above
    if not named:
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
            for one in named
        ],
        PROBLEM_COLUMNS,
        key="clusters_problems",
        file_name=f"problems-{view.cluster.name}",
        noun="object",
    )
