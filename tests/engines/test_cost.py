"""What nodes cost. Every node is an m7i.xlarge unless the test says otherwise."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engines.contracts.pricing import OperatingSystem
from engines.cost import (
    UNKNOWN_COST,
    ListPrice,
    list_prices,
    node_cost_per_hour,
    region_of_node,
    summarise_cluster,
)
from tests.builders import (
    NOW,
    REGION,
    a_node,
    a_pod,
    a_price,
    a_state,
    an_on_demand_price,
)


def costs(*objects, **fields):
    return node_cost_per_hour(a_state(*objects, **fields), NOW).tolist()


def test_an_on_demand_node_costs_the_list_price():
    assert costs(a_node(), on_demand=(an_on_demand_price("0.2016"),)) == [201_600]


def test_a_spot_node_costs_the_price_in_force_in_its_zone():
    prices = (
        a_price("0.070000", zone="us-east-1a"),
        a_price("0.080000", zone="us-east-1b"),
        a_price("0.090000", zone="us-east-1b", at=NOW),
        a_price("0.500000", zone="us-east-1b", at=NOW + timedelta(seconds=1)),
    )

    assert costs(a_node(zone="us-east-1b", capacity_type="spot"), prices=prices) == [90_000]


def test_a_spot_price_of_another_product_is_not_the_nodes():
    prices = (a_price("0.07", product="Windows"),)

    assert costs(a_node(capacity_type="spot"), prices=prices) == [UNKNOWN_COST]


def test_a_price_by_the_zones_id_is_found_where_a_label_tells_the_id():
    node = a_node(capacity_type="spot", labels={"topology.k8s.aws/zone-id": "use1-az4"})
    price = a_price("0.07")
    by_id = type(price)(
        **{name: getattr(price, name) for name in price.__struct_fields__}
        | {"availability_zone": "use1-az4"}
    )

    assert costs(node, prices=(by_id,)) == [70_000]


@pytest.mark.parametrize(
    "node",
    [
        a_node(instance_type="m7i.unheard"),
        a_node(capacity_type="reserved"),
        a_node(labels={"karpenter.sh/capacity-type": None}),
        a_node(capacity_type="spot", zone="us-east-1f"),
        a_node(zone="eu-west-1a"),
    ],
)
def test_a_price_that_nobody_tells_is_not_known(node):
    fields = {"on_demand": (an_on_demand_price(),), "prices": (a_price(),)}

    assert costs(node, **fields) == [UNKNOWN_COST]


def test_a_summary_counts_what_is_there_and_prices_what_is_known():
    """0.20 on-demand + 0.08 on Spot = 0.28 USD an hour, 204.40 a month; the third is unknown."""
    state = a_state(
        a_node("a"),
        a_node("b", capacity_type="spot"),
        a_node("c", instance_type="m7i.unheard"),
        a_pod("p1", on="a"),
        a_pod("p2"),
        a_pod("done", on="a", phase="Succeeded"),
        prices=(a_price("0.08"),),
        on_demand=(an_on_demand_price("0.20"),),
    )

    summary = summarise_cluster(state, NOW)

    assert (summary.node_count, summary.pod_count) == (3, 2)
    assert (summary.total_cpu, summary.total_memory) == (12.0, 48.0)
    assert (summary.spot_count, summary.on_demand_count) == (1, 2)
    assert summary.current_cost_per_hour == Decimal("0.28")
    assert summary.current_cost_per_month == Decimal("204.40")
    assert summary.unpriced_nodes == ("c",)


def test_an_empty_cluster_costs_nothing():
    summary = summarise_cluster(a_state(), NOW)

    assert (summary.node_count, summary.current_cost_per_hour) == (0, Decimal(0))


def list_price(usd, effective_date):
    row = an_on_demand_price(usd)
    return a_state(
        on_demand=(
            type(row)(
                **{name: getattr(row, name) for name in row.__struct_fields__}
                | {"effective_date": effective_date}
            ),
        )
    ).on_demand[0]


def test_the_latest_list_price_in_force_counts():
    prices = [
        list_price("0.19", "2025-01-01"),
        list_price("0.20", "2026-01-01"),
        list_price("0.25", "2027-01-01"),
    ]

    for some in (prices, prices[::-1]):
        found = list_prices(some, REGION, OperatingSystem.LINUX, NOW)
        assert found == {"m7i.xlarge": ListPrice(200_000, is_later=False)}


def test_a_list_price_is_in_force_from_its_very_moment():
    price = list_price("0.20", "2026-08-03T12:00:00Z")

    at_once = list_prices([price], REGION, OperatingSystem.LINUX, NOW)
    before = list_prices([price], REGION, OperatingSystem.LINUX, NOW - timedelta(seconds=1))

    assert at_once["m7i.xlarge"].is_later is False
    assert before["m7i.xlarge"].is_later is True


def test_the_earliest_later_price_stands_in_where_none_is_in_force():
    prices = [list_price("0.25", "2027-06-01"), list_price("0.22", "2027-01-01")]

    found = list_prices(prices, REGION, OperatingSystem.LINUX, datetime(2020, 1, 1, tzinfo=UTC))

    assert found == {"m7i.xlarge": ListPrice(220_000, is_later=True)}


def test_prices_of_other_regions_and_systems_do_not_count():
    price = list_price("0.20", "2026-01-01")

    assert list_prices([price], "eu-west-1", OperatingSystem.LINUX, NOW) == {}
    assert list_prices([price], REGION, OperatingSystem.WINDOWS, NOW) == {}


@pytest.mark.parametrize(
    ("zone", "region"),
    [("us-east-1a", "us-east-1"), ("us-gov-west-1b", "us-gov-west-1"), ("rack-7", None)],
)
def test_the_region_follows_from_the_zones_name_where_no_label_tells_it(zone, region):
    node = a_node(zone=zone, labels={"topology.kubernetes.io/region": None})

    assert region_of_node(a_state(node).cluster.nodes, 0) == region
