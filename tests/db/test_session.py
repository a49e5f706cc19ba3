"""The border between the program and its database."""

import sqlite3
from contextlib import closing
from datetime import datetime

import pytest
from sqlalchemy import text

from db import schema
from db.errors import (
    DatabaseConstraintError,
    DatabaseDamagedError,
    DatabaseError,
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseUnavailableError,
    DatabaseUrlError,
    SchemaError,
)
from db.records import DataKind
from db.repositories import data_versions, events
from db.session import Database, PoolSettings
from tests.postgresql_server import NoPostgresqlError, running_postgresql

IMPATIENT = PoolSettings(size=1, max_overflow=0, wait_seconds=0.2, lock_wait_seconds=0.2)


@pytest.fixture
def own_server():
    """A PostgreSQL that a test may stop: what was committed outlives that."""
    try:
        with running_postgresql() as server:
            yield server
    except NoPostgresqlError as error:
        pytest.skip(f"no PostgreSQL can be started here: {error}")


def test_a_transaction_stores_all_at_its_end(database):
    with database.transaction() as tx:
        data_versions.bump(tx, DataKind.CLUSTERS)
        data_versions.bump(tx, DataKind.CLUSTERS)

    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.CLUSTERS] == 2


def test_a_transaction_that_an_error_leaves_stores_nothing(database):
    def write_and_fail():
        with database.transaction() as tx:
            data_versions.bump(tx, DataKind.CLUSTERS)
            raise KeyError("the work goes wrong")

    with pytest.raises(KeyError):
        write_and_fail()

    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.CLUSTERS] == 0


def test_a_reader_keeps_seeing_what_was_there_when_it_began(database):
    with database.reader() as reader:
        before = data_versions.current(reader)[DataKind.EVENTS]
        with database.transaction() as tx:
            data_versions.bump(tx, DataKind.EVENTS)

        assert data_versions.current(reader)[DataKind.EVENTS] == before == 0

    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.EVENTS] == 1


def test_a_reader_cannot_write_and_spoils_no_later_transaction(database):
    with pytest.raises(DatabaseError), database.reader() as reader:
        reader.connection.execute(text("DELETE FROM data_versions"))

    with database.transaction() as tx:
        data_versions.bump(tx, DataKind.EVENTS)
    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.EVENTS] == 1


def test_a_second_writer_waits_and_then_is_told_that_the_database_is_locked(database, database_url):
    with (
        Database(database_url, IMPATIENT) as second,
        database.transaction() as tx,
    ):
        data_versions.bump(tx, DataKind.EVENTS)

        with pytest.raises(DatabaseLockedError) as refusal, second.transaction() as late:
            data_versions.bump(late, DataKind.EVENTS)

    assert refusal.value.is_retryable
    assert "locked by another process" in refusal.value.problem


def test_readers_do_not_wait_for_a_writer(database, database_url):
    with Database(database_url, IMPATIENT) as second, database.transaction() as tx:
        data_versions.bump(tx, DataKind.EVENTS)

        with second.reader() as reader:
            assert data_versions.current(reader)[DataKind.EVENTS] == 0


def test_no_free_connection_is_said_and_may_be_tried_again(database_url):
    with (
        Database(database_url, IMPATIENT) as database,
        database.reader(),
        pytest.raises(DatabaseUnavailableError, match="all connections") as refusal,
        database.reader(),
    ):
        pytest.fail("the pool holds one connection")

    assert refusal.value.is_retryable
    assert "DB_POOL_SIZE" in refusal.value.next_step


def test_a_row_that_breaks_a_rule_is_refused_with_the_rule(database):
    with (
        pytest.raises(DatabaseConstraintError, match="refused a row") as refusal,
        database.transaction() as tx,
    ):
        tx.connection.execute(text("INSERT INTO data_versions (kind) VALUES ('x')"))

    assert not refusal.value.is_retryable


def test_health_names_the_server_the_kind_and_the_schema(database, dialect):
    status = database.check()

    assert status.dialect == database.dialect == dialect
    assert status.kind == "real"
    assert status.schema_revision == schema._scripts().get_current_head()
    assert int(status.server_version.split(".")[0]) >= 3


