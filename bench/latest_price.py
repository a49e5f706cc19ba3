"""The latest price of 60,000 pools, against a plain text-keyed schema.

Both hold the same points in SQLite, 180 for each pool: the 90 days that AWS keeps, at two points a
day as in the real history of us-east-1. Both answers end as Python objects. The baseline has the
unique index that such a schema has, and asks for the newest row of each pool.
"""

import gc
import tempfile
from pathlib import Path

from sqlalchemy import text as sql

from bench.harness import Row, median_seconds
from bench.price_history import history_of, series_of
from db.records import SeriesFilter
from db.repositories import spot_prices
from db.session import Database
from engines.contracts.pricing import SpotPriceHistory

ROWS = ("latest_price",)

POOLS = series_of(regions=20, zones=3, types=1000)
HISTORY = history_of(POOLS, points=180)  # 10.8 million
LEAST_RATIO = 25

_PLAIN_TABLE = """
CREATE TABLE plain_prices (
    id INTEGER PRIMARY KEY, instance_type TEXT NOT NULL, availability_zone TEXT NOT NULL,
    region TEXT NOT NULL, product_description TEXT NOT NULL, timestamp TEXT NOT NULL,
    price TEXT NOT NULL,
    UNIQUE (instance_type, availability_zone, product_description, timestamp))
"""

_FILL_PLAIN = sql(
    """
    INSERT INTO plain_prices (instance_type, availability_zone, region, product_description,
                              timestamp, price)
    SELECT s.instance_type, s.availability_zone, s.region, s.product_description,
           datetime(p.timestamp, 'unixepoch'), printf('%.6f', p.micro_usd / 1000000.0)
    FROM spot_price_series AS s JOIN spot_prices AS p ON p.series_id = s.id
    """
)

_PLAIN_LATEST = sql(
    """
    SELECT p.region, p.instance_type, p.availability_zone, p.product_description, p.price
    FROM plain_prices AS p
    JOIN (SELECT instance_type, availability_zone, product_description,
                 max(timestamp) AS timestamp
          FROM plain_prices
          GROUP BY instance_type, availability_zone, product_description) AS newest
    ON p.instance_type = newest.instance_type
    AND p.availability_zone = newest.availability_zone
    AND p.product_description = newest.product_description
    AND p.timestamp = newest.timestamp
    """
)


def run() -> list[Row]:
    """The row."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(f"sqlite:///{Path(folder) / 'bench.db'}") as database,
    ):
        database.upgrade("real")
        with database.transaction() as tx:
            spot_prices.save_history(tx, HISTORY)
        _fill_plain(database)
        assert _by_series(_load(database)) == _plain(database) == _expected()
        gc.collect()
        gc.freeze()  # as the product does once it has started
        ours = median_seconds(lambda: _load(database), times=5)
        plain = median_seconds(lambda: _plain(database), times=3)
    return [
        Row(
            name="latest_price",
            value=ours,
            unit="s",
            baseline_name="text-keyed schema",
            baseline=plain,
            ratio=plain / ours,
            target=f">= {LEAST_RATIO}x",
            met=plain / ours >= LEAST_RATIO,
        )
    ]


def _load(database: Database) -> SpotPriceHistory:
    with database.reader() as reader:
        latest = spot_prices.load_latest(reader, SeriesFilter())
    assert len(latest.series) == len(POOLS)
    return latest


def _by_series(latest: SpotPriceHistory) -> dict[tuple[str, ...], int]:
    return dict(zip(latest.series, latest.micro_usd.tolist(), strict=True))


def _expected() -> dict[tuple[str, ...], int]:
    return dict(zip(POOLS, HISTORY.micro_usd[HISTORY.starts[1:] - 1].tolist(), strict=True))


def _plain(database: Database) -> dict[tuple[str, ...], int]:
    with database.reader() as reader:
        rows = reader.connection.execute(_PLAIN_LATEST).fetchall()
    return {tuple(key): round(float(price) * 1_000_000) for *key, price in rows}


def _fill_plain(database: Database) -> None:
    with database.transaction() as tx:
        tx.connection.exec_driver_sql(_PLAIN_TABLE)
        tx.connection.execute(_FILL_PLAIN)
