"""Tables of what engines decided and how the safety layers judged it.

Limits as CHECKs bind what CloudOptim decides. Rows of kind ``observed`` (what the cluster already
was) and ``proposed`` (what a refused plan wanted) are recorded as they are, and so is a decided
row that a recorded exception lets pass.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import AutoId, Base, Json, UtcDateTime, table_of

_KIND = "kind IN ('decided', 'observed', 'proposed')"
_BINDS = "kind <> 'decided' OR exception_id IS NOT NULL"


class Decision(Base):
    """One answer of an engine, with what is needed to replay it. It outlives its cluster."""

    __tablename__ = "decision_log"
    __table_args__ = (
        UniqueConstraint("request_id"),
        Index(None, "created_at", "id"),
        Index(None, "cluster_id", "created_at"),
        CheckConstraint("confidence_score BETWEEN 0 AND 1", name="confidence_is_a_share"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    request_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cluster_id: Mapped[str]
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)  # the request's own "now"
    decision_type: Mapped[str]
    engine_name: Mapped[str]
    engine_version: Mapped[str]
    input_digest: Mapped[str]
    cluster_snapshot_digest: Mapped[str | None]
    market_snapshot_digest: Mapped[str | None]
    requirements: Mapped[str] = mapped_column(Json)
    constraints: Mapped[str] = mapped_column(Json)
    response: Mapped[str] = mapped_column(Json)
    status: Mapped[str]
    reason: Mapped[str]
    recommendation_count: Mapped[int]
    confidence_score: Mapped[float]
    estimated_savings_micro_usd_month: Mapped[int] = mapped_column(BigInteger)
    is_safe: Mapped[bool | None]
    action_taken: Mapped[str | None]
    triggered_by: Mapped[str]


class SafetyValidation(Base):
    """One verdict of the safety layers, whatever it said."""

    __tablename__ = "safety_validations"
    __table_args__ = (
        Index(None, "cluster_id", "validated_at"),
        CheckConstraint(
            "action_taken IN"
            " ('approved', 'safe_alternative_created', 'rejected', 'not_applicable')",
            name="action_is_known",
        ),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision_log.id"))
    cluster_id: Mapped[str]
    validated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_safe: Mapped[bool]
    action_taken: Mapped[str]
    message: Mapped[str]
    on_demand_share: Mapped[float | None]
    limits: Mapped[str] = mapped_column(Json)
    alternative: Mapped[str] = mapped_column(Json)


class SafetyException(Base):
    """An exception that a validation made use of, named by its code."""

    __tablename__ = "safety_exceptions"

    validation_id: Mapped[int] = mapped_column(
        ForeignKey("safety_validations.id", ondelete="CASCADE"), primary_key=True
    )
    exception_id: Mapped[str] = mapped_column(primary_key=True)
    cluster_id: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class _OfValidation:
    """What rows below a validation share."""

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    validation_id: Mapped[int] = mapped_column(
        ForeignKey("safety_validations.id", ondelete="CASCADE"), index=True
    )
    exception_id: Mapped[str | None]


def _exception_reference(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ("validation_id", "exception_id"),
        ("safety_exceptions.validation_id", "safety_exceptions.exception_id"),
        ondelete="CASCADE",
        name=f"fk_{table}_exception",
    )


class SafetyViolation(_OfValidation, Base):
    """A limit that was not met. It counts as active until ``active_until`` (24 hours)."""

    __tablename__ = "safety_violations"
    __table_args__ = (
        CheckConstraint("layer BETWEEN 1 AND 5", name="layer_is_known"),
        CheckConstraint("severity IN ('warning', 'error')", name="severity_is_known"),
        Index(None, "cluster_id", "active_until"),
        _exception_reference("safety_violations"),
    )

    cluster_id: Mapped[str]
    layer: Mapped[int]
    severity: Mapped[str]
    subject: Mapped[str]
    measured_value: Mapped[float]
    limit_value: Mapped[float]
    message: Mapped[str]
    inherited: Mapped[bool]
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    active_until: Mapped[datetime] = mapped_column(UtcDateTime)


class PoolAllocation(_OfValidation, Base):
    """The share of the cluster in one Spot pool, as the judged plan leaves it."""

    __tablename__ = "pool_allocations"
    __table_args__ = (
        CheckConstraint(_KIND, name="kind_is_known"),
        CheckConstraint(f"{_BINDS} OR share <= 0.20", name="decided_share_is_at_most_a_fifth"),
        CheckConstraint("share BETWEEN 0 AND 1", name="share_is_a_share"),
        _exception_reference("pool_allocations"),
    )

    kind: Mapped[str]
    instance_type: Mapped[str]
    availability_zone: Mapped[str]
    nodes: Mapped[int]
    share: Mapped[float]
    risk_score: Mapped[float | None]


class AzDistribution(_OfValidation, Base):
    """The zones of the cluster as the judged plan leaves them; one row a validation."""

    __tablename__ = "az_distribution"
    __table_args__ = (
        CheckConstraint(_KIND, name="kind_is_known"),
        CheckConstraint(f"{_BINDS} OR zone_count >= 3", name="decided_zones_are_at_least_three"),
        _exception_reference("az_distribution"),
    )

    kind: Mapped[str]
    zone_count: Mapped[int]
    zones: Mapped[str] = mapped_column(Json)


# Views are made by migrations; their names stay out of Base.metadata, which holds tables only.
_VIEWS = MetaData()

ACTIVE_SAFETY_VIOLATIONS = Table(
    "active_safety_violations",
    _VIEWS,
    *(Column(column.name, column.type) for column in table_of(SafetyViolation).columns),
)

CLUSTER_SAFETY_SUMMARY = Table(
    "cluster_safety_summary",
    _VIEWS,
    Column("cluster_id", String),
    Column("validation_id", Integer),
    Column("validated_at", UtcDateTime),
    Column("is_safe", Boolean),
    Column("action_taken", String),
    Column("message", String),
    Column("validations", Integer),
    Column("active_errors", Integer),
    Column("active_warnings", Integer),
)
