"""Registered clusters, their mode and their safety limits."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, insert, select, update

from db.errors import RecordNotFoundError
from db.models.base import table_of
from db.models.clusters import Cluster as Row
from db.records import Cluster, ClusterMode, ClusterStatus, DataKind
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction
from engines.contracts.verdict import SafetyLimits

_COLUMNS = table_of(Row).columns


def add(tx: Transaction, cluster: Cluster) -> None:
    """Store a new cluster; a second one of the same id, or name and customer, is an error."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    values = msgspec.structs.asdict(cluster)
    limits = msgspec.structs.asdict(values.pop("limits"))
    tx.connection.execute(insert(Row).values(**values, **limits))


def get(reader: Reader, cluster_id: str) -> Cluster:
    """The cluster of that id. Raises ``RecordNotFoundError``."""
    query = select(*_COLUMNS).where(Row.id == cluster_id)
    row = reader.connection.execute(query).one_or_none()
    if row is None:
        raise _unknown(cluster_id)
    return _cluster(row._mapping)


def find_by_name(reader: Reader, customer_id: str, name: str) -> Cluster | None:
    """The customer's cluster of that name; None: there is none."""
    query = select(*_COLUMNS).where(Row.customer_id == customer_id, Row.name == name)
    row = reader.connection.execute(query).one_or_none()
    return None if row is None else _cluster(row._mapping)


def list_all(reader: Reader, *, include_archived: bool = False) -> tuple[Cluster, ...]:
    """All clusters, sorted by name."""
    query = select(*_COLUMNS).order_by(Row.name, Row.id)
    if not include_archived:
        query = query.where(Row.status != ClusterStatus.ARCHIVED)
    return tuple(_cluster(row._mapping) for row in reader.connection.execute(query))


def set_latest_snapshot(tx: Transaction, cluster_id: str, digest: str, *, at: datetime) -> None:
    """Note the newest known state of a cluster, stored before by ``snapshots.save_document``."""
    _change(tx, cluster_id, at, latest_snapshot_digest=digest, latest_snapshot_at=at)


def set_limits(tx: Transaction, cluster_id: str, limits: SafetyLimits, *, at: datetime) -> None:
    """Set the safety limits. Who may loosen them is decided above; this stores."""
    _change(tx, cluster_id, at, **msgspec.structs.asdict(limits))


def set_mode(tx: Transaction, cluster_id: str, mode: ClusterMode, *, at: datetime) -> None:
    """Set what may become of a recommendation without further asking."""
    _change(tx, cluster_id, at, mode=mode)


def set_status(tx: Transaction, cluster_id: str, status: ClusterStatus, *, at: datetime) -> None:
    """Set whether the cluster can be worked on."""
    _change(tx, cluster_id, at, status=status)


def set_region(tx: Transaction, cluster_id: str, region: str | None, *, at: datetime) -> None:
    """Set the region; None: not known."""
    _change(tx, cluster_id, at, region=region)


def _change(tx: Transaction, cluster_id: str, at: datetime, **values: Any) -> None:
    data_versions.bump(tx, DataKind.CLUSTERS)
    changed = tx.connection.execute(
        update(Row).where(Row.id == cluster_id).values(**values, updated_at=at)
    )
    if changed.rowcount != 1:
        raise _unknown(cluster_id)


def _cluster(row: RowMapping) -> Cluster:
    return to_record(row, Cluster, limits=to_record(row, SafetyLimits))


def _unknown(cluster_id: str) -> RecordNotFoundError:
    return RecordNotFoundError(
        f"cluster {cluster_id!r} is not registered",
        next_step="choose a cluster from the list, or register it first",
    )
