"""What a cluster costs and uses at a moment, and which nodes it has."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db.measurement_records import MetricType, NodeStatus
from db.records import Baseline, DataKind
from db.repositories import clusters, data_versions, nodes
from services.access import LOCAL_ADMIN
from services.workflows.open_cluster import open_cluster
from services.workflows.summarise_metrics import (
    load_metrics,
    missing_for_summary,
    summarise_metrics,
)
from tests.builders import a_document, a_node, a_pod, an_object
from tests.services.workflows.market import store_market

AT = datetime(2026, 8, 3, 12, 10, tzinfo=UTC)
ON_DEMAND = a_node("node-a", instance_type="m5.large", cpu=2, gib=8)
SPOT = a_node("node-b", instance_type="m5.large", capacity_type="spot", cpu=2, gib=8)
POD = a_pod("web-1", on="node-a", cpu=1, gib=2)


def use(node, cpu="500m", memory="1Gi"):
    usage = {"cpu": cpu, "memory": memory}
    return an_object("NodeMetrics", {"metadata": {"name": node}, "usage": usage})


def summarise(database, *objects, at=AT, **fields):
    dump = a_document(*objects, **fields)
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=at)
    return summarise_metrics(database, "prod", at=at)


def test_cost_is_told_by_capacity_type_in_micro_dollars(database):
    """m5.large: 0.096 USD on demand (bundled catalogue), 0.03 on Spot (market): 0.126 in all."""
    store_market(database, AT)

    values = summarise(database, ON_DEMAND, SPOT, POD)

    assert values[MetricType.COST_ON_DEMAND] == 96_000
    assert values[MetricType.COST_SPOT] == 30_000
    assert values[MetricType.COST_TOTAL] == 126_000
    assert (values[MetricType.NODES], values[MetricType.NODES_SPOT]) == (2, 1)
    assert values[MetricType.NODES_UNPRICED] == 0


def test_requests_stand_against_allocatable(database):
    """One pod of 1 core and 2 GiB on two nodes of 2 cores and 8 GiB; a waiting pod takes none."""
    values = summarise(database, ON_DEMAND, SPOT, POD, a_pod("waiting", cpu=1))

    assert values[MetricType.CPU_REQUESTED] == 1000
    assert values[MetricType.CPU_ALLOCATABLE] == 4000
    assert values[MetricType.MEMORY_REQUESTED] == 2 << 30
    assert values[MetricType.MEMORY_ALLOCATABLE] == 16 << 30
    assert values[MetricType.PODS] == 1


def test_a_node_without_a_price_is_counted_and_costs_nothing_known(database):
    values = summarise(database, ON_DEMAND, SPOT)

    assert values[MetricType.NODES_UNPRICED] == 1
    assert values[MetricType.COST_TOTAL] == 96_000


def test_use_is_the_sum_of_all_ready_nodes(database):
    values = summarise(
        database, ON_DEMAND, SPOT, node_metrics=(use("node-a"), use("node-b", "1500m", "3Gi"))
    )

    assert (values[MetricType.CPU_USED], values[MetricType.MEMORY_USED]) == (2000, 4 << 30)


@pytest.mark.parametrize(
    "known", [(), (use("node-a"),), (use("node-a"), use("node-b", cpu="much"))]
)
def test_use_that_is_not_known_of_each_ready_node_is_left_out(database, known):
    values = summarise(database, ON_DEMAND, SPOT, node_metrics=known)

    assert MetricType.CPU_USED not in values
    assert MetricType.MEMORY_USED not in values


def test_a_node_that_is_not_ready_needs_no_metrics(database):
    broken = a_node("node-b", is_ready=False)

    values = summarise(database, ON_DEMAND, broken, node_metrics=(use("node-a"),))

    assert values[MetricType.CPU_USED] == 500


def test_the_baseline_is_the_present_requests_at_the_frozen_cost(database):
    """1 core x 0.03 + 2 GiB x 0.004 = 0.038 USD an hour."""
    assert MetricType.COST_BASELINE not in summarise(database, ON_DEMAND, POD)
    baseline = Baseline(
        usd_per_vcpu_hour=Decimal("0.03"), usd_per_gib_hour=Decimal("0.004"), frozen_at=AT
    )
    with database.transaction() as tx:
        clusters.set_baseline(tx, "prod", baseline)

    values = summarise(database, ON_DEMAND, POD, at=AT + timedelta(minutes=1))

    assert values[MetricType.COST_BASELINE] == 38_000


def test_values_become_a_line_over_time_and_raise_the_data_version(database):
    for minutes in (0, 1, 2):
        summarise(database, ON_DEMAND, at=AT + timedelta(minutes=minutes))

    [line] = load_metrics(
        database,
        types=(MetricType.COST_TOTAL,),
        since=AT,
        until=AT + timedelta(minutes=1),
        cluster_id="prod",
    )
    start = int(AT.timestamp())
    assert (line.cluster_id, line.type) == ("prod", MetricType.COST_TOTAL)
    assert line.times.tolist() == [start, start + 60]
    assert line.values.tolist() == [96_000, 96_000]
    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.METRICS] == 3


def test_nodes_are_kept_with_what_became_of_them(database):
    group = {"eks.amazonaws.com/nodegroup": "general"}
    summarise(database, a_node("node-a", labels=group), a_node("node-b"))
    later = AT + timedelta(minutes=1)

    summarise(database, a_node("node-a", labels=group, unschedulable=True), at=later)

    with database.reader() as reader:
        known = nodes.load(reader, "prod", include_gone=True)
        present = nodes.load(reader, "prod")
    assert list(present) == ["node-a"]
    stays, gone = known["node-a"], known["node-b"]
    assert (stays.status, stays.first_seen_at, stays.changed_at) == (NodeStatus.CORDONED, AT, later)
    assert (stays.owner, stays.capacity_type, stays.cpu_millicores) == (
        "general",
        "on-demand",
        4000,
    )
    assert (gone.status, gone.gone_at) == (NodeStatus.GONE, later)


def test_a_name_that_comes_back_with_another_instance_is_a_new_node(database):
    summarise(database, a_node("node-a"))
    later = AT + timedelta(minutes=1)
    other = a_node("node-a", spec={"providerID": "aws:///us-east-1a/i-0123456789abcdef0"})

    summarise(database, other, at=later)

    with database.reader() as reader:
        assert nodes.load(reader, "prod")["node-a"].first_seen_at == later


@pytest.mark.parametrize(("minutes", "is_missing"), [(5, False), (6, True)])
def test_an_old_state_says_nothing_about_the_present(database, minutes, is_missing):
    store_market(database, AT)
    summarise(database, ON_DEMAND)

    missing = missing_for_summary(database, "prod", at=AT + timedelta(minutes=minutes))

    assert bool(missing) is is_missing


def test_a_new_cluster_waits_for_spot_prices_but_not_for_ever(database):
    summarise(database, ON_DEMAND)
    at_once = AT + timedelta(minutes=5)
    with database.transaction() as tx:
        clusters.set_latest_snapshot(
            tx, "prod", clusters.get(tx, "prod").latest_snapshot_digest, at=at_once
        )

    assert missing_for_summary(database, "prod", at=at_once) == "Spot prices of us-east-1"
    assert missing_for_summary(database, "prod", at=at_once + timedelta(seconds=1)) == ""
