"""Customers: who owns clusters, and how their AWS account is entered."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from db.errors import RecordNotFoundError
from db.models.base import table_of
from db.models.clusters import Customer as Row
from db.records import Customer, CustomerStatus, DataKind
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction

LOCAL_ID = "local"  # who owns clusters that were opened from files, before anyone registered
_COLUMNS = table_of(Row).columns


def add(tx: Transaction, customer: Customer, *, sealed_secret: str | None = None) -> None:
    """Store a new customer; a second one of the same id or company is an error.

    ``sealed_secret`` is the secret access key that belongs to ``aws_access_key_id``.
    """
    data_versions.bump(tx, DataKind.CLUSTERS)
    tx.connection.execute(insert(Row).values(_values(customer, sealed_secret)))


def change(tx: Transaction, customer: Customer, *, sealed_secret: str | None) -> None:
    """Store what is now known of a customer in place of what was, its secret included."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    statement = update(Row).where(Row.id == customer.id).values(_values(customer, sealed_secret))
    if tx.connection.execute(statement).rowcount != 1:
        raise _unknown(customer.id)


def set_sealed_secret(tx: Transaction, customer_id: str, sealed: str) -> None:
    """Store the same secret under another key; the customer has not changed by that."""
    statement = update(Row).where(Row.id == customer_id)
    tx.connection.execute(statement.values(sealed_aws_secret_access_key=sealed))


def ensure_local(tx: Transaction, *, at: datetime) -> Customer:
    """The customer that owns clusters opened from files; made when first asked for."""
    found = _find(tx, Row.id == LOCAL_ID)
    if found is None:
        found = Customer(id=LOCAL_ID, company="Local files", created_at=at)
        add(tx, found)
    return found


def get(reader: Reader, customer_id: str) -> Customer:
    """The customer of that id. Raises ``RecordNotFoundError``."""
    found = _find(reader, Row.id == customer_id)
    if found is None:
        raise _unknown(customer_id)
    return found


def find_by_company(reader: Reader, company: str) -> Customer | None:
    """The customer of that name; None: there is none."""
    return _find(reader, Row.company == company)


def load_sealed_secret(reader: Reader, customer_id: str) -> str | None:
    """The sealed secret access key; None: the customer has none."""
    query = select(Row.sealed_aws_secret_access_key).where(Row.id == customer_id)
    sealed: str | None = reader.connection.execute(query).scalar_one_or_none()
    return sealed


def list_all(reader: Reader, *, include_archived: bool = False) -> tuple[Customer, ...]:
    """All customers, sorted by company."""
    query = select(*_COLUMNS).order_by(Row.company, Row.id)
    if not include_archived:
        query = query.where(Row.status != CustomerStatus.ARCHIVED)
    return tuple(to_record(row._mapping, Customer) for row in reader.connection.execute(query))


def _values(customer: Customer, sealed_secret: str | None) -> dict[str, Any]:
    return msgspec.structs.asdict(customer) | {"sealed_aws_secret_access_key": sealed_secret}


def _find(reader: Reader, condition: Any) -> Customer | None:
    row = reader.connection.execute(select(*_COLUMNS).where(condition)).one_or_none()
    return None if row is None else to_record(row._mapping, Customer)


def _unknown(customer_id: str) -> RecordNotFoundError:
    return RecordNotFoundError(
        f"customer {customer_id!r} is not registered", next_step="register it first"
    )
