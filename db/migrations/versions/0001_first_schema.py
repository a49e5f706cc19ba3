"""The first schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
AUTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TABLES = (
    "audit_log",
    "customers",
    "data_versions",
    "database_info",
    "decision_log",
    "events",
    "imports",
    "instance_types",
    "job_commands",
    "job_control",
    "job_runs",
    "leases",
    "on_demand_prices",
    "price_places",
    "snapshots",
    "spot_advisor_editions",
    "spot_advisor_series",
    "spot_price_series",
    "spot_prices",
    "clusters",
    "region_hour_prices",
    "safety_validations",
    "spot_advisor_data",
    "safety_exceptions",
    "az_distribution",
    "pool_allocations",
    "safety_violations",
)


def upgrade() -> None:
    """Create all tables, views and triggers."""
    _create_audit_log()
    _create_customers()
    _create_data_versions()
    _create_database_info()
    _create_decision_log()
    _create_events()
    _create_imports()
    _create_instance_types()
    _create_job_commands()
    _create_job_control()
    _create_job_runs()
    _create_leases()
    _create_on_demand_prices()
    _create_price_places()
    _create_snapshots()
    _create_spot_advisor_editions()
    _create_spot_advisor_series()
    _create_spot_price_series()
    _create_spot_prices()
    _create_clusters()
    _create_region_hour_prices()
    _create_safety_validations()
    _create_spot_advisor_data()
    _create_safety_exceptions()
    _create_az_distribution()
    _create_pool_allocations()
    _create_safety_violations()
    _create_views()
    _create_append_only_triggers()


def downgrade() -> None:
    """Drop everything."""
    _drop_append_only_triggers()
    _drop_views()
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_views() -> None:
    op.execute(
        "CREATE VIEW active_safety_violations AS"
        " SELECT * FROM safety_violations WHERE active_until > CURRENT_TIMESTAMP"
    )
    op.execute(
        """
        CREATE VIEW cluster_safety_summary AS
        SELECT latest.cluster_id, latest.id AS validation_id, latest.validated_at,
            latest.is_safe, latest.action_taken, latest.message,
            (SELECT count(*) FROM safety_validations AS every
             WHERE every.cluster_id = latest.cluster_id) AS validations,
            (SELECT count(*) FROM active_safety_violations AS active
             WHERE active.cluster_id = latest.cluster_id AND active.severity = 'error')
             AS active_errors,
            (SELECT count(*) FROM active_safety_violations AS active
             WHERE active.cluster_id = latest.cluster_id AND active.severity = 'warning')
             AS active_warnings
        FROM safety_validations AS latest
        WHERE NOT EXISTS (
            SELECT 1 FROM safety_validations AS newer
            WHERE newer.cluster_id = latest.cluster_id
            AND (newer.validated_at > latest.validated_at
                OR newer.validated_at = latest.validated_at AND newer.id > latest.id))
        """
    )


def _drop_views() -> None:
    op.execute("DROP VIEW cluster_safety_summary")
    op.execute("DROP VIEW active_safety_violations")


# What the tables refuse: the audit log both, events changes only (retention deletes old ones).
APPEND_ONLY = (("audit_log", "UPDATE"), ("audit_log", "DELETE"), ("events", "UPDATE"))


def _create_append_only_triggers() -> None:
    """The two databases share no syntax for the body of a trigger."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log"
            " EXECUTE FUNCTION refuse_change()"
        )
        body = "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    else:
        body = "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for table, action in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
            + body.format(table=table)
        )


