"""Spot against on-demand: what the cheapest zone of each type saves, drawn and listed."""

from collections.abc import Sequence

import msgspec
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from services.workflows.browse_market import RegionSpan, TypeComparison, compare_types
from ui import session
from ui.components import amount_charts, formatting, plot_style, tables
from ui.components.cards import show_empty, show_source, source_parts
from ui.pricing import market

MAX_BARS = 30
FAVOURITES = ("m5", "c5", "r5")
COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="vcpu", label="vCPU", kind="number"),
    tables.Column(name="memory_gib", label="Memory GiB", kind="decimal"),
    tables.Column(name="on_demand_usd_per_hour", label="On-demand USD/h", kind="price"),
    tables.Column(name="spot_usd_per_hour", label="Cheapest Spot USD/h", kind="price"),
    tables.Column(name="cheapest_zone", label="In zone"),
    tables.Column(name="saving", label="Saving", kind="bar"),
    tables.Column(
        name="zone_spread",
        label="Zone spread",
        kind="percent",
        help="How much dearer the dearest zone is than the cheapest",
    ),
    tables.Column(name="saving_usd_month", label="Saving USD/month", kind="money"),
)


def show_spot_against_on_demand(span: RegionSpan, tools: DeltaGenerator) -> None:
    """The comparison for one region and product; its filter joins the others in ``tools``."""
    table = market.pools_of(span)
    compared = compare_types(table.pools)
    if not compared:
        show_empty(
            "No on-demand price to compare with",
            "Import on-demand prices of this region on the **Import** tab.",
            "compare_arrows",
        )
        return
    with tools:
        families = _ask_families(compared)
    shown = [one for one in compared if not families or one.family in families]
    figure = amount_charts.dumbbell_chart(
        [
            amount_charts.Dumbbell(
                label=one.instance_type,
                low=float(one.spot_usd_per_hour),
                high=float(one.on_demand_usd_per_hour),
                text=formatting.percent(one.saving),
            )
            for one in shown[:MAX_BARS]
        ],
        low_name="cheapest Spot",
        high_name="on-demand",
    )
    st.plotly_chart(figure, key="pricing-compared", config=plot_style.PLOT_CONFIG)
    show_source(source_parts(table.sources), session.now())
    if len(shown) > MAX_BARS:
        st.caption(f"The {MAX_BARS} largest savings of {len(shown)} types are drawn.")
    tables.show_table(
        [msgspec.structs.asdict(one) for one in shown],
        COLUMNS,
        key="pricing_compared",
        file_name="spot-against-on-demand",
        noun="type",
    )


def _ask_families(compared: Sequence[TypeComparison]) -> list[str]:
    known = sorted({one.family for one in compared})
    return st.multiselect(
        "Families",
        known,
        default=[family for family in FAVOURITES if family in known],
        key="pricing_compared_families",
        bind="query-params",
        placeholder="All families",
        width=360,
    )
