"""What the Clusters and Overview pages read; sums are worked out by hand, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db.repositories import on_demand
from engines.contracts.pricing import OnDemandPrice, OperatingSystem
from engines.contracts.results import DecisionType
from services.access import LOCAL_ADMIN
from services.workflows.browse_clusters import load_cluster_view, load_clusters
from services.workflows.browse_decisions import (
    DecisionFilter,
    load_decision,
    load_decision_page,
    load_decision_sources,
    load_latest_judged,
)
from services.workflows.browse_overview import NextStepKind, load_overview
from services.workflows.browse_system import load_events
from services.workflows.open_cluster import open_cluster
from services.workflows.recommend import Question, recommend
from tests.believable_market import CLUSTER, import_market, open_believable_cluster
from tests.builders import a_document, a_node, a_pod

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)


def open_small(database, name: str = "prod") -> None:
    """Two nodes of 4 vCPU and 16 GiB; one pod of 1 vCPU and 1 GiB on the first."""
    document = a_document(
        a_node("node-a"), a_node("node-b", zone="us-east-1b"), a_pod("web-1", on="node-a")
    )
    open_cluster(database, name=name, dump=document, actor=LOCAL_ADMIN, at=AT)


def price_nodes(database) -> None:
    """m7i.xlarge costs 0.20 USD an hour."""
    with database.transaction() as tx:
        on_demand.save(
            tx,
            [
                OnDemandPrice(
                    region="us-east-1",
                    instance_type="m7i.xlarge",
                    operating_system=OperatingSystem.LINUX,
                    hourly_price=Decimal("0.2"),
                    effective_date=AT - timedelta(days=1),
                )
            ],
            source="list.csv",
        )


def test_an_opened_cluster_is_listed(database):
    open_small(database)

    assert [one.name for one in load_clusters(database)] == ["prod"]


def test_a_node_shows_what_its_pods_ask_of_it_and_its_price(database):
    """1 of 4 vCPU is 25 %, 1 of 16 GiB is 6.25 %."""
    open_small(database)
    price_nodes(database)

    node, empty = load_cluster_view(database, "prod", at=AT).nodes

    assert (node.pods, node.cpu_share, node.memory_share) == (1, 0.25, 0.0625)
    assert node.usd_per_hour == Decimal("0.2")
    assert (empty.pods, empty.cpu_share) == (0, 0.0)


def test_a_cluster_adds_up(database):
    """2 x 0.20 USD = 0.40 an hour, x 730 = 292 a month; 1 of 8 vCPU is requested."""
    open_small(database)
    price_nodes(database)

    view = load_cluster_view(database, "prod", at=AT)

    assert view.summary.current_cost_per_hour == Decimal("0.4")
    assert view.summary.current_cost_per_month == Decimal("292")
    assert view.cpu_share == 0.125
    assert view.zones == {"us-east-1a": {"on-demand": 1}, "us-east-1b": {"on-demand": 1}}
    assert view.capacity_types == {"on-demand": 2}


def test_the_overview_adds_clusters_and_says_what_is_missing_first(database):
    """Two clusters of 0.40 USD an hour; nothing of the market but list prices is stored."""
    open_small(database)
    open_small(database, "staging")
    price_nodes(database)

    overview = load_overview(database, at=AT)

    assert overview.cost_per_hour == Decimal("0.8")
    assert (overview.saving_usd_month, overview.saving_share) == (Decimal(0), 0.0)
    assert [(step.kind, step.cluster_id) for step in overview.next_steps] == [
        (NextStepKind.IMPORT_PRICES, ""),
        (NextStepKind.IMPORT_ADVISOR, ""),
        (NextStepKind.DRY_RUN, "prod"),
        (NextStepKind.DRY_RUN, "staging"),
    ]


def test_an_empty_database_costs_nothing_and_asks_for_a_cluster(database):
    overview = load_overview(database, at=AT)

    assert (overview.cost_per_hour, overview.saving_share) == (Decimal(0), None)
    assert NextStepKind.OPEN_CLUSTER in {step.kind for step in overview.next_steps}


@pytest.fixture
def judged(database):
    """The believable cluster with one decision about it."""
    now = datetime.now(UTC)
    import_market(database)
    open_believable_cluster(database)
    question = Question(cluster_id=CLUSTER, decision_type=DecisionType.SPOT_OPTIMIZE, as_of=now)
    recommend(database, question, actor=LOCAL_ADMIN, at=now)
    return database


def test_a_decision_can_be_read_again_with_its_verdict_and_its_sources(judged):
    [summary] = load_decision_page(judged, DecisionFilter(), limit=10).items

    logged = load_decision(judged, summary.id)
    kinds = {source.kind for source in load_decision_sources(judged, summary.id)}

    assert logged.response.safety is not None
    assert load_latest_judged(judged, CLUSTER) == logged
    assert {"Node", "Pod", "spot_prices", "spot_advisor", "on_demand_prices"} <= kinds


def test_the_safe_saving_of_the_newest_decision_counts_in_the_overview(judged):
    overview = load_overview(judged, at=datetime.now(UTC))
    [decision] = load_decision_page(judged, DecisionFilter(), limit=10).items

    [line] = overview.lines
    assert overview.saving_usd_month == decision.estimated_savings > 0
    assert line.planned_usd_month == (
        line.summary.current_cost_per_month - decision.estimated_savings
    )
    assert overview.next_steps[0].kind is NextStepKind.REVIEW_PLAN


def test_what_happened_stands_in_the_feed_newest_first(judged):
    assert [event.type for event in load_events(judged)] == [
        "optimization.completed",
        "cluster.state.changed",
    ]
