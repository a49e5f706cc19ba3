"""The whole Overview, refreshed by itself: figures, next steps, cost, activity, clusters."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from services.errors import CloudOptimError
from services.workflows.browse_overview import NextStep, NextStepKind, Overview
from services.workflows.browse_system import Event
from ui import navigation, session
from ui.components import data, formatting, tables, wording
from ui.components.cards import FeedLine, show_empty, show_feed, show_heading, show_problem
from ui.components.cluster_names import cluster_namer
from ui.components.formatting import plain
from ui.overview.costs import show_breakdown, show_trend
from ui.overview.figures import show_overview_cards

REFRESH_SECONDS = 10
FEED_LENGTH = 10
CLUSTER_COLUMNS = (
    tables.Column(name="name", label="Cluster"),
    tables.Column(name="nodes", label="Nodes", kind="number"),
    tables.Column(name="pods", label="Pods", kind="number"),
    tables.Column(name="spot", label="On Spot", kind="bar"),
    tables.Column(name="usd_per_hour", label="USD/h", kind="price"),
    tables.Column(name="usd_month", label="USD/month", kind="money"),
    tables.Column(name="saving", label="Safe saving USD/month", kind="money"),
    tables.Column(name="verdict", label="Latest verdict"),
    tables.Column(name="read_at", label="State of", kind="time"),
)
STEP_ICONS = {
    NextStepKind.IMPORT_PRICES: "upload_file",
    NextStepKind.IMPORT_ADVISOR: "upload_file",
    NextStepKind.OPEN_CLUSTER: "folder_open",
    NextStepKind.REVIEW_PLAN: "savings",
    NextStepKind.DRY_RUN: "bolt",
    NextStepKind.REFRESH_DATA: "schedule",
}


@st.fragment(run_every=REFRESH_SECONDS)
def show_overview() -> None:
    """Everything on the page; a fragment of its own, so that a refresh keeps the scroll."""
    try:
        overview = data.overview(at=session.now().replace(minute=0, second=0, microsecond=0))
        feed = data.events(FEED_LENGTH)
    except CloudOptimError as error:
        show_problem(error)
        return
    show_overview_cards(overview)
    steps, activity = st.columns((3, 2), gap="medium")
    with steps:
        _show_next_steps(overview.next_steps)
        if overview.lines:
            show_trend()
    with activity:
        _show_activity(feed)
    if overview.lines:
        show_breakdown(overview)
        _show_clusters(overview)


def _show_next_steps(steps: Sequence[NextStep]) -> None:
    show_heading("What to do next", "The largest safe saving first")
    if not steps:
        show_empty("Nothing is waiting", "Every cluster has a fresh decision.", "task_alt")
        return
    name_of = cluster_namer()
    with st.container(border=True, key="overview-steps", gap="small"):
        for step in steps[:8]:
            _show_step(step, name_of(step.cluster_id))


def _show_step(step: NextStep, cluster: str) -> None:
    text, page, query = _step_words(step, cluster)
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        st.markdown(f":material/{STEP_ICONS[step.kind]}: {text}", width="stretch")
        st.page_link(
            navigation.page(page),
            label=navigation.title(page),
            icon=":material/arrow_forward:",
            query_params=query,
        )


def _step_words(step: NextStep, cluster: str) -> tuple[str, str, dict[str, str]]:
    """The sentence of a step, the page where it is done, and what that page should show."""
    match step.kind:
        case NextStepKind.IMPORT_PRICES:
            text = "Import a **Spot price history** and on-demand prices"
            return text, "pricing", {"pricing_tab": "Import"}
        case NextStepKind.IMPORT_ADVISOR:
            return "Import AWS's **Spot Advisor** file", "pricing", {"pricing_tab": "Import"}
        case NextStepKind.OPEN_CLUSTER:
            return "**Open a cluster** from what kubectl prints", "clusters", {}
        case NextStepKind.REVIEW_PLAN:
            amount = formatting.money(step.savings_usd_month, 0).replace("$", "\\$")
            engine = wording.decision_type(step.decision_type or "")
            text = (
                f"**{plain(cluster)}**, {engine}: review the plan that saves **{amount} a month**"
            )
            return text, "optimize", {"decision": str(step.decision_id)}
        case NextStepKind.DRY_RUN:
            text = f"**{plain(cluster)}**: dry-run the Spot optimizer"
            return text, "optimize", {"optimize_cluster": cluster}
        case NextStepKind.REFRESH_DATA:
            text = f"Bring {wording.data_kind(step.data_kind)} up to date: it is stale"
            return text, "pricing", {"pricing_tab": "Import"}


def _show_activity(feed: Sequence[Event]) -> None:
    show_heading("Activity", "What happened last, newest first")
    if not feed:
        show_empty("Nothing happened yet", "Imports and decisions will appear here.", "history")
        return
    now = session.now()
    show_feed([_feed_line(event, now) for event in feed])


def _feed_line(event: Event, now: datetime) -> FeedLine:
    sign, text = wording.event(event)
    return FeedLine(
        sign=sign,
        subject=event.subject,
        text=text,
        age=formatting.age(event.occurred_at, now),
        hover=formatting.moment_utc(event.occurred_at),
    )


def _show_clusters(overview: Overview) -> None:
    show_heading("Clusters", "Cost at list prices; the saving is that of the newest safe decision")
    name_of = cluster_namer()
    tables.show_table(
        [
            {
                "name": name_of(line.cluster.id),
                "nodes": line.summary.node_count,
                "pods": line.summary.pod_count,
                "spot": line.summary.spot_count / line.summary.node_count,
                "usd_per_hour": line.summary.current_cost_per_hour,
                "usd_month": line.summary.current_cost_per_month,
                "saving": line.saving_usd_month,
                "verdict": "not judged yet"
                if line.judged is None
                else wording.verdict(str(line.judged.action_taken)),
                "read_at": line.cluster.latest_snapshot_at,
            }
            for line in overview.lines
        ],
        CLUSTER_COLUMNS,
        key="overview_clusters",
        file_name="clusters",
        noun="cluster",
    )
