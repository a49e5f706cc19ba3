"""Findings of a preflight or a reading: what is not well first, each with its remedy."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.findings import Finding, FindingState
from services.secrets import open_secret_box
from services.workflows.browse_clusters import Cluster, ClusterSource
from ui import session
from ui.clusters.patience import quick_settings
from ui.components import data, formatting, tables
from ui.components.cards import show_empty, show_problem
from ui.components.cluster_names import cluster_namer

SIGNS = {
    FindingState.FAILED: "✕ failed",
    FindingState.MISSING: "✕ missing",
    FindingState.WARNING: "! warning",
    FindingState.SUPERFLUOUS: "- superfluous",
    FindingState.HELD: "✓ held",
}
COLUMNS = (
    tables.Column(name="state", label="State"),
    tables.Column(name="check", label="Check"),
    tables.Column(name="remedy", label="What to do", width="large"),
    tables.Column(name="message", label="What was seen", kind="prose", width="large"),
    tables.Column(name="needed_for", label="Needed for"),
)


def show_findings(findings: Sequence[Finding], *, key: str, name: str) -> None:
    """The findings as a table, the worst first."""
    order = list(SIGNS)
    rows = [
        {
            "state": SIGNS[one.state],
            "check": one.check,
            "remedy": one.remedy,
            "message": one.message,
            "needed_for": one.needed_for,
        }
        for one in sorted(findings, key=lambda one: (order.index(one.state), one.check))
    ]
    is_all_well = not any(one.remedy for one in findings)
    columns = [one for one in COLUMNS if not (is_all_well and one.name == "remedy")]
    tables.show_table(rows, columns, key=key, file_name=f"findings-{name}", noun="finding")


def choose_read_cluster() -> Cluster | None:
    """One of the clusters that are read through their API; None where there is none."""
    known = {one.id: one for one in data.clusters() if one.source is ClusterSource.API}
    if not known:
        show_empty(
            "Nothing to check yet",
            "Register a cluster first; a dump needs no permissions.",
            "checklist",
        )
        return None
    chosen = st.selectbox(
        "Cluster",
        list(known),
        key="clusters_preflight_name",
        bind="query-params",
        format_func=cluster_namer(),
        width=320,
    )
    return known.get(chosen)


def show_preflight(cluster: Cluster, user: Actor) -> None:
    """The button, and the findings of the last preflight of this viewer."""
    kept = f"clusters-preflight-{cluster.id}"
    if st.button(
        "Run preflight",
        key="clusters-run-preflight",
        icon=":material/checklist:",
        disabled=user.role < Role.OPERATOR,
        help="Nothing is changed: the Kubernetes API is asked what it allows, AWS by dry runs.",
    ):
        try:
            with st.spinner("Asking Kubernetes and AWS"):
                session.remember(kept, (_ask(cluster, user), session.now()))
        except CloudOptimError as error:
            show_problem(error)
            return
    if (found := session.remembered(kept)) is None:
        st.caption("Not run in this session yet.")
        return
    findings, at = found
    counts = Counter(one.state for one in findings)
    told = " · ".join(f"{counts[state]} {state}" for state in SIGNS if counts[state])
    st.markdown(f"**{told}**, {formatting.age(at, session.now())}")
    show_findings(findings, key="clusters_preflight", name=cluster.name)


def _ask(cluster: Cluster, user: Actor) -> tuple[Finding, ...]:
    from services.workflows.preflight import preflight_cluster

    settings = quick_settings()
    return preflight_cluster(
        session.database(),
        cluster.id,
        secrets=open_secret_box(settings),
        settings=settings,
        actor=user,
        at=session.now(),
    )
