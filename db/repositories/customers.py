"""Customers: who owns clusters."""

from datetime import datetime

import msgspec
from sqlalchemy import insert, select

from db.errors import RecordNotFoundError
from db.models.base import table_of
from db.models.clusters import Customer as Row
from db.records import Customer, DataKind
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction

LOCAL_ID = "local"  # who owns clusters that were opened from files, before anyone registered
_COLUMNS = table_of(Row).columns


def add(tx: Transaction, customer: Customer) -> None:
    """Store a new customer; a second one of the same id or company is an error."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    tx.connection.execute(insert(Row).values(msgspec.structs.asdict(customer)))


def ensure_local(tx: Transaction, *, at: datetime) -> Customer:
    """The customer that owns clusters opened from files; made when first asked for."""
    found = _find(tx, LOCAL_ID)
    if found is None:
        found = Customer(id=LOCAL_ID, company="Local files", created_at=at)
        add(tx, found)
    return found


def get(reader: Reader, customer_id: str) -> Customer:
    """The customer of that id. Raises ``RecordNotFoundError``."""
    found = _find(reader, customer_id)
    if found is None:
        raise RecordNotFoundError(
            f"customer {customer_id!r} is not registered", next_step="register it first"
        )
    return found


def list_all(reader: Reader) -> tuple[Customer, ...]:
    """All customers, sorted by company."""
    rows = reader.connection.execute(select(*_COLUMNS).order_by(Row.company, Row.id))
    return tuple(to_record(row._mapping, Customer) for row in rows)


def _find(reader: Reader, customer_id: str) -> Customer | None:
    row = reader.connection.execute(select(*_COLUMNS).where(Row.id == customer_id)).one_or_none()
    return None if row is None else to_record(row._mapping, Customer)
