"""What bootstrap hands out is ready for work."""

import pytest

from db.errors import DatabaseUrlError, WrongDatabaseKindError
from services.bootstrap import open_database
from services.settings import Settings


def test_a_new_database_is_migrated_and_of_the_kind_that_was_asked_for(tmp_path):
    settings = Settings(database_url=f"sqlite:///{tmp_path}/new/file.sqlite3")

    with open_database(settings) as database:
        status = database.check()

    assert (status.dialect, status.kind) == ("sqlite", "real")
    assert status.schema_revision


def test_a_database_of_the_other_kind_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/file.sqlite3"
    open_database(Settings(database_url=url, database_kind="sandbox")).close()

    with pytest.raises(WrongDatabaseKindError, match="this is a sandbox database"):
        open_database(Settings(database_url=url, database_kind="real"))


def test_an_address_that_names_no_supported_database_is_refused():
    with pytest.raises(DatabaseUrlError, match="'mysql' are not supported"):
        open_database(Settings(database_url="mysql://host/name"))
