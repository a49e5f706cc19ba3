"""Registered clusters: how they are read, their mode, their safety limits, their baseline."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, insert, select, update

from db.errors import RecordNotFoundError
from db.models.base import table_of
from db.models.clusters import Cluster as Row
from db.records import (
    Baseline,
    Cluster,
    ClusterAccess,
    ClusterMode,
    ClusterSource,
    ClusterStatus,
    DataKind,
    LaunchSettings,
)
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction
from engines.contracts.pricing import to_micro_usd, to_usd
from engines.contracts.verdict import SafetyLimits
from services.findings import Finding

_COLUMNS = table_of(Row).columns
_launch = msgspec.json.Decoder(LaunchSettings)
_problems = msgspec.json.Decoder(tuple[Finding, ...])


def add(tx: Transaction, cluster: Cluster, access: ClusterAccess | None = None) -> None:
    """Store a new cluster; a second one of the same id, or name and customer, is an error."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    values = msgspec.structs.asdict(cluster)
    limits = msgspec.structs.asdict(values.pop("limits"))
    values |= _baseline_values(values.pop("baseline"))
    values["launch_settings"] = values.pop("launch")
    values |= {} if access is None else msgspec.structs.asdict(access)
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


def load_access(reader: Reader, cluster_id: str) -> ClusterAccess | None:
    """How the cluster's API is reached; None: it is not read through an API (any more)."""
    query = select(*_COLUMNS).where(Row.id == cluster_id, Row.sealed_credential.is_not(None))
    row = reader.connection.execute(query).one_or_none()
    return None if row is None else to_record(row._mapping, ClusterAccess)


def set_access(tx: Transaction, cluster_id: str, access: ClusterAccess, *, at: datetime) -> None:
    """From now on the cluster is read through this API; it is active until that fails."""
    fresh = {"source": ClusterSource.API, "status": ClusterStatus.ACTIVE, "last_read_error": None}
    _change(tx, cluster_id, at, **fresh, **msgspec.structs.asdict(access))


def set_dump_source(tx: Transaction, cluster_id: str, *, at: datetime) -> None:
    """From now on the cluster's state comes from dumps; there is no API to ask."""
    gone = dict.fromkeys(
        ("endpoint", "ca_pem", "credential_kind", "sealed_credential", "last_read_error")
    )
    source = {"source": ClusterSource.DUMP, "status": ClusterStatus.ACTIVE}
    _change(tx, cluster_id, at, **source, **gone)


def set_sealed_credential(tx: Transaction, cluster_id: str, sealed: str) -> None:
    """Store the same credential under another key; the cluster has not changed by that."""
    statement = update(Row).where(Row.id == cluster_id).values(sealed_credential=sealed)
    tx.connection.execute(statement)


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


def set_details(
    tx: Transaction,
    cluster_id: str,
    *,
    region: str | None,
    tag: str | None,
    launch: LaunchSettings,
    at: datetime,
) -> None:
    """Set what was entered besides the access: region, tag of the instances, launch settings."""
    _change(tx, cluster_id, at, region=region, cluster_tag=tag, launch_settings=launch)


def set_baseline(tx: Transaction, cluster_id: str, baseline: Baseline) -> None:
    """Freeze the unit costs that the cluster's savings are measured against."""
    _change(tx, cluster_id, baseline.frozen_at, **_baseline_values(baseline))


def note_reading(
    tx: Transaction, cluster_id: str, problems: Sequence[Finding] = (), *, at: datetime
) -> None:
    """The cluster was read at that time: it is active, and its last error is over.

    ``problems`` are the parts that could not be read.
    """
    values = {"last_read_at": at, "last_read_problems": problems, "last_read_error": None}
    _change(tx, cluster_id, at, status=ClusterStatus.ACTIVE, **values)


def note_read_failure(tx: Transaction, cluster_id: str, error: str, *, at: datetime) -> None:
    """The cluster could not be read at that time; what was read before stays."""
    values = {"last_read_error": error, "last_error_at": at}
    _change(tx, cluster_id, at, status=ClusterStatus.UNREACHABLE, **values)


def archive(tx: Transaction, cluster_id: str, *, at: datetime) -> None:
    """Keep the cluster for its decisions only: its credential is deleted."""
    values = {"sealed_credential": None, "credential_kind": None, "last_read_error": None}
    _change(tx, cluster_id, at, status=ClusterStatus.ARCHIVED, **values)


def _change(tx: Transaction, cluster_id: str, at: datetime, **values: Any) -> None:
    data_versions.bump(tx, DataKind.CLUSTERS)
    changed = tx.connection.execute(
        update(Row).where(Row.id == cluster_id).values(**values, updated_at=at)
    )
    if changed.rowcount != 1:
        raise _unknown(cluster_id)


def _cluster(row: RowMapping) -> Cluster:
    return to_record(
        row,
        Cluster,
        limits=to_record(row, SafetyLimits),
        baseline=_baseline(row),
        launch=_launch.decode(row["launch_settings"] or "{}"),
        last_read_problems=_problems.decode(row["last_read_problems"] or "[]"),
    )


def _baseline(row: RowMapping) -> Baseline | None:
    if row["baseline_at"] is None:
        return None
    return Baseline(
        usd_per_vcpu_hour=to_usd(row["baseline_micro_usd_vcpu_hour"]),
        usd_per_gib_hour=to_usd(row["baseline_micro_usd_gib_hour"]),
        frozen_at=row["baseline_at"],
    )


def _baseline_values(baseline: Baseline | None) -> dict[str, Any]:
    if baseline is None:
        return {}
    return {
        "baseline_micro_usd_vcpu_hour": to_micro_usd(baseline.usd_per_vcpu_hour),
        "baseline_micro_usd_gib_hour": to_micro_usd(baseline.usd_per_gib_hour),
        "baseline_at": baseline.frozen_at,
    }


def _unknown(cluster_id: str) -> RecordNotFoundError:
    return RecordNotFoundError(
        f"cluster {cluster_id!r} is not registered",
        next_step="choose a cluster from the list, or register it first",
    )
