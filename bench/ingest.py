"""Spot price ingest: rows a second into SQLite and PostgreSQL, and again when all are known.

Baselines, measured in the same run:
- SQLite: the same rows (series interned) by the same statements into a table without key or
  check, without looking for known rows and without keeping aggregates;
- PostgreSQL's first load: SQLAlchemy's ``add_all`` of a model with text keys and a unique
  constraint (fewer rows, compared by rows a second, which favours it);
- PostgreSQL's replay: binary COPY into a staging table and one ``INSERT ... SELECT ... ON
  CONFLICT DO NOTHING``.
"""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import Column, Integer, MetaData, Numeric, Table, UniqueConstraint, func, select
from sqlalchemy import text as sql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench.harness import Row, seconds
from bench.price_history import history_of, series_of
from db.bulk import Columns, insert_columns, staged
from db.models.base import UtcDateTime
from db.models.market import SpotPrice
from db.records import Stored
from db.repositories import price_series, spot_prices
from db.session import Database, Transaction
from engines.contracts.pricing import to_usd
from tests.postgresql_server import PostgresqlServer, running_postgresql

ROWS = ("ingest_sqlite", "ingest_postgres_first", "ingest_postgres_replay")

TIMES = 5
HISTORY = history_of(series_of(regions=4, zones=5, types=250), points=120)
POINTS = len(HISTORY.timestamps)  # 600,000
ORM_POINTS = 30_000


class PlainBase(DeclarativeBase):
    """The baseline's own tables."""


class PlainPrice(PlainBase):
    """Spot prices as one would write them down at first."""

    __tablename__ = "plain_prices"
    __table_args__ = (
        UniqueConstraint("instance_type", "availability_zone", "product_description", "timestamp"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_type: Mapped[str]
    availability_zone: Mapped[str]
    region: Mapped[str]
    product_description: Mapped[str]
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)
    price: Mapped[Decimal] = mapped_column(Numeric(12, 6))


def run() -> list[Row]:
    """All three rows."""
    with running_postgresql() as server:
        return [_sqlite(), _postgresql_first(server), _postgresql_replay(server)]


def _sqlite() -> Row:
    ours, plain = [], []
    for _ in range(TIMES):
        with _sqlite_database() as database:
            ours.append(_seconds_to_load(database, Stored(new=POINTS, known=0)))
        with _sqlite_database() as database:
            plain.append(seconds(partial(_insert_unconstrained, database)))
    return _row("ingest_sqlite", _rate(ours), "unconstrained insert", _rate(plain), 0.5)


def _postgresql_first(server: PostgresqlServer) -> Row:
    ours, plain = [], []
    for _ in range(TIMES):
        with _postgresql_database(server) as database:
            ours.append(_seconds_to_load(database, Stored(new=POINTS, known=0)))
        with _postgresql_database(server) as database:
            plain.append(seconds(partial(_add_all, database)))
    baseline = _rate(plain, ORM_POINTS)
    return _row("ingest_postgres_first", _rate(ours), "ORM add_all", baseline, 20)


def _postgresql_replay(server: PostgresqlServer) -> Row:
    ours, plain = [], []
    with _postgresql_database(server) as database:
        _seconds_to_load(database, Stored(new=POINTS, known=0))
        for _ in range(TIMES):
            plain.append(seconds(partial(_insert_on_conflict, database)))
            ours.append(_seconds_to_load(database, Stored(new=0, known=POINTS)))
    return _row("ingest_postgres_replay", _rate(ours), "plain ON CONFLICT", _rate(plain), 3)


def _row(name: str, value: float, baseline_name: str, baseline: float, least: float) -> Row:
    return Row(
        name=name,
        value=value,
        unit="rows/s",
        baseline_name=baseline_name,
        baseline=baseline,
        ratio=value / baseline,
        target=f">= {least}x",
        met=value / baseline >= least,
    )


def _rate(times: list[float], points: int = POINTS) -> float:
    return points / statistics.median(times)


@contextmanager
def _sqlite_database() -> Iterator[Database]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(f"sqlite:///{Path(folder) / 'bench.db'}") as database,
    ):
        database.upgrade("real")
        yield database


@contextmanager
def _postgresql_database(server: PostgresqlServer) -> Iterator[Database]:
    name = server.create_database()
    with Database(server.url(name)) as database:
        database.upgrade("real")
        yield database
    server.drop_database(name)


def _seconds_to_load(database: Database, expected: Stored) -> float:
    """Load the history, and make sure that afterwards all of it is there, once."""

    def load() -> None:
        with database.transaction() as tx:
            stored = spot_prices.save_history(tx, HISTORY)
        assert stored == expected, stored

    taken = seconds(load)
    with database.reader() as reader:
        totals = select(func.count(), func.sum(SpotPrice.micro_usd))
        count, total = reader.connection.execute(totals).one()
    assert (count, int(total)) == (POINTS, int(HISTORY.micro_usd.sum()))
    return taken


def _columns(tx: Transaction) -> Columns:
    ids = price_series.intern(tx, HISTORY.series)
    return {
        "series_id": np.repeat(ids, np.diff(HISTORY.starts)),
        "timestamp": HISTORY.timestamps,
        "micro_usd": HISTORY.micro_usd,
    }


def _insert_unconstrained(database: Database) -> None:
    with database.transaction() as tx:
        columns = _columns(tx)
        table = Table("unconstrained", MetaData(), *(Column(name, Integer) for name in columns))
        table.create(tx.connection)
        insert_columns(tx, table, columns)
    with database.reader() as reader:
        assert reader.connection.execute(select(func.count()).select_from(table)).scalar() == POINTS


def _insert_on_conflict(database: Database) -> None:
    with database.transaction() as tx, staged(tx, "incoming", _columns(tx)):
        inserted = tx.connection.execute(
            sql("INSERT INTO spot_prices SELECT * FROM incoming ON CONFLICT DO NOTHING")
        )
        assert inserted.rowcount == 0


def _add_all(database: Database) -> None:
    with database.transaction() as tx:
        PlainBase.metadata.create_all(tx.connection)
        owner = np.repeat(np.arange(len(HISTORY.series)), np.diff(HISTORY.starts))[:ORM_POINTS]
        points = zip(owner.tolist(), HISTORY.timestamps, HISTORY.micro_usd, strict=False)
        with Session(bind=tx.connection) as session:
            session.add_all(
                PlainPrice(
                    **HISTORY.series[index]._asdict(),
                    timestamp=datetime.fromtimestamp(int(moment), UTC),
                    price=to_usd(int(price)),
                )
                for index, moment, price in points
            )
            session.commit()
            assert session.scalar(select(func.count()).select_from(PlainPrice)) == ORM_POINTS
