"""The decision stream: filters, a timeline with markers, and a page of the log to click on."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import streamlit as st

from engines.contracts.results import DecisionType
from services.workflows.browse_decisions import (
    DecisionFilter,
    DecisionPage,
    DecisionSummary,
    LoggedDecision,
)
from ui import session
from ui.components import data, formatting, plot_style, tables, time_charts, wording
from ui.components.cards import show_empty
from ui.components.cluster_names import cluster_namer

PAGE_ROWS = 50
VERDICTS = {"Safe": True, "Not safe": False}
PERIODS = {"24 h": 1, "7 d": 7, "30 d": 30, "All": None}
COLUMNS = (
    tables.Column(name="id", label="No.", kind="number"),
    tables.Column(name="created_at", label="Decided", kind="time"),
    tables.Column(name="type", label="Type"),
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="verdict", label="Verdict"),
    tables.Column(name="estimated_savings", label="Saving USD/month", kind="money"),
    tables.Column(name="recommendation_count", label="Recommendations", kind="number"),
    tables.Column(name="confidence_score", label="Confidence", kind="bar"),
    tables.Column(name="engine", label="Engine"),
    tables.Column(name="triggered_by", label="By"),
)


def choose_decision() -> int | None:
    """The stream; the id of the decision that was clicked, or that the address names."""
    wanted = _ask_filter()
    number = session.page_number("decisions")
    page = data.decision_page(wanted, limit=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    if not page.total:
        _show_nothing(wanted)
        return session.named_decision()
    name_of = cluster_namer()
    _show_timeline(page.items, name_of)
    chosen = tables.choose_from_table(
        [to_row(one, name_of) for one in page.items],
        COLUMNS,
        key="stream_decisions",
        file_name="decisions",
        noun="decision",
    )
    _show_pages(page)
    if chosen is not None:
        session.name_decision(chosen["id"])
    return session.named_decision()


def load_named() -> LoggedDecision | None:
    """The decision that the address names, whole."""
    named = session.named_decision()
    return None if named is None else data.decision(named)


def _ask_filter() -> DecisionFilter:
    name_of = cluster_namer()
    with st.container(horizontal=True, vertical_alignment="bottom", key="stream-tools"):
        kind = st.selectbox(
            "Type",
            list(DecisionType),
            index=None,
            format_func=wording.decision_type,
            key="stream_type",
            bind="query-params",
            placeholder="All types",
            width=170,
        )
        cluster = st.selectbox(
            "Cluster",
            [one.id for one in data.clusters()],
            index=None,
            format_func=name_of,
            key="stream_cluster",
            bind="query-params",
            placeholder="All clusters",
            width=190,
        )
        verdict = st.selectbox(
            "Verdict",
            list(VERDICTS),
            index=None,
            key="stream_verdict",
            bind="query-params",
            placeholder="All verdicts",
            width=140,
        )
        period = st.segmented_control(
            "Period",
            list(PERIODS),
            default="All",
            required=True,
            key="stream_period",
            bind="query-params",
        )
    days = PERIODS[period or "All"]
    today = session.now().replace(minute=0, second=0, microsecond=0)
    return DecisionFilter(
        decision_type=kind,
        cluster_id=cluster,
        is_safe=None if verdict is None else VERDICTS[verdict],
        since=None if days is None else today - timedelta(days=days),
    )


def _show_nothing(wanted: DecisionFilter) -> None:
    if wanted == DecisionFilter():
        show_empty(
            "No decision yet",
            "Open a cluster on **Clusters**, then press **Dry run** on **Optimize**: "
            "every decision is kept here with its inputs.",
            "timeline",
        )
    else:
        show_empty("Nothing matches", "Remove a filter above.", "filter_alt_off")


def _show_timeline(decisions: Sequence[DecisionSummary], name_of: Callable[[str], str]) -> None:
    """The decisions of this page as markers: sign and colour by verdict, height by saving."""
    figure = time_charts.marker_chart(
        [
            time_charts.Marker(
                when=one.created_at,
                value=float(one.estimated_savings),
                group=_verdict(one),
                hover=f"No. {one.id} · {wording.decision_type(one.decision_type)}<br>"
                f"{name_of(one.cluster_id)}<br>"
                f"{formatting.money(one.estimated_savings)} a month<br>"
                f"{formatting.moment_utc(one.created_at)}",
            )
            for one in decisions
        ],
        zone=session.viewer_zone(),
        value_title="USD/month",
    )
    st.plotly_chart(figure, key="stream-timeline", config=plot_style.PLOT_CONFIG)


def _show_pages(page: DecisionPage) -> None:
    pages = -(-page.total // PAGE_ROWS)
    if pages > 1:
        st.pagination(pages, key=session.PAGE_KEYS["decisions"], bind="query-params")


def _verdict(one: DecisionSummary) -> str:
    if one.status != "ok":
        return "✕ Refused"
    return "- No verdict" if one.action_taken is None else wording.verdict(one.action_taken)


def to_row(one: DecisionSummary, name_of: Callable[[str], str]) -> tables.Row:
    """A decision as a row of the stream's table; ``name_of`` tells the name of a cluster."""
    return {
        "id": one.id,
        "created_at": one.created_at,
        "type": wording.decision_type(one.decision_type),
        "cluster": name_of(one.cluster_id),
        "verdict": _verdict(one),
        "estimated_savings": one.estimated_savings,
        "recommendation_count": one.recommendation_count,
        "confidence_score": one.confidence_score,
        "engine": f"{one.engine_name} {one.engine_version}",
        "triggered_by": one.triggered_by,
    }
