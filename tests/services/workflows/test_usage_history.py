"""Stored hours become what engines size by."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from db.ledger_records import KillRecord
from db.measurement_records import ContainerHour
from db.repositories import container_usage, decisions, oom_kills
from engines.contracts.results import DecisionType
from engines.contracts.usage_histogram import count_cores
from services.access import LOCAL_ADMIN
from services.workflows.open_cluster import open_cluster
from services.workflows.recommend import Question, recommend, replay
from services.workflows.usage_history import (
    MOST_KILLED,
    load_memory_of_killed,
    load_usage_summary,
    summarise_hours,
)
from tests.builders import a_document, a_node, a_pod, a_workload

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
MIB = 2**20


def an_hour(hours_ago, cores=(0.2,), mib=100, *, pod="web-1", workload=("Deployment", "web")):
    begin = int((AT - timedelta(hours=hours_ago)).timestamp())
    return ContainerHour(
        namespace="shop",
        pod=pod,
        container="main",
        workload_kind=workload[0],
        workload=workload[1],
        hour=begin,
        cpu=count_cores(np.array(cores)),
        memory_max_bytes=None if mib is None else mib * MIB,
        last_sample_at=begin + 3300,
    )


def test_histograms_of_hours_are_added_up():
    """95 readings of 0.2 and 5 of 2 cores: P95 is that of 0.2, the peak that of 2."""
    hours = (an_hour(3, (0.2,) * 50), an_hour(2, (0.2,) * 45), an_hour(1, (2.0,) * 5))

    cpu = summarise_hours(hours).cpu

    assert cpu.samples == 100
    assert 0.2 <= cpu.p95 <= 0.2 * 1.05 + 0.01
    assert 2.0 <= cpu.peak <= 2.0 * 1.05 + 0.01
    assert cpu.average == pytest.approx(0.29, rel=0.05)  # 0.95 x 0.2 + 0.05 x 2


def test_memory_is_the_largest_of_the_hours():
    """One reading of 100 MiB, three of 300: 250 on average."""
    memory = summarise_hours((an_hour(2, mib=100), an_hour(1, (0.2,) * 3, mib=300))).memory

    assert (memory.peak, memory.average, memory.samples) == (300 * MIB, 250 * MIB, 4)
    assert memory.p95 is None


def test_no_span_is_longer_than_it_was():
    """From the end of the first hour (10:00) to the last sample (11:55)."""
    cpu = summarise_hours((an_hour(3), an_hour(1))).cpu

    assert (cpu.first.hour, cpu.last.hour, cpu.last.minute) == (10, 11, 55)


def test_what_was_never_read_is_not_zero():
    row = summarise_hours((an_hour(1, cores=(), mib=None),))

    assert (row.cpu, row.memory) == (None, None)


def test_a_pod_without_a_workload_has_none_noted():
    row = summarise_hours((an_hour(1, workload=("Pod", "web-1")),))

    assert (row.workload_kind, row.workload) == ("", "")


def test_the_last_seven_days_are_loaded_by_container(database):
    open_cluster(database, name="prod", dump=a_document(a_node()), actor=LOCAL_ADMIN, at=AT)
    hours = (
        an_hour(169, mib=900),
        an_hour(168),
        an_hour(1),
        an_hour(0, mib=900),
        an_hour(2, pod="web-0"),
    )
    with database.transaction() as tx:
        container_usage.save(tx, "prod", hours)

    with database.reader() as reader:
        rows = load_usage_summary(reader, "prod", at=AT)

    assert [(one.pod, one.cpu.samples, one.memory.peak) for one in rows] == [
        ("web-0", 1, 100 * MIB),
        ("web-1", 2, 100 * MIB),
    ]
    assert rows[1].workload == "web"


def a_kill(hours_ago, *, pod="web-1", container="main"):
    return KillRecord(
        namespace="shop",
        pod=pod,
        container=container,
        killed_at=AT - timedelta(hours=hours_ago),
        limit_bytes=512 * MIB,
    )


def store(database, *, hours=(), kills=()):
    with database.transaction() as tx:
        container_usage.save(tx, "prod", hours)
        oom_kills.add(tx, "prod", kills)


@pytest.fixture
def opened(database):
    """A cluster with one workload and its pod."""
    replica_set = a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web"))
    dump = a_document(a_node(), a_workload("web"), replica_set, a_pod(on="node-a"))
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT)
    return database


def test_the_hours_of_a_container_that_was_killed_are_given(opened):
    """Of pod web-2 and container proxy nothing was killed; an hour without memory says nothing."""
    hours = (
        an_hour(169, mib=900),
        an_hour(3, mib=100),
        an_hour(2, mib=None),
        an_hour(1, mib=300),
        an_hour(1, pod="web-2"),
    )
    store(opened, hours=hours, kills=(a_kill(1), a_kill(1, container="proxy")))

    with opened.reader() as reader:
        readings = load_memory_of_killed(reader, "prod", at=AT)

    assert [(one.pod, one.timestamp, one.memory_bytes) for one in readings] == [
        ("web-1", AT - timedelta(hours=3), 100 * MIB),
        ("web-1", AT - timedelta(hours=1), 300 * MIB),
    ]
    assert {one.cpu_cores for one in readings} == {None}


@pytest.mark.parametrize(("hours_ago", "is_given"), [(24, True), (24.01, False), (-0.1, False)])
def test_the_kills_of_the_last_day_tell_whose_hours_are_given(opened, hours_ago, is_given):
    store(opened, hours=(an_hour(1),), kills=(a_kill(hours_ago),))

    with opened.reader() as reader:
        assert bool(load_memory_of_killed(reader, "prod", at=AT)) is is_given


def test_of_very_many_killed_containers_the_last_ones_are_given(opened):
    pods = [f"web-{n}" for n in range(MOST_KILLED + 1)]
    kills = [a_kill(n / 1000, pod=pod) for n, pod in enumerate(pods)]
    store(opened, hours=[an_hour(1, pod=pod) for pod in pods], kills=kills)

    with opened.reader() as reader:
        readings = load_memory_of_killed(reader, "prod", at=AT)

    assert len(readings) == MOST_KILLED
    assert f"web-{MOST_KILLED}" not in {one.pod for one in readings}  # killed before the others


def test_an_escalation_of_a_live_cluster_shows_the_slope(opened):
    """Eleven teeth of six hours from 100 to 350 MiB, killed at the end of each; four in a day."""
    hours = [an_hour(66 - n, mib=100 + 50 * (n % 6)) for n in range(66)]
    store(opened, hours=hours, kills=[a_kill(6 * n + 0.5) for n in range(4)])
    question = Question(cluster_id="prod", decision_type=DecisionType.OOMKILLED_REMEDIATE, as_of=AT)

    decision_id = recommend(opened, question, actor=LOCAL_ADMIN, at=AT)

    with opened.reader() as reader:
        [advice] = decisions.get(reader, decision_id).response.recommendations
    assert advice.action == "escalate_manual_review"
    assert advice.evidence["growth"]["nature"] == "leak"
    assert advice.evidence["growth"]["slope_bytes_per_hour"] == 50 * MIB
    assert "grows by 50.0 MiB an hour" in advice.reason
    assert replay(opened, decision_id).is_identical
