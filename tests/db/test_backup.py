"""Backups of the database while it is in use."""

import pytest

from db.backup import back_up
from db.errors import BackupError
from db.records import DataKind
from db.repositories import imports
from db.session import Database
from tests.services.files.market_texts import NOW


def start_import(database, name):
    with database.transaction() as tx:
        imports.start(tx, DataKind.SPOT_PRICES, source_name=name, digest=None, at=NOW)


def names(database):
    with database.reader() as reader:
        return [run.source_name for run in imports.list_runs(reader)]


@pytest.fixture
def sqlite(tmp_path):
    with Database(f"sqlite:///{tmp_path / 'live.db'}") as database:
        database.upgrade("real")
        yield database


def test_the_copy_is_a_database_as_it_was_at_that_moment(sqlite, tmp_path):
    start_import(sqlite, "before")

    back_up(sqlite, tmp_path / "copy.db")
    start_import(sqlite, "after")

    with Database(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert copy.check().schema_revision == sqlite.check().schema_revision
        assert names(copy) == ["before"]
    assert names(sqlite) == ["after", "before"]


def test_what_others_are_writing_is_not_in_the_copy(sqlite, tmp_path):
    with sqlite.transaction() as tx:
        imports.start(tx, DataKind.SPOT_PRICES, source_name="open", digest=None, at=NOW)
        back_up(sqlite, tmp_path / "copy.db")

    with Database(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert names(copy) == []


def test_an_existing_file_is_never_overwritten(sqlite, tmp_path):
    path = tmp_path / "copy.db"
    path.write_text("precious")

    with pytest.raises(BackupError, match="exists already"):
        back_up(sqlite, path)

    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said(sqlite, tmp_path):
    with pytest.raises(BackupError, match="cannot write the backup"):
        back_up(sqlite, tmp_path / "none" / "copy.db")


def test_postgresql_has_its_own_tool_and_the_message_names_it(
    postgresql_server, postgresql_template, tmp_path
):
    path = tmp_path / "copy.dump"

    with (
        Database(postgresql_server.url(postgresql_template)) as database,
        pytest.raises(BackupError, match="run: pg_dump --format=custom --file=") as refused,
    ):
        back_up(database, path)

    assert "postgresql+psycopg" not in refused.value.next_step
    assert not path.exists()
