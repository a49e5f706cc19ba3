"""Two months of real Spot prices of us-east-1 (2021), through the product's own reader."""

from datetime import UTC, datetime

import numpy as np
import pytest

from db.records import DayCoverage, SeriesFilter, Stored
from db.repositories import price_coverage, region_hours, spot_prices
from services.files.source import SourceFile
from services.files.spot_prices import read_spot_prices

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

FILE = "spot_price_history/us-east-1_2021-03_2021-04.csv.gz"
ROWS = 604_944
SERIES = 4_931
SINCE, UNTIL = datetime(2021, 3, 1, tzinfo=UTC), datetime(2021, 5, 1, tzinfo=UTC)
EVERYTHING = SeriesFilter(products=None)


@pytest.fixture(scope="module")
def history(shared_data):
    source = SourceFile.at(shared_data / FILE)
    return read_spot_prices(source, now=datetime(2026, 1, 1, tzinfo=UTC)).data


def test_all_real_prices_are_stored_once_and_come_back_unchanged(database, history):
    with database.transaction() as tx:
        first = spot_prices.save_history(tx, history)
    with database.transaction() as tx:
        second = spot_prices.save_history(tx, history)

    with database.reader() as reader:
        found = spot_prices.load_history(reader, EVERYTHING, since=SINCE, until=UNTIL)
        (*_, span) = spot_prices.spans(reader)
        hours = region_hours.load(reader, since=SINCE, until=UNTIL)
    assert first == Stored(new=ROWS, known=0)
    assert second == Stored(new=0, known=ROWS)
    assert len(history.series) == SERIES
    assert found.series == history.series
    assert np.array_equal(found.starts, history.starts)
    assert np.array_equal(found.timestamps, history.timestamps)
    assert np.array_equal(found.micro_usd, history.micro_usd)
    assert span.region == "us-east-1"
    assert 0 < hours.points.sum() < ROWS  # Linux only


def test_the_latest_real_price_is_the_last_point_of_each_series(database, history):
    with database.transaction() as tx:
        spot_prices.save_history(tx, history)

    with database.reader() as reader:
        latest = spot_prices.load_latest(reader, EVERYTHING)
        then = spot_prices.load_latest(reader, EVERYTHING, at=datetime(2021, 4, 1, tzinfo=UTC))

    in_force = history.latest_at(int(datetime(2021, 4, 1, tzinfo=UTC).timestamp()))
    assert np.array_equal(latest.micro_usd, history.micro_usd[history.starts[1:] - 1])
    assert dict(zip(then.series, then.micro_usd.tolist(), strict=True)) == {
        key: point.micro_usd for key, point in in_force.items()
    }


def test_a_complete_real_history_shows_no_gap_in_its_middle(database, history):
    """Every m5.large day from 4 March to 28 April is known throughout in all six zones."""
    with database.transaction() as tx:
        spot_prices.save_history(tx, history)

    with database.reader() as reader:
        found = price_coverage.load(
            reader,
            region="us-east-1",
            first_day=datetime(2021, 3, 4, tzinfo=UTC).date(),
            last_day=datetime(2021, 4, 28, tzinfo=UTC).date(),
            instance_types=("m5.large",),
        )

    assert found.status.shape == (1, 56)
    assert np.all(found.status == DayCoverage.PRESENT)
