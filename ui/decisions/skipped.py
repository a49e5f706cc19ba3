"""What got no advice, grouped by the reason, each with the sentence that says what to do."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from engines.contracts.results import Skipped
from ui.components import formatting, tables, wording
from ui.components.cards import show_heading
from ui.decisions.advice import subject_name

COLUMNS = (
    tables.Column(name="subject", label="Subject", width=190),
    tables.Column(name="kind", label="Kind"),
    tables.Column(name="message", label="Why", kind="prose", width=440),
    tables.Column(name="blocked_by", label="Blocked by", width="medium"),
    tables.Column(name="reason", label="Code"),
)


def show_skipped(skipped: Sequence[Skipped], *, key: str) -> None:
    """The reasons with how many they hold back, and a table of the subjects of the chosen one."""
    number = formatting.count_of(len(skipped), "subject")
    show_heading("Skipped", f"{number} without advice, and why; nothing is left out silently")
    if not skipped:
        st.success("Nothing was skipped.", icon=":material/check_circle:")
        return
    chosen = _choose_reason(skipped, key)
    tables.show_table(
        [_row(one) for one in skipped if chosen in (None, one.reason)],
        COLUMNS,
        key=f"{key}_skipped",
        file_name="skipped",
        noun="subject",
    )


def _choose_reason(skipped: Sequence[Skipped], key: str) -> str | None:
    """The reason that was picked, the commonest first; None: all of them."""
    counted = Counter(one.reason for one in skipped)
    if len(counted) == 1:
        return None
    return st.pills(
        "By reason",
        [reason for reason, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))],
        format_func=lambda reason: f"{wording.parameter(reason)} · {counted[reason]:,}",
        key=f"{key}_reason",
        help="Pick one to see its subjects only; click it again to see all.",
    )


def _row(one: Skipped) -> tables.Row:
    return {
        "kind": one.subject.kind,
        "subject": _subject(one),
        "reason": one.reason,
        "message": one.message,
        "blocked_by": ", ".join(one.subjects),
    }


def _subject(one: Skipped) -> str:
    subject = one.subject
    if subject.instance_type and subject.kind == "Pool":
        return " / ".join(filter(None, (subject.instance_type, subject.availability_zone)))
    return subject_name(subject)
