"""The border between the program and its database, the same for SQLite and PostgreSQL.

A ``Database`` gives readers (one consistent view) and transactions (all or nothing). SQLite
writers begin with ``BEGIN IMMEDIATE``, so that a writer waits at its start and never fails in
its middle. Errors of the driver leave this module as ``db.errors``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from db import schema
from db.errors import DatabaseUrlError
from db.translation import VENDOR_ERRORS, translated

DatabaseKind = Literal["sandbox", "real"]

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How many connections are kept, and how long anything is waited for."""

    size: int = 10
    max_overflow: int = 20
    wait_seconds: float = 30.0  # for a free connection of the pool
    lock_wait_seconds: float = 10.0  # for another process's lock, before DatabaseLockedError
    migration_wait_seconds: float = 60.0  # for another process that migrates
    connect_timeout_seconds: int = 5  # PostgreSQL only
    idle_transaction_seconds: float = 60.0  # PostgreSQL only: then a hanging client's locks go


class Reader:
    """A consistent view of the database. Repositories take it; nobody else uses its connection."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def is_postgresql(self) -> bool:
        """True on PostgreSQL, for the few places where the two are measurably different."""
        return self.connection.dialect.name == "postgresql"


class Transaction(Reader):
    """A view that may also write. All of it is stored at its end, or nothing."""

    __slots__ = ()


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What ``Database.check`` found."""

    dialect: str  # "sqlite" or "postgresql"
    server_version: str
    kind: DatabaseKind
    schema_revision: str
    checked_at: datetime


class Database:
    """One database: its connections, its transactions and its schema.

    ``url`` is ``sqlite:///path/to/file.db`` or ``postgresql://user:password@host/name``.
    """

    def __init__(self, url: str, pool: PoolSettings | None = None) -> None:
        self._pool = pool or PoolSettings()
        self._url = _checked(url)
        self._engine = _engine(self._url, self._pool)
        self._guard: Callable[[Transaction], None] | None = None

    def guarded(self, guard: Callable[[Transaction], None]) -> "Database":
        """The same connections; ``guard`` is the last statement of every transaction.

        What it raises rolls the transaction back: so a process that lost a right cannot write.
        """
        guarded = copy(self)
        guarded._guard = guard
        return guarded

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def safe_url(self) -> str:
        """The URL without its password, for logs and screens."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """A consistent view; what others commit meanwhile is not seen, writing is refused."""
        with self._translated(), self._engine.connect() as connection:
            connection.execution_options(**_reading(self.dialect))
            with connection.begin():
                yield Reader(connection)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything written is committed at the end, or nothing if an error leaves the block."""
        with self._translated(), self._engine.begin() as connection:
            tx = Transaction(connection)
            yield tx
            if self._guard is not None:
                self._guard(tx)

    def upgrade(self, kind: DatabaseKind) -> None:
        """Bring the schema up to date and make sure that this is a database of that kind.

        A new database becomes one of that kind for good. Any number of processes may call this
        at once: one migrates, the others wait.
        """
        with self._translated():
            schema.upgrade(self._engine, kind, wait_seconds=self._pool.migration_wait_seconds)

    def check(self) -> DatabaseStatus:
        """Ask the database how it is. Raises ``DatabaseUnavailableError`` if it does not answer."""
        with self.reader() as reader:
            version = reader.connection.dialect.server_version_info or ()
            return DatabaseStatus(
                dialect=self.dialect,
                server_version=".".join(str(part) for part in version),
                kind=schema.kind_of(reader.connection),
                schema_revision=schema.revision_of(reader.connection),
                checked_at=datetime.now(UTC),
            )

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except VENDOR_ERRORS as error:
            raise translated(error, self.safe_url) from error


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlError(
            "the database URL cannot be read",
            next_step="write it as sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError(
            "the database URL names no file, and a database in memory is lost with the process",
            next_step="name a file: sqlite:///FILE",
        )
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseUrlError(
            f"databases of kind {backend!r} are not supported",
            next_step="use SQLite (sqlite:///FILE) or PostgreSQL (postgresql://...)",
        )
    return parsed.set(drivername="postgresql+psycopg") if backend == "postgresql" else parsed


def _engine(url: URL, pool: PoolSettings) -> Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _make_folder(Path(str(url.database)).resolve().parent)
    engine = create_engine(
        url,
        pool_size=pool.size,
        max_overflow=pool.max_overflow,
        pool_timeout=pool.wait_seconds,
        pool_pre_ping=not is_sqlite,  # a connection that died while it lay idle is replaced
        connect_args=_sqlite_arguments(pool) if is_sqlite else _postgresql_arguments(pool),
        json_serializer=lambda value: _encoder.encode(value).decode(),
        json_deserializer=lambda text: text,  # repositories decode it into the contract's type
    )
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUrlError(
            f"the folder {folder} for the database cannot be made: {error.strerror}",
            next_step="name a file in a folder that you may write to, as sqlite:///FILE",
        ) from error


def _sqlite_arguments(pool: PoolSettings) -> dict[str, Any]:
    return {"timeout": pool.lock_wait_seconds, "check_same_thread": False}


def _postgresql_arguments(pool: PoolSettings) -> dict[str, Any]:
    options = {
        "timezone": "UTC",
        "lock_timeout": int(pool.lock_wait_seconds * 1000),  # milliseconds, as is the next
        "idle_in_transaction_session_timeout": int(pool.idle_transaction_seconds * 1000),
        "jit": "off",  # compiling a query of a third of a second takes a good part of it
    }
    return {
        "connect_timeout": pool.connect_timeout_seconds,
        "application_name": "cloudoptim",
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Durable, concurrent and strict: none of these is SQLite's default."""
    connection.isolation_level = None  # we begin transactions ourselves, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    cursor.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a crash loses no consistency
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    is_reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if is_reading else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _reading(dialect: str) -> dict[str, Any]:
    """Execution options that make a transaction one consistent, read-only view."""
    if dialect == "postgresql":
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return {"is_reading": True}
