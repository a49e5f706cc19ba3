"""The Office hours page: which cluster, how its environments stand, and the parts below."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import streamlit as st

from engines.contracts.results import DecisionType
from engines.office_hours.reasons import RefusalReason
from services.access import Actor
from services.errors import CloudOptimError
from services.workflows.browse_clusters import Cluster
from services.workflows.browse_office_hours import HoursDecision, Outlook, outlook
from services.workflows.recommend import Question, recommend
from ui import navigation, session
from ui.components import data, formatting, tables
from ui.components.cards import Card, show_cards, show_empty, show_heading, show_problem
from ui.components.cluster_names import cluster_namer
from ui.components.formatting import plain
from ui.office_hours.calendar import show_week
from ui.office_hours.followers import show_namespaces, show_skipped
from ui.office_hours.form import show_editor

REFRESH_SECONDS = 10
COLUMNS = (
    tables.Column(name="environment", label="Environment"),
    tables.Column(name="now", label="Now"),
    tables.Column(name="sleep", label="Next sleep", kind="time"),
    tables.Column(name="wake", label="Next wake", kind="time"),
    tables.Column(name="asleep", label="Asleep h/week", kind="decimal"),
    tables.Column(name="saving", label="Saves USD/month", kind="money"),
    tables.Column(name="sleepers", label="Workloads that sleep"),
    tables.Column(name="zone", label="Time zone"),
)
PROBLEM = tables.Column(name="problem", label="Problem", kind="prose", width="large")


def choose_cluster(user: Actor) -> Cluster | None:
    """The cluster whose hours are shown, with the button that asks the engine about it."""
    clusters = {one.id: one for one in data.clusters()}
    if not clusters:
        show_empty(
            "No cluster yet",
            "Register one, or open a dump, on **Clusters**: its environments get their hours here.",
            "bedtime",
        )
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", key="hours-tools"):
        chosen = st.selectbox(
            "Cluster",
            list(clusters),
            format_func=cluster_namer(),
            key="hours_cluster",
            bind="query-params",
            width=320,
        )
        is_asked = st.button(
            "Ask now",
            icon=":material/play_arrow:",
            key="hours-ask",
            help="Asks the engine what would sleep or wake; nothing is changed anywhere.",
        )
    if is_asked:
        _ask(clusters[chosen], user)
    return clusters[chosen]


def _ask(cluster: Cluster, user: Actor) -> None:
    now = session.now()
    question = Question(cluster_id=cluster.id, decision_type=DecisionType.SCHEDULE, as_of=now)
    try:
        with st.spinner("Deciding"):
            recommend(session.database(), question, actor=user, at=now)
    except CloudOptimError as error:
        show_problem(error)
    data.forget_versions()


def show_office_hours(cluster: Cluster, user: Actor) -> None:
    """All of the page about one cluster. What is shown refreshes by itself; the form does not, so
    that it stays as it is typed into."""
    _show_state(cluster)
    show_editor(cluster, data.office_hours(cluster.id), user)
    _show_followers(cluster)


@st.fragment(run_every=REFRESH_SECONDS)
def _show_state(cluster: Cluster) -> None:
    try:
        records = data.office_hours(cluster.id)
        decision = data.office_hours_decision(cluster.id)
    except CloudOptimError as error:
        show_problem(error)
        return
    now = session.now()
    outlooks = [outlook(one, now) for one in records]
    if records:
        _show_cards(outlooks, decision, now)
    if decision is not None:
        _show_decision(decision, now)
    if records:
        _show_schedules(outlooks, decision)
        show_week(records, now)
    else:
        show_empty(
            "No office hours yet",
            "Add a schedule below; namespaces follow it by the label "
            "`cloudoptim.io/environment: <environment>`.",
            "bedtime",
        )


@st.fragment(run_every=REFRESH_SECONDS)
def _show_followers(cluster: Cluster) -> None:
    try:
        records = data.office_hours(cluster.id)
        decision = data.office_hours_decision(cluster.id)
        known = {one.id: one.latest_snapshot_digest for one in data.clusters()}
    except CloudOptimError as error:
        show_problem(error)
        return
    digest = known.get(cluster.id)
    if digest is not None:
        show_namespaces(cluster, digest, records)
    if decision is not None:
        show_skipped(decision)


def _show_cards(outlooks: Sequence[Outlook], decision: HoursDecision | None, now: datetime) -> None:
    asleep = sum(not one.is_open for one in outlooks)
    sleeps = [(one.next_sleep, one.environment) for one in outlooks if one.next_sleep]
    wakes = [(one.next_wake, one.environment) for one in outlooks if one.next_wake]
    show_cards(
        [
            Card(
                label="Environments",
                value=str(len(outlooks)),
                note=f"{asleep} outside of office hours now",
                tone="info",
            ),
            _next("Next sleep", sleeps, now),
            _next("Next wake", wakes, now),
            _forecast(decision, now),
        ]
    )


def _next(label: str, changes: Sequence[tuple[datetime, str]], now: datetime) -> Card:
    """The first of the changes, with the environment that it is of."""
    if not changes:
        return Card(label=label, value=formatting.UNKNOWN, note="never, by these schedules")
    at, environment = min(changes)
    zone = session.viewer_zone()
    return Card(
        label=label,
        value=formatting.age(at, now),
        note=f"{environment}: {formatting.moment(at, zone)}",
        source=formatting.zone_name(zone, at),
    )


def _forecast(decision: HoursDecision | None, now: datetime) -> Card:
    label = "Saves by the calendar"
    if decision is None or decision.refusal:
        return Card(label=label, value=formatting.UNKNOWN, note="press Ask now for a forecast")
    total = sum((one.savings_usd_month for one in decision.forecasts), Decimal(0))
    unpriced = sum(one.workloads_without_known_cost for one in decision.forecasts)
    missing = f"; {unpriced} workloads of unknown cost are in no sum" if unpriced else ""
    return Card(
        label=label,
        value=formatting.money(total),
        note=f"a month{missing}",
        source=f"decision {decision.summary.id}, "
        f"{formatting.age(decision.summary.created_at, now)}",
        tone="good",
    )


def _show_decision(decision: HoursDecision, now: datetime) -> None:
    """The newest answer of the engine with its age; a refusal and its warnings below."""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        st.caption(
            f"Newest decision: {formatting.age(decision.summary.created_at, now)}",
            width="stretch",
            help=formatting.moment_utc(decision.summary.created_at),
        )
        st.page_link(
            navigation.page("decision_stream"),
            label=f"Decision {decision.summary.id}",
            icon=":material/arrow_forward:",
            query_params={session.DECISION_PARAMETER: str(decision.summary.id)},
        )
    if decision.refusal:
        is_new_here = decision.summary.reason == RefusalReason.NO_SCHEDULES
        tell, icon = (st.info, ":material/info:") if is_new_here else (st.error, ":material/block:")
        tell(f"No advice, because {plain(decision.refusal)}", icon=icon)
    for notice in decision.warnings:
        st.warning(plain(formatting.sentence(notice.message)), icon=":material/warning:")


def _show_schedules(outlooks: Sequence[Outlook], decision: HoursDecision | None) -> None:
    show_heading(
        "Schedules", "One row an environment; a schedule that is not understood keeps awake"
    )
    forecasts = {one.environment: one for one in decision.forecasts} if decision else {}
    rows = []
    for one in outlooks:
        known = forecasts.get(one.environment)
        rows.append(
            {
                "environment": one.environment,
                "now": _now(one),
                "sleep": one.next_sleep,
                "wake": one.next_wake,
                "asleep": one.hours_asleep_in_week,
                "saving": None if known is None else known.savings_usd_month,
                "sleepers": None
                if known is None
                else f"{known.workloads_that_sleep} of {known.workloads}",
                "zone": one.timezone,
                "problem": one.problem,
            }
        )
    columns = (*COLUMNS, PROBLEM) if any(one.problem for one in outlooks) else COLUMNS
    tables.show_table(
        rows, columns, key="hours_schedules", file_name="office-hours", noun="schedule"
    )


def _now(one: Outlook) -> str:
    if one.problem:
        return "! stays awake"
    return "☀ in office hours" if one.is_open else "☾ outside"
