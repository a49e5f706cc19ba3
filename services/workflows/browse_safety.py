"""What screens show of safety: how each cluster stands, and the violations of the last 24 hours."""

from db.records import ClusterSafety, RecordedViolation
from db.repositories import safety
from db.session import Database

__all__ = ["ClusterSafety", "RecordedViolation"]


def load_safety_summary(database: Database) -> tuple[ClusterSafety, ...]:
    """The latest verdict of each cluster with its active violations, by cluster."""
    with database.reader() as reader:
        return safety.summary(reader)


def load_active_violations(database: Database) -> tuple[RecordedViolation, ...]:
    """The violations of the last 24 hours, newest first."""
    with database.reader() as reader:
        return safety.active_violations(reader)
