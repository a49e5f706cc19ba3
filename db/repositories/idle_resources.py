"""The ledger of idle instances and volumes: first seen, last seen, scans in a row."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select

from db.bulk import upsert
from db.ledger_records import IdleKind, IdleRecord
from db.models.ledgers import IdleResource
from db.session import Reader, Transaction


def save_scan(
    tx: Transaction,
    customer_id: str,
    kind: IdleKind,
    region: str,
    idle: Collection[str],
    *,
    at: datetime,
) -> None:
    """Note what a scan of a region saw idle. What is idle no more loses its row, and with it its
    history: it starts anew the next time."""
    of_region = (
        IdleResource.customer_id == customer_id,
        IdleResource.kind == kind,
        IdleResource.region == region,
    )
    known = tx.connection.execute(select(IdleResource.resource_id).where(*of_region)).scalars()
    gone = sorted(set(known) - set(idle))
    if gone:
        tx.connection.execute(
            delete(IdleResource).where(*of_region, IdleResource.resource_id.in_(gone))
        )
    if not idle:
        return
    new = upsert(tx, IdleResource)
    again = new.on_conflict_do_update(
        index_elements=[IdleResource.customer_id, IdleResource.kind, IdleResource.resource_id],
        set_={
            "last_seen_at": new.excluded.last_seen_at,
            "region": new.excluded.region,
            "scans": IdleResource.scans + 1,
        },
    )
    tx.connection.execute(
        again,
        [
            {
                "customer_id": customer_id,
                "kind": kind.value,
                "resource_id": one,
                "region": region,
                "first_seen_at": at,
                "last_seen_at": at,
                "scans": 1,
            }
            for one in sorted(idle)
        ],
    )


def load(reader: Reader, customer_id: str, kind: IdleKind) -> tuple[IdleRecord, ...]:
    """All that was idle at the latest scans, by id."""
    query = (
        select(
            IdleResource.resource_id,
            IdleResource.region,
            IdleResource.first_seen_at,
            IdleResource.last_seen_at,
            IdleResource.scans,
        )
        .where(IdleResource.customer_id == customer_id, IdleResource.kind == kind)
        .order_by(IdleResource.resource_id)
    )
    rows = reader.connection.execute(query).mappings()
    return tuple(IdleRecord(**row) for row in rows)
