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

LOOSENED_LIMITS = "loosened_limits"  # the exception of a cluster whose limits an admin loosened
_TABLE_LIMITS = SafetyLimits()  # what the CHECKs of the tables say

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
    violations = [_violation(one, cluster_id, at) for one in verdict.violations]
    pools = [_pool(one, verdict) for one in verdict.pools]
    zones = [_zones(verdict)] if verdict.zones else []
    exceptions = _exceptions(verdict, [*violations, *pools, *zones], cluster_id, at)
    _add(tx, SafetyException, exceptions, validation)
    _add(tx, SafetyViolation, violations, validation)
    _add(tx, PoolAllocation, pools, validation)
    _add(tx, AzDistribution, zones, validation)
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


def _exceptions(
    verdict: SafetyVerdict, rows: Sequence[_Row], cluster_id: str, at: datetime
) -> list[_Row]:
    """What the verdict names, and what the rows below it refer to."""
    used = {row["exception_id"] for row in rows if row["exception_id"] is not None}
    return [
        {"exception_id": name, "cluster_id": cluster_id, "recorded_at": at}
        for name in sorted(used | set(verdict.exceptions))
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
    kind = _kind(verdict, blame) if pool.decided else "observed"
    is_beyond = pool.share > _TABLE_LIMITS.max_pool_share
    return {
        "kind": kind,
        "exception_id": _exception(blame, is_loosened=kind == "decided" and is_beyond),
        "instance_type": pool.instance_type,
        "availability_zone": pool.availability_zone,
        "nodes": pool.nodes,
        "share": pool.share,
        "risk_score": pool.risk_score,
    }


def _zones(verdict: SafetyVerdict) -> _Row:
    blame = _blame(verdict, SafetyLayer.AZ_DISTRIBUTION, None)
    kind = _kind(verdict, blame)
    is_beyond = len(verdict.zones) < _TABLE_LIMITS.min_availability_zones
    return {
        "kind": kind,
        "exception_id": _exception(blame, is_loosened=kind == "decided" and is_beyond),
        "zone_count": len(verdict.zones),
        "zones": verdict.zones,
    }


def _blame(verdict: SafetyVerdict, layer: SafetyLayer, subject: str | None) -> list[Violation]:
    """What the verdict has against the subject (None: against anything) in that layer."""
    return [
        one for one in verdict.violations if one.layer == layer and subject in (None, one.subject)
    ]


def _kind(verdict: SafetyVerdict, blame: Sequence[Violation]) -> str:
    """Decided is what an accepted plan adds; what it found and did not worsen is observed."""
    if any(one.inherited for one in blame):
        return "observed"
    return "decided" if verdict.action_taken is VerdictAction.APPROVED else "proposed"


def _exception(blame: Sequence[Violation], *, is_loosened: bool) -> str | None:
    """The exception that lets a row pass the tables' own limits; None: it needs none."""
    named = (one.exception_id for one in blame if one.exception_id is not None)
    return next(named, LOOSENED_LIMITS if is_loosened else None)


def _recorded(row: RowMapping) -> RecordedViolation:
    return to_record(
        row, RecordedViolation, measured=row["measured_value"], limit=row["limit_value"]
    )
