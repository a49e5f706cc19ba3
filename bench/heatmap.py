"""The Spot Advisor heatmap: 900 types x 33 regions as a matrix, against raw rows.

The baseline keeps each edition's rows under text keys in SQLite, looks for the newest row of each
key and pivots with pandas.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import text as sql

from bench.harness import Row, median_seconds
from db.records import Heatmap
from db.repositories import advisor, heatmap
from db.session import Database
from engines.contracts.pricing import AdvisorRate, InterruptionBucket, OperatingSystem

ROWS = ("heatmap",)

TYPES = 900
REGIONS = 33
EDITIONS = 5
FIRST_EDITION = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT_SECONDS = 0.150
LEAST_RATIO = 7

_NEWEST = sql(
    """
    SELECT r.instance_type, r.region, r.bucket, r.savings FROM raw_rates AS r
    JOIN (SELECT region, operating_system, instance_type, max(published_at) AS published_at
          FROM raw_rates GROUP BY region, operating_system, instance_type) AS newest
    ON r.region = newest.region AND r.operating_system = newest.operating_system
    AND r.instance_type = newest.instance_type AND r.published_at = newest.published_at
    WHERE r.operating_system = 'Linux'
    """
)


def run() -> list[Row]:
    """The row."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(f"sqlite:///{Path(folder) / 'bench.db'}") as database,
    ):
        database.upgrade("real")
        _fill(database)
        matrix, plain = _load(database), _pivot(database)
        assert matrix.bucket.shape == (TYPES, REGIONS)
        assert np.array_equal(matrix.bucket, plain["bucket"].to_numpy())
        assert np.array_equal(matrix.savings_percent, plain["savings"].to_numpy())
        ours = median_seconds(lambda: _load(database), times=5)
        raw = median_seconds(lambda: _pivot(database), times=3)
    return [
        Row(
            name="heatmap",
            value=ours * 1000,
            unit="ms",
            baseline_name="newest raw rows, pivoted",
            baseline=raw * 1000,
            ratio=raw / ours,
            target=f"< {LIMIT_SECONDS * 1000:.0f} ms and >= {LEAST_RATIO}x",
            met=ours < LIMIT_SECONDS and raw / ours >= LEAST_RATIO,
        )
    ]


def _fill(database: Database) -> None:
    random = np.random.default_rng(11)
    with database.transaction() as tx:
        tx.connection.execute(
            sql(
                "CREATE TABLE raw_rates (region TEXT, operating_system TEXT, instance_type TEXT,"
                " bucket INTEGER, savings INTEGER, published_at TEXT, PRIMARY KEY"
                " (region, operating_system, instance_type, published_at))"
            )
        )
        for edition in range(EDITIONS):
            published_at = FIRST_EDITION + timedelta(days=edition)
            rates = _rates(random)
            advisor.save_rates(tx, rates, published_at=published_at, source="bench")
            rows = [
                (
                    *(one.region, one.operating_system, one.instance_type),
                    *(int(one.interruption_bucket), one.savings_percent, published_at.isoformat()),
                )
                for one in rates
            ]
            tx.connection.exec_driver_sql("INSERT INTO raw_rates VALUES (?, ?, ?, ?, ?, ?)", rows)


def _rates(random: np.random.Generator) -> list[AdvisorRate]:
    keys = list(product(OperatingSystem, range(REGIONS), range(TYPES)))
    buckets = random.integers(0, 5, len(keys)).tolist()
    savings = random.integers(-60, 91, len(keys)).tolist()
    return [
        AdvisorRate(
            region=f"region-{region:02}",
            operating_system=system,
            instance_type=f"m{kind:03}.large",
            interruption_bucket=InterruptionBucket(bucket),
            savings_percent=saving,
        )
        for (system, region, kind), bucket, saving in zip(keys, buckets, savings, strict=True)
    ]


def _load(database: Database) -> Heatmap:
    with database.reader() as reader:
        matrix = heatmap.load(reader)
    assert matrix is not None
    return matrix


def _pivot(database: Database) -> pd.DataFrame:
    with database.reader() as reader:
        rows = reader.connection.execute(_NEWEST).fetchall()
    frame = pd.DataFrame(rows, columns=["instance_type", "region", "bucket", "savings"])
    return frame.pivot_table(index="instance_type", columns="region", values=["bucket", "savings"])
