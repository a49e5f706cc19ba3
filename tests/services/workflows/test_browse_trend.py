"""Cost over time from the metrics summary."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from db.measurement_records import MetricType
from db.repositories import metrics_summary
from services.access import LOCAL_ADMIN
from services.workflows.browse_trend import load_cost_now, load_trend
from services.workflows.open_cluster import open_cluster
from tests.builders import a_document, a_node

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def register(database, name):
    open_cluster(database, name=name, dump=a_document(a_node(name)), actor=LOCAL_ADMIN, at=START)


def record(database, cluster_id, minutes, cost, baseline=None):
    values = {MetricType.COST_TOTAL: cost}
    if baseline is not None:
        values[MetricType.COST_BASELINE] = baseline
    with database.transaction() as tx:
        metrics_summary.save(tx, cluster_id, values, at=START + timedelta(minutes=minutes))


def test_without_records_there_is_no_trend(database):
    trend = load_trend(database, since=START, until=START + timedelta(days=7))

    assert len(trend.times) == 0


def test_a_short_span_is_shown_by_the_minute_and_gaps_stay_gaps(database):
    register(database, "one")
    record(database, "one", 0, 2_000_000, 3_000_000)
    record(database, "one", 2, 1_000_000, 3_000_000)

    trend = load_trend(database, since=START, until=START + timedelta(days=1))

    assert trend.cost.tolist()[::2] == [2.0, 1.0]
    assert np.isnan(trend.cost[1])
    assert trend.baseline.tolist()[::2] == [3.0, 3.0]


def test_a_long_span_is_shown_by_the_hour_as_the_mean_of_each(database):
    """Two values in the first hour, 2 and 4 USD: 3; one 13 hours later: 5."""
    register(database, "one")
    record(database, "one", 0, 2_000_000)
    record(database, "one", 30, 4_000_000)
    record(database, "one", 13 * 60, 5_000_000)

    trend = load_trend(database, since=START, until=START + timedelta(days=1))

    assert len(trend.times) == 14
    assert (trend.cost[0], trend.cost[-1]) == (3.0, 5.0)


@pytest.mark.parametrize(("hours", "step"), [(3, 60), (4, 300), (12, 300), (13, 3600)])
def test_the_interval_grows_with_the_span(database, hours, step):
    register(database, "one")
    record(database, "one", 0, 1)
    record(database, "one", hours * 60, 1)

    trend = load_trend(database, since=START, until=START + timedelta(days=1))

    assert int(trend.times[1] - trend.times[0]) == step


def test_clusters_are_summed(database):
    register(database, "one")
    register(database, "two")
    record(database, "one", 0, 2_000_000)
    record(database, "two", 0, 500_000)

    trend = load_trend(database, since=START, until=START + timedelta(days=1))

    assert trend.cost.tolist() == [2.5]


def test_cost_now_is_compared_with_the_baseline_of_the_same_clusters(database):
    """3 of 4 USD: a quarter below; the cluster without a baseline is left out."""
    register(database, "one")
    register(database, "two")
    record(database, "one", 0, 3_000_000, 4_000_000)
    record(database, "two", 0, 9_000_000)

    known = load_cost_now(database, at=START + timedelta(minutes=1))

    assert known is not None
    assert (known.cost_per_hour, known.clusters) == (Decimal(3), 1)
    assert known.saved_share == pytest.approx(0.25)


def test_an_old_record_says_nothing_about_now(database):
    register(database, "one")
    record(database, "one", 0, 3_000_000, 4_000_000)

    assert load_cost_now(database, at=START + timedelta(minutes=11)) is None
