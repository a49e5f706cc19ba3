"""What is left alone: idle for too short a time, or of a class that is only reported.

``name_of`` gives a cluster's name on screen from its id.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from services.workflows.browse_waste import OtherRow, WaitingRow
from ui.components import formatting, tables, wording
from ui.components.cards import show_empty, show_heading

WAITING_COLUMNS = (
    tables.Column(name="kind", label="Kind"),
    tables.Column(name="id", label="Id"),
    tables.Column(name="name", label="Name"),
    tables.Column(name="countdown", label="Grace"),
    tables.Column(name="first_seen", label="First seen", kind="time"),
    tables.Column(name="due", label="Judged from", kind="time"),
    tables.Column(name="scans", label="Scans", kind="number"),
    tables.Column(name="zone", label="Zone"),
    tables.Column(name="message", label="Why", kind="prose", width=270),
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="decision", label="Decision", kind="number"),
)
OTHER_COLUMNS = (
    tables.Column(name="kind", label="Kind"),
    tables.Column(name="id", label="Id"),
    tables.Column(name="name", label="Name"),
    tables.Column(name="reason", label="Class"),
    tables.Column(name="message", label="Why", kind="prose", width="large"),
    tables.Column(name="zone", label="Zone"),
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="decision", label="Decision", kind="number"),
)
BECOMES = {"Instance": "ghost", "Volume": "zombie"}
_LAST = datetime.max.replace(tzinfo=UTC)


def show_waiting(
    waiting: Sequence[WaitingRow], now: datetime, name_of: Callable[[str], str]
) -> None:
    """What is idle within its time of grace, the first to be due first."""
    show_heading("Within grace", "Idle since our first scan that saw it so; judged once it is due")
    if not waiting:
        show_empty("Nothing waits", "No idle instance or volume is within its grace.", "task_alt")
        return
    soonest = sorted(waiting, key=lambda one: (one.due_at or _LAST, one.resource_id))
    tables.show_table(
        [_waiting(one, now, name_of) for one in soonest],
        WAITING_COLUMNS,
        key="waste_waiting",
        file_name="within-grace",
        noun="resource",
    )


def show_others(others: Sequence[OtherRow], in_use: int, name_of: Callable[[str], str]) -> None:
    """Stopped, protected, of another cluster ...: each with the sentence that says why."""
    used = formatting.count_of(in_use, "volume is in use", "volumes are in use")
    show_heading("Reported only", f"Left as they are, and why; besides, {used}")
    if not others:
        show_empty("Nothing else was seen", "All other resources are in use.", "task_alt")
        return
    tables.show_table(
        [
            _other(one, name_of)
            for one in sorted(others, key=lambda one: (one.reason, one.resource_id))
        ],
        OTHER_COLUMNS,
        key="waste_others",
        file_name="reported-only",
        noun="resource",
    )


def countdown(one: WaitingRow, now: datetime) -> str:
    """When it becomes waste: ``ghost in 17 hours``; what is due already waits for a look."""
    word = BECOMES[one.kind]
    if one.due_at is None:
        return "waits for the first scan"
    if one.due_at <= now:
        return f"due: {word} at the next look"
    return f"{word} in {formatting.duration((one.due_at - now).total_seconds())}"


def _waiting(one: WaitingRow, now: datetime, name_of: Callable[[str], str]) -> tables.Row:
    return {
        "kind": one.kind,
        "id": one.resource_id,
        "name": one.name,
        "countdown": countdown(one, now),
        "first_seen": one.first_seen,
        "due": one.due_at,
        "scans": one.scans,
        "zone": one.availability_zone,
        "message": one.message,
        "cluster": name_of(one.cluster_id),
        "decision": one.decision_id,
    }


def _other(one: OtherRow, name_of: Callable[[str], str]) -> tables.Row:
    return {
        "kind": one.kind,
        "id": one.resource_id,
        "name": one.name,
        "reason": wording.in_words(one.reason),
        "message": one.message,
        "zone": one.availability_zone,
        "cluster": name_of(one.cluster_id),
        "decision": one.decision_id,
    }
