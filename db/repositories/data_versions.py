"""Counters that tell a cache in another process that its data are no longer the newest."""

from collections.abc import Mapping

from sqlalchemy import select

from db.bulk import upsert
from db.models.operations import DataVersion
from db.records import DataKind
from db.session import Reader, Transaction


def bump(tx: Transaction, kind: DataKind) -> None:
    """Count up. Until the transaction ends, others that would write this kind wait here."""
    first = upsert(tx, DataVersion).values(kind=kind, version=1)
    counted = first.on_conflict_do_update(
        index_elements=[DataVersion.kind], set_={"version": DataVersion.version + 1}
    )
    tx.connection.execute(counted)


def current(reader: Reader) -> Mapping[DataKind, int]:
    """The version of every kind; 0 where nothing was ever written."""
    stored = {row.kind: row.version for row in reader.connection.execute(select(DataVersion))}
    return {kind: stored.get(kind, 0) for kind in DataKind}
