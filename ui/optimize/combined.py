"""The combined plan: what the nodes cost now, and after each engine, with nothing counted twice."""

from datetime import datetime

import streamlit as st

from engines.contracts.pricing import HOURS_PER_MONTH
from engines.planning import CombinedPlan
from services.errors import CloudOptimError
from services.workflows.browse_clusters import Cluster
from ui.components import amount_charts, data, formatting, plot_style, tables, wording
from ui.components.cards import Card, show_cards, show_empty, show_heading, show_problem

COLUMNS = (
    tables.Column(name="stage", label="Stage"),
    tables.Column(name="before", label="USD/h before", kind="price"),
    tables.Column(name="after", label="USD/h after", kind="price"),
    tables.Column(name="saving", label="Saves USD/month", kind="money"),
    tables.Column(name="advice", label="Advice", kind="number"),
    tables.Column(name="note", label="Note", kind="prose", width=280),
)
ROUTE_COLUMNS = (
    tables.Column(name="moves", label="Carried out in this order", width=240),
    tables.Column(name="after", label="USD/h after", kind="price"),
    tables.Column(name="nodes", label="Nodes", kind="number"),
    tables.Column(name="steps", label="Steps", kind="number"),
    tables.Column(name="note", label="Note", kind="prose", width=280),
)


def show_combined(cluster: Cluster, *, as_of: datetime) -> None:
    """All engines one after the other, each on the cluster that the last one leaves."""
    digest = cluster.latest_snapshot_digest
    if digest is None:
        show_empty(
            "Nothing was read of it yet", "Press **Read now** on **Clusters**.", "folder_open"
        )
        return
    try:
        with st.spinner("Asking all engines, one after the other", show_time=True):
            plan = data.combined_plan(cluster.id, digest, as_of=as_of)
    except CloudOptimError as error:
        show_problem(error)
        return
    _show_cards(plan)
    _show_costs(plan)
    show_heading("Stages", "Each looks at the cluster as the one before it leaves it")
    tables.show_table(
        [
            *(
                {
                    "stage": wording.decision_type(one.decision_type),
                    "before": one.cost_per_hour_before,
                    "after": one.cost_per_hour_after,
                    "saving": one.saving_usd_month,
                    "advice": len(one.response.recommendations),
                    "note": one.note,
                }
                for one in plan.stages
            ),
            *(
                {
                    "stage": wording.decision_type(one.decision_type),
                    "saving": one.saving_usd_month,
                    "advice": len(one.response.recommendations),
                    "note": one.response.message or "on another line of the bill",
                }
                for one in plan.other_bills
            ),
        ],
        COLUMNS,
        key="optimize_stages",
        file_name=f"combined-plan-{cluster.name}",
        noun="stage",
    )
    _show_routes(plan)


def _show_cards(plan: CombinedPlan) -> None:
    after = plan.final_summary
    show_cards(
        [
            Card(
                label="Cost now",
                value=formatting.price_per_hour(plan.now.current_cost_per_hour),
                note=f"{formatting.money(plan.now.current_cost_per_month, 0)} a month",
                source="the cluster's nodes at list prices",
                tone="info",
            ),
            Card(
                label="Cost after all stages",
                value=formatting.price_per_hour(plan.cost_per_hour_after),
                note="in an average hour of the month",
                source=f"office hours leave {float(plan.awake_share):.0%} of the node-hours",
                tone="good",
            ),
            Card(
                label="Saves",
                value=f"{formatting.money(plan.saving_usd_month, 0)}/month",
                note="all stages and other bills together",
                source="each dollar counted once",
                tone="good" if plan.saving_usd_month > 0 else "plain",
            ),
            Card(
                label="Nodes then",
                value=f"{after.node_count:,}",
                note=f"{after.spot_count} of them on Spot; now {plan.now.node_count:,}",
                source="in office hours",
            ),
        ]
    )


def _show_costs(plan: CombinedPlan) -> None:
    names = ["Now", *(wording.decision_type(one.decision_type) for one in plan.stages)]
    hourly = [plan.now.current_cost_per_hour, *(one.cost_per_hour_after for one in plan.stages)]
    show_heading("Cost a month", "Now, and after each stage; USD, 730 hours")
    st.plotly_chart(
        amount_charts.paired_bars(
            names, {"USD a month": [one * HOURS_PER_MONTH for one in hourly]}
        ),
        key="optimize-combined-costs",
        config=plot_style.PLOT_CONFIG,
    )


def _show_routes(plan: CombinedPlan) -> None:
    """What was tried, and where it would have led."""
    show_heading("Orders that were tried", "The cheapest at whose end every pod has a place counts")
    tables.show_table(
        [
            {
                "moves": ", ".join(map(_move, one.moves)) or "Nothing",
                "after": one.cost_per_hour_after,
                "nodes": one.node_count,
                "steps": one.step_count,
                "note": "Chosen" if one.is_chosen else one.problem,
            }
            for one in plan.routes
        ],
        ROUTE_COLUMNS,
        key="optimize_routes",
        file_name="combined-plan-orders",
        noun="order",
    )


def _move(name: str) -> str:
    return "All nodes anew" if name == "rebalance" else wording.decision_type(name)
