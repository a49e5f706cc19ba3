"""A consistent copy of a SQLite database, taken while others read and write it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from db.errors import BackupError
from db.session import Database


def back_up(database: Database, path: Path) -> None:
    """Copy the database to the new file ``path`` by SQLite's own online backup.

    Raises ``BackupError`` where the file exists or cannot be written, and on PostgreSQL, whose
    backups are the task of ``pg_dump``. What could not be copied whole leaves no file behind.
    """
    if database.dialect != "sqlite":
        raise BackupError(
            f"backups of {database.safe_url} are the task of PostgreSQL's own tools",
            next_step=f"run: pg_dump --format=custom --file={path} {_for_pg_dump(database)}",
        )
    if path.exists():
        raise BackupError(f"{path} exists already", next_step="name a file that does not exist")
    try:
        with closing(_new_file(path)) as copy, database.reader() as reader:
            source = reader.connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 - the dialect is SQLite
            source.backup(copy)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _new_file(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path)
    except sqlite3.Error as error:
        raise BackupError(
            f"cannot write the backup {path}: {error}",
            next_step="choose a folder that is there and that you may write to",
        ) from error


def _for_pg_dump(database: Database) -> str:
    """The URL without SQLAlchemy's driver name; the password stays masked."""
    return database.safe_url.replace("postgresql+psycopg://", "postgresql://", 1)
