"""Tables of what was measured in clusters: cost and size by the minute, use by the hour, nodes.

Text keys of bulk rows are interned: a measurement names its series by an integer, which makes the
tables several times smaller.
"""

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

from db.models.base import Base, UtcDateTime


class MetricSeries(Base):
    """The key of a series of the metrics summary: a cluster and what is measured of it."""

    __tablename__ = "metric_series"
    __table_args__ = (UniqueConstraint("cluster_id", "type"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    cluster_id: Mapped[str]
    type: Mapped[str]


class Metric(Base):
    """One value, in the unit of its type: always a whole number (micro-dollars, bytes, ...)."""

    __tablename__ = "metrics_summary"
    __table_args__ = ({"sqlite_with_rowid": False},)

    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(BigInteger)


class UsageSeries(Base):
    """The key of hourly use: one container of one pod, and the workload that the pod belonged to.

    The workload stands here because it outlives its pods: a deploy must not erase what is known.
    """

    __tablename__ = "usage_series"
    __table_args__ = (
        UniqueConstraint("cluster_id", "namespace", "pod", "container", name="uq_usage_series"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    cluster_id: Mapped[str]
    namespace: Mapped[str]
    pod: Mapped[str]
    container: Mapped[str]
    workload_kind: Mapped[str]
    workload: Mapped[str]


class ContainerUsage(Base):
    """What a container used in one hour. No row: nothing was read of it, which is not zero."""

    __tablename__ = "container_usage"
    __table_args__ = (
        CheckConstraint("samples > 0", name="there_are_samples"),
        Index(None, "hour"),
    )

    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    samples: Mapped[int]  # readings of CPU
    cpu_histogram: Mapped[bytes] = mapped_column(LargeBinary)
    memory_max_bytes: Mapped[int | None] = mapped_column(BigInteger)  # None: never read
    last_sample_at: Mapped[int] = mapped_column(BigInteger)


class Node(Base):
    """A node as it was last seen; ``gone_at`` is set once it is not there any more."""

    __tablename__ = "nodes"

    cluster_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    instance_id: Mapped[str | None]
    instance_type: Mapped[str | None]
    availability_zone: Mapped[str | None]
    capacity_type: Mapped[str | None]
    status: Mapped[str]
    cpu_millicores: Mapped[int] = mapped_column(BigInteger)  # allocatable, as is memory
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str | None]
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClusterTraffic(Base):
    """The traffic between the pods of a cluster as it was last imported.

    ``payload`` is the matrix, compressed; ``as_of`` the last moment that was measured, and
    ``covered_seconds`` how long that took (None: the file does not say).
    """

    __tablename__ = "cluster_traffic"

    cluster_id: Mapped[str] = mapped_column(ForeignKey("clusters.id"), primary_key=True)
    source_name: Mapped[str]
    pairs: Mapped[int]
    bytes_per_day: Mapped[int] = mapped_column(BigInteger)
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
    as_of_basis: Mapped[str]
    covered_seconds: Mapped[int | None] = mapped_column(BigInteger)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    imported_by: Mapped[str]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
