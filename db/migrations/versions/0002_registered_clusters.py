"""Clusters that are read through their API, the customers' AWS access, and their queues.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
AUTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Column, its type, and its CHECK with the name of that. Both databases take a CHECK with a new
# column; SQLite could add one later only by making the table anew, which its foreign keys forbid.
CUSTOMER_COLUMNS = (
    (
        "status",
        "VARCHAR NOT NULL DEFAULT 'active'",
        ("status_is_known", "status IN ('active', 'archived')"),
    ),
    ("aws_region", "VARCHAR", None),
    ("aws_endpoint_url", "VARCHAR", None),
    ("aws_access_key_id", "VARCHAR", None),
    (
        "sealed_aws_secret_access_key",
        "VARCHAR",
        (
            "access_key_is_whole",
            "(aws_access_key_id IS NULL) = (sealed_aws_secret_access_key IS NULL)",
        ),
    ),
)
CLUSTER_COLUMNS = (
    ("endpoint", "VARCHAR", ("api_has_an_endpoint", "source <> 'api' OR endpoint IS NOT NULL")),
    ("ca_pem", "VARCHAR", None),
    (
        "sealed_credential",
        "VARCHAR",
        ("archived_keeps_no_secret", "status <> 'archived' OR sealed_credential IS NULL"),
    ),
    (
        "credential_kind",
        "VARCHAR",
        ("credential_is_whole", "(credential_kind IS NULL) = (sealed_credential IS NULL)"),
    ),
    ("cluster_tag", "VARCHAR", None),
    ("last_read_error", "VARCHAR", None),
    (
        "baseline_micro_usd_vcpu_hour",
        "BIGINT",
        ("baseline_vcpu_is_positive", "baseline_micro_usd_vcpu_hour > 0"),
    ),
    (
        "baseline_micro_usd_gib_hour",
        "BIGINT",
        ("baseline_gib_is_positive", "baseline_micro_usd_gib_hour > 0"),
    ),
)


def upgrade() -> None:
    """Add the columns and the table of queues."""
    _add("customers", CUSTOMER_COLUMNS)
    _add("clusters", CLUSTER_COLUMNS)
    for name in ("launch_settings", "last_read_problems"):
        op.add_column("clusters", sa.Column(name, JSON_DOCUMENT, nullable=True))
    for name in ("last_read_at", "last_error_at", "baseline_at"):
        op.add_column("clusters", sa.Column(name, MOMENT, nullable=True))
    op.create_table(
        "queues",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_queues_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queues")),
        sa.UniqueConstraint("customer_id", "region", name=op.f("uq_queues_customer_id_region")),
    )


def downgrade() -> None:
    """Drop what was added, the last first: a CHECK goes with the column it came with."""
    op.drop_table("queues")
    for name in ("baseline_at", "last_error_at", "last_read_at"):
        op.drop_column("clusters", name)
    for name in ("last_read_problems", "launch_settings"):
        op.drop_column("clusters", name)
    for name, _, _ in reversed(CLUSTER_COLUMNS):
        op.drop_column("clusters", name)
    for name, _, _ in reversed(CUSTOMER_COLUMNS):
        op.drop_column("customers", name)


def _add(table: str, columns: tuple[tuple[str, str, tuple[str, str] | None], ...]) -> None:
    for name, kind, check in columns:
        suffix = "" if check is None else f" CONSTRAINT ck_{table}_{check[0]} CHECK ({check[1]})"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}{suffix}")
