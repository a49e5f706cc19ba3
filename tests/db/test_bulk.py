"""Columns of whole numbers, in and out."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    func,
    literal,
    select,
)

from db.bulk import insert_columns, read_columns, read_texts, staged
from db.errors import DatabaseConstraintError
from db.models.base import table_of
from db.models.market import SpotPrice
from db.models.operations import DataVersion
from db.repositories import data_versions

LIMITS = {SmallInteger: 2**15, Integer: 2**31, BigInteger: 2**63}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=arrays.arrays(np.int64, st.integers(0, 2500)))
def test_any_whole_numbers_come_back_as_they_went_in(database, values):
    columns = {"a": values, "b": values[::-1]}
    with database.transaction() as tx, staged(tx, "numbers", columns) as numbers:
        forwards, backwards = read_columns(tx, select(numbers.c.a, numbers.c.b))

    assert sorted(zip(forwards, backwards, strict=True)) == sorted(
        zip(values, values[::-1], strict=True)
    )


@pytest.mark.parametrize("kind", [SmallInteger, Integer, BigInteger])
def test_each_width_of_column_holds_its_smallest_and_largest_number(database, kind):
    table = Table("widths", MetaData(), Column("number", kind))
    extremes = np.array([-LIMITS[kind], -1, 0, LIMITS[kind] - 1], dtype=np.int64)
    with database.transaction() as tx:
        table.create(tx.connection)

        insert_columns(tx, table, {"number": extremes})

        (found,) = read_columns(tx, select(table.c.number))
        assert sorted(found) == extremes.tolist()


def test_a_column_that_is_not_whole_numbers_is_refused_on_postgresql(database, dialect):
    if dialect == "sqlite":
        pytest.skip("SQLite's columns have no width")
    with pytest.raises(TypeError, match="whole numbers"), database.transaction() as tx:
        insert_columns(tx, table_of(DataVersion), {"kind": np.array([1])})


def test_a_repeated_key_is_an_error_and_never_skipped(database):
    twice = {
        "series_id": np.array([1, 1]),
        "timestamp": np.array([5, 5]),
        "micro_usd": np.array([7, 8]),
    }

    with pytest.raises(DatabaseConstraintError), database.transaction() as tx:
        insert_columns(tx, table_of(SpotPrice), twice)

    with database.reader() as reader:
        assert reader.connection.execute(select(func.count()).select_from(SpotPrice)).scalar() == 0


def test_no_rows_are_columns_without_elements(database):
    with database.reader() as reader:
        numbers = read_columns(reader, select(SpotPrice.series_id, SpotPrice.micro_usd))
        texts = read_texts(reader, select(DataVersion.kind))

    assert [len(column) for column in numbers] == [0, 0]
    assert texts == ([[]], [])


def test_null_is_never_read_as_a_number(database):
    table = Table("holes", MetaData(), Column("number", Integer))
    with database.transaction() as tx:
        table.create(tx.connection)
        tx.connection.execute(table.insert(), [{"number": 1}, {"number": None}])

    with pytest.raises(ValueError, match="held NULL"), database.reader() as reader:
        read_columns(reader, select(table.c.number))
    with pytest.raises(ValueError, match="held NULL"), database.reader() as reader:
        read_texts(reader, select(table.c.number))
    with pytest.raises(ValueError, match="held NULL"), database.reader() as reader:
        read_texts(reader, select(literal("x")), (table.c.number,))


def test_texts_come_back_with_their_commas_and_other_scripts(database):
    names = ["Linux/UNIX (Amazon VPC)", "a,b", "Zürich 東京", ""]
    with database.transaction() as tx:
        for name in names:
            data_versions.bump(tx, name)

        (kinds,), (versions,) = read_texts(tx, select(DataVersion.kind), (DataVersion.version,))

    assert sorted(kinds) == sorted(names)
    assert versions.tolist() == [1] * 4


def test_a_staged_table_is_gone_after_its_block(database):
    with database.transaction() as tx:
        for _ in range(2):
            with staged(tx, "once", {"a": np.array([1])}) as once:
                assert tx.connection.execute(select(once.c.a)).scalars().all() == [1]
