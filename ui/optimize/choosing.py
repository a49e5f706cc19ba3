"""Which cluster is looked at, and what was decided about it before."""

import streamlit as st

from services.access import Actor, Role
from services.workflows.browse_clusters import Cluster
from services.workflows.browse_decisions import DecisionFilter
from ui import session
from ui.clusters.opening import ask_for_dump
from ui.components import data, formatting, tables
from ui.components.cards import show_empty, show_heading
from ui.decisions.stream import COLUMNS, to_row

HISTORY_ROWS = 20


def choose_cluster(user: Actor) -> Cluster | None:
    """An opened cluster, or one opened here and now; None where there is none yet."""
    clusters = {one.name: one for one in data.clusters()}
    if not clusters:
        show_empty(
            "No cluster yet", "Open a dump on **Clusters**, or right here below.", "folder_open"
        )
    with st.popover(
        "Open another dump" if clusters else "Open a dump",
        icon=":material/upload_file:",
        key="optimize-open",
        disabled=user.role < Role.OPERATOR,
    ):
        opened = ask_for_dump("optimize")
    if opened is not None:
        clusters[opened.cluster.name] = opened.cluster
    if not clusters:
        return None
    name = st.selectbox(
        "Cluster", list(clusters), key="optimize_cluster", bind="query-params", width=320
    )
    cluster = clusters[name]
    read = formatting.age(cluster.latest_snapshot_at, session.now())
    st.caption(f"Region {cluster.region or 'not known'} · state of {read}")
    return cluster


def show_history(cluster: Cluster) -> None:
    """The newest decisions about the cluster; a click shows one of them above."""
    show_heading("Decisions so far", "Newest first; click one to see it in full")
    page = data.decision_page(DecisionFilter(cluster_id=cluster.id), limit=HISTORY_ROWS, offset=0)
    if not page.total:
        show_empty("None yet", "Press **Dry run** above.", "bolt")
        return
    chosen = tables.choose_from_table(
        [to_row(one) for one in page.items],
        COLUMNS,
        key="optimize_history",
        file_name=f"decisions-{cluster.name}",
        noun="decision",
    )
    if chosen is not None and chosen["id"] != session.named_decision():
        session.name_decision(chosen["id"])
        st.rerun()
