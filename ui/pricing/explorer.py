"""Price explorer: lines by instance type and zone, their figures, and every point as CSV."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from services.workflows.browse_market import PriceLine, PriceWindow, RegionSpan
from ui import session
from ui.components import data, formatting, plot_style, tables, time_charts
from ui.components.cards import show_empty, show_source
from ui.pricing import market

PERIODS = {"24 h": 1, "7 d": 7, "30 d": 30, "90 d": 90}
MAX_LINES = 24  # more cannot be told apart
FAVOURITES = ("m5.large", "m5.xlarge", "c5.xlarge", "m6i.large", "t3.large")

COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="availability_zone", label="Zone"),
    tables.Column(name="latest", label="Latest USD/h", kind="price"),
    tables.Column(name="lowest", label="Lowest", kind="price"),
    tables.Column(name="highest", label="Highest", kind="price"),
    tables.Column(name="change", label="Change", kind="percent", help="Last against first price"),
    tables.Column(name="points", label="Changes", kind="number"),
    tables.Column(name="as_of", label="Last change", kind="time"),
)
POINT_COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="availability_zone", label="Zone"),
    tables.Column(name="region", label="Region"),
    tables.Column(name="product_description", label="Product"),
    tables.Column(name="spot_price", label="USD/h", kind="price"),
    tables.Column(name="timestamp", label="Time", kind="time"),
)


def show_explorer(span: RegionSpan, tools: DeltaGenerator) -> None:
    """The explorer for one region and product; its filters join the others in ``tools``."""
    with tools:
        window = _ask_window(span)
    if window is None:
        show_empty("No instance type chosen", "Choose one or more instance types above.", "tune")
        return
    lines = data.price_lines(window)
    if not lines:
        show_empty(
            "No price in this window",
            "Choose a longer period or other zones: nothing is stored for these.",
            "event_busy",
        )
        return
    _show_chart(lines[:MAX_LINES], len(lines))
    show_source([(f"Spot prices of {span.region}", span.last_at)], session.now())
    _show_figures(lines)


def _ask_window(span: RegionSpan) -> PriceWindow | None:
    """The filters; the window ends with the newest stored price, however old that is."""
    pools = market.pools_of(span).pools
    types = sorted({pool.instance_type for pool in pools})
    zones = sorted({pool.availability_zone for pool in pools})
    chosen_types = st.multiselect(
        "Instance types",
        types,
        default=([name for name in FAVOURITES if name in types] or types)[:2],
        key="pricing_types",
        bind="query-params",
        placeholder="Search an instance type",
        max_selections=MAX_LINES,
        width=330,
    )
    chosen_zones = st.multiselect(
        "Zones",
        zones,
        key="pricing_zones",
        bind="query-params",
        placeholder="All zones",
        width=200,
    )
    period = st.segmented_control(
        "Period",
        list(PERIODS),
        default="30 d",
        required=True,
        key="pricing_period",
        bind="query-params",
        help=f"Up to the newest stored price, {formatting.moment_utc(span.last_at)}",
    )
    if not chosen_types:
        return None
    return PriceWindow(
        region=span.region,
        instance_types=tuple(chosen_types),
        availability_zones=tuple(chosen_zones) or None,
        product=span.product_description,
        since=span.last_at - timedelta(days=PERIODS[period or "30 d"]),
        until=span.last_at,
    )


def _show_chart(lines: Sequence[PriceLine], total: int) -> None:
    drawn, is_thinned = time_charts.thin_all([_to_line(line) for line in lines])
    figure = time_charts.line_chart(
        drawn,
        zone=session.viewer_zone(),
        value_title="USD per hour",
        value_format="$.4f",
    )
    st.plotly_chart(figure, key="pricing-lines", config=plot_style.PLOT_CONFIG)
    remarks = []
    if total > len(lines):
        remarks.append(f"{len(lines)} of {total} lines are drawn: choose fewer types or zones.")
    if is_thinned:
        remarks.append("Thinned for the screen (LTTB, peaks stay); the CSV has every point.")
    if remarks:
        st.caption(" ".join(remarks))


def _to_line(line: PriceLine) -> time_charts.Line:
    return time_charts.Line(
        name=f"{line.series.instance_type} · {line.series.availability_zone}",
        timestamps=line.timestamps,
        values=line.usd_per_hour,
        is_step=True,
    )


def _show_figures(lines: Sequence[PriceLine]) -> None:
    tables.show_table(
        [_figures(line) for line in lines],
        COLUMNS,
        key="pricing_lines",
        file_name="spot-price-lines",
        noun="line",
    )
    st.download_button(
        "Every point as CSV",
        data=lambda: tables.to_csv(_points(lines), POINT_COLUMNS).encode(),
        file_name="spot-prices.csv",
        mime="text/csv",
        key="pricing-points",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def _figures(line: PriceLine) -> tables.Row:
    first, last = float(line.usd_per_hour[0]), float(line.usd_per_hour[-1])
    return {
        "instance_type": line.series.instance_type,
        "availability_zone": line.series.availability_zone,
        "latest": last,
        "lowest": float(line.usd_per_hour.min()),
        "highest": float(line.usd_per_hour.max()),
        "change": last / first - 1,
        "points": len(line.timestamps),
        "as_of": datetime.fromtimestamp(int(line.timestamps[-1]), UTC),
    }


def _points(lines: Sequence[PriceLine]) -> list[tables.Row]:
    return [
        {
            **line.series._asdict(),
            "spot_price": Decimal(round(price * 1_000_000)).scaleb(-6),
            "timestamp": datetime.fromtimestamp(moment, UTC),
        }
        for line in lines
        for moment, price in zip(line.timestamps.tolist(), line.usd_per_hour.tolist(), strict=True)
    ]
