"""Many rows of whole numbers, in and out, as numpy columns.

This is the one place where the two databases are spoken to differently: PostgreSQL takes rows
by binary COPY and gives columns as arrays, SQLite takes many rows a statement and gives columns
as text. Statements row by row would be several to many times slower (docs/decisions/0004).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    SmallInteger,
    SQLColumnExpression,
    String,
    Table,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from db.session import Reader, Transaction

Integers = NDArray[np.int64]
Columns = Mapping[str, Integers]
Query = Select[*tuple[Any, ...]]

_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # signature, no flags, no extension
_COPY_TRAILER = b"\xff\xff"
_ARRAY_HEADER_INTEGERS = 5  # dimensions, "has nulls", element type, length, lower bound
_HAS_NULLS = 1
_SEPARATOR = ","
_TEXT_SEPARATOR = "\x1f"  # ASCII's own unit separator: no name holds it
_HELD_NULL = "a column that is read in bulk held NULL"

_ROWS_A_STATEMENT = 800  # SQLite allows 32,766 values a statement since 3.32 (2020)


def insert_columns(tx: Transaction, table: Table, columns: Columns) -> None:
    """Insert rows given as columns of equal length; a known key is an error, never a skip."""
    if tx.is_postgresql:
        _copy_in(tx, table, columns)
    else:
        _insert_values(tx, table, columns)


def read_columns(reader: Reader, query: Query) -> tuple[Integers, ...]:
    """The query's columns, in no promised order of rows; each a whole number and never NULL.

    The server packs each column into one value, so that the driver handles one row and not a
    million. The columns of one SELECT are packed by the same pass: their elements match.
    """
    columns = tuple(query.subquery().c)
    return _read_arrays(reader, columns) if reader.is_postgresql else _read_numbers(reader, columns)


def read_texts(
    reader: Reader, texts: Query, numbers: Sequence[SQLColumnExpression[int]] = ()
) -> tuple[list[list[str]], list[Integers]]:
    """The columns of ``texts``, and beside them whole ``numbers`` of the same rows.

    In no promised order of rows; nothing may be NULL.
    """
    width = len(texts.selected_columns)
    columns = tuple(texts.add_columns(*numbers).subquery().c)
    packed = (
        func.aggregate_strings(
            cast(column, String), _TEXT_SEPARATOR if index < width else _SEPARATOR
        )
        for index, column in enumerate(columns)
    )
    count, *values = reader.connection.execute(select(func.count(), *packed)).one()
    names = [value.split(_TEXT_SEPARATOR) if count else [] for value in values[:width]]
    arrays = [_numbers_in(value) for value in values[width:]]
    if any(len(one) != count for one in (*names, *arrays)):  # NULL is left out
        raise ValueError(_HELD_NULL)
    return names, arrays


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


def _insert_values(tx: Transaction, table: Table, columns: Columns) -> None:
    """Many rows a statement: binding a row at a time costs SQLite twice as much."""
    names = ", ".join(f'"{name}"' for name in columns)
    marks = f"({', '.join('?' for _ in columns)})"
    insert = f'INSERT INTO "{table.name}" ({names}) VALUES '  # noqa: S608 - our own names
    rows = np.column_stack(tuple(columns.values()))
    cursor = _driver(tx).cursor()
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = rows[start : start + _ROWS_A_STATEMENT]
        cursor.execute(insert + ", ".join([marks] * len(part)), part.ravel().tolist())
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


def _read_numbers(reader: Reader, columns: Sequence[ColumnElement[int]]) -> tuple[Integers, ...]:
    packed = (func.group_concat(column, _SEPARATOR) for column in columns)
    count, *texts = reader.connection.execute(select(func.count(), *packed)).one()
    arrays = tuple(map(_numbers_in, texts))
    if any(len(array) != count for array in arrays):  # group_concat leaves NULL out
        raise ValueError(_HELD_NULL)
    return arrays


def _numbers_in(text: str | None) -> Integers:
    return np.fromstring(text or "", dtype=np.int64, sep=_SEPARATOR)


def _read_arrays(reader: Reader, columns: Sequence[ColumnElement[int]]) -> tuple[Integers, ...]:
    packed = select(*(func.array_agg(cast(column, BigInteger)) for column in columns))
    compiled = packed.compile(
        dialect=reader.connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    with _driver(reader).cursor() as cursor:
        cursor.execute(str(compiled), compiled.params, binary=True)
        return tuple(_unpacked(cursor.pgresult.get_value(0, at)) for at in range(len(columns)))


def _unpacked(array: bytes | None) -> Integers:
    """A bigint[] as PostgreSQL sends it: its header, then each element's length and value."""
    if array is None:  # array_agg of no rows
        return np.zeros(0, dtype=np.int64)
    header = np.frombuffer(array, dtype=">i4", count=_ARRAY_HEADER_INTEGERS)
    if header[_HAS_NULLS]:
        raise ValueError(_HELD_NULL)
    elements = np.frombuffer(
        array, dtype=[("length", ">i4"), ("value", ">i8")], offset=header.nbytes
    )
    return elements["value"].astype(np.int64)
