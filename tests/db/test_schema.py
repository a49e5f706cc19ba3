"""Migrations, and what a database is for."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, event, inspect, text

from db import schema
from db.errors import DatabaseLockedError, NewerSchemaError, WrongDatabaseKindError
from db.models import Base
from db.session import Database, PoolSettings
from tests.conftest import POOL

CHECKS = {
    constraint.name
    for table in Base.metadata.tables.values()
    for constraint in table.constraints
    if isinstance(constraint, CheckConstraint)
}


@pytest.fixture
def connection(empty_database_url):
    """A bare connection to a database without tables, in one transaction."""
    url = empty_database_url.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda one: one.exec_driver_sql("BEGIN"))
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


def test_the_migrated_schema_is_the_schema_of_the_models(connection):
    command.upgrade(schema.config_for(connection), "head")

    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    assert compare_metadata(context, Base.metadata) == []


def test_every_check_of_the_models_is_in_the_migrated_schema(connection):
    """Autogeneration does not compare CHECKs, so they are counted by name."""
    command.upgrade(schema.config_for(connection), "head")

    inspector = inspect(connection)
    stored = {
        check["name"]
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }
    assert stored == CHECKS
    assert "ck_pool_allocations_decided_share_is_at_most_a_fifth" in stored


def test_the_schema_goes_up_down_and_up_again(connection):
    config = schema.config_for(connection)

    command.upgrade(config, "head")
    tables = set(inspect(connection).get_table_names())
    command.downgrade(config, "base")
    left = set(inspect(connection).get_table_names()), inspect(connection).get_view_names()
    command.upgrade(config, "head")

    assert left == ({"alembic_version"}, [])
    assert set(inspect(connection).get_table_names()) == tables
    assert tables == {*Base.metadata.tables, "alembic_version"}
    assert sorted(inspect(connection).get_view_names()) == [
        "active_safety_violations",
        "cluster_safety_summary",
    ]


def test_upgrading_again_changes_nothing(database):
    before = database.check()

    database.upgrade("real")

    after = database.check()
    assert (after.kind, after.schema_revision) == (before.kind, before.schema_revision)


@pytest.mark.parametrize(("kind", "other"), [("sandbox", "real"), ("real", "sandbox")])
def test_a_database_keeps_the_kind_that_it_was_made_with(empty_database_url, kind, other):
    with Database(empty_database_url, POOL) as database:
        database.upgrade(kind)

        with pytest.raises(WrongDatabaseKindError) as refusal:
            database.upgrade(other)

        assert f"this is a {kind} database" in refusal.value.problem
        assert f"a {other} database" in refusal.value.next_step
        assert database.check().kind == kind


def test_a_schema_of_a_newer_program_is_left_alone(database):
    with database.transaction() as tx:
        tx.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(NewerSchemaError, match="newer than this program") as refusal:
        database.upgrade("real")

    assert "newer version of CloudOptim" in refusal.value.next_step
    assert database.check().schema_revision == "9999"


def test_a_migration_that_fails_leaves_no_table_behind(empty_database_url, monkeypatch):
    """The second half of the first migration is made to fail."""

    def fail(*_):
        raise RuntimeError("the power goes")

    with Database(empty_database_url, POOL) as database:
        with monkeypatch.context() as patch:
            patch.setattr(schema, "_become", fail)
            with pytest.raises(RuntimeError):
                database.upgrade("real")
        with database.reader() as reader:
            assert inspect(reader.connection).get_table_names() == []

        database.upgrade("sandbox")

        assert database.check().kind == "sandbox"


def test_who_migrates_too_long_is_named_as_the_reason(empty_database_url, tmp_path):
    hasty = PoolSettings(size=2, migration_wait_seconds=0.2)
    with (
        Database(empty_database_url, hasty) as database,
        Database(empty_database_url, hasty) as other,
        schema._only_process(other._engine, 1),
        pytest.raises(DatabaseLockedError, match="has been migrating") as refusal,
    ):
        database.upgrade("real")

    assert refusal.value.is_retryable
