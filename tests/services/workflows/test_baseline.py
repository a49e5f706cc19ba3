"""Unit costs of a cluster's own nodes: worked out by hand, a core weighing nine GiB."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from engines.contracts.pricing import InstanceType, OnDemandPrice, OperatingSystem
from services.workflows.baseline import baseline_of
from tests.builders import a_node, a_state

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)


def a_price(instance_type: str, price: str, **changes):
    fields = {
        "region": "us-east-1",
        "instance_type": instance_type,
        "operating_system": OperatingSystem.LINUX,
        "hourly_price": Decimal(price),
        "effective_date": AT,
    }
    return OnDemandPrice(**{**fields, **changes})


def baseline(*nodes, prices=(("m7i.xlarge", "0.208"),), types=()):
    state = replace(
        a_state(*nodes),
        on_demand=tuple(a_price(*one) for one in prices),
        instance_types={one.instance_type: one for one in types},
    )
    return baseline_of(state, at=AT)


def test_the_price_is_divided_among_cores_and_memory_nine_to_one():
    """0.208 / (9 x 4 + 16) = 0.004 a GiB; nine times that, 0.036, a core."""
    found = baseline(a_node())

    assert (found.usd_per_vcpu_hour, found.usd_per_gib_hour) == (Decimal("0.036"), Decimal("0.004"))
    assert found.frozen_at == AT


def test_requests_that_fill_the_nodes_cost_what_the_nodes_cost():
    """Two nodes: 0.208 + 0.46 = 0.668 = 6 x core + 32 x GiB, to the micro-dollar a unit."""
    found = baseline(
        a_node("a"),
        a_node("b", instance_type="r5.large", cpu=2, gib=16),
        prices=(("m7i.xlarge", "0.208"), ("r5.large", "0.46")),
    )

    filled = 6 * found.usd_per_vcpu_hour + 32 * found.usd_per_gib_hour
    assert abs(filled - Decimal("0.668")) < Decimal("0.00004")


def test_a_spot_node_counts_with_its_on_demand_price():
    assert baseline(a_node(capacity_type="spot")) == baseline(a_node())


def test_a_node_without_a_price_is_left_out_of_both_sides():
    with_unknown = baseline(a_node("a"), a_node("b", instance_type="x9.huge", cpu=64, gib=512))

    assert with_unknown == baseline(a_node("a"))


def test_a_node_with_gpus_is_left_out():
    gpu = InstanceType(
        instance_type="g5.xlarge",
        vcpu=4,
        memory_mib=16384,
        architecture="amd64",
        family="g5",
        generation=5,
        gpu_count=1,
    )
    prices = (("m7i.xlarge", "0.208"), ("g5.xlarge", "1.006"))

    found = baseline(
        a_node("a"), a_node("b", instance_type="g5.xlarge"), prices=prices, types=(gpu,)
    )

    assert found == baseline(a_node("a"))


def test_without_any_price_there_is_no_baseline():
    assert baseline(a_node(), prices=()) is None
    assert baseline_of(a_state(), at=AT) is None
