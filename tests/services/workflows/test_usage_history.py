"""Stored hours become what engines size by."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from db.measurement_records import ContainerHour
from db.repositories import container_usage
from engines.contracts.usage_histogram import count_cores
from services.access import LOCAL_ADMIN
from services.workflows.open_cluster import open_cluster
from services.workflows.usage_history import load_usage_summary, summarise_hours
from tests.builders import a_document, a_node

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
