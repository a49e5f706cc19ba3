"""What is older than it is kept for is deleted; what decisions need stays."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from db.errors import RecordNotFoundError
from db.job_records import NewRun
from db.ledger_records import KillRecord
from db.measurement_records import ContainerHour, MetricType
from db.records import DocumentKind
from db.repositories import (
    clusters,
    container_usage,
    customers,
    decisions,
    job_runs,
    metrics_summary,
    oom_kills,
    snapshots,
)
from engines.contracts.usage_histogram import count_cores
from services.settings import Settings
from services.workflows.retain import drop_unused_states, retain
from tests.db.builders import a_cluster, a_decision

AT = datetime(2026, 8, 3, 3, 0, tzinfo=UTC)
SETTINGS = Settings(snapshot_retention_days=30, usage_retention_days=15)


def run(database, at=AT):
    return retain(database, settings=SETTINGS, at=at, progress=lambda share, facts: None)


def drop(database):
    return drop_unused_states(database, settings=SETTINGS, at=AT)


def days_ago(days):
    return AT - timedelta(days=days)


def store(database, content, *, days, kind=DocumentKind.CLUSTER):
    with database.transaction() as tx:
        return snapshots.save_document(tx, kind, content, at=days_ago(days))


def is_kept(database, digest):
    try:
        with database.reader() as reader:
            snapshots.load_document(reader, digest)
    except RecordNotFoundError:
        return False
    return True


def decide(database, digest, *, days, request_id="r1"):
    decision = msgspec.structs.replace(
        a_decision(request_id, at=days_ago(days)), cluster_snapshot_digest=digest
    )
    with database.transaction() as tx:
        decisions.log(tx, decision)


class TestStates:
    def test_a_state_that_nothing_refers_to_is_kept_for_an_hour(self, database):
        """61 and 59 minutes are 0.0424 and 0.0410 days."""
        old, fresh = (
            store(database, b"old", days=61 / 1440),
            store(database, b"new", days=59 / 1440),
        )

        assert drop(database) == 1

        assert (is_kept(database, old), is_kept(database, fresh)) == (False, True)

    @pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
    def test_a_state_that_a_decision_refers_to_is_kept_as_long_as_decisions_can_be_replayed(
        self, database, days, stays
    ):
        digest = store(database, b"judged", days=days)
        decide(database, digest, days=days)

        drop(database)
        run(database)

        assert is_kept(database, digest) is stays

    def test_the_latest_state_of_a_cluster_stays_however_old_it_is(self, database):
        digest = store(database, b"latest", days=400)
        with database.transaction() as tx:
            customers.ensure_local(tx, at=AT)
            clusters.add(tx, a_cluster())
            clusters.set_latest_snapshot(tx, "c1", digest, at=days_ago(400))

        drop(database)
        run(database)

        assert is_kept(database, digest)

    def test_documents_of_other_kinds_are_kept_for_the_whole_time(self, database):
        market = store(database, b"market", days=29, kind=DocumentKind.MARKET)
        old = store(database, b"old market", days=31, kind=DocumentKind.MARKET)

        drop(database)
        counts = run(database)

        assert (is_kept(database, market), is_kept(database, old)) == (True, False)
        assert counts["snapshots"] == 1

    def test_more_than_a_batch_is_deleted_too(self, database):
        for number in range(450):
            store(database, str(number).encode(), days=2)

        assert drop(database) == 450


def test_hourly_use_is_deleted_with_the_keys_that_are_no_longer_needed(database):
    def an_hour(pod, days):
        start = int(days_ago(days).timestamp())
        return ContainerHour(
            namespace="shop",
            pod=pod,
            container="main",
            workload_kind="Deployment",
            workload="web",
            hour=start,
            cpu=count_cores(np.array([0.1])),
            memory_max_bytes=1,
            last_sample_at=start,
        )

    hours = [an_hour("old", 16), an_hour("both", 16), an_hour("both", 14)]
    with database.transaction() as tx:
        container_usage.save(tx, "prod", hours)

    counts = run(database)

    assert (counts["container_usage"], counts["usage_series"]) == (2, 1)
    with database.reader() as reader:
        left = container_usage.load(reader, "prod", since=days_ago(100), until=AT)
    assert [one.pod for one in left] == ["both"]


def test_metrics_are_kept_for_35_days_and_runs_for_30(database):
    with database.transaction() as tx:
        for days in (34, 36):
            metrics_summary.save(tx, "prod", {MetricType.NODES: 3}, at=days_ago(days))
        for days in (29, 31):
            job_runs.start(tx, NewRun(job="x", target="", holder="a"), at=days_ago(days))

    counts = run(database)

    assert (counts["metrics_summary"], counts["job_runs"]) == (1, 1)


def test_kills_for_memory_are_kept_for_30_days(database):
    kills = [
        KillRecord(
            namespace="shop",
            pod="web-1",
            container="main",
            killed_at=days_ago(days),
            limit_bytes=None,
        )
        for days in (29, 31)
    ]
    with database.transaction() as tx:
        customers.ensure_local(tx, at=AT)
        clusters.add(tx, a_cluster())
        oom_kills.add(tx, "c1", kills)

    counts = run(database)

    assert counts["oom_kills"] == 1
    with database.reader() as reader:
        [left] = oom_kills.load(reader, "c1", since=days_ago(100))
    assert left.killed_at == days_ago(29)


def test_a_second_time_there_is_nothing_left_to_delete(database):
    store(database, b"old", days=31)
    assert run(database)["snapshots"] == 1

    assert not any(run(database).values())
