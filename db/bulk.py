"""Many rows of whole numbers, in and out, as numpy columns.

PostgreSQL speaks its binary COPY protocol here and SQLite ``executemany``: everything else in
the package is written once, but row-by-row statements would make PostgreSQL's loads more than
twenty times slower (docs/decisions/0004).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    Select,
    SmallInteger,
    Table,
    cast,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from db.session import Reader, Transaction

Integers = NDArray[np.int64]
Columns = Mapping[str, Integers]
IntegerQuery = Select[*tuple[Any, ...]]

_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # signature, no flags, no extension
_COPY_TRAILER = b"\xff\xff"


def insert_columns(tx: Transaction, table: Table, columns: Columns) -> None:
    """Insert rows given as columns of equal length; a known key is an error, never a skip."""
    if tx.is_postgresql:
        _copy_in(tx, table, columns)
    else:
        _execute_many(tx, table, columns)


def read_columns(reader: Reader, query: IntegerQuery) -> tuple[Integers, ...]:
    """The query's columns; each must be a whole number and never NULL."""
    if reader.is_postgresql:
        return _copy_out(reader, query)
    rows = reader.connection.execute(query).fetchall()
    width = len(query.selected_columns)
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(len(rows), width)
    return tuple(np.ascontiguousarray(table[:, index]) for index in range(width))


@contextmanager
def staged(tx: Transaction, name: str, columns: Columns) -> Iterator[Table]:
    """A temporary table of whole numbers to join with, gone at the end of the block."""
    table = Table(
        name, MetaData(), *(Column(key, BigInteger) for key in columns), prefixes=["TEMPORARY"]
    )
    table.create(tx.connection)
    insert_columns(tx, table, columns)
    yield table
    table.drop(tx.connection)


def upsert(tx: Transaction, table: Any) -> "postgresql.Insert | sqlite.Insert":
    """An INSERT that knows ON CONFLICT; the two databases spell it alike."""
    return postgresql.insert(table) if tx.is_postgresql else sqlite.insert(table)


def _driver(reader: Reader) -> Any:
    """The driver's own connection, inside the reader's transaction."""
    return reader.connection.connection.driver_connection


def _execute_many(tx: Transaction, table: Table, columns: Columns) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" for _ in columns)
    cursor = _driver(tx).cursor()
    cursor.executemany(
        f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})',  # noqa: S608 - our own names
        zip(*(column.tolist() for column in columns.values()), strict=True),
    )
    cursor.close()


def _copy_in(tx: Transaction, table: Table, columns: Columns) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    with (
        _driver(tx).cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)') as copy,
    ):
        copy.write(_COPY_HEADER)
        copy.write(_packed(table, columns))
        copy.write(_COPY_TRAILER)


def _packed(table: Table, columns: Columns) -> memoryview:
    """Rows as COPY wants them: the number of fields, then each field's length and value."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in columns:
        width = _width_bytes(table.c[name])
        fields += [(f"{name}_length", ">i4"), (name, f">i{width}")]
    rows = np.zeros(len(next(iter(columns.values()))), dtype=fields)
    rows["fields"] = len(columns)
    for name, column in columns.items():
        rows[f"{name}_length"] = rows.dtype[name].itemsize
        rows[name] = column
    return rows.view(np.uint8).data


def _width_bytes(column: Column[Any]) -> int:
    match column.type:
        case SmallInteger():
            return 2
        case BigInteger():
            return 8
        case Integer():
            return 4
    raise TypeError(f"{column} is not a column of whole numbers")


def _copy_out(reader: Reader, query: IntegerQuery) -> tuple[Integers, ...]:
    inner = query.subquery()
    names = [column.name for column in inner.c]
    outer = select(*(cast(column, BigInteger) for column in inner.c))
    compiled = outer.compile(
        dialect=reader.connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    with (
        _driver(reader).cursor() as cursor,
        cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT BINARY)", compiled.params) as copy,
    ):
        data = b"".join(copy)
    fields = [("fields", ">i2")]
    for name in names:
        fields += [(f"{name}_length", ">i4"), (name, ">i8")]
    body = memoryview(data)[len(_COPY_HEADER) : -len(_COPY_TRAILER)]
    rows = np.frombuffer(body, dtype=fields)
    if any((rows[f"{name}_length"] != 8).any() for name in names):
        raise ValueError("a column that is read in bulk held NULL")
    return tuple(rows[name].astype(np.int64) for name in names)
