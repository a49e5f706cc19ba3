"""From the driver's errors to ours: the only place that looks at SQLSTATEs and SQLite's codes."""

import sqlite3

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db.errors import (
    DatabaseConstraintError,
    DatabaseDamagedError,
    DatabaseError,
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseUnavailableError,
)

_LOCKED_STATES = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock_timeout
_FULL_STATES = {"53100"}  # disk_full
_DAMAGED_STATES = {"XX001", "XX002"}  # data_corrupted, index_corrupted
_GONE_CLASSES = {"08", "57", "3D", "28"}  # connection, shutdown, no such database, login
_HANGED_STATE = "25P03"  # idle_in_transaction_session_timeout: we kept others waiting too long
_CONSTRAINT_CLASS = "23"
_APPEND_ONLY_STATE = "P0001"  # raise_exception: our own trigger


# Bulk loading speaks to the drivers directly, so their own errors pass here as well.
VENDOR_ERRORS = (SQLAlchemyError, psycopg.Error, sqlite3.Error)


def translated(error: Exception, place: str) -> DatabaseError:
    """The error that says what happened to the database at ``place`` (a URL without password)."""
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnavailableError(
            f"all connections to the database {place} are in use",
            next_step="try again; if it lasts, raise DB_POOL_SIZE or DB_MAX_OVERFLOW",
        )
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _of_kind(_sqlite_kind(cause), cause, place)
    if isinstance(cause, psycopg.Error):
        return _of_kind(_postgresql_kind(cause), cause, place)
    return DatabaseError(
        f"the database {place} was used wrongly: {error}",
        next_step="this is a fault of the program: report it",
    )


def _sqlite_kind(error: sqlite3.Error) -> type[DatabaseError]:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code
    by_code = {
        sqlite3.SQLITE_BUSY: DatabaseLockedError,
        sqlite3.SQLITE_LOCKED: DatabaseLockedError,
        sqlite3.SQLITE_FULL: DatabaseFullError,
        sqlite3.SQLITE_CANTOPEN: DatabaseUnavailableError,
        sqlite3.SQLITE_IOERR: DatabaseUnavailableError,
        sqlite3.SQLITE_CONSTRAINT: DatabaseConstraintError,
        sqlite3.SQLITE_NOTADB: DatabaseDamagedError,
        sqlite3.SQLITE_CORRUPT: DatabaseDamagedError,
    }
    return by_code.get(code, DatabaseError)


def _postgresql_kind(error: psycopg.Error) -> type[DatabaseError]:
    state = error.sqlstate
    if state is None:  # the server never answered
        is_connection = isinstance(error, psycopg.OperationalError)
        return DatabaseUnavailableError if is_connection else DatabaseError
    if state in _LOCKED_STATES:
        return DatabaseLockedError
    if state in _FULL_STATES:
        return DatabaseFullError
    if state in _DAMAGED_STATES:
        return DatabaseDamagedError
    if state[:2] in _GONE_CLASSES or state == _HANGED_STATE or state.startswith("53"):
        return DatabaseUnavailableError
    if state[:2] == _CONSTRAINT_CLASS or state == _APPEND_ONLY_STATE:
        return DatabaseConstraintError
    return DatabaseError


_WORDS: dict[type[DatabaseError], tuple[str, str]] = {
    DatabaseLockedError: (
        "the database {place} is locked by another process",
        "try again in a moment; if it lasts, look for a program that holds it open",
    ),
    DatabaseFullError: (
        "there is no room left for the database {place}",
        "free disk space, then try again",
    ),
    DatabaseUnavailableError: (
        "the database {place} cannot be reached: {cause}",
        "check that it runs and that DATABASE_URL is right, then try again",
    ),
    DatabaseDamagedError: (
        "the database {place} cannot be read: {cause}",
        "check that DATABASE_URL names the right file; if it does, restore a backup",
    ),
    DatabaseConstraintError: (
        "the database {place} refused a row: {cause}",
        "correct the data; nothing of this transaction was stored",
    ),
    DatabaseError: (
        "the database {place} failed: {cause}",
        "look at the database's own log; nothing of this transaction was stored",
    ),
}


def _of_kind(kind: type[DatabaseError], cause: Exception, place: str) -> DatabaseError:
    problem, next_step = _WORDS[kind]
    return kind(problem.format(place=place, cause=_first_line(cause)), next_step=next_step)


def _first_line(cause: Exception) -> str:
    """The driver's own sentence: its first line holds no row values and no password."""
    text = str(cause).strip()
    return text.splitlines()[0] if text else type(cause).__name__
