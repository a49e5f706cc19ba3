"""The recommendations of any engine but the Spot optimizer: what, from what to what, and why."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from engines.contracts.results import DecisionResponse, DecisionStatus, Recommendation, Subject
from ui import session
from ui.components import facts, formatting, tables, wording
from ui.components.cards import show_empty, show_heading
from ui.components.formatting import plain

COLUMNS = (
    tables.Column(name="subject", label="Subject", width=180),
    tables.Column(name="action", label="Advice"),
    tables.Column(name="saving", label="Saves USD/month", kind="money"),
    tables.Column(name="reason", label="Why", kind="prose", width=280),
    tables.Column(name="current", label="Now", kind="prose", width=170),
    tables.Column(name="recommended", label="Then", kind="prose", width=170),
    tables.Column(name="kind", label="Kind"),
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
    if response.status is DecisionStatus.REFUSED:
        show_empty("No advice", "The engine could not judge; it says above what it needs.", "block")
        return
    if not advised:
        show_empty(
            "Nothing is advised",
            "The tab **Skipped** says of every subject why, and what would change that."
            if response.skipped
            else "There is nothing to look at: **Proof** says what was read.",
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
    zone = session.viewer_zone()
    now, then = _changed(one)
    return {
        "kind": one.subject.kind,
        "subject": subject_name(one.subject),
        "action": wording.in_words(one.action),
        "current": facts.in_short(now, zone),
        "recommended": facts.in_short(then, zone),
        "saving": one.savings_usd_month,
        "reason": one.reason,
    }


def subject_name(subject: Subject) -> str:
    """namespace/name (container), or the id of what has no name."""
    name = subject.name or subject.node or subject.instance_id or subject.volume_id
    full = "/".join(filter(None, (subject.namespace, name)))
    return f"{full} ({subject.container})" if subject.container else full


def _changed(one: Recommendation) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is now and what is then, without what stays as it is."""
    now, then = one.current, one.recommended
    return (
        {name: value for name, value in now.items() if name not in then or then[name] != value},
        {name: value for name, value in then.items() if name not in now or now[name] != value},
    )


def _label(one: Recommendation) -> str:
    return f"{subject_name(one.subject)}: {wording.in_words(one.action).lower()}"


def _show_evidence(by_label: Mapping[str, Recommendation], key: str) -> None:
    label = st.selectbox("Evidence of", list(by_label), key=f"{key}_evidence", width=480)
    one = by_label[label]
    with st.container(border=True, key=f"{key}-evidence"):
        st.markdown(plain(formatting.sentence(facts.in_prose(one.reason, session.viewer_zone()))))
        parts = (("Now", one.current), ("Then", one.recommended), ("Evidence", one.evidence))
        known = [(title, values) for title, values in parts if values]
        for column, (title, values) in zip(
            st.columns([1 if title != "Evidence" else 2 for title, _ in known], gap="medium"),
            known,
            strict=True,
        ):
            with column:
                st.markdown(f"**{title}**")
                facts.show_facts(values)
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
