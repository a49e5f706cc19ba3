"""The ledger of OOM kills: a pod's status shows one at a time, events are kept for an hour."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from db.bulk import upsert
from db.ledger_records import KillRecord
from db.models.ledgers import OomKill
from db.session import Reader, Transaction


def add(tx: Transaction, cluster_id: str, kills: Sequence[KillRecord]) -> int:
    """Add kills; those that are known stay as they were noted first. How many were new."""
    if not kills:
        return 0
    statement = upsert(tx, OomKill).on_conflict_do_nothing().returning(OomKill.pod)
    rows = [
        {
            "cluster_id": cluster_id,
            "namespace": one.namespace,
            "pod": one.pod,
            "container": one.container,
            "killed_at": one.killed_at,
            "limit_bytes": one.limit_bytes,
        }
        for one in kills
    ]
    return len(tx.connection.execute(statement, rows).all())


def load(reader: Reader, cluster_id: str, *, since: datetime) -> tuple[KillRecord, ...]:
    """The kills since then, oldest first."""
    query = (
        select(
            OomKill.namespace,
            OomKill.pod,
            OomKill.container,
            OomKill.killed_at,
            OomKill.limit_bytes,
        )
        .where(OomKill.cluster_id == cluster_id, OomKill.killed_at >= since)
        .order_by(OomKill.killed_at, OomKill.namespace, OomKill.pod, OomKill.container)
    )
    rows = reader.connection.execute(query).mappings()
    return tuple(KillRecord(**row) for row in rows)


def purge(tx: Transaction, *, before: datetime) -> int:
    """Delete the kills from before that time; how many."""
    return tx.connection.execute(delete(OomKill).where(OomKill.killed_at < before)).rowcount
