"""Pricing: what Spot and on-demand cost, how safe each pool is, how much is known, and imports."""

import streamlit as st

from ui.components.cards import show_empty, show_heading
from ui.pricing.advisor import show_advisor
from ui.pricing.coverage import show_coverage
from ui.pricing.explorer import show_explorer
from ui.pricing.imports import show_imports
from ui.pricing.market import ask_span
from ui.pricing.risk import show_risk
from ui.pricing.spot_against_on_demand import show_spot_against_on_demand
from ui.session import require

user = require("viewer")

show_heading(
    "Pricing", "Spot and on-demand prices, Spot Advisor and the risk of every pool", level="title"
)
explorer, comparison, advisor, risk, coverage, imports = st.tabs(
    ["Explorer", "Spot against on-demand", "Spot Advisor", "Risk scores", "Coverage", "Import"],
    key="pricing_tab",
    bind="query-params",
)
for tab, show in (
    (explorer, show_explorer),
    (comparison, show_spot_against_on_demand),
    (risk, show_risk),
    (coverage, show_coverage),
):
    if tab.open:
        with tab:
            tools = st.container(horizontal=True, vertical_alignment="bottom", key="pricing-tools")
            with tools:
                span = ask_span()
            if span is None:
                show_empty(
                    "No Spot prices yet",
                    "Import a Spot price history on the **Import** tab: a CSV, or what "
                    "`aws ec2 describe-spot-price-history` prints.",
                    "show_chart",
                )
            else:
                show(span, tools)
if advisor.open:
    with advisor:
        show_advisor()
if imports.open:
    with imports:
        show_imports(user)
