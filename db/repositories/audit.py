"""The audit log: who did what to what. The database itself refuses to change it."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, insert, select

from db.models.base import table_of
from db.models.operations import AuditEntry as Row
from db.records import AuditEntry
from db.rows import to_record
from db.session import Reader, Transaction


def append(  # noqa: PLR0913 - the fields of an entry, each by name
    tx: Transaction,
    *,
    actor: str,
    action: str,
    object_name: str,
    at: datetime,
    before: Any = None,
    after: Any = None,
) -> int:
    """Store an entry; ``before`` and ``after`` are JSON values or contract types, never secrets."""
    row = {
        "recorded_at": at,
        "actor": actor,
        "action": action,
        "object_name": object_name,
        "before": before,
        "after": after,
    }
    return tx.connection.execute(insert(Row).values(row).returning(Row.id)).scalar_one()


def list_entries(
    reader: Reader,
    *,
    actor: str | None = None,
    object_name: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[AuditEntry, ...]:
    """The entries, newest first."""
    query = select(*table_of(Row).columns)
    if actor is not None:
        query = query.where(Row.actor == actor)
    if object_name is not None:
        query = query.where(Row.object_name == object_name)
    rows = reader.connection.execute(query.order_by(Row.id.desc()).limit(limit).offset(offset))
    return tuple(_entry(row._mapping) for row in rows)


def _entry(row: RowMapping) -> AuditEntry:
    decoded = {
        name: None if row[name] is None else msgspec.json.decode(row[name])
        for name in ("before", "after")
    }
    return to_record(row, AuditEntry, **decoded)