def test_health_of_a_database_without_tables_says_what_to_do(empty_database_url):
    with (
        Database(empty_database_url) as database,
        pytest.raises(SchemaError, match="has no tables yet"),
    ):
        database.check()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("no url at all", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://root@localhost/x", "'mysql' are not supported"),
    ],
)
def test_a_url_that_cannot_serve_is_refused_with_the_way_to_write_it(url, reason):
    with pytest.raises(DatabaseUrlError, match=reason) as refusal:
        Database(url)

    assert "sqlite:///FILE" in refusal.value.next_step


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(DatabaseUrlError, match="cannot be made"):
        Database(f"sqlite:///{tmp_path / 'file' / 'x.db'}")


def test_the_password_is_never_shown():
    database = Database("postgresql://someone:s3cret@localhost:1/x")

    assert database.safe_url == "postgresql+psycopg://someone:***@localhost:1/x"
    with pytest.raises(DatabaseUnavailableError) as refusal, database.reader():
        pytest.fail("nothing listens there")
    assert "s3cret" not in str(refusal.value)


def test_a_file_that_is_no_database_is_called_so(tmp_path):
    (tmp_path / "x.db").write_bytes(b"this is not a database" * 100)

    with (
        Database(f"sqlite:///{tmp_path / 'x.db'}") as database,
        pytest.raises(DatabaseDamagedError, match="not a database") as refusal,
    ):
        database.upgrade("real")

    assert "right file" in refusal.value.next_step


def test_a_folder_that_went_away_is_unreachable(tmp_path):
    folder = tmp_path / "data"
    database = Database(f"sqlite:///{folder / 'x.db'}")
    folder.rmdir()

    with pytest.raises(DatabaseUnavailableError, match="cannot be reached") as refusal:
        database.check()

    assert refusal.value.is_retryable


def test_a_full_disk_is_called_so(tmp_path):
    """SQLite's own limit of pages stands for the disk's."""

    def fill(database):
        with database.transaction() as tx:
            pages = tx.connection.execute(text("PRAGMA page_count")).scalar_one()
            tx.connection.execute(text(f"PRAGMA max_page_count = {pages}"))
            tx.connection.execute(text("CREATE TABLE big AS SELECT zeroblob(1000000) AS content"))

    with Database(f"sqlite:///{tmp_path / 'x.db'}") as database:
        database.upgrade("real")
        with pytest.raises(DatabaseFullError, match="no room left") as refusal:
            fill(database)

    assert refusal.value.is_retryable


def test_sqlite_is_opened_durable_concurrent_and_strict(tmp_path):
    with Database(f"sqlite:///{tmp_path / 'x.db'}") as database, database.reader() as reader:
        pragmas = {
            name: reader.connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }

    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 1,
        "busy_timeout": 10_000,
    }


def test_a_locked_sqlite_file_is_retryable_and_works_again_afterwards(tmp_path):
    with (
        Database(f"sqlite:///{tmp_path / 'x.db'}", IMPATIENT) as database,
        closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other,
    ):
        database.upgrade("real")
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(DatabaseLockedError), database.transaction():
            pytest.fail("another connection writes")
        other.execute("ROLLBACK")

        with database.transaction() as tx:
            data_versions.bump(tx, DataKind.EVENTS)


def test_a_server_that_stops_is_reported_and_used_again_once_it_is_back(own_server):
    url = own_server.url(own_server.create_database())

    def count(database):
        with database.transaction() as tx:
            data_versions.bump(tx, DataKind.EVENTS)

    def lose_the_server(database):
        with database.transaction() as tx:
            own_server.stop()
            data_versions.bump(tx, DataKind.EVENTS)

    with Database(url, IMPATIENT) as database:
        database.upgrade("real")

        with pytest.raises(DatabaseUnavailableError) as loss:
            lose_the_server(database)
        with pytest.raises(DatabaseUnavailableError):
            count(database)
        own_server.start()
        count(database)

        assert loss.value.is_retryable
        with database.reader() as reader:
            assert data_versions.current(reader)[DataKind.EVENTS] == 1


def test_wrong_use_by_the_program_is_told_from_a_fault_of_the_database(database):
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused

    with (
        pytest.raises(DatabaseError, match="was used wrongly") as refusal,
        database.transaction() as tx,
    ):
        events.append(tx, "x", subject="x", at=naive)

    assert "has no time zone" in str(refusal.value)
