"""Tables of the running product: what this database is, imports, events, audit, leases, jobs."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import AutoId, Base, Json, UtcDateTime


class DatabaseInfo(Base):
    """What this database is for: fixed when it is made. It has one row."""

    __tablename__ = "database_info"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("kind IN ('sandbox', 'real')", name="kind_is_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DataVersion(Base):
    """A counter for each kind of data, counted up in the transaction that writes it."""

    __tablename__ = "data_versions"

    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class Import(Base):
    """One run of an import: what was read, and what became of it."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("status IN ('running', 'succeeded', 'failed')", name="status_is_known"),
        Index(None, "kind", "started_at"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    kind: Mapped[str]
    source_name: Mapped[str]
    digest: Mapped[str | None]
    rows_read: Mapped[int] = mapped_column(BigInteger)
    rows_new: Mapped[int] = mapped_column(BigInteger)
    rows_known: Mapped[int] = mapped_column(BigInteger)
    rows_changed: Mapped[int] = mapped_column(BigInteger)
    rows_refused: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str]
    error: Mapped[str | None]


class Event(Base):
    """A domain event. Rows are never changed; retention may delete old ones."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "type", "id"), Index(None, "cluster_id", "id"))

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    type: Mapped[str]
    cluster_id: Mapped[str | None]
    subject: Mapped[str]
    payload: Mapped[str] = mapped_column(Json)


class AuditEntry(Base):
    """Who did what to what. A trigger refuses changes and deletions."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "actor", "id"), Index(None, "object_name", "id"))

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str]
    action: Mapped[str]
    object_name: Mapped[str]
    before: Mapped[str | None] = mapped_column(Json)
    after: Mapped[str | None] = mapped_column(Json)


class Lease(Base):
    """A right that one process holds until it expires; the fence grows with each new holder."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    acquired_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Job(Base):
    """A job of the scheduler's catalogue, as the scheduler that ran last knows it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("scope IN ('global', 'customer', 'cluster')", name="scope_is_known"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    does: Mapped[str]
    every: Mapped[str]  # in words: "60 s", "daily at 03:00 UTC"
    scope: Mapped[str]


class JobSchedule(Base):
    """A job on one target: when it runs next, and how it went last. Global jobs have target ''."""

    __tablename__ = "job_schedules"

    job: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waits_for: Mapped[str]  # why it does not start yet; empty: for its time alone
    failures: Mapped[int]  # in a row
    last_run_id: Mapped[int | None] = mapped_column(BigInteger)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobControl(Base):
    """Whether a job may run."""

    __tablename__ = "job_control"

    job: Mapped[str] = mapped_column(primary_key=True)
    paused: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str]


class JobCommand(Base):
    """Something the scheduler is asked to do now; it is claimed by one scheduler."""

    __tablename__ = "job_commands"
    __table_args__ = (
        CheckConstraint(
            "status IN ('waiting', 'claimed', 'done', 'failed', 'cancelled')",
            name="status_is_known",
        ),
        Index(None, "status", "id"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    job: Mapped[str]
    command: Mapped[str]
    arguments: Mapped[str] = mapped_column(Json)
    status: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    requested_by: Mapped[str]
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_by: Mapped[str | None]
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None]


class JobRun(Base):
    """One run of a job on one target: when, how far, and how it ended."""

    __tablename__ = "job_runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('running', 'succeeded', 'failed', 'cancelled')", name="status_is_known"
        ),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress_is_a_share"),
        Index(None, "job", "started_at"),
        Index(None, "started_at"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True)
    job: Mapped[str]
    holder: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str]
    progress: Mapped[float]
    facts: Mapped[str] = mapped_column(Json)
    error: Mapped[str | None]
    target: Mapped[str] = mapped_column(server_default=text("''"))
    attempt: Mapped[int] = mapped_column(server_default="1")  # since the last success
    command_id: Mapped[int | None] = mapped_column(BigInteger)  # None: its time had come
