"""Domain events: appended, never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, delete, insert, select

from db.models.base import table_of
from db.models.operations import Event as Row
from db.records import DataKind, Event
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction


def append(
    tx: Transaction,
    event_type: str,
    *,
    subject: str,
    at: datetime,
    cluster_id: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> int:
    """Store an event such as ``optimization.completed``; its id, which grows with time."""
    data_versions.bump(tx, DataKind.EVENTS)
    row = {
        "occurred_at": at,
        "type": event_type,
        "cluster_id": cluster_id,
        "subject": subject,
        "payload": payload or {},
    }
    return tx.connection.execute(insert(Row).values(row).returning(Row.id)).scalar_one()


def list_events(
    reader: Reader,
    *,
    event_type: str | None = None,
    cluster_id: str | None = None,
    after_id: int = 0,
    limit: int = 100,
) -> tuple[Event, ...]:
    """The newest events with an id above ``after_id``, newest first."""
    query = select(*table_of(Row).columns).where(Row.id > after_id)
    if event_type is not None:
        query = query.where(Row.type == event_type)
    if cluster_id is not None:
        query = query.where(Row.cluster_id == cluster_id)
    rows = reader.connection.execute(query.order_by(Row.id.desc()).limit(limit))
    return tuple(_event(row._mapping) for row in rows)


def purge(tx: Transaction, *, before: datetime) -> int:
    """Delete events older than that; how many there were."""
    data_versions.bump(tx, DataKind.EVENTS)
    return tx.connection.execute(delete(Row).where(Row.occurred_at < before)).rowcount


def _event(row: RowMapping) -> Event:
    return to_record(row, Event, payload=msgspec.json.decode(row["payload"]))
