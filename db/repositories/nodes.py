"""The nodes of a cluster as they were last seen; one that is gone stays, with the time of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update

from db.bulk import upsert
from db.measurement_records import NodeRecord, NodeStatus
from db.models.base import table_of
from db.models.measurements import Node as Row
from db.rows import to_record
from db.session import Reader, Transaction

_COLUMNS = table_of(Row).columns
_SEEN = (  # what tells whether a node is still as it was
    "instance_id",
    "instance_type",
    "availability_zone",
    "capacity_type",
    "status",
    "cpu_millicores",
    "memory_bytes",
    "owner",
)


def load(
    reader: Reader, cluster_id: str, *, include_gone: bool = False
) -> Mapping[str, NodeRecord]:
    """The nodes of a cluster by name."""
    query = select(*_COLUMNS).where(Row.cluster_id == cluster_id).order_by(Row.name)
    if not include_gone:
        query = query.where(Row.gone_at.is_(None))
    rows = reader.connection.execute(query)
    return {row.name: to_record(row._mapping, NodeRecord) for row in rows}


def save(tx: Transaction, cluster_id: str, seen: Sequence[NodeRecord], *, at: datetime) -> int:
    """Bring the list up to what was seen now; how many rows had to be written.

    A node whose name belongs to another instance than before is a new node.
    """
    known = load(tx, cluster_id)
    changed = [
        _continued(one, known.get(one.name), at)
        for one in seen
        if one.name not in known or _looks(one) != _looks(known[one.name])
    ]
    gone = sorted(known.keys() - {one.name for one in seen})
    if changed:
        statement = upsert(tx, Row)
        names = [column.name for column in _COLUMNS if not column.primary_key]
        tx.connection.execute(
            statement.on_conflict_do_update(
                index_elements=[Row.cluster_id, Row.name],
                set_={name: statement.excluded[name] for name in names},
            ),
            [{"cluster_id": cluster_id, **msgspec.structs.asdict(one)} for one in changed],
        )
    if gone:
        tx.connection.execute(
            update(Row)
            .where(Row.cluster_id == cluster_id, Row.name.in_(gone))
            .values(status=NodeStatus.GONE, gone_at=at, changed_at=at)
        )
    return len(changed) + len(gone)


def purge(tx: Transaction, *, gone_before: datetime) -> int:
    """Delete nodes that went before that time; how many."""
    return tx.connection.execute(delete(Row).where(Row.gone_at < gone_before)).rowcount


def _looks(node: NodeRecord) -> tuple[object, ...]:
    return tuple(getattr(node, name) for name in _SEEN)


def _continued(seen: NodeRecord, before: NodeRecord | None, at: datetime) -> NodeRecord:
    is_same = before is not None and before.instance_id == seen.instance_id
    first = before.first_seen_at if before is not None and is_same else at
    return msgspec.structs.replace(seen, first_seen_at=first, changed_at=at, gone_at=None)
