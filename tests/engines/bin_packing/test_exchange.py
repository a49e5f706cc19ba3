"""Modes that launch: an m7i.large is half of an m7i.xlarge and costs half, 73 USD a month.

Of its 2 vCPU a new node is expected to offer 1,930 m.
"""

from decimal import Decimal

import pytest

from engines.contracts.plan import CordonNode, LaunchInstance, WaitForNode
from tests.builders import a_node, a_pod, a_workload
from tests.engines.bin_packing.builders import WHOLE_MARKET, moves, packed, reasons, removed


def launched(response):
    return [
        (step.instance_type, step.availability_zone, str(step.capacity_type))
        for step in response.execution_plan
        if isinstance(step, LaunchInstance)
    ]


def test_an_underused_node_becomes_a_smaller_one():
    response = packed(
        a_node("node-a"),
        a_pod("web-1", on="node-a"),
        market=WHOLE_MARKET,
        mode="replace",
        launch_spot=False,
    )

    assert removed(response) == ["node-a"]
    assert launched(response) == [("m7i.large", "us-east-1a", "on-demand")]
    assert moves(response) == {"shop/web-1": ("node-a", "launch-1")}
    assert response.estimated_savings == Decimal(73)


@pytest.mark.parametrize(("cpu", "is_exchanged"), [(1.93, True), (1.931, False)])
def test_what_the_small_node_would_offer_decides(cpu, is_exchanged):
    response = packed(
        a_node("node-a"),
        a_pod("web-1", on="node-a", cpu=cpu),
        market=WHOLE_MARKET,
        mode="replace",
        launch_spot=False,
    )

    assert (removed(response) == ["node-a"]) is is_exchanged


@pytest.mark.parametrize(("cpu", "is_exchanged"), [(1.43, True), (1.431, False)])
def test_daemonsets_are_charged_before_a_type_is_chosen(cpu, is_exchanged):
    """0.5 of the 1.93 vCPU go to the DaemonSet."""
    response = packed(
        a_workload("agent", kind="DaemonSet", cpu=0.5, gib=0.1),
        a_node("node-a"),
        a_pod("agent-1", on="node-a", cpu=0.5, gib=0.1, owner=("DaemonSet", "agent")),
        a_pod("web-1", on="node-a", cpu=cpu),
        market=WHOLE_MARKET,
        mode="replace",
        launch_spot=False,
    )

    assert (removed(response) == ["node-a"]) is is_exchanged


def test_new_nodes_are_ready_before_anything_is_cordoned():
    response = packed(
        a_node("node-a"), a_pod("web-1", on="node-a"), market=WHOLE_MARKET, mode="replace"
    )

    kinds = [type(step) for step in response.execution_plan]
    assert kinds.index(WaitForNode) < kinds.index(CordonNode)
    assert kinds.index(LaunchInstance) == 0


def test_replace_leaves_nodes_alone_that_are_used_enough_and_rebalance_does_not():
    objects = (a_node("node-a", instance_type="m7i.2xlarge"), a_pod("web-1", on="node-a", cpu=3))

    replaced = packed(*objects, market=WHOLE_MARKET, mode="replace", launch_spot=False)
    rebalanced = packed(*objects, market=WHOLE_MARKET, mode="rebalance", launch_spot=False)

    assert reasons(replaced) == {"node-a": "not_underused"}
    assert launched(rebalanced) == [("m7i.xlarge", "us-east-1a", "on-demand")]
    assert rebalanced.estimated_savings == Decimal(146)


def test_an_exchange_that_saves_too_little_is_not_advised():
    """From 146 to 73 USD a month are 50 %."""
    objects = (a_node("node-a"), a_pod("web-1", on="node-a"))
    settings = {"market": WHOLE_MARKET, "mode": "replace", "launch_spot": False}

    assert removed(packed(*objects, **settings, min_launch_saving_percent=50)) == ["node-a"]
    assert removed(packed(*objects, **settings, min_launch_saving_percent=50.1)) == []


def test_without_sizes_of_instance_types_the_modes_that_launch_are_refused():
    response = packed(a_node("node-a"), mode="rebalance")

    assert (response.status, response.reason) == ("refused", "no_instance_types")
