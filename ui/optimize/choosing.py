"""Which cluster is looked at, and what was decided about it before."""

from collections.abc import Sequence

import streamlit as st

from services.access import Actor, Role
from services.workflows.browse_clusters import Cluster
from services.workflows.browse_decisions import DecisionFilter, LoggedDecision
from ui import session
from ui.clusters.opening import ask_for_dump
from ui.components import data, formatting, tables
from ui.components.cards import show_empty, show_heading
from ui.components.cluster_names import cluster_namer
from ui.decisions.stream import COLUMNS, to_row

HISTORY_ROWS = 20


def choose_cluster(user: Actor, shown: LoggedDecision | None) -> Cluster | None:
    """An opened cluster (at first that of the decision shown), or one opened here and now."""
    clusters = {one.id: one for one in data.clusters()}
    if not clusters:
        show_empty(
            "No cluster yet", "Open a dump on **Clusters**, or right here below.", "folder_open"
        )
    with st.container(horizontal=True, vertical_alignment="bottom", key="optimize-tools"):
        place = st.container(width=320)
        opened = _open_dump(user, is_first=not clusters)
        line = st.empty()
    if opened is not None:
        clusters[opened.id] = opened
        session.preselect("optimize_cluster", opened.id)
    if not clusters:
        return None
    known = list(clusters)
    chosen = place.selectbox(
        "Cluster",
        known,
        index=_index(known, shown),
        format_func=cluster_namer(),
        key="optimize_cluster",
        bind="query-params",
    )
    cluster = clusters[chosen]
    read = formatting.age(cluster.latest_snapshot_at, session.now())
    line.caption(f"Region {cluster.region or 'not known'} · state of {read}")
    return cluster


def _open_dump(user: Actor, *, is_first: bool) -> Cluster | None:
    with st.popover(
        "Open a dump" if is_first else "Open another dump",
        icon=":material/upload_file:",
        key="optimize-open",
        disabled=user.role < Role.OPERATOR,
    ):
        opened = ask_for_dump("optimize")
    return None if opened is None else opened.cluster


def _index(known: Sequence[str], shown: LoggedDecision | None) -> int:
    """The place of the cluster that the decision in the address is about."""
    cluster_id = "" if shown is None else shown.summary.cluster_id
    return known.index(cluster_id) if cluster_id in known else 0


def show_history(cluster: Cluster) -> None:
    """The newest decisions about the cluster; a click shows one of them above."""
    show_heading("Decisions so far", "Newest first; click one to see it in full")
    page = data.decision_page(DecisionFilter(cluster_id=cluster.id), limit=HISTORY_ROWS, offset=0)
    if not page.total:
        show_empty("None yet", "Press **Dry run** above.", "bolt")
        return
    name_of = cluster_namer()
    chosen = tables.choose_from_table(
        [to_row(one, name_of) for one in page.items],
        COLUMNS,
        key="optimize_history",
        file_name=f"decisions-{cluster.name}",
        noun="decision",
    )
    if chosen is not None and chosen["id"] != session.named_decision():
        session.name_decision(chosen["id"])
        st.rerun()
