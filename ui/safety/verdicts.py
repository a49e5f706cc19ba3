"""Safety summary of all clusters, and the violations of the last 24 hours."""

from collections.abc import Callable, Sequence

import streamlit as st

from engines.contracts.verdict import Severity
from services.workflows.browse_safety import ClusterSafety, RecordedViolation
from ui import session
from ui.components import data, formatting, tables, wording
from ui.components.cards import Card, show_cards, show_empty, show_heading
from ui.components.cluster_names import cluster_namer

SUMMARY_COLUMNS = (
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="verdict", label="Latest verdict"),
    tables.Column(name="active_errors", label="Errors, 24 h", kind="number"),
    tables.Column(name="active_warnings", label="Warnings, 24 h", kind="number"),
    tables.Column(name="validations", label="Verdicts so far", kind="number"),
    tables.Column(name="validated_at", label="Judged", kind="time"),
    tables.Column(name="message", label="What it says", kind="prose", width="large"),
)
VIOLATION_COLUMNS = (
    tables.Column(name="severity", label="Severity"),
    tables.Column(name="layer", label="Layer"),
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="subject", label="Subject"),
    tables.Column(name="measured", label="Measured", kind="score"),
    tables.Column(name="limit", label="Limit", kind="score"),
    tables.Column(name="inherited", label="Was so before", kind="flag"),
    tables.Column(name="exception_id", label="Exception"),
    tables.Column(name="message", label="What it says", kind="prose", width="large"),
    tables.Column(name="recorded_at", label="Recorded", kind="time"),
)
SEVERITIES = {Severity.ERROR: "✕ error", Severity.WARNING: "! warning"}


def show_verdicts() -> None:
    """Cards, the summary by cluster and the list of violations."""
    summary = data.safety_summary()
    if not summary:
        show_empty(
            "No plan was judged yet",
            "Open a cluster on **Clusters**, then press **Dry run** on **Optimize**: "
            "its verdict stands here afterwards.",
            "verified_user",
        )
        return
    violations = data.active_violations()
    name_of = cluster_namer()
    _show_cards(summary)
    show_heading("Clusters", "The latest verdict of each, and what was found in the last 24 hours")
    tables.show_table(
        [_summary_row(one, name_of) for one in summary],
        SUMMARY_COLUMNS,
        key="safety_summary",
        file_name="safety-summary",
        noun="cluster",
    )
    show_heading("Violations of the last 24 hours", "Newest first, from every judged plan")
    if not violations:
        st.success("None in the last 24 hours.", icon=":material/check_circle:")
        return
    tables.show_table(
        [_violation_row(one, name_of) for one in violations],
        VIOLATION_COLUMNS,
        key="safety_violations",
        file_name="safety-violations",
        noun="violation",
    )


def _show_cards(summary: Sequence[ClusterSafety]) -> None:
    safe = sum(one.is_safe for one in summary)
    errors = sum(one.active_errors for one in summary)
    warnings = sum(one.active_warnings for one in summary)
    newest = max(one.validated_at for one in summary)
    judged = formatting.age(newest, session.now())
    show_cards(
        [
            Card(
                label="Clusters judged",
                value=str(len(summary)),
                source=f"newest verdict {judged}",
            ),
            Card(
                label="Latest verdict safe",
                value=f"{safe} of {len(summary)}",
                note="✓ all safe" if safe == len(summary) else "see the table",
                tone="good" if safe == len(summary) else "warning",
                source=f"newest verdict {judged}",
            ),
            Card(
                label="Errors, 24 hours",
                value=str(errors),
                note="limits that blocked a plan" if errors else "✓ none",
                tone="bad" if errors else "good",
                source="safety violations",
            ),
            Card(
                label="Warnings, 24 hours",
                value=str(warnings),
                note="remarks that block nothing" if warnings else "✓ none",
                tone="warning" if warnings else "good",
                source="safety violations",
            ),
        ]
    )


def _summary_row(one: ClusterSafety, name_of: Callable[[str], str]) -> tables.Row:
    return {
        "cluster": name_of(one.cluster_id),
        "verdict": wording.verdict(one.action_taken),
        "active_errors": one.active_errors,
        "active_warnings": one.active_warnings,
        "validations": one.validations,
        "validated_at": one.validated_at,
        "message": one.message,
    }


def _violation_row(one: RecordedViolation, name_of: Callable[[str], str]) -> tables.Row:
    return {
        "severity": SEVERITIES[one.severity],
        "layer": f"{int(one.layer)} {wording.LAYERS[one.layer]}",
        "cluster": name_of(one.cluster_id),
        "subject": one.subject,
        "measured": one.measured,
        "limit": one.limit,
        "inherited": one.inherited,
        "exception_id": one.exception_id or "",
        "message": one.message,
        "recorded_at": one.recorded_at,
    }
