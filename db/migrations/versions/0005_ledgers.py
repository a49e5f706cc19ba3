"""Ledgers of what no single reading tells: idle resources, OOM kills; schedules of office hours.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "idle_resources",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('instance', 'volume')", name=op.f("ck_idle_resources_kind_is_known")
        ),
        sa.CheckConstraint("scans >= 1", name=op.f("ck_idle_resources_scans_is_positive")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_idle_resources_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "kind", "resource_id", name=op.f("pk_idle_resources")
        ),
    )
    op.create_table(
        "oom_kills",
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("pod", sa.String(), nullable=False),
        sa.Column("container", sa.String(), nullable=False),
        sa.Column("killed_at", MOMENT, nullable=False),
        sa.Column("limit_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_oom_kills_cluster_id_clusters")
        ),
        sa.PrimaryKeyConstraint(
            "cluster_id", "namespace", "pod", "container", "killed_at", name=op.f("pk_oom_kills")
        ),
    )
    op.create_table(
        "office_hours_schedules",
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("schedule", JSON_DOCUMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"],
            ["clusters.id"],
            name=op.f("fk_office_hours_schedules_cluster_id_clusters"),
        ),
        sa.PrimaryKeyConstraint(
            "cluster_id", "environment", name=op.f("pk_office_hours_schedules")
        ),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("office_hours_schedules")
    op.drop_table("oom_kills")
    op.drop_table("idle_resources")
