"""Who follows the schedules: namespaces by their label, and what stays as it is and why."""

from collections.abc import Sequence

from services.workflows.browse_clusters import Cluster
from services.workflows.browse_office_hours import (
    ENVIRONMENT_LABEL,
    HoursDecision,
    NamespaceRow,
    ScheduleRecord,
)
from ui.components import data, tables, wording
from ui.components.cards import show_heading

NAMESPACE_COLUMNS = (
    tables.Column(name="namespace", label="Namespace"),
    tables.Column(name="environment", label="Label"),
    tables.Column(name="follows", label="Follows"),
    tables.Column(name="workloads", label="Workloads", kind="number"),
)
SKIPPED_COLUMNS = (
    tables.Column(name="subject", label="Subject"),
    tables.Column(name="reason", label="Class"),
    tables.Column(name="message", label="Why", kind="prose", width="large"),
)


def show_namespaces(
    cluster: Cluster, snapshot_digest: str, records: Sequence[ScheduleRecord]
) -> None:
    """The namespaces of the latest state: their label, and the schedule that they follow."""
    show_heading("Namespaces", f"They follow an environment's schedule by {ENVIRONMENT_LABEL}")
    tables.show_table(
        [
            {
                "namespace": one.namespace,
                "environment": one.environment or None,
                "follows": _followed(one, records),
                "workloads": one.workloads,
            }
            for one in data.labelled_namespaces(snapshot_digest)
        ],
        NAMESPACE_COLUMNS,
        key="hours_namespaces",
        file_name=f"environments-{cluster.name}",
        noun="namespace",
    )


def _followed(one: NamespaceRow, records: Sequence[ScheduleRecord]) -> str:
    """The schedules that claim a namespace, by its label or by their own list."""
    claims = [
        record.environment
        for record in records
        if record.environment == one.environment
        or one.namespace in record.schedule.get("namespaces", ())
    ]
    if not claims:
        return "label it" if not one.environment else "no schedule of that name"
    return claims[0] if len(claims) == 1 else f"! several: {', '.join(claims)}; stays awake"


def show_skipped(decision: HoursDecision) -> None:
    """What the newest decision leaves as it is, each with the sentence that says why."""
    if not decision.skipped:
        return
    show_heading("Left as they are", f"As decision {decision.summary.id} says, and why")
    tables.show_table(
        [
            {
                "subject": "/".join(filter(None, (one.subject.namespace, one.subject.name))),
                "reason": wording.in_words(one.reason),
                "message": one.message,
            }
            for one in decision.skipped
        ],
        SKIPPED_COLUMNS,
        key="hours_skipped",
        file_name="left-as-they-are",
        noun="subject",
    )
