"""The cost of nodes by workload and namespace.

The node is an m7i.xlarge with 4 vCPU and 16 GiB allocatable at 0.20 USD an hour.
"""

from decimal import Decimal

from engines.cost import summarise_cluster
from engines.cost_shares import NO_WORKLOAD, share_costs
from tests.builders import (
    NOW,
    a_node,
    a_pod,
    a_price,
    a_state,
    a_workload,
    an_on_demand_price,
)


def _state(*objects):
    return a_state(
        a_node(),
        a_workload("web"),
        a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web")),
        *objects,
        on_demand=(an_on_demand_price("0.20"),),
    )


def test_a_workload_causes_the_mean_of_its_cpu_and_memory_share():
    """1 of 4 vCPU and 8 of 16 GiB: (0.25 + 0.5) / 2 = 0.375 of 0.20 = 0.075; 0.125 is idle."""
    shares = share_costs(_state(a_pod(on="node-a", cpu=1, gib=8)), NOW)

    (web,) = shares.workloads
    assert (web.namespace, web.kind, web.name, web.pods) == ("shop", "Deployment", "web", 1)
    assert web.usd_per_hour == Decimal("0.075")
    assert shares.idle_usd_per_hour == Decimal("0.125")


def test_parts_and_idle_add_up_to_what_the_nodes_cost():
    state = _state(
        a_pod("web-1", on="node-a", cpu=1, gib=2),
        a_pod("web-2", on="node-a", cpu=0.5, gib=4),
        a_pod("bare", on="node-a", namespace="tools", cpu=0.25, gib=1, owner=None),
    )

    shares = share_costs(state, NOW)

    parts = sum((one.usd_per_hour for one in shares.workloads), shares.idle_usd_per_hour)
    assert abs(parts - summarise_cluster(state, NOW).current_cost_per_hour) <= Decimal("0.000003")
    assert [one.pods for one in shares.workloads] == [2, 1]


def test_pods_without_a_workload_are_named_as_such():
    shares = share_costs(_state(a_pod("bare", on="node-a", owner=None)), NOW)

    assert [(one.kind, one.name) for one in shares.workloads] == [("", NO_WORKLOAD)]


def test_finished_and_pending_pods_cause_nothing():
    shares = share_costs(_state(a_pod("done", on="node-a", phase="Succeeded"), a_pod("new")), NOW)

    assert shares.workloads == ()
    assert shares.idle_usd_per_hour == Decimal("0.2")


def test_a_node_without_a_price_is_in_no_part():
    state = a_state(a_node(), a_pod(on="node-a", owner=None))

    shares = share_costs(state, NOW)

    assert [one.usd_per_hour for one in shares.workloads] == [Decimal(0)]
    assert shares.idle_usd_per_hour == Decimal(0)


def test_namespaces_come_dearest_first():
    shares = share_costs(
        _state(
            a_pod("a", on="node-a", namespace="small", cpu=0.5, gib=1, owner=None),
            a_pod("b", on="node-a", namespace="large", cpu=2, gib=8, owner=None),
        ),
        NOW,
    )

    assert list(shares.by_namespace()) == ["large", "small"]


def test_cost_by_capacity_type_is_that_of_its_nodes():
    """One node at 0.20 on demand, one at 0.08 on Spot."""
    state = a_state(
        a_node("node-a"),
        a_node("node-b", capacity_type="spot"),
        on_demand=(an_on_demand_price("0.20"),),
        prices=(a_price("0.08"),),
    )

    shares = share_costs(state, NOW)

    assert shares.by_capacity_type == {"on-demand": Decimal("0.2"), "spot": Decimal("0.08")}
