"""Whatever engines say: together they save no less than each alone, and the sums are exact."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.results import DecisionType
from engines.planning import combine
from engines.planning.transformation import after, bill_after
from tests.builders import (
    NOW,
    a_node,
    a_pod,
    a_price,
    a_request,
    a_state,
    a_workload,
    an_instance_type,
    an_on_demand_price,
)
from tests.engines.planning.builders import answer, asks_for, launch, removal

NODES = ("node-a", "node-b", "node-c", "node-d")
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def state_of(cores):
    """Four nodes of 4 cores at 0.2016 USD/h (Spot 0.05 to 0.11), pods of these sizes by turns."""
    return a_state(
        *(a_node(name, zone=ZONES[at % 3]) for at, name in enumerate(NODES)),
        a_workload("web"),
        a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web")),
        *(a_pod(f"web-{at}", on=NODES[at % 4], cpu=size, gib=1) for at, size in enumerate(cores)),
        on_demand=(an_on_demand_price("0.2016"),),
        prices=tuple(
            a_price(usd, zone=zone)
            for zone, usd in zip(ZONES, ("0.05", "0.08", "0.11"), strict=True)
        ),
        instance_types=(an_instance_type(),),
    )


def scripted(script):
    """An engine that, by the number of nodes it sees, takes some away and launches others."""

    def decide(request):
        names = request.current_state.cluster.nodes.names
        gone, zones, is_spot = script[len(names) % len(script)]
        here = [name for name in names if name in gone]
        launches = [launch(at, zone=zone, is_spot=is_spot) for at, zone in enumerate(zones)]
        steps = (*launches, *(step for name in here for step in removal(name)))
        return answer(request, execution_plan=steps)

    return decide


sizes = st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=0, max_size=8)
one_answer = st.tuples(
    st.sets(st.sampled_from(NODES)),
    st.lists(st.sampled_from(ZONES), max_size=3),
    st.booleans(),
)
scripts = st.lists(one_answer, min_size=1, max_size=3).map(scripted)
asleep = st.decimals(0, 700, places=6)


@given(sizes, scripts, scripts, st.sampled_from(["250m", "1", "3"]), asleep)
def test_the_whole_saves_no_less_than_each_part_and_the_sums_are_exact(
    cores, pack, spot, cpu, asleep_usd
):
    request = a_request(state_of(cores))
    engines = {
        DecisionType.SCHEDULE: lambda one: answer(one, estimated_savings=asleep_usd),
        DecisionType.RIGHTSIZE: asks_for(cpu),
        DecisionType.BIN_PACK: pack,
        DecisionType.SPOT_OPTIMIZE: spot,
        DecisionType.GHOST_PROBE: lambda one: answer(one, estimated_savings=Decimal("1.23")),
    }

    plan = combine(request, engines, {})

    assert msgspec.json.encode(plan) == msgspec.json.encode(combine(request, engines, {}))
    nodes = plan.saving_usd_month - Decimal("1.23")
    today = plan.now.current_cost_per_hour
    assert nodes == (today - plan.cost_per_hour_after) * 730
    assert all(one.saving_usd_month >= 0 for one in plan.stages)
    assert plan.stages[0].cost_per_hour_before == today
    for one, following in zip(plan.stages, plan.stages[1:], strict=False):
        assert one.cost_per_hour_after == following.cost_per_hour_before
    for decide in (pack, spot):
        assert nodes >= realisable(request, decide)
    assert sum(one.is_chosen for one in plan.routes) == 1
    assert len({one.id for one in plan.execution_plan}) == len(plan.execution_plan)
    assert_end_state_is_reached(request, plan)


def realisable(request, decide):
    """What an engine alone saves a month, if all pods find a place then."""
    response = decide(request)
    if after(request.current_state, response, NOW).homeless:
        return Decimal(0)
    today = bill_after(request.current_state, answer(request), NOW).current_cost_per_hour
    then = bill_after(request.current_state, response, NOW).current_cost_per_hour
    return (today - then) * 730


def assert_end_state_is_reached(request, plan):
    """The steps of the plan, carried out as one, lead to the nodes that it promises, with every
    pod in a place."""
    response = answer(request, execution_plan=plan.execution_plan)

    outcome = after(request.current_state, response, NOW)

    nodes = outcome.state.cluster.nodes
    assert len(nodes) == plan.final_summary.node_count
    bill = bill_after(request.current_state, response, NOW).current_cost_per_hour
    assert bill == plan.final_summary.current_cost_per_hour
    assert plan.final_summary.pod_count == len(request.current_state.cluster.pods)
