"""The audit log: who did what to what, with the values before and after."""

import msgspec

from ui.components import data, tables, wording
from ui.components.cards import show_empty

COLUMNS = (
    tables.Column(name="recorded_at", label="When", kind="time"),
    tables.Column(name="actor", label="Who"),
    tables.Column(name="action", label="Did"),
    tables.Column(name="object_name", label="To what"),
    tables.Column(name="before", label="Before", width="large"),
    tables.Column(name="after", label="After", width="large"),
)


def show_audit_log() -> None:
    """The newest entries; the database refuses to change or delete any."""
    entries = data.audit_log()
    if not entries:
        show_empty(
            "Nothing was done yet",
            "Opening clusters and changing limits leave their traces here.",
            "history",
        )
        return
    tables.show_table(
        [
            {
                "recorded_at": one.recorded_at,
                "actor": one.actor,
                "action": wording.in_words(one.action),
                "object_name": one.object_name,
                "before": _json(one.before),
                "after": _json(one.after),
            }
            for one in entries
        ],
        COLUMNS,
        key="safety_audit",
        file_name="audit-log",
        noun="action",
    )


def _json(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
