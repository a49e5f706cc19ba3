"""Which part of the market the Pricing page shows, and its pools."""

from datetime import datetime

import streamlit as st

from engines.contracts.pricing import LINUX_PRODUCT
from services.workflows.browse_market import PoolTable, RegionSpan
from ui import session
from ui.components import data


def ask_span() -> RegionSpan | None:
    """The region and product to show; None where no Spot price is stored."""
    spans = data.price_spans()
    if not spans:
        return None
    region = st.selectbox(
        "Region",
        sorted({span.region for span in spans}),
        key="pricing_region",
        bind="query-params",
        width=170,
    )
    of_region = {span.product_description: span for span in spans if span.region == region}
    product = st.selectbox(
        "Product",
        sorted(of_region, key=lambda name: (name != LINUX_PRODUCT, name)),
        key="pricing_product",
        bind="query-params",
        width=170,
    )
    return of_region.get(product or "", next(iter(of_region.values())))


def pools_of(span: RegionSpan) -> PoolTable:
    """The pools of a region and product as of this hour (or the newest price, if that is later)."""
    return data.pools(
        region=span.region, at=_as_of(span, session.now()), product=span.product_description
    )


def _as_of(span: RegionSpan, now: datetime) -> datetime:
    """The same moment for a whole hour, so that what was read can be kept."""
    return max(now.replace(minute=0, second=0, microsecond=0), span.last_at)
