"""The recommendations of any engine but the Spot optimizer: what, from what to what, and why."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import streamlit as st

from engines.contracts.results import DecisionResponse, Recommendation, Subject
from ui.components import tables, wording
from ui.components.cards import show_empty, show_heading
from ui.components.formatting import plain

COLUMNS = (
    tables.Column(name="kind", label="Kind"),
    tables.Column(name="subject", label="Subject"),
    tables.Column(name="action", label="Advice"),
    tables.Column(name="current", label="Now", width="medium"),
    tables.Column(name="recommended", label="Then", width="medium"),
    tables.Column(name="saving", label="Saves USD/month", kind="money"),
    tables.Column(name="reason", label="Why", width="large"),
)
MOVE_COLUMNS = (
    tables.Column(name="pod", label="Pod"),
    tables.Column(name="from_node", label="From node"),
    tables.Column(name="to_node", label="To node"),
)


def show_advice(response: DecisionResponse, *, key: str) -> None:
    """The recommendations as a table, and the evidence of one of them."""
    show_heading("Advice", "One row a subject; choose one below to see the numbers behind it")
    advised = response.recommendations
    if not advised:
        show_empty(
            "Nothing is advised",
            "The tab **Skipped** says of every subject why, and what would change that.",
            "task_alt",
        )
        return
    tables.show_table(
        [to_row(one) for one in advised],
        COLUMNS,
        key=f"{key}_advice",
        file_name=f"{response.decision_type}-advice",
        noun="recommendation",
    )
    _show_evidence({_label(one): one for one in advised}, key)


def to_row(one: Recommendation) -> tables.Row:
    """A recommendation as a row of a table."""
    return {
        "kind": one.subject.kind,
        "subject": subject_name(one.subject),
        "action": wording.in_words(one.action),
        "current": in_short(one.current),
        "recommended": in_short(one.recommended),
        "saving": one.savings_usd_month,
        "reason": one.reason,
    }


def subject_name(subject: Subject) -> str:
    """namespace/name (container), or the id of what has no name."""
    name = subject.name or subject.node or subject.instance_id or subject.volume_id
    full = "/".join(filter(None, (subject.namespace, name)))
    return f"{full} ({subject.container})" if subject.container else full


def in_short(values: Mapping[str, Any]) -> str:
    """The plain values of an object in one line; what is nested stands in the evidence."""
    return ", ".join(
        f"{wording.in_words(name).lower()} {value}"
        for name, value in values.items()
        if isinstance(value, str | int | float | Decimal) and value != ""
    )


def _label(one: Recommendation) -> str:
    return f"{subject_name(one.subject)}: {wording.in_words(one.action).lower()}"


def _show_evidence(by_label: Mapping[str, Recommendation], key: str) -> None:
    label = st.selectbox("Evidence of", list(by_label), key=f"{key}_evidence", width=480)
    one = by_label[label]
    st.caption(plain(one.reason))
    now, then, numbers = st.columns(3, gap="medium")
    for column, title, values in (
        (now, "Now", one.current),
        (then, "Then", one.recommended),
        (numbers, "Evidence", one.evidence),
    ):
        with column:
            st.markdown(f"**{title}**")
            st.json(dict(values), expanded=2)
    if one.moves:
        tables.show_table(
            [
                {"pod": move.pod, "from_node": move.from_node, "to_node": move.to_node}
                for move in one.moves
            ],
            MOVE_COLUMNS,
            key=f"{key}_moves",
            file_name="moves",
            noun="move",
        )
