"""Verdicts of the safety layers: every one, with its violations, pools and zones."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, insert, select

from db.models.base import Base, table_of
from db.models.decisions import (
    ACTIVE_SAFETY_VIOLATIONS,
    CLUSTER_SAFETY_SUMMARY,
    AzDistribution,
    PoolAllocation,
    SafetyException,
    SafetyValidation,
    SafetyViolation,
)
from db.records import ClusterSafety, DataKind, RecordedViolation
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction
from engines.contracts.verdict import (
    PoolShare,
    SafetyLayer,
    SafetyLimits,
    SafetyVerdict,
    VerdictAction,
    Violation,
)

ACTIVE_FOR = timedelta(hours=24)  # how long a violation counts as active

_Row = dict[str, Any]


def record_validation(
    tx: Transaction,
    *,
    cluster_id: str,
    verdict: SafetyVerdict,
    limits: SafetyLimits,
    at: datetime,
    decision_id: int | None = None,
) -> int:
    """Store a verdict with all that it measured; its id.

    Only what an accepted plan adds is stored as decided and bound by the tables' own limits.
    """
    data_versions.bump(tx, DataKind.SAFETY)
    row = {
        "decision_id": decision_id,
        "cluster_id": cluster_id,
        "validated_at": at,
        "is_safe": verdict.is_safe,
        "action_taken": verdict.action_taken,
        "message": verdict.message,
        "on_demand_share": verdict.on_demand_share,
        "limits": limits,
        "alternative": verdict.alternative,
    }
    validation = tx.connection.execute(
        insert(SafetyValidation).values(row).returning(SafetyValidation.id)
    ).scalar_one()
    _add(tx, SafetyException, _exceptions(verdict, cluster_id, at), validation)
    _add(
        tx,
        SafetyViolation,
        [_violation(one, cluster_id, at) for one in verdict.violations],
        validation,
    )
    _add(tx, PoolAllocation, [_pool(one, verdict) for one in verdict.pools], validation)
    if verdict.zones:
        _add(tx, AzDistribution, [_zones(verdict)], validation)
    return validation


def violations(
    reader: Reader, *, since: datetime, cluster_id: str | None = None
) -> tuple[RecordedViolation, ...]:
    """The violations recorded since then, newest first."""
    query = select(*table_of(SafetyViolation).columns).where(SafetyViolation.recorded_at >= since)
    if cluster_id is not None:
        query = query.where(SafetyViolation.cluster_id == cluster_id)
    rows = reader.connection.execute(query.order_by(SafetyViolation.id.desc()))
    return tuple(_recorded(row._mapping) for row in rows)


def summary(reader: Reader) -> tuple[ClusterSafety, ...]:
    """How each cluster stands now (the view ``cluster_safety_summary``), sorted by cluster."""
    view = CLUSTER_SAFETY_SUMMARY
    rows = reader.connection.execute(select(view).order_by(view.c.cluster_id))
    return tuple(to_record(row._mapping, ClusterSafety) for row in rows)


def active_violations(reader: Reader) -> tuple[RecordedViolation, ...]:
    """The violations of the last 24 hours (the view ``active_safety_violations``), newest first."""
    view = ACTIVE_SAFETY_VIOLATIONS
    rows = reader.connection.execute(select(view).order_by(view.c.id.desc()))
    return tuple(_recorded(row._mapping) for row in rows)


def _add(tx: Transaction, model: type[Base], rows: Sequence[_Row], validation: int) -> None:
    if rows:
        tx.connection.execute(insert(model), [{**row, "validation_id": validation} for row in rows])


def _exceptions(verdict: SafetyVerdict, cluster_id: str, at: datetime) -> list[_Row]:
    named = {one.exception_id for one in verdict.violations if one.exception_id is not None}
    return [
        {"exception_id": name, "cluster_id": cluster_id, "recorded_at": at}
        for name in sorted(named | set(verdict.exceptions))
    ]


def _violation(violation: Violation, cluster_id: str, at: datetime) -> _Row:
    return {
        "exception_id": violation.exception_id,
        "cluster_id": cluster_id,
        "layer": violation.layer,
        "severity": violation.severity,
        "subject": violation.subject,
        "measured_value": violation.measured,
        "limit_value": violation.limit,
        "message": violation.message,
        "inherited": violation.inherited,
        "recorded_at": at,
        "active_until": at + ACTIVE_FOR,
    }


def _pool(pool: PoolShare, verdict: SafetyVerdict) -> _Row:
    subject = f"{pool.instance_type}/{pool.availability_zone}"
    blame = _blame(verdict, SafetyLayer.POOL_CONCENTRATION, subject)
    return {
        "kind": _kind(verdict, blame) if pool.decided else "observed",
        "exception_id": None if blame is None else blame.exception_id,
        "instance_type": pool.instance_type,
        "availability_zone": pool.availability_zone,
        "nodes": pool.nodes,
        "share": pool.share,
        "risk_score": pool.risk_score,
    }


def _zones(verdict: SafetyVerdict) -> _Row:
    blame = _blame(verdict, SafetyLayer.AZ_DISTRIBUTION, None)
    return {
        "kind": _kind(verdict, blame),
        "exception_id": None if blame is None else blame.exception_id,
        "zone_count": len(verdict.zones),
        "zones": verdict.zones,
    }


def _blame(verdict: SafetyVerdict, layer: SafetyLayer, subject: str | None) -> Violation | None:
    """What the verdict has against the subject (None: against anything) in that layer."""
    found = (
        one for one in verdict.violations if one.layer == layer and subject in (None, one.subject)
    )
    return next(found, None)


def _kind(verdict: SafetyVerdict, blame: Violation | None) -> str:
    """Decided is what an accepted plan adds; what it found and did not worsen is observed."""
    if blame is not None and blame.inherited:
        return "observed"
    return "decided" if verdict.action_taken is VerdictAction.APPROVED else "proposed"


def _recorded(row: RowMapping) -> RecordedViolation:
    return to_record(
        row, RecordedViolation, measured=row["measured_value"], limit=row["limit_value"]
    )
