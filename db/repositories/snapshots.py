"""Documents stored once, under the digest of their content, compressed.

Decisions refer to the states they judged by digest, so that each can be replayed.
"""

import hashlib
import zlib
from datetime import datetime

from sqlalchemy import delete, select, union, update

from db.bulk import upsert
from db.errors import RecordNotFoundError
from db.models.clusters import Cluster, Snapshot
from db.models.decisions import Decision
from db.records import DocumentKind
from db.session import Reader, Transaction

_COMPRESSION = "zlib"
_LEVEL = 6  # real pod lists: 1/29 of their size at 225 MB/s; level 1 gives 1/16 at 405 MB/s


def save_document(tx: Transaction, kind: DocumentKind, document: bytes, *, at: datetime) -> str:
    """Store a document unless it is stored already; its digest (SHA-256, hex) finds it again."""
    digest = hashlib.sha256(document).hexdigest()
    used = update(Snapshot).where(Snapshot.digest == digest).values(last_used_at=at)
    if tx.connection.execute(used).rowcount == 0:
        row = {
            "digest": digest,
            "kind": kind,
            "compression": _COMPRESSION,
            "payload": zlib.compress(document, _LEVEL),
            "size_bytes": len(document),
            "created_at": at,
            "last_used_at": at,
        }
        tx.connection.execute(upsert(tx, Snapshot).values(row).on_conflict_do_nothing())
    return digest


def load_document(reader: Reader, digest: str) -> bytes:
    """The document of that digest. Raises ``RecordNotFoundError`` when it is not kept any more."""
    query = select(Snapshot.payload).where(Snapshot.digest == digest)
    payload = reader.connection.execute(query).scalar_one_or_none()
    if payload is None:
        raise RecordNotFoundError(
            f"the snapshot {digest[:12]}... is not stored (any more)",
            next_step="decisions can be replayed while their snapshots are kept; import it again",
        )
    return zlib.decompress(payload)


def purge(
    tx: Transaction,
    *,
    unused_since: datetime,
    decided_since: datetime | None = None,
    kind: DocumentKind | None = None,
    limit: int | None = None,
) -> int:
    """Delete documents (of a kind) last used before that time, at most ``limit``; how many.

    The latest state of a cluster stays, and so does what a decision made since ``decided_since``
    (None: since ``unused_since``) refers to.
    """
    recent = Decision.created_at >= (decided_since or unused_since)
    needed = union(
        select(Cluster.latest_snapshot_digest).where(Cluster.latest_snapshot_digest.is_not(None)),
        select(Decision.cluster_snapshot_digest).where(
            recent, Decision.cluster_snapshot_digest.is_not(None)
        ),
        select(Decision.market_snapshot_digest).where(
            recent, Decision.market_snapshot_digest.is_not(None)
        ),
    )
    old = (
        select(Snapshot.digest)
        .where(Snapshot.last_used_at < unused_since, Snapshot.digest.not_in(needed))
        .limit(limit)
    )
    if kind is not None:
        old = old.where(Snapshot.kind == kind)
    deleted = tx.connection.execute(
        delete(Snapshot).where(Snapshot.digest.in_(old.scalar_subquery()))
    )
    return deleted.rowcount
