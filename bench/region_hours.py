"""Region-hour price aggregates: read as kept at ingest, against grouping the raw points.

The baseline groups our own points by region and hour in SQLite, integer keys and all; a schema
with text keys would be slower still.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from bench.harness import Row, median_seconds
from bench.price_history import FIRST_MOMENT, history_of, series_of
from db.models.market import SpotPrice, SpotPriceSeries
from db.repositories import region_hours, spot_prices
from db.session import Database

ROWS = ("region_hours",)

REGIONS = 33
HISTORY = history_of(series_of(regions=REGIONS, zones=3, types=60), points=120)  # 712,800 points
SINCE = datetime.fromtimestamp(FIRST_MOMENT, UTC)
UNTIL = SINCE + timedelta(days=30)
LIMIT_SECONDS = 0.150
LEAST_RATIO = 7

_Totals = dict[tuple[str, int], tuple[int, int, int, int]]


def run() -> list[Row]:
    """The row."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(f"sqlite:///{Path(folder) / 'bench.db'}") as database,
    ):
        database.upgrade("real")
        with database.transaction() as tx:
            spot_prices.save_history(tx, HISTORY)
        assert _kept(database) == _grouped(database)
        ours = median_seconds(lambda: _read(database), times=5)
        raw = median_seconds(lambda: _grouped(database), times=3)
    return [
        Row(
            name="region_hours",
            value=ours * 1000,
            unit="ms",
            baseline_name="grouping raw points",
            baseline=raw * 1000,
            ratio=raw / ours,
            target=f"< {LIMIT_SECONDS * 1000:.0f} ms and >= {LEAST_RATIO}x",
            met=ours < LIMIT_SECONDS and raw / ours >= LEAST_RATIO,
        )
    ]


def _read(database: Database) -> None:
    with database.reader() as reader:
        hours = region_hours.load(reader, since=SINCE, until=UNTIL)
    assert len(np.unique(hours.region)) == REGIONS


def _kept(database: Database) -> _Totals:
    with database.reader() as reader:
        hours = region_hours.load(reader, since=SINCE, until=UNTIL)
    columns = (hours.points, hours.sum_micro_usd, hours.min_micro_usd, hours.max_micro_usd)
    keys = zip((hours.regions[index] for index in hours.region), hours.hour.tolist(), strict=True)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(keys, values, strict=True))


def _grouped(database: Database) -> _Totals:
    price, hour = SpotPrice.micro_usd, SpotPrice.timestamp - SpotPrice.timestamp % 3600
    query = (
        select(
            SpotPriceSeries.region,
            hour,
            func.count(),
            func.sum(price),
            func.min(price),
            func.max(price),
        )
        .join(SpotPrice, SpotPrice.series_id == SpotPriceSeries.id)
        .where(
            SpotPrice.timestamp >= int(SINCE.timestamp()),
            SpotPrice.timestamp < int(UNTIL.timestamp()),
        )
        .group_by(SpotPriceSeries.region, hour)
    )
    with database.reader() as reader:
        rows = reader.connection.execute(query)
        return {(region, moment): (*totals,) for region, moment, *totals in rows}  # type: ignore[misc]
