"""Coverage of stored Spot prices: what there is of each region, and each type day by day."""

from datetime import timedelta

import msgspec
import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from services.workflows.browse_market import RegionSpan
from services.workflows.market_coverage import CoverageQuery, DayStatus, MarketCoverage
from ui import session
from ui.components import amount_charts, data, formatting, plot_style, tables
from ui.components.cards import show_heading

ROWS_PER_PAGE = 60
STATUSES = tuple(DayStatus)
SIGNS = {
    DayStatus.PRESENT: "●",
    DayStatus.PARTIAL: "◐",
    DayStatus.MISSING: "○",
    DayStatus.UNFILLABLE: "✕",
}
COLORS = {
    DayStatus.PRESENT: "#8fd3b9",
    DayStatus.PARTIAL: "#f6dd8b",
    DayStatus.MISSING: "#e08a6b",
    DayStatus.UNFILLABLE: "#b9402a",
}
MEANINGS = {
    DayStatus.PRESENT: "known all day in every zone",
    DayStatus.PARTIAL: "known in part",
    DayStatus.MISSING: "not known, AWS can still be asked",
    DayStatus.UNFILLABLE: "not known, and older than AWS keeps",
}
SPAN_COLUMNS = (
    tables.Column(name="region", label="Region"),
    tables.Column(name="product_description", label="Product"),
    tables.Column(name="series", label="Series", kind="number"),
    tables.Column(name="points", label="Prices", kind="number"),
    tables.Column(name="first_at", label="From", kind="time"),
    tables.Column(name="last_at", label="To", kind="time"),
)
DAY_COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="day", label="Day (UTC)"),
    tables.Column(name="status", label="Status"),
)


def show_coverage(span: RegionSpan, tools: DeltaGenerator) -> None:
    """The days of the chosen region, then what is stored everywhere."""
    show_heading(
        f"Days of {span.region}", f"UTC days up to {span.last_at:%d %b %Y}, the newest stored price"
    )
    days = tools.segmented_control(
        "Days", (15, 30, 60), default=15, required=True, key="pricing_days", bind="query-params"
    )
    last_day = (span.last_at - timedelta(days=1)).date()
    covered = data.coverage(
        CoverageQuery(
            region=span.region,
            product=span.product_description,
            first_day=last_day - timedelta(days=(days or 15) - 1),
            last_day=last_day,
        ),
        now=session.now().replace(minute=0, second=0, microsecond=0),
    )
    _show_legend(covered)
    pages = -(-len(covered.instance_types) // ROWS_PER_PAGE)
    page = 1
    if pages > 1:
        page = st.pagination(pages, key="pricing_coverage_page", bind="query-params")
    cells = to_cells(covered, (page - 1) * ROWS_PER_PAGE)
    st.plotly_chart(
        amount_charts.heatmap(cells), key="pricing-coverage", config=plot_style.PLOT_CONFIG
    )
    st.download_button(
        "CSV of all days",
        data=lambda: tables.to_csv(_rows(covered), DAY_COLUMNS).encode(),
        file_name="price-coverage-days.csv",
        mime="text/csv",
        key="pricing-coverage-csv",
        icon=":material/download:",
        on_click="ignore",
    )
    show_heading("All that is stored", "Every region and product of which there are Spot prices")
    tables.show_table(
        [msgspec.structs.asdict(one) for one in data.price_spans()],
        SPAN_COLUMNS,
        key="pricing_spans",
        file_name="price-coverage",
        noun="region",
    )


def to_cells(covered: MarketCoverage, first: int) -> amount_charts.Cells:
    """One screen of types by days, from row ``first``."""
    shown = covered.instance_types[first : first + ROWS_PER_PAGE]
    days = [f"{day:%d %b}" for day in covered.days]
    return amount_charts.Cells(
        rows=[one.instance_type for one in shown],
        columns=days,
        values=np.array(
            [[STATUSES.index(status) for status in one.days] for one in shown], np.float64
        ),
        texts=[[SIGNS[status] for status in one.days] for one in shown],
        hovers=[
            [
                f"<b>{one.instance_type}</b>, {day}<br>{status}: {MEANINGS[status]}"
                for day, status in zip(days, one.days, strict=True)
            ]
            for one in shown
        ],
        scale=amount_charts.stepped_scale([COLORS[status] for status in STATUSES]),
        lowest=-0.5,
        highest=len(STATUSES) - 0.5,
    )


def _show_legend(covered: MarketCoverage) -> None:
    totals = covered.totals()
    everything = sum(totals.values()) or 1
    st.caption(
        "  ·  ".join(
            f"{SIGNS[status]} {status} {formatting.percent(totals[status] / everything)}"
            f" ({MEANINGS[status]})"
            for status in STATUSES
        )
    )


def _rows(covered: MarketCoverage) -> list[tables.Row]:
    return [
        {"instance_type": one.instance_type, "day": day.isoformat(), "status": str(status)}
        for one in covered.instance_types
        for day, status in zip(covered.days, one.days, strict=True)
    ]
