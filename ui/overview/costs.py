"""Cost on the Overview: over the last days, and who causes it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from engines.contracts.pricing import HOURS_PER_MONTH
from services.workflows.browse_overview import Overview
from ui import session
from ui.components import amount_charts, data, formatting, plot_style, time_charts
from ui.components.cards import show_empty, show_heading
from ui.components.cluster_names import cluster_namer

TREND_DAYS = 7
TREND_HEIGHT = 250
MAX_BARS = 10
IDLE = "Idle (nobody asked for it)"
CAPACITY_NAMES = {"spot": "Spot", "on-demand": "On-demand", "reserved": "Reserved", "": "Not known"}
CAPACITY_COLORS = {"Spot": plot_style.GREEN, "Reserved": plot_style.YELLOW, IDLE: plot_style.GRAY}
SPLITS = ("Capacity type", "Cluster", "Namespace", "Workload")


def show_trend() -> None:
    """What the clusters cost in the last days, beside what they would have cost."""
    show_heading(
        "Cost of the last 7 days", "USD per hour at list prices, beside the frozen baseline"
    )
    until = session.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    trend = data.trend(since=until - timedelta(days=TREND_DAYS), until=until)
    lines = [
        _line(name, trend.times, values)
        for name, values in (("Cost", trend.cost), ("Baseline", trend.baseline))
    ]
    drawn = [line for line in lines if len(line.timestamps)]
    if not drawn:
        show_empty(
            "Nothing is recorded yet",
            "The scheduler records cost by the minute for clusters that it reads; "
            "a dump is one moment only.",
            "show_chart",
        )
        return
    figure = time_charts.line_chart(
        drawn,
        zone=session.viewer_zone(),
        value_title="USD/h",
        value_format="$,.2f",
        height=TREND_HEIGHT,
    )
    st.plotly_chart(figure, key="overview-trend", config=plot_style.PLOT_CONFIG)


def _line(name: str, times: NDArray[np.int64], values: NDArray[np.float64]) -> time_charts.Line:
    is_known = ~np.isnan(values)
    return time_charts.Line(name=name, timestamps=times[is_known], values=values[is_known])


def show_breakdown(overview: Overview) -> None:
    """The month's cost by what the viewer chooses."""
    show_heading(
        "Who causes the cost",
        "A month at list prices; pods count by the mean of their CPU and memory requests",
    )
    split = st.segmented_control(
        "Split by",
        SPLITS,
        default=SPLITS[0],
        required=True,
        key="overview_split",
        bind="query-params",
        label_visibility="collapsed",
    )
    parts = _parts(overview, str(split))
    total = sum(parts.values(), Decimal(0))
    if not total:
        show_empty("No price is known", "Import on-demand prices on **Pricing**.", "payments")
        return
    shown = dict(sorted(parts.items(), key=lambda pair: -pair[1])[:MAX_BARS])
    left = len(parts) - len(shown)
    figure = amount_charts.bar_chart(
        [
            amount_charts.Bar(
                label=name,
                value=float(value * HOURS_PER_MONTH),
                text=f"{formatting.money(value * HOURS_PER_MONTH, 0)}"
                f"  ({formatting.percent(float(value / total))})",
                color=CAPACITY_COLORS.get(name, plot_style.BLUE),
            )
            for name, value in shown.items()
        ],
        value_format="$,.0f",
    )
    st.plotly_chart(figure, key="overview-breakdown", config=plot_style.PLOT_CONFIG)
    if left > 0:
        st.caption(f"{left} smaller ones are not drawn.")


def _parts(overview: Overview, split: str) -> Mapping[str, Decimal]:
    """USD per hour of each part."""
    lines = overview.lines
    match split:
        case "Capacity type":
            return _sum(
                (CAPACITY_NAMES.get(kind, kind), usd)
                for line in lines
                for kind, usd in line.costs.by_capacity_type.items()
            )
        case "Cluster":
            name_of = cluster_namer()
            return _sum(
                (name_of(line.cluster.id), line.summary.current_cost_per_hour) for line in lines
            )
        case "Namespace":
            named = (pair for line in lines for pair in line.costs.by_namespace().items())
        case _:
            named = (
                (f"{one.namespace}/{one.name}", one.usd_per_hour)
                for line in lines
                for one in line.costs.workloads
            )
    return _sum((*named, *((IDLE, line.costs.idle_usd_per_hour) for line in lines)))


def _sum(parts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for name, usd in parts:
        sums[name] = sums.get(name, Decimal(0)) + usd
    return sums
