"""What the Spot optimizer is asked: the form of its parameters.

The form starts from the engine's own defaults and sends only what differs from them. Parameters
stand in the address, so a pasted link asks the same question.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

import streamlit as st

from engines.spot_optimizer import PARAMETERS
from ui import session
from ui.components import data

DEFAULTS = PARAMETERS()
ARCHITECTURES = ("amd64", "arm64")


def ask_spot() -> tuple[dict[str, Any], datetime | None]:
    """The parameters that differ from the engine's defaults, and the moment that is judged."""
    requirements, as_of = _ask_main()
    return requirements | _ask_more(), as_of


def _ask_main() -> tuple[dict[str, Any], datetime | None]:
    """What most people set, and the moment; None and empty mean the engine's default."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="optimize-main"):
        asked = _given(
            allowed_families=tuple(
                st.multiselect(
                    "Instance families",
                    _families(),
                    key="optimize_families",
                    bind="query-params",
                    placeholder="All without GPU",
                    width=300,
                )
            ),
            architecture=st.selectbox(
                "Architecture",
                ARCHITECTURES,
                index=None,
                key="optimize_architecture",
                bind="query-params",
                placeholder="As most nodes",
                width=150,
            ),
            required_vcpu=_amount("vCPU needed", "optimize_vcpu"),
            required_memory_gib=_amount("Memory needed, GiB", "optimize_memory"),
            headroom_percent=st.number_input(
                "Headroom, %",
                0.0,
                100.0,
                DEFAULTS.headroom_percent,
                1.0,
                format="%.0f",
                key="optimize_headroom",
                bind="query-params",
                help="Room on top of what pods and DaemonSets ask for.",
                width=120,
            ),
        )
        return asked, _ask_moment()


def _amount(label: str, key: str) -> float | None:
    """A number that the engine works out by itself where it is left empty."""
    return st.number_input(
        label,
        min_value=1.0,
        value=None,
        step=1.0,
        format="%.0f",
        key=key,
        bind="query-params",
        placeholder="Auto",
        help="What the whole cluster must offer. Empty: the requests of its pods, the DaemonSets' "
        "part on each node, and the headroom.",
        width=150,
    )


def _ask_more() -> dict[str, Any]:
    """What few people set."""
    with st.expander("More parameters", key="optimize-more"):
        first, second, third, fourth = st.columns(4, vertical_alignment="bottom")
        region = first.selectbox(
            "Region",
            data.price_choices().regions,
            index=None,
            key="optimize_region",
            bind="query-params",
            placeholder="The cluster's own",
        )
        cost = second.number_input(
            "Cost of an interruption, USD",
            0.0,
            value=DEFAULTS.interruption_cost,
            step=0.1,
            key="optimize_interruption_cost",
            bind="query-params",
            help="Added to prices by the probability of an interruption.",
        )
        least = third.number_input(
            "Least saving of a plan, %",
            0.0,
            100.0,
            DEFAULTS.min_plan_saving_percent,
            1.0,
            key="optimize_min_saving",
            bind="query-params",
            help="A plan that saves less is not worth its disruption.",
        )
        age = fourth.number_input(
            "Oldest price, hours",
            min_value=1.0,
            value=DEFAULTS.max_price_age_hours,
            step=1.0,
            key="optimize_price_age",
            bind="query-params",
            placeholder="Any age",
            help="Pools whose last price is older are skipped.",
        )
        types = first.number_input(
            "Cheaper types for Spot to Spot",
            0,
            value=DEFAULTS.spot_to_spot_min_types,
            key="optimize_spot_types",
            bind="query-params",
            help="A single Spot node moves to another pool only where so many types are cheaper.",
        )
        label = second.text_input(
            "Never on Spot: label",
            key="optimize_no_spot",
            bind="query-params",
            placeholder="tier=critical",
            help="Pods with this label stay on on-demand capacity.",
        )
        managed = third.toggle(
            "Replace managed nodes",
            DEFAULTS.replace_managed_nodes,
            key="optimize_managed",
            bind="query-params",
            help="Whether nodes of Karpenter or EKS Auto Mode may be replaced, too.",
        )
    return _given(
        region=region,
        interruption_cost=cost,
        min_plan_saving_percent=least,
        max_price_age_hours=age,
        spot_to_spot_min_types=types,
        no_spot_selector=_selector(label),
        replace_managed_nodes=managed,
    )


def _ask_moment() -> datetime | None:
    """The moment that is judged: now, or the end of an earlier day for which prices are known."""
    day = st.date_input(
        "Judge as of",
        value=None,
        max_value="today",
        key="optimize_as_of",
        bind="query-params",
        width=150,
        help="Empty: now. A day: its end (UTC), with the prices that were known then.",
    )
    return None if day is None else datetime.combine(day, time(23, 59, 59), session.UTC_ZONE)


def _given(**asked: Any) -> dict[str, Any]:
    """What differs from the engine's defaults."""
    return {
        name: value
        for name, value in asked.items()
        if value not in (None, (), {}) and value != getattr(DEFAULTS, name)
    }


def _selector(label: str | None) -> Mapping[str, str]:
    """``tier=critical`` as a selector; text without a sign of equality asks for nothing."""
    name, sign, value = (label or "").strip().partition("=")
    return {name.strip(): value.strip()} if sign and name.strip() else {}


def _families() -> list[str]:
    return sorted({name.partition(".")[0] for name in data.price_choices().instance_types})
