"""The scheduler's jobs with their targets, and what is measured in clusters.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

TABLES = (
    "jobs",
    "job_schedules",
    "metric_series",
    "metrics_summary",
    "usage_series",
    "container_usage",
    "nodes",
)


def upgrade() -> None:
    """Add the columns, then the tables."""
    op.add_column("job_commands", sa.Column("error", sa.String(), nullable=True))
    for column in (
        sa.Column("target", sa.String(), nullable=False, server_default=sa.text("''")),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("command_id", sa.BigInteger(), nullable=True),
    ):
        op.add_column("job_runs", column)
    op.create_index(op.f("ix_job_runs_started_at"), "job_runs", ["started_at"])
    _create_jobs()
    _create_metrics()
    _create_usage()
    _create_nodes()


def downgrade() -> None:
    """Drop what was added, the last first."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index(op.f("ix_job_runs_started_at"), "job_runs")
    for name in ("command_id", "attempt", "target"):
        op.drop_column("job_runs", name)
    op.drop_column("job_commands", "error")


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("does", sa.String(), nullable=False),
        sa.Column("every", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.CheckConstraint(
            "scope IN ('global', 'customer', 'cluster')", name=op.f("ck_jobs_scope_is_known")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )
    op.create_table(
        "job_schedules",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("next_run_at", MOMENT, nullable=True),
        sa.Column("waits_for", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_run_id", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("job", "target", name=op.f("pk_job_schedules")),
    )


def _create_metrics() -> None:
    op.create_table(
        "metric_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_series")),
        sa.UniqueConstraint("cluster_id", "type", name=op.f("uq_metric_series_cluster_id_type")),
    )
    op.create_table(
        "metrics_summary",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "time", name=op.f("pk_metrics_summary")),
        sqlite_with_rowid=False,
    )


def _create_usage() -> None:
    key = ("cluster_id", "namespace", "pod", "container")
    op.create_table(
        "usage_series",
        sa.Column("id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in (*key, "workload_kind", "workload")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_series")),
        sa.UniqueConstraint(*key, name=op.f("uq_usage_series")),
    )
    op.create_table(
        "container_usage",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("cpu_histogram", sa.LargeBinary(), nullable=False),
        sa.Column("memory_max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("last_sample_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("samples > 0", name=op.f("ck_container_usage_there_are_samples")),
        sa.PrimaryKeyConstraint("series_id", "hour", name=op.f("pk_container_usage")),
    )
    op.create_index(op.f("ix_container_usage_hour"), "container_usage", ["hour"])


def _create_nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=True),
        sa.Column("instance_type", sa.String(), nullable=True),
        sa.Column("availability_zone", sa.String(), nullable=True),
        sa.Column("capacity_type", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("cpu_millicores", sa.BigInteger(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("gone_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("cluster_id", "name", name=op.f("pk_nodes")),
    )
