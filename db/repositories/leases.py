"""Leases: a right that one process holds until it expires, with a fence against its last holder.

Whose clock? The database's, for all: PostgreSQL's server time, and on SQLite, whose processes
share a machine, that machine's. So clocks that differ between machines do not matter. A clock that
jumps forward may take a lease from a living holder, whose writes the fence then refuses; an expiry
further ahead than a lease can last was written before the clock jumped back, and counts as over.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update

from db.bulk import upsert
from db.errors import LeaseLostError
from db.job_records import Lease
from db.models.base import table_of
from db.models.operations import Lease as Row
from db.rows import to_record
from db.session import Reader, Transaction


def load(reader: Reader, name: str) -> Lease | None:
    """The lease as it stands, expired or not; None: nobody ever held it."""
    row = reader.connection.execute(
        select(*table_of(Row).columns).where(Row.name == name)
    ).one_or_none()
    return None if row is None else to_record(row._mapping, Lease)


def is_free(reader: Reader, name: str, *, ttl: timedelta) -> bool:
    """Whether ``acquire`` is worth a try. It only reads, so that those who wait disturb nobody."""
    held = select(Row.name).where(Row.name == name, ~_is_over(database_time(reader), ttl))
    return reader.connection.execute(held).one_or_none() is None


def acquire(tx: Transaction, name: str, holder: str, *, ttl: timedelta) -> int | None:
    """Take a lease that nobody holds; its fence, or None where somebody does."""
    now = database_time(tx)
    first = upsert(tx, Row).values(
        name=name, holder=holder, fence=1, acquired_at=now, expires_at=now + ttl
    )
    taken = first.on_conflict_do_update(
        index_elements=[Row.name],
        set_={
            "holder": holder,
            "fence": Row.fence + 1,
            "acquired_at": now,
            "expires_at": now + ttl,
        },
        where=_is_over(now, ttl),
    ).returning(Row.fence)
    return tx.connection.execute(taken).scalar_one_or_none()


def renew(tx: Transaction, name: str, fence: int, *, ttl: timedelta) -> None:
    """Hold on for another ``ttl``. Raises ``LeaseLostError`` where somebody else took it.

    An expired lease that nobody took is renewed like any other.
    """
    renewed = update(Row).where(Row.name == name, Row.fence == fence)
    if tx.connection.execute(renewed.values(expires_at=database_time(tx) + ttl)).rowcount != 1:
        raise _lost(name)


def release(tx: Transaction, name: str, fence: int) -> None:
    """Let go, so that another need not wait for the end of it; of a lost lease nothing changes."""
    over = update(Row).where(Row.name == name, Row.fence == fence)
    tx.connection.execute(over.values(expires_at=database_time(tx)))


def confirm(tx: Transaction, name: str, fence: int) -> None:
    """Let the transaction commit only under this fence; call it last.

    On PostgreSQL whoever takes the lease waits for the commit (SQLite has one writer anyway).
    Raises ``LeaseLostError``.
    """
    query = select(Row.fence).where(Row.name == name).with_for_update(read=True)
    if tx.connection.execute(query).scalar_one_or_none() != fence:
        raise _lost(name)


def database_time(reader: Reader) -> datetime:
    """The time by the clock that all processes of this database share."""
    if not reader.is_postgresql:
        return datetime.now(UTC)
    now: datetime = reader.connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def _is_over(now: datetime, ttl: timedelta) -> ColumnElement[bool]:
    return or_(Row.expires_at <= now, Row.expires_at > now + 2 * ttl)


def _lost(name: str) -> LeaseLostError:
    return LeaseLostError(
        f"another process holds the lease {name!r} now",
        next_step="nothing: what was not stored yet is done by that process",
    )