def _drop_append_only_triggers() -> None:
    """A trigger goes with its table; PostgreSQL's function does not."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change() CASCADE")


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_name", sa.String(), nullable=False),
        sa.Column("before", JSON_DOCUMENT, nullable=True),
        sa.Column("after", JSON_DOCUMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_actor_id"), "audit_log", ["actor", "id"])
    op.create_index(op.f("ix_audit_log_object_name_id"), "audit_log", ["object_name", "id"])


def _create_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("role_arn", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("company", name=op.f("uq_customers_company")),
    )


def _create_data_versions() -> None:
    op.create_table(
        "data_versions",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_data_versions")),
    )


def _create_database_info() -> None:
    op.create_table(
        "database_info",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('sandbox', 'real')", name=op.f("ck_database_info_kind_is_known")
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_database_info_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_info")),
    )


def _create_decision_log() -> None:
    op.create_table(
        "decision_log",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.Column("decision_type", sa.String(), nullable=False),
        sa.Column("engine_name", sa.String(), nullable=False),
        sa.Column("engine_version", sa.String(), nullable=False),
        sa.Column("input_digest", sa.String(), nullable=False),
        sa.Column("cluster_snapshot_digest", sa.String(), nullable=True),
        sa.Column("market_snapshot_digest", sa.String(), nullable=True),
        sa.Column("requirements", JSON_DOCUMENT, nullable=False),
        sa.Column("constraints", JSON_DOCUMENT, nullable=False),
        sa.Column("response", JSON_DOCUMENT, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recommendation_count", sa.Integer(), nullable=False),
        sa.Column("confidence_score", sa.Double(), nullable=False),
        sa.Column("estimated_savings_micro_usd_month", sa.BigInteger(), nullable=False),
        sa.Column("is_safe", sa.Boolean(), nullable=True),
        sa.Column("action_taken", sa.String(), nullable=True),
        sa.Column("triggered_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "confidence_score BETWEEN 0 AND 1", name=op.f("ck_decision_log_confidence_is_a_share")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_log")),
        sa.UniqueConstraint("request_id", name=op.f("uq_decision_log_request_id")),
    )
    op.create_index(
        op.f("ix_decision_log_cluster_id_created_at"), "decision_log", ["cluster_id", "created_at"]
    )
    op.create_index(op.f("ix_decision_log_created_at_id"), "decision_log", ["created_at", "id"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("payload", JSON_DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_cluster_id_id"), "events", ["cluster_id", "id"])
    op.create_index(op.f("ix_events_type_id"), "events", ["type", "id"])


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source_name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("rows_new", sa.BigInteger(), nullable=False),
        sa.Column("rows_known", sa.BigInteger(), nullable=False),
        sa.Column("rows_changed", sa.BigInteger(), nullable=False),
        sa.Column("rows_refused", sa.BigInteger(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'failed')", name=op.f("ck_imports_status_is_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_kind_started_at"), "imports", ["kind", "started_at"])


def _create_instance_types() -> None:
    op.create_table(
        "instance_types",
        sa.Column("instance_type", sa.String(), nullable=False),
        sa.Column("vcpu", sa.Integer(), nullable=False),
        sa.Column("memory_mib", sa.Integer(), nullable=False),
        sa.Column("architecture", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("network_gbps", sa.Double(), nullable=True),
        sa.Column("max_enis", sa.Integer(), nullable=True),
        sa.Column("ipv4_per_eni", sa.Integer(), nullable=True),
        sa.Column("max_pods", sa.Integer(), nullable=True),
        sa.Column("is_bare_metal", sa.Boolean(), nullable=False),
        sa.Column("is_burstable", sa.Boolean(), nullable=False),
        sa.Column("local_nvme", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.CheckConstraint(
            "vcpu > 0 AND memory_mib > 0", name=op.f("ck_instance_types_size_is_positive")
        ),
        sa.PrimaryKeyConstraint("instance_type", name=op.f("pk_instance_types")),
    )
    op.create_index(op.f("ix_instance_types_family"), "instance_types", ["family"])


def _create_job_commands() -> None:
    op.create_table(
        "job_commands",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("arguments", JSON_DOCUMENT, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("claimed_at", MOMENT, nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'claimed', 'done', 'failed', 'cancelled')",
            name=op.f("ck_job_commands_status_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_commands")),
    )
    op.create_index(op.f("ix_job_commands_status_id"), "job_commands", ["status", "id"])


def _create_job_control() -> None:
    op.create_table(
        "job_control",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_control")),
    )


def _create_job_runs() -> None:
    op.create_table(
        "job_runs",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("facts", JSON_DOCUMENT, nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_job_runs_status_is_known"),
        ),
        sa.CheckConstraint(
            "progress BETWEEN 0 AND 1", name=op.f("ck_job_runs_progress_is_a_share")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
    )
    op.create_index(op.f("ix_job_runs_job_started_at"), "job_runs", ["job", "started_at"])


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("acquired_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _create_on_demand_prices() -> None:
    op.create_table(
        "on_demand_prices",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("operating_system", sa.String(), nullable=False),
        sa.Column("instance_type", sa.String(), nullable=False),
        sa.Column("effective_at", MOMENT, nullable=False),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint("micro_usd > 0", name=op.f("ck_on_demand_prices_price_is_positive")),
        sa.PrimaryKeyConstraint(
            "region",
            "operating_system",
            "instance_type",
            "effective_at",
            name=op.f("pk_on_demand_prices"),
        ),
    )


def _create_price_places() -> None:
    op.create_table(
        "price_places",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("product_description", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_places")),
        sa.UniqueConstraint(
            "region", "product_description", name=op.f("uq_price_places_region_product_description")
        ),
    )


def _create_snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("compression", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('cluster', 'market', 'advisor')", name=op.f("ck_snapshots_kind_is_known")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_last_used_at"), "snapshots", ["last_used_at"])


def _create_spot_advisor_editions() -> None:
    op.create_table(
        "spot_advisor_editions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("published_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("document_digest", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_advisor_editions")),
        sa.UniqueConstraint("published_at", name=op.f("uq_spot_advisor_editions_published_at")),
    )


def _create_spot_advisor_series() -> None:
    op.create_table(
        "spot_advisor_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("operating_system", sa.String(), nullable=False),
        sa.Column("instance_type", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_advisor_series")),
        sa.UniqueConstraint(
            "operating_system", "region", "instance_type", name="uq_spot_advisor_series"
        ),
    )


def _create_spot_price_series() -> None:
    op.create_table(
        "spot_price_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("instance_type", sa.String(), nullable=False),
        sa.Column("availability_zone", sa.String(), nullable=False),
        sa.Column("product_description", sa.String(), nullable=False),
        sa.Column("last_timestamp", sa.BigInteger(), nullable=True),
        sa.Column("last_micro_usd", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "availability_zone <> ''", name=op.f("ck_spot_price_series_zone_is_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_price_series")),
        sa.UniqueConstraint(
            "instance_type", "availability_zone", "product_description", name="uq_spot_price_series"
        ),
    )
    op.create_index(
        "ix_spot_price_series_region",
        "spot_price_series",
        ["region", "product_description", "instance_type"],
    )


def _create_spot_prices() -> None:
    op.create_table(
        "spot_prices",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("micro_usd > 0", name=op.f("ck_spot_prices_price_is_positive")),
        sa.PrimaryKeyConstraint("series_id", "timestamp", name=op.f("pk_spot_prices")),
        sqlite_with_rowid=False,
    )


def _create_clusters() -> None:
    op.create_table(
        "clusters",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("min_risk_score", sa.Double(), nullable=False),
        sa.Column("min_availability_zones", sa.Integer(), nullable=False),
        sa.Column("max_pool_share", sa.Double(), nullable=False),
        sa.Column("min_on_demand_share", sa.Double(), nullable=False),
        sa.Column("allow_small_cluster_exception", sa.Boolean(), nullable=False),
        sa.Column("latest_snapshot_digest", sa.String(), nullable=True),
        sa.Column("latest_snapshot_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "mode IN ('advise', 'approve', 'automatic')", name=op.f("ck_clusters_mode_is_known")
        ),
        sa.CheckConstraint("source IN ('dump', 'api')", name=op.f("ck_clusters_source_is_known")),
        sa.CheckConstraint(
            "status IN ('active', 'unreachable', 'archived')",
            name=op.f("ck_clusters_status_is_known"),
        ),
        sa.CheckConstraint(
            "max_pool_share BETWEEN 0 AND 1", name=op.f("ck_clusters_max_pool_share_is_a_share")
        ),
        sa.CheckConstraint(
            "min_availability_zones >= 1",
            name=op.f("ck_clusters_min_availability_zones_is_positive"),
        ),
        sa.CheckConstraint(
            "min_on_demand_share BETWEEN 0 AND 1",
            name=op.f("ck_clusters_min_on_demand_share_is_a_share"),
        ),
        sa.CheckConstraint(
            "min_risk_score BETWEEN 0 AND 1", name=op.f("ck_clusters_min_risk_score_is_a_share")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_clusters_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["latest_snapshot_digest"],
            ["snapshots.digest"],
            name=op.f("fk_clusters_latest_snapshot_digest"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusters")),
        sa.UniqueConstraint("customer_id", "name", name=op.f("uq_clusters_customer_id_name")),
    )


def _create_region_hour_prices() -> None:
    op.create_table(
        "region_hour_prices",
        sa.Column("place_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("sum_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("min_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("max_micro_usd", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["place_id"], ["price_places.id"], name=op.f("fk_region_hour_prices_place_id")
        ),
        sa.PrimaryKeyConstraint("place_id", "hour", name=op.f("pk_region_hour_prices")),
        sqlite_with_rowid=False,
    )


def _create_safety_validations() -> None:
    op.create_table(
        "safety_validations",
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("decision_id", AUTO_ID, nullable=True),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("validated_at", MOMENT, nullable=False),
        sa.Column("is_safe", sa.Boolean(), nullable=False),
        sa.Column("action_taken", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("on_demand_share", sa.Double(), nullable=True),
        sa.Column("limits", JSON_DOCUMENT, nullable=False),
        sa.Column("alternative", JSON_DOCUMENT, nullable=False),
        sa.CheckConstraint(
            "action_taken IN ('approved',"
            " 'safe_alternative_created', 'rejected', 'not_applicable')",
            name=op.f("ck_safety_validations_action_is_known"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision_log.id"], name=op.f("fk_safety_validations_decision_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_validations")),
    )
    op.create_index(
        op.f("ix_safety_validations_cluster_id_validated_at"),
        "safety_validations",
        ["cluster_id", "validated_at"],
    )


def _create_spot_advisor_data() -> None:
    op.create_table(
        "spot_advisor_data",
        sa.Column("edition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("interruption_bucket", sa.SmallInteger(), nullable=False),
        sa.Column("savings_percent", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "interruption_bucket BETWEEN 0 AND 4", name=op.f("ck_spot_advisor_data_bucket_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["spot_advisor_editions.id"],
            name=op.f("fk_spot_advisor_data_edition_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["spot_advisor_series.id"], name=op.f("fk_spot_advisor_data_series_id")
        ),
        sa.PrimaryKeyConstraint("edition_id", "series_id", name=op.f("pk_spot_advisor_data")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_spot_advisor_data_series_id"), "spot_advisor_data", ["series_id"])


def _create_safety_exceptions() -> None:
    op.create_table(
        "safety_exceptions",
        sa.Column("validation_id", AUTO_ID, nullable=False),
        sa.Column("exception_id", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["validation_id"],
            ["safety_validations.id"],
            name=op.f("fk_safety_exceptions_validation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("validation_id", "exception_id", name=op.f("pk_safety_exceptions")),
    )


def _create_az_distribution() -> None:
    op.create_table(
        "az_distribution",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("zone_count", sa.Integer(), nullable=False),
        sa.Column("zones", JSON_DOCUMENT, nullable=False),
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("validation_id", AUTO_ID, nullable=False),
        sa.Column("exception_id", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind <> 'decided' OR exception_id IS NOT NULL OR zone_count >= 3",
            name=op.f("ck_az_distribution_decided_zones_are_at_least_three"),
        ),
        sa.CheckConstraint(
            "kind IN ('decided', 'observed', 'proposed')",
            name=op.f("ck_az_distribution_kind_is_known"),
        ),
        sa.ForeignKeyConstraint(
            ["validation_id", "exception_id"],
            ["safety_exceptions.validation_id", "safety_exceptions.exception_id"],
            name="fk_az_distribution_exception",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["validation_id"],
            ["safety_validations.id"],
            name=op.f("fk_az_distribution_validation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_az_distribution")),
    )
    op.create_index(op.f("ix_az_distribution_validation_id"), "az_distribution", ["validation_id"])


def _create_pool_allocations() -> None:
    op.create_table(
        "pool_allocations",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("instance_type", sa.String(), nullable=False),
        sa.Column("availability_zone", sa.String(), nullable=False),
        sa.Column("nodes", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("risk_score", sa.Double(), nullable=True),
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("validation_id", AUTO_ID, nullable=False),
        sa.Column("exception_id", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind <> 'decided' OR exception_id IS NOT NULL OR share <= 0.20",
            name=op.f("ck_pool_allocations_decided_share_is_at_most_a_fifth"),
        ),
        sa.CheckConstraint(
            "kind IN ('decided', 'observed', 'proposed')",
            name=op.f("ck_pool_allocations_kind_is_known"),
        ),
        sa.CheckConstraint(
            "share BETWEEN 0 AND 1", name=op.f("ck_pool_allocations_share_is_a_share")
        ),
        sa.ForeignKeyConstraint(
            ["validation_id", "exception_id"],
            ["safety_exceptions.validation_id", "safety_exceptions.exception_id"],
            name="fk_pool_allocations_exception",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["validation_id"],
            ["safety_validations.id"],
            name=op.f("fk_pool_allocations_validation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool_allocations")),
    )
    op.create_index(
        op.f("ix_pool_allocations_validation_id"), "pool_allocations", ["validation_id"]
    )


def _create_safety_violations() -> None:
    op.create_table(
        "safety_violations",
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("layer", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("measured_value", sa.Double(), nullable=False),
        sa.Column("limit_value", sa.Double(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("inherited", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("active_until", MOMENT, nullable=False),
        sa.Column("id", AUTO_ID, nullable=False),
        sa.Column("validation_id", AUTO_ID, nullable=False),
        sa.Column("exception_id", sa.String(), nullable=True),
        sa.CheckConstraint(
            "severity IN ('warning', 'error')", name=op.f("ck_safety_violations_severity_is_known")
        ),
        sa.CheckConstraint(
            "layer BETWEEN 1 AND 5", name=op.f("ck_safety_violations_layer_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["validation_id", "exception_id"],
            ["safety_exceptions.validation_id", "safety_exceptions.exception_id"],
            name="fk_safety_violations_exception",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["validation_id"],
            ["safety_validations.id"],
            name=op.f("fk_safety_violations_validation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_violations")),
    )
    op.create_index(
        op.f("ix_safety_violations_cluster_id_active_until"),
        "safety_violations",
        ["cluster_id", "active_until"],
    )
    op.create_index(
        op.f("ix_safety_violations_validation_id"), "safety_violations", ["validation_id"]
    )
