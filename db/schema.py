"""The schema's life: migrated under a lock that all processes share, and of one kind for good."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, inspect, select, text

from db.errors import DatabaseLockedError, NewerSchemaError, SchemaError, WrongDatabaseKindError
from db.models.operations import DatabaseInfo

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x636C6F7564  # "cloud": any number, the same in each process of the product
_POLL_SECONDS = 0.05


def upgrade(
    engine: Engine, kind: Literal["sandbox", "real"], *, wait_seconds: float, target: str = "head"
) -> None:
    """Migrate to ``target`` and fix or check the kind of the database."""
    with _only_process(engine, wait_seconds) as connection:
        _refuse_newer(connection)
        _refuse_other_kind(connection, kind)
        command.upgrade(config_for(connection), target)
        if inspect(connection).has_table(DatabaseInfo.__tablename__):
            _become(connection, kind)


def config_for(connection: Connection) -> Config:
    """Alembic's configuration, working inside the connection's own transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def kind_of(connection: Connection) -> Literal["sandbox", "real"]:
    """What the database is for. Raises ``SchemaError`` where it has not been set up."""
    if not inspect(connection).has_table(DatabaseInfo.__tablename__):
        raise SchemaError(
            "the database has no tables yet", next_step="start the program once to set it up"
        )
    kind = connection.execute(select(DatabaseInfo.kind)).scalar_one()
    return cast(Literal["sandbox", "real"], kind)


def revision_of(connection: Connection) -> str:
    """The migration that the schema is at; empty when there is none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _refuse_newer(connection: Connection) -> None:
    current = revision_of(connection)
    known = {script.revision for script in _scripts().walk_revisions()}
    if current and current not in known:
        raise NewerSchemaError(
            f"the database's schema ({current}) is newer than this program",
            next_step="start the newer version of CloudOptim, or restore an older backup",
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def _refuse_other_kind(connection: Connection, kind: str) -> None:
    if not inspect(connection).has_table(DatabaseInfo.__tablename__):
        return
    found = connection.execute(select(DatabaseInfo.kind)).scalar_one_or_none()
    if found is not None and found != kind:
        raise WrongDatabaseKindError(
            f"this is a {found} database, and it was opened as a {kind} one",
            next_step=f"set DATABASE_URL to a {kind} database; the two are never mixed",
        )


def _become(connection: Connection, kind: str) -> None:
    if connection.execute(select(DatabaseInfo.id)).scalar_one_or_none() is None:
        row = {"id": 1, "kind": kind, "created_at": datetime.now(UTC)}
        connection.execute(insert(DatabaseInfo).values(row))


@contextmanager
def _only_process(engine: Engine, wait_seconds: float) -> Iterator[Connection]:
    """A transaction that no other process runs at the same time; its end lets go of the lock."""
    if engine.dialect.name == "sqlite":
        lock = Path(f"{engine.url.database}.migration-lock")
        with lock.open("a", encoding="ascii") as file:
            _wait_until(lambda: _try_file_lock(file.fileno()), wait_seconds)
            with engine.begin() as connection:
                yield connection
    else:
        with engine.begin() as connection:
            _wait_until(lambda: _try_advisory_lock(connection), wait_seconds)
            yield connection


def _try_file_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_advisory_lock(connection: Connection) -> bool:
    query = text(f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK})")
    return bool(connection.execute(query).scalar())


def _wait_until(is_ours: Callable[[], bool], wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while not is_ours():
        if time.monotonic() > deadline:
            raise DatabaseLockedError(
                f"another process has been migrating the database for {wait_seconds:.0f} s",
                next_step="wait for it to finish, or stop it, then start again",
            )
        time.sleep(_POLL_SECONDS)
