"""The recommendations of the Spot optimizer: ranked pools and on-demand types, with evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from engines.contracts.pricing import InterruptionBucket
from engines.contracts.results import DecisionResponse, Recommendation
from ui.components import formatting, tables, wording
from ui.components.cards import show_empty, show_heading
from ui.components.risk_parts import Part, show_parts

ACTIONS = {
    "use_spot_pool": "Spot pool",
    "use_on_demand": "On-demand",
}
COLUMNS = (
    tables.Column(name="rank", label="Rank", kind="number", width="small"),
    tables.Column(name="action", label="Buy as"),
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="availability_zone", label="Zone"),
    tables.Column(name="risk_score", label="Risk score", kind="score", help="1.0 is safest"),
    tables.Column(name="public_rate", label="Public rate", kind="score"),
    tables.Column(name="volatility", label="Volatility", kind="score"),
    tables.Column(name="gap", label="Gap", kind="score"),
    tables.Column(name="time", label="Time", kind="score"),
    tables.Column(name="usd_per_hour", label="USD/h", kind="price"),
    tables.Column(name="on_demand", label="On-demand USD/h", kind="price"),
    tables.Column(name="saving", label="Saves USD/month each", kind="money"),
    tables.Column(name="instances", label="In the allocation", kind="number"),
    tables.Column(name="vcpu", label="vCPU", kind="number"),
    tables.Column(name="memory_gib", label="GiB", kind="decimal"),
    tables.Column(name="price_age", label="Price set"),
)


def show_pools(response: DecisionResponse, *, key: str) -> None:
    """The ranking as a table, and the score of one of its pools taken apart."""
    advised = [one for one in response.recommendations if one.action in ACTIONS]
    pools = response.evidence.get("pools")
    show_heading(
        "Ranked pools",
        f"The safest first; {_counted(response)} of {formatting.count_of(pools or 0, 'pool')} "
        "are safe enough, the others stand under Skipped",
    )
    if not advised:
        show_empty(
            "No pool is advised",
            "The tab **Skipped** says of every pool why, and what would change that.",
            "filter_alt_off",
        )
        return
    tables.show_table(
        [_row(one) for one in advised],
        COLUMNS,
        key=f"{key}_pools",
        file_name="recommended-pools",
        noun="pool",
    )
    _show_parts([one for one in advised if one.action == "use_spot_pool"], key)


def _counted(response: DecisionResponse) -> str:
    return f"{response.evidence.get('safe_pools', 0):,}"


def _row(one: Recommendation) -> tables.Row:
    evidence, parts = one.evidence, one.evidence.get("components", {})
    memory_mib = evidence.get("memory_mib")
    age = evidence.get("price_age_seconds")
    return {
        "rank": evidence.get("rank"),
        "action": ACTIONS[one.action],
        "instance_type": one.subject.instance_type,
        "availability_zone": one.subject.availability_zone or "any",
        "risk_score": evidence.get("risk_score"),
        **{name: parts.get(name) for name in wording.RISK_COMPONENTS},
        "usd_per_hour": one.recommended.get("usd_per_hour"),
        "on_demand": one.current.get("usd_per_hour"),
        "saving": one.savings_usd_month if one.action == "use_spot_pool" else None,
        "instances": one.recommended.get("instances"),
        "vcpu": evidence.get("vcpu"),
        "memory_gib": None if memory_mib is None else memory_mib / 1024,
        "price_age": "" if age is None else f"{formatting.duration(age)} before",
    }


def _show_parts(pools: Sequence[Recommendation], key: str) -> None:
    """The weighted parts of one pool's score, and the engine's sentence about it."""
    if not pools:
        return
    by_name = {one.subject.name: one for one in pools}
    name = st.selectbox("Evidence of", list(by_name), key=f"{key}_pool", width=320)
    one = by_name[name]
    parts = [Part(code=code, value=value) for code, value in one.evidence["components"].items()]
    show_parts(parts, key=f"{key}-parts")
    st.caption(f"{one.reason} {_more(one.evidence)}")


def _more(evidence: Mapping[str, Any]) -> str:
    bucket = evidence.get("interruption_bucket")
    published = (
        "no interruption rate is published"
        if bucket is None
        else f"interrupted {wording.INTERRUPTION_BUCKETS[InterruptionBucket[bucket]]} a month"
    )
    known = formatting.duration(evidence.get("window_covered_seconds", 0))
    return f"As published: {published}. The price is known for {known} of the last 7 days."
