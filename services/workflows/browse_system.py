"""What screens show of the program itself: database, imports, events, audit log."""

from collections.abc import Mapping

from db.records import AuditEntry, DataKind, Event, ImportRun, ImportStatus
from db.repositories import audit, data_versions, events, imports
from db.session import Database, DatabaseStatus

__all__ = [
    "AuditEntry",
    "DataKind",
    "Database",
    "DatabaseStatus",
    "Event",
    "ImportRun",
    "ImportStatus",
]


def load_data_versions(database: Database) -> Mapping[DataKind, int]:
    """A counter for each kind of data that grows with every write."""
    with database.reader() as reader:
        return dict(data_versions.current(reader))


def check_database(database: Database) -> DatabaseStatus:
    """How the database is, asked now."""
    return database.check()


def load_imports(database: Database, limit: int = 200) -> tuple[ImportRun, ...]:
    """The latest imports, newest first."""
    with database.reader() as reader:
        return imports.list_runs(reader, limit=limit)


def load_events(
    database: Database, limit: int = 50, cluster_id: str | None = None
) -> tuple[Event, ...]:
    """The latest domain events, newest first."""
    with database.reader() as reader:
        return events.list_events(reader, cluster_id=cluster_id, limit=limit)


def load_audit_log(database: Database, limit: int = 500) -> tuple[AuditEntry, ...]:
    """The latest entries of the audit log, newest first."""
    with database.reader() as reader:
        return audit.list_entries(reader, limit=limit)
