"""What screens and the terminal show of customers: their account's access and their queues."""

import msgspec

from db.records import Customer, Queue
from db.repositories import clusters, customers, queues
from db.session import Database
from services.errors import NotFoundError

__all__ = ["Customer", "CustomerView", "Queue", "find_customer", "load_customers"]


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer with its queues and the names of its clusters, but for the removed ones."""

    customer: Customer
    queues: tuple[Queue, ...]
    clusters: tuple[str, ...]


def load_customers(database: Database) -> tuple[CustomerView, ...]:
    """All customers that are not archived, by company."""
    with database.reader() as reader:
        owned = clusters.list_all(reader)
        known = queues.list_all(reader)
        return tuple(
            CustomerView(
                customer=one,
                queues=tuple(queue for queue in known if queue.customer_id == one.id),
                clusters=tuple(cluster.name for cluster in owned if cluster.customer_id == one.id),
            )
            for one in customers.list_all(reader)
        )


def find_customer(database: Database, name: str) -> Customer:
    """The customer of that id or company. Raises NotFoundError, which names all there are."""
    known = [one.customer for one in load_customers(database)]
    for one in known:
        if name in (one.id, one.company):
            return one
    raise NotFoundError(
        f"no customer is called {name!r}",
        next_step=f"choose one of {', '.join(one.company for one in known)}"
        if known
        else "register one with customer add",
    )
