"""What a plan buys, keeps and removes; the safe alternative beside the plan that failed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import streamlit as st

from engines.contracts.plan import LaunchInstance, PlanStep, TerminateInstance
from engines.contracts.results import DecisionResponse, Recommendation
from engines.contracts.verdict import AllocationEntry
from ui.components import formatting, tables
from ui.components.cards import Card, show_cards, show_empty, show_heading

COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="availability_zone", label="Zone"),
    tables.Column(name="capacity_type", label="Capacity type"),
    tables.Column(name="count", label="Count", kind="number"),
    tables.Column(name="usd_per_hour", label="USD/h each", kind="price"),
    tables.Column(name="risk_score", label="Risk score", kind="score"),
)


def show_allocations(response: DecisionResponse, *, key: str) -> None:
    """The allocation with its proof, and beside it the safe alternative where there is one."""
    advised = next((one for one in response.recommendations if one.action == _ADOPT), None)
    if advised is None:
        _show_objection(response)
        return
    _show_bill(advised)
    if not response.alternative_plan:
        show_heading("Allocation", "What is launched; the nodes that it replaces are removed")
        _show_launches(advised.recommended.get("launch", ()), key=f"{key}_launch")
        _show_nodes(advised)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        show_heading("The engine's plan", _in_short(response.execution_plan))
        _show_launches(advised.recommended.get("launch", ()), key=f"{key}_launch")
    with right:
        show_heading("The safe alternative", _in_short(response.alternative_plan))
        entries = response.safety.alternative if response.safety else ()
        _show_launches(map(_alternative_row, entries), key=f"{key}_alternative")
    _show_nodes(advised)


_ADOPT = "adopt_allocation"


def _show_objection(response: DecisionResponse) -> None:
    """Why the cluster is left as it is."""
    told = [one.message for one in response.skipped if one.subject.kind == "Cluster"]
    show_empty(
        "Nothing is replaced",
        formatting.plain(formatting.sentence(told[0])) if told else "See the tab Skipped.",
        "check_circle",
    )


def _show_bill(advised: Recommendation) -> None:
    """The bill of the nodes in question, before and after, and how good the answer is at most."""
    proof = advised.evidence
    show_cards(
        [
            Card(
                label="Replaceable nodes now",
                value=_price(advised.current.get("usd_per_hour")),
                note=formatting.count_of(advised.current.get("replaceable_nodes", 0), "node"),
                source="list prices and Spot prices in force",
            ),
            Card(
                label="In their place",
                value=_price(advised.recommended.get("usd_per_hour")),
                note=f"saves {formatting.money(advised.savings_usd_month, 0)} a month",
                source="what is launched and kept",
                tone="good",
            ),
            Card(
                label="Launch",
                value=str(sum(one["count"] for one in advised.recommended.get("launch", ()))),
                note=f"remove {len(advised.recommended.get('remove', ()))}, "
                f"keep {len(advised.recommended.get('keep', ()))}",
                source="nodes",
            ),
            Card(
                label="Proof",
                value=f"{formatting.percent(proof.get('gap', 0.0), 2)} gap",
                note="to what no safe allocation can beat",
                source=f"bound {proof.get('lower_bound_usd_per_hour', 0):.4f} USD/h, weighed",
                tone="info",
            ),
        ]
    )


def _price(value: Any) -> str:
    return formatting.price_per_hour(None if value is None else Decimal(str(value)))


def _show_launches(lines: Iterable[Mapping[str, Any]], *, key: str) -> None:
    rows = list(lines)
    if not rows:
        st.caption("Nothing is launched.")
        return
    tables.show_table(rows, COLUMNS, key=key, file_name="allocation", noun="line")


def _alternative_row(entry: AllocationEntry) -> dict[str, Any]:
    return {
        "instance_type": entry.instance_type,
        "availability_zone": entry.availability_zone,
        "capacity_type": entry.capacity_type,
        "count": entry.count,
        "usd_per_hour": entry.usd_per_hour,
    }


def _in_short(steps: Sequence[PlanStep]) -> str:
    kinds = Counter(type(step) for step in steps)
    launched, gone = kinds[LaunchInstance], kinds[TerminateInstance]
    return f"{formatting.count_of(len(steps), 'step')}: launches {launched}, terminates {gone}"


def _show_nodes(advised: Recommendation) -> None:
    """The names of the nodes that go and of those that stay, folded away."""
    for label, field in (("Removed nodes", "remove"), ("Kept nodes", "keep")):
        names = advised.recommended.get(field, ())
        if names:
            with st.expander(f"{label} ({len(names)})"):
                st.code("\n".join(names), language=None)
