"""Tables of what no single reading tells: since when something is idle, kills that are over."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Json, UtcDateTime


class IdleResource(Base):
    """An instance that runs without a node, or a volume that nothing is attached to.

    ``scans`` counts those in a row that saw it so. A resource that is used again has no row.
    """

    __tablename__ = "idle_resources"
    __table_args__ = (
        CheckConstraint("kind IN ('instance', 'volume')", name="kind_is_known"),
        CheckConstraint("scans >= 1", name="scans_is_positive"),
    )

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    resource_id: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str]
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    scans: Mapped[int]


class OomKill(Base):
    """One OOM kill; ``limit_bytes`` was in force at it, None: not known, or there was none."""

    __tablename__ = "oom_kills"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("clusters.id"), primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    pod: Mapped[str] = mapped_column(primary_key=True)
    container: Mapped[str] = mapped_column(primary_key=True)
    killed_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    limit_bytes: Mapped[int | None] = mapped_column(BigInteger)


class OfficeHoursSchedule(Base):
    """When the workloads of one environment of a cluster are awake, as the engine reads it."""

    __tablename__ = "office_hours_schedules"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("clusters.id"), primary_key=True)
    environment: Mapped[str] = mapped_column(primary_key=True)
    schedule: Mapped[str] = mapped_column(Json)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
