"""What containers use is kept by hour, under the workload that outlives its pods."""

from datetime import UTC, datetime, timedelta

import pytest

from db.repositories import container_usage
from engines.contracts.usage_histogram import percentile_cores
from services.access import LOCAL_ADMIN
from services.workflows.open_cluster import open_cluster
from services.workflows.record_usage import record_usage
from tests.builders import a_document, a_node, a_pod, a_workload, an_object

AT = datetime(2026, 8, 3, 12, 10, tzinfo=UTC)
DEPLOYMENT = a_workload("web")
REPLICA_SET = a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web"))


def metrics(pod="web-1", *, at=AT, container="main", **usage):
    return an_object(
        "PodMetrics",
        {
            "metadata": {"name": pod, "namespace": "shop"},
            "timestamp": at.isoformat(),
            "window": "15s",
            "containers": [{"name": container, "usage": usage}],
        },
    )


def record(database, *readings, at=AT, objects=(DEPLOYMENT, REPLICA_SET)):
    pods = [
        a_pod(name, on="node-a") for name in {one.metadata.name for one in readings} | {"web-9"}
    ]
    dump = a_document(a_node(), *objects, *pods, pod_metrics=readings)
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=at)
    return record_usage(database, "prod", at=at)


def hours(database):
    with database.reader() as reader:
        return container_usage.load(
            reader, "prod", since=AT - timedelta(days=1), until=AT + timedelta(days=1)
        )


def test_a_reading_becomes_a_sample_of_its_hour_and_of_its_workload(database):
    recorded = record(database, metrics(cpu="250m", memory="100Mi"))

    assert (recorded.samples, recorded.repeated, recorded.containers) == (1, 0, 1)
    [hour] = hours(database)
    assert (hour.namespace, hour.pod, hour.container) == ("shop", "web-1", "main")
    assert (hour.workload_kind, hour.workload) == ("Deployment", "web")
    assert hour.hour == int(datetime(2026, 8, 3, 12, tzinfo=UTC).timestamp())
    assert (hour.samples, hour.memory_max_bytes) == (1, 104_857_600)
    assert 0.25 <= percentile_cores(hour.cpu, 0.95) <= 0.25 * 1.05 + 0.01


def test_readings_of_an_hour_are_added_and_the_largest_memory_stays(database):
    record(database, metrics(cpu="100m", memory="300Mi"))
    minute = AT + timedelta(minutes=1)
    record(database, metrics(at=minute, cpu="900m", memory="200Mi"), at=minute)

    [hour] = hours(database)
    assert (hour.samples, hour.memory_max_bytes) == (2, 300 * 1024 * 1024)
    assert hour.last_sample_at == int(minute.timestamp())


def test_the_same_reading_again_counts_once_also_in_the_next_hour(database):
    before = datetime(2026, 8, 3, 12, 59, 50, tzinfo=UTC)
    record(database, metrics(at=before, cpu="100m", memory="1Mi"), at=before)

    again = record(
        database,
        metrics(at=before, cpu="100m", memory="1Mi"),
        at=before + timedelta(minutes=1),
    )

    assert (again.samples, again.repeated) == (0, 1)
    [hour] = hours(database)
    assert hour.samples == 1


def test_each_hour_has_its_own_row(database):
    record(database, metrics(cpu="100m", memory="1Mi"))
    later = AT + timedelta(hours=1)
    record(database, metrics(at=later, cpu="100m", memory="1Mi"), at=later)

    assert [one.samples for one in hours(database)] == [1, 1]


def test_a_deploy_does_not_erase_what_is_known_of_a_workload(database):
    record(database, metrics("web-1", cpu="100m", memory="1Mi"))
    later = AT + timedelta(minutes=5)
    record(database, metrics("web-2", at=later, cpu="100m", memory="1Mi"), at=later)

    assert [(one.pod, one.workload) for one in hours(database)] == [
        ("web-1", "web"),
        ("web-2", "web"),
    ]


@pytest.mark.parametrize(
    "usage",
    [{}, {"memory": "1Mi"}, {"cpu": "0", "memory": "0"}],
    ids=["nothing", "no cpu", "asleep"],
)
def test_what_is_absent_or_asleep_is_no_sample(database, usage):
    assert record(database, metrics(**usage)).samples == 0
    assert hours(database) == ()


def test_cpu_without_memory_is_a_sample_without_memory(database):
    record(database, metrics(cpu="1"))

    [hour] = hours(database)
    assert (hour.samples, hour.memory_max_bytes) == (1, None)


def test_an_amount_that_is_none_is_counted_as_unreadable(database):
    recorded = record(database, metrics(cpu="much", memory="1Mi"))

    assert (recorded.samples, recorded.unreadable) == (0, 1)


@pytest.mark.parametrize(("hours_ago", "samples"), [(5, 1), (7, 0), (-5, 1), (-7, 0)])
def test_a_reading_from_far_away_in_time_was_taken_by_a_wrong_clock(database, hours_ago, samples):
    taken = AT - timedelta(hours=hours_ago)

    assert record(database, metrics(at=taken, cpu="1", memory="1Mi")).samples == samples


def test_the_owner_that_was_not_read_is_named_by_the_reference_to_it(database):
    """An Argo Rollout owns the ReplicaSet: its name lasts, the ReplicaSet's does not."""
    of_a_rollout = a_workload("web-6d4b", kind="ReplicaSet", owner=("Rollout", "web"))

    record(database, metrics(cpu="1", memory="1Mi"), objects=(of_a_rollout,))

    [hour] = hours(database)
    assert (hour.workload_kind, hour.workload) == ("Rollout", "web")


def test_a_bare_pod_stands_for_itself(database):
    pod = a_pod("alone", owner=None, on="node-a")
    reading = metrics("alone", cpu="1", memory="1Mi")
    dump = a_document(a_node(), pod, pod_metrics=(reading,))
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT)

    record_usage(database, "prod", at=AT)

    [hour] = hours(database)
    assert (hour.workload_kind, hour.workload) == ("Pod", "alone")
