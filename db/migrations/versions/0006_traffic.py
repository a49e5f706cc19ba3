"""Imported traffic between the pods of a cluster, the latest of each.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "cluster_traffic",
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("source_name", sa.String(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("bytes_per_day", sa.BigInteger(), nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.Column("as_of_basis", sa.String(), nullable=False),
        sa.Column("covered_seconds", sa.BigInteger(), nullable=True),
        sa.Column("imported_at", MOMENT, nullable=False),
        sa.Column("imported_by", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_cluster_traffic_cluster_id_clusters")
        ),
        sa.PrimaryKeyConstraint("cluster_id", name=op.f("pk_cluster_traffic")),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("cluster_traffic")
