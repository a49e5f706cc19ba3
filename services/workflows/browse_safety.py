"""What screens show of safety: how each cluster stands, and the violations of the last 24 hours."""

import msgspec

from db.records import ClusterSafety, RecordedViolation
from db.repositories import decisions, safety
from db.session import Database, Reader
from engines.contracts.verdict import VerdictAction
from services.workflows.browse_decisions import newest_judged

__all__ = ["ClusterSafety", "RecordedViolation"]


def load_safety_summary(database: Database) -> tuple[ClusterSafety, ...]:
    """The latest verdict of each cluster with its active violations, by cluster.

    Plans that change no node leave nothing to judge: the verdict before them is shown.
    """
    with database.reader() as reader:
        return tuple(_with_judged_plan(reader, one) for one in safety.summary(reader))


def load_active_violations(database: Database) -> tuple[RecordedViolation, ...]:
    """The violations of the last 24 hours, newest first."""
    with database.reader() as reader:
        return safety.active_violations(reader)


def _with_judged_plan(reader: Reader, one: ClusterSafety) -> ClusterSafety:
    if one.action_taken is not VerdictAction.NOT_APPLICABLE:
        return one
    summary = newest_judged(reader, one.cluster_id)
    verdict = None if summary is None else decisions.get(reader, summary.id).response.safety
    if summary is None or verdict is None:
        return one
    return msgspec.structs.replace(
        one,
        validated_at=summary.created_at,
        is_safe=verdict.is_safe,
        action_taken=verdict.action_taken,
        message=verdict.message,
    )
