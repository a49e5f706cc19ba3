"""Tables of customers, their clusters and the recorded states that decisions refer to."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import AutoId, Base, Json, UtcDateTime


class Customer(Base):
    """Who owns clusters and an AWS account, and how that account is entered.

    Secrets are sealed text (``services.secrets``); the database cannot open them.
    """

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("company"),
        CheckConstraint("status IN ('active', 'archived')", name="status_is_known"),
        CheckConstraint(
            "(aws_access_key_id IS NULL) = (sealed_aws_secret_access_key IS NULL)",
            name="access_key_is_whole",
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    company: Mapped[str]
    email: Mapped[str | None]
    role_arn: Mapped[str | None]
    external_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(server_default="active")
    aws_region: Mapped[str | None]
    aws_endpoint_url: Mapped[str | None]
    aws_access_key_id: Mapped[str | None]
    sealed_aws_secret_access_key: Mapped[str | None]


class Queue(Base):
    """The SQS queue that a customer's interruption warnings of one region arrive in."""

    __tablename__ = "queues"
    __table_args__ = (UniqueConstraint("customer_id", "region"),)

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    region: Mapped[str]
    url: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Cluster(Base):
    """A cluster, how it is read, what CloudOptim may do to it, and its safety limits."""

    __tablename__ = "clusters"
    __table_args__ = (
        UniqueConstraint("customer_id", "name"),
        CheckConstraint("source IN ('dump', 'api')", name="source_is_known"),
        CheckConstraint("status IN ('active', 'unreachable', 'archived')", name="status_is_known"),
        CheckConstraint("mode IN ('advise', 'approve', 'automatic')", name="mode_is_known"),
        CheckConstraint("min_risk_score BETWEEN 0 AND 1", name="min_risk_score_is_a_share"),
        CheckConstraint("max_pool_share BETWEEN 0 AND 1", name="max_pool_share_is_a_share"),
        CheckConstraint(
            "min_on_demand_share BETWEEN 0 AND 1", name="min_on_demand_share_is_a_share"
        ),
        CheckConstraint("min_availability_zones >= 1", name="min_availability_zones_is_positive"),
        CheckConstraint("source <> 'api' OR endpoint IS NOT NULL", name="api_has_an_endpoint"),
        CheckConstraint(
            "(credential_kind IS NULL) = (sealed_credential IS NULL)", name="credential_is_whole"
        ),
        CheckConstraint(
            "status <> 'archived' OR sealed_credential IS NULL", name="archived_keeps_no_secret"
        ),
        CheckConstraint("baseline_micro_usd_vcpu_hour > 0", name="baseline_vcpu_is_positive"),
        CheckConstraint("baseline_micro_usd_gib_hour > 0", name="baseline_gib_is_positive"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    name: Mapped[str]
    region: Mapped[str | None]
    source: Mapped[str]
    status: Mapped[str]
    mode: Mapped[str]
    min_risk_score: Mapped[float]
    min_availability_zones: Mapped[int]
    max_pool_share: Mapped[float]
    min_on_demand_share: Mapped[float]
    allow_small_cluster_exception: Mapped[bool]
    latest_snapshot_digest: Mapped[str | None] = mapped_column(ForeignKey("snapshots.digest"))
    latest_snapshot_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    endpoint: Mapped[str | None]
    ca_pem: Mapped[str | None]
    credential_kind: Mapped[str | None]
    sealed_credential: Mapped[str | None]
    cluster_tag: Mapped[str | None]
    launch_settings: Mapped[str | None] = mapped_column(Json)
    last_read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_read_problems: Mapped[str | None] = mapped_column(Json)
    last_read_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    baseline_micro_usd_vcpu_hour: Mapped[int | None] = mapped_column(BigInteger)
    baseline_micro_usd_gib_hour: Mapped[int | None] = mapped_column(BigInteger)
    baseline_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Snapshot(Base):
    """A document stored once under the SHA-256 of its content, compressed."""

    __tablename__ = "snapshots"
    __table_args__ = (
        CheckConstraint("kind IN ('cluster', 'market', 'advisor')", name="kind_is_known"),
        Index(None, "last_used_at"),
    )

    digest: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    compression: Mapped[str]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int]  # of the document, before compression
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
