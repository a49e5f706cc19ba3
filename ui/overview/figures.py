"""The figures on top of the Overview: cost, baseline, savings, clusters, decisions, data."""

from datetime import datetime

from services.workflows.browse_overview import Overview
from services.workflows.browse_trend import CostNow
from ui import session
from ui.components import data, formatting, wording
from ui.components.cards import Card, show_cards


def show_overview_cards(overview: Overview) -> None:
    """Six cards, each with where its number is from and how old that is."""
    now = session.now()
    show_cards(
        [
            _cost_card(overview, now),
            _baseline_card(data.cost_now(at=now.replace(second=0, microsecond=0))),
            _savings_card(overview),
            _clusters_card(overview, now),
            _decisions_card(overview, now),
            _data_card(now),
        ]
    )


def _cost_card(overview: Overview, now: datetime) -> Card:
    if not overview.lines:
        return Card(label="Cost now", value="none yet", note="open a cluster first")
    return Card(
        label="Cost now",
        value=formatting.price_per_hour(overview.cost_per_hour),
        note=f"{formatting.money(overview.cost_per_month, 0)} a month",
        source=f"list prices; {_oldest_state(overview, now)}",
        tone="info",
    )


def _baseline_card(known: CostNow | None) -> Card:
    if known is None or known.saved_share is None:
        return Card(
            label="Without CloudOptim",
            value="none yet",
            note="frozen at a cluster's first reading",
            source="dumps have no baseline",
        )
    share = known.saved_share
    return Card(
        label="Without CloudOptim",
        value=formatting.price_per_hour(known.baseline_per_hour),
        note=f"cost is {formatting.percent(abs(share))} {'below' if share >= 0 else 'above'} it",
        source="what pods request, at on-demand unit prices",
        tone="good" if share > 0 else "plain",
    )


def _savings_card(overview: Overview) -> Card:
    if not any(line.latest for line in overview.lines):
        return Card(label="Safe savings found", value="none yet", note="dry-run an engine first")
    return Card(
        label="Safe savings found",
        value=f"{formatting.money(overview.saving_usd_month, 0)}/month",
        note=f"{formatting.percent(overview.saving_share)} of the cost",
        source="best newest plan of each cluster",
        tone="good" if overview.saving_usd_month else "plain",
    )


def _clusters_card(overview: Overview, now: datetime) -> Card:
    nodes = sum(line.summary.node_count for line in overview.lines)
    spot = sum(line.summary.spot_count for line in overview.lines)
    return Card(
        label="Clusters",
        value=str(len(overview.lines)),
        note=f"{formatting.count_of(nodes, 'node')}, {spot} on Spot",
        source=_oldest_state(overview, now),
    )


def _decisions_card(overview: Overview, now: datetime) -> Card:
    judged = [line.latest for line in overview.lines if line.latest is not None]
    newest = max(judged, key=lambda one: one.created_at, default=None)
    return Card(
        label="Decisions in 24 h",
        value=f"{overview.decisions_today:,}",
        note="none so far"
        if newest is None
        else f"latest: {wording.decision_type(newest.decision_type)}",
        source="" if newest is None else formatting.age(newest.created_at, now),
    )


def _oldest_state(overview: Overview, now: datetime) -> str:
    moments = [
        line.cluster.latest_snapshot_at
        for line in overview.lines
        if line.cluster.latest_snapshot_at is not None
    ]
    return f"oldest state {formatting.age(min(moments), now)}" if moments else ""


def _data_card(now: datetime) -> Card:
    ages = data.data_ages()
    if not ages:
        return Card(label="Market data", value="none yet", note="import some on Pricing")
    oldest = min(ages, key=lambda one: one.as_of)
    newest = max(ages, key=lambda one: one.as_of)
    return Card(
        label="Market data",
        value=formatting.age(newest.as_of, now),
        note=f"newest: {wording.data_kind(newest.kind)}",
        source=f"oldest: {wording.data_kind(oldest.kind)}, {formatting.age(oldest.as_of, now)}",
    )
