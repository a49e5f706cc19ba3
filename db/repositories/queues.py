"""Queues of interruption warnings: one for each customer and region."""

from datetime import datetime

from sqlalchemy import delete, select

from db.bulk import upsert
from db.models.base import table_of
from db.models.clusters import Customer
from db.models.clusters import Queue as Row
from db.records import CustomerStatus, DataKind, Queue
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction

_COLUMNS = table_of(Row).columns


def put(tx: Transaction, customer_id: str, region: str, url: str, *, at: datetime) -> None:
    """Store the customer's queue of that region in place of the one before."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    row = {"customer_id": customer_id, "region": region, "url": url, "created_at": at}
    tx.connection.execute(
        upsert(tx, Row)
        .values(row)
        .on_conflict_do_update(index_elements=[Row.customer_id, Row.region], set_={"url": url})
    )


def remove(tx: Transaction, customer_id: str, region: str) -> bool:
    """Forget the customer's queue of that region; False: there was none."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    statement = delete(Row).where(Row.customer_id == customer_id, Row.region == region)
    return tx.connection.execute(statement).rowcount == 1


def list_all(reader: Reader, *, customer_id: str | None = None) -> tuple[Queue, ...]:
    """The queues of all customers that are not archived, or of one customer, by region."""
    query = select(*_COLUMNS).join(Customer, Customer.id == Row.customer_id)
    query = query.where(Customer.status != CustomerStatus.ARCHIVED)
    if customer_id is not None:
        query = query.where(Row.customer_id == customer_id)
    rows = reader.connection.execute(query.order_by(Row.customer_id, Row.region))
    return tuple(to_record(row._mapping, Queue) for row in rows)
