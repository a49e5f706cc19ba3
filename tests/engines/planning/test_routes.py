"""Which order of the engines a combined plan takes, and who is credited for what.

Three nodes at 0.2016 USD/h: 0.6048; one of them on Spot costs 0.05.
"""

from decimal import Decimal

import msgspec
import pytest

from engines.contracts.plan import DrainNode, LaunchInstance, WaitForNode
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.state import compile_state, to_document
from engines.contracts.verdict import SafetyVerdict, VerdictAction
from engines.planning import combine, routes
from engines.planning.routes import PACK, REPLAN, RIGHTSIZE, SPOT, routes_to_try
from tests.builders import a_node, a_pod, a_price, a_request, an_instance_type
from tests.engines.planning.builders import (
    a_three_node_state,
    answer,
    asks_for,
    drains,
    exchanges,
    launch,
    removal,
)

PACKS_C = drains("node-c", ("shop/web-3", "node-a"), saving="147.168")
REJECTED = SafetyVerdict(is_safe=False, action_taken=VerdictAction.REJECTED, message="too few")


ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def only_from(nodes, decide):
    """An engine that has advice for clusters of so many nodes only."""

    def ask(request):
        if len(request.current_state.cluster.nodes) != nodes:
            return answer(request)
        return decide(request)

    return ask


def in_mode(mode, decide, otherwise):
    """A bin packer that answers by its mode."""

    def ask(request):
        wanted = request.requirements.get("mode", "consolidate")
        return decide(request) if wanted == mode else otherwise(request)

    return ask


def by_stage(plan):
    return {one.decision_type: one for one in plan.stages}


def chosen(plan):
    [route] = [one for one in plan.routes if one.is_chosen]
    return route


def combined(engines, requirements=None, *more):
    return combine(a_request(a_three_node_state(*more)), engines, requirements or {})


def test_bin_packing_is_left_out_where_spot_alone_ends_cheaper():
    """Spot has advice for three nodes only: 3 x 0.05 = 0.15. After packing two of 0.2016 stay,
    0.4032. So all of it is Spot's: (0.6048 - 0.15) x 730 = 332.004."""
    plan = combined(
        {
            DecisionType.BIN_PACK: PACKS_C,
            DecisionType.SPOT_OPTIMIZE: only_from(3, exchanges("node-a", "node-b", "node-c")),
        }
    )

    assert chosen(plan).moves == ("spot_optimize",)
    stages = by_stage(plan)
    assert stages[DecisionType.BIN_PACK].saving_usd_month == 0
    assert not stages[DecisionType.BIN_PACK].is_in_plan
    assert stages[DecisionType.BIN_PACK].note.startswith("left out")
    assert stages[DecisionType.BIN_PACK].response.recommendations
    assert stages[DecisionType.SPOT_OPTIMIZE].saving_usd_month == Decimal("332.004")
    assert stages[DecisionType.SPOT_OPTIMIZE].is_in_plan
    assert plan.saving_usd_month == Decimal("332.004")
    assert plan.final_summary.spot_count == 3


def test_bin_packing_first_and_spot_for_the_rest_is_attributed_in_that_order():
    """Packing saves 0.2016 x 730 = 147.168, then two nodes go to Spot: (0.4032 - 0.1) x 730 =
    221.336."""
    plan = combined(
        {
            DecisionType.BIN_PACK: PACKS_C,
            DecisionType.SPOT_OPTIMIZE: exchanges("node-a", "node-b", "node-c"),
        }
    )

    assert chosen(plan).moves == ("bin_pack", "spot_optimize")
    assert [one.saving_usd_month for one in plan.stages] == [
        Decimal("147.168"),
        Decimal("221.336"),
    ]
    assert plan.cost_per_hour_after == Decimal("0.1")


def test_spot_first_is_carried_out_first_and_attributed_last():
    """Spot exchanges node-a of three nodes only; then packing takes node-c: 0.2016 + 0.05 = 0.2516.
    Packing alone 147.168; Spot the rest: (0.4032 - 0.2516) x 730 = 110.668."""
    plan = combined(
        {
            DecisionType.BIN_PACK: drains("node-c", ("shop/web-3", "node-b"), saving="147.168"),
            DecisionType.SPOT_OPTIMIZE: only_from(3, exchanges("node-a")),
        }
    )

    assert chosen(plan).moves == ("spot_optimize", "bin_pack")
    assert [one.decision_type for one in plan.stages] == ["bin_pack", "spot_optimize"]
    assert [one.saving_usd_month for one in plan.stages] == [
        Decimal("147.168"),
        Decimal("110.668"),
    ]
    drained = [one.node for one in plan.execution_plan if isinstance(one, DrainNode)]
    assert drained == ["node-a", "node-c"]


def anew(*, is_spot):
    """All three nodes go, two come."""

    def decide(request):
        launches = (launch(1, is_spot=is_spot), launch(2, zone="us-east-1b", is_spot=is_spot))
        gone = (step for one in "abc" for step in removal(f"node-{one}"))
        return answer(request, execution_plan=(*launches, *gone))

    return decide


def test_planning_all_nodes_anew_is_split_between_packing_and_buying_on_spot():
    """Two on Spot: 0.1. On demand they would cost 0.4032: packing 0.2016 x 730 = 147.168, Spot
    (0.4032 - 0.1) x 730 = 221.336."""
    plan = combined(
        {
            DecisionType.BIN_PACK: in_mode("rebalance", anew(is_spot=True), PACKS_C),
            DecisionType.SPOT_OPTIMIZE: answer,
        }
    )

    assert chosen(plan).moves == ("rebalance",)
    assert [one.saving_usd_month for one in plan.stages] == [
        Decimal("147.168"),
        Decimal("221.336"),
    ]
    assert all(one.is_in_plan for one in plan.stages)
    assert [one.note for one in plan.stages] == [
        "all nodes are planned anew; this is the part without Spot",
        "all nodes are planned anew; this is the part of buying on Spot",
    ]
    assert plan.stages[0].response.request_id.endswith("/rebalance")


def test_nothing_is_spots_where_all_nodes_are_planned_anew_on_demand():
    """Three nodes go, one comes: 2 x 0.2016 x 730 = 294.336."""

    def smaller(request):
        found = anew(is_spot=False)(request).execution_plan
        return answer(request, execution_plan=found[1:])

    plan = combined(
        {
            DecisionType.BIN_PACK: in_mode("rebalance", smaller, PACKS_C),
            DecisionType.SPOT_OPTIMIZE: lambda one: answer(
                one, status=DecisionStatus.REFUSED, reason="no_spot_prices", message="no prices"
            ),
        }
    )

    assert chosen(plan).moves == ("rebalance",)
    assert [one.saving_usd_month for one in plan.stages] == [Decimal("294.336"), 0]
    assert [one.is_in_plan for one in plan.stages] == [True, False]
    assert plan.stages[1].note == "no advice: no prices"


def test_without_a_list_price_of_the_new_nodes_packing_is_credited_with_what_it_saves_alone():
    """Two m6i.xlarge at 0.03 on Spot, with no list price: 0.06. Packing alone saves 147.168."""

    def unknown(request):
        found = anew(is_spot=True)(request).execution_plan
        huge = tuple(
            msgspec.structs.replace(one, instance_type="m6i.xlarge")
            if isinstance(one, LaunchInstance)
            else one
            for one in found
        )
        return answer(request, execution_plan=huge)

    state = a_three_node_state()
    document = to_document(state)
    state = compile_state(
        msgspec.structs.replace(
            document,
            instance_types=(*document.instance_types, an_instance_type("m6i.xlarge")),
            prices=(
                *document.prices,
                *(a_price("0.03", instance_type="m6i.xlarge", zone=one) for one in ZONES),
            ),
        )
    )
    plan = combine(
        a_request(state),
        {
            DecisionType.BIN_PACK: in_mode("rebalance", unknown, PACKS_C),
            DecisionType.SPOT_OPTIMIZE: answer,
        },
        {},
    )

    assert chosen(plan).moves == ("rebalance",)
    assert plan.cost_per_hour_after == Decimal("0.06")
    assert plan.stages[0].saving_usd_month == Decimal("147.168")


def test_a_mode_that_was_asked_for_is_kept_to():
    modes = []

    def packs(request):
        modes.append(request.requirements["mode"])
        return answer(request)

    plan = combined(
        {DecisionType.BIN_PACK: packs, DecisionType.SPOT_OPTIMIZE: answer},
        {DecisionType.BIN_PACK: {"mode": "replace"}},
    )

    assert set(modes) == {"replace"}
    assert {move for one in plan.routes for move in one.moves} == {"bin_pack", "spot_optimize"}


def test_without_the_spot_optimizer_nothing_is_planned_anew():
    plan = combined({DecisionType.BIN_PACK: PACKS_C})

    assert [one.moves for one in plan.routes] == [(), ("bin_pack",)]
    assert chosen(plan).moves == ("bin_pack",)


def test_a_stage_that_makes_the_nodes_dearer_is_left_out_and_shown():
    """One m7i.xlarge on demand more: 0.2016 USD/h dearer, 0.8064."""
    plan = combined(
        {
            DecisionType.SPOT_OPTIMIZE: lambda one: answer(
                one, execution_plan=(launch(is_spot=False),)
            )
        }
    )

    tried = {one.moves: one.cost_per_hour_after for one in plan.routes}
    assert tried == {(): Decimal("0.6048"), ("spot_optimize",): Decimal("0.8064")}
    assert chosen(plan).moves == ()
    assert plan.saving_usd_month == 0
    assert plan.execution_plan == ()


def test_requests_that_grow_are_left_out_where_the_plan_ends_cheaper_without_them():
    """With 4 cores for each pod none can move; with 1 core node-c goes."""

    def packs(request):
        if request.current_state.cluster.pods.request_cpu_millicores.max() > 1000:
            return answer(request)
        return PACKS_C(request)

    plan = combined({DecisionType.RIGHTSIZE: asks_for("4"), DecisionType.BIN_PACK: packs})

    assert [one.moves for one in plan.routes] == [
        (),
        ("bin_pack",),
        ("rightsize",),
        ("rightsize", "bin_pack"),
    ]
    assert chosen(plan).moves == ("bin_pack",)
    assert plan.stages[0].note.startswith("left out")
    assert not plan.stages[0].is_in_plan
    assert plan.saving_usd_month == Decimal("147.168")


def test_sizes_that_cost_nothing_more_are_kept():
    plan = combined({DecisionType.RIGHTSIZE: asks_for("2"), DecisionType.BIN_PACK: PACKS_C})

    assert chosen(plan).moves == ("rightsize", "bin_pack")
    assert [one.id for one in plan.execution_plan][:2] == ["rightsize-1", "bin_pack-cordon-node-c"]


def test_of_equally_cheap_routes_the_one_with_the_fewest_steps_is_taken():
    plan = combined(
        {
            DecisionType.BIN_PACK: answer,
            DecisionType.SPOT_OPTIMIZE: lambda one: answer(
                one, execution_plan=(msgspec.structs.replace(launch(), instance_type="x9.huge"),)
            ),
        }
    )

    assert chosen(plan).moves == ()
    assert "x9.huge" in by_stage(plan)[DecisionType.SPOT_OPTIMIZE].note


def test_a_route_through_a_plan_that_safety_rejects_cannot_be_taken():
    spot = exchanges("node-a", "node-b", "node-c")
    plan = combined(
        {
            DecisionType.BIN_PACK: PACKS_C,
            DecisionType.SPOT_OPTIMIZE: lambda one: msgspec.structs.replace(
                spot(one), safety=REJECTED
            ),
        }
    )

    problems = {one.moves: one.problem for one in plan.routes}
    assert chosen(plan).moves == ("bin_pack",)
    assert "safety" in problems["bin_pack", "spot_optimize"]
    assert "safety" in by_stage(plan)[DecisionType.SPOT_OPTIMIZE].note


def test_the_safe_alternative_is_what_happens_where_only_it_passes():
    """The alternative exchanges node-a alone: 0.2016 x 2 + 0.05 = 0.4532."""

    def spot(request):
        wanted = exchanges("node-a", "node-b", "node-c")(request)
        safe = msgspec.structs.replace(REJECTED, is_safe=True)
        return msgspec.structs.replace(
            wanted,
            safety=REJECTED,
            alternative_plan=exchanges("node-a")(request).execution_plan,
            alternative_safety=safe,
        )

    plan = combined({DecisionType.SPOT_OPTIMIZE: spot})

    assert chosen(plan).moves == ("spot_optimize",)
    assert plan.cost_per_hour_after == Decimal("0.4532")


def test_a_route_on_which_running_pods_find_no_place_cannot_be_taken():
    """Three pods of 3 cores fit one a node. Spot takes node-c away without a replacement; then
    packing is asked about a cluster in which big-c and web-3 have no place."""
    big = [a_pod(f"big-{one}", on=f"node-{one}", cpu=3) for one in "abc"]
    plan = combined(
        {
            DecisionType.BIN_PACK: in_mode("consolidate", drains("node-b", saving="1"), answer),
            DecisionType.SPOT_OPTIMIZE: only_from(3, drains("node-c", saving="1")),
        },
        None,
        *big,
    )

    problems = {one.moves: one.problem for one in plan.routes}
    assert problems["spot_optimize", "bin_pack"] == (
        "2 pods would find no place (first: shop/big-c)"
    )
    assert problems[("spot_optimize",)] == problems["spot_optimize", "bin_pack"]
    assert chosen(plan).moves == ()
    assert plan.saving_usd_month == 0


def test_steps_and_launched_nodes_of_several_engines_have_names_of_their_own():
    """Both launch "launch-1"; the second engine finds the first one's node under its full name."""
    seen = []

    def spot(request):
        seen.append(request.current_state.cluster.nodes.names)
        return exchanges("node-b")(request)

    plan = combined(
        {
            DecisionType.BIN_PACK: in_mode("replace", exchanges("node-a"), answer),
            DecisionType.SPOT_OPTIMIZE: spot,
        },
        {DecisionType.BIN_PACK: {"mode": "replace"}},
    )

    assert ("bin_pack-launch-1", "node-b", "node-c") in seen
    ids = [one.id for one in plan.execution_plan]
    assert len(set(ids)) == len(ids)
    launched = [one.id for one in plan.execution_plan if isinstance(one, LaunchInstance)]
    waited = [one.launch_step for one in plan.execution_plan if isinstance(one, WaitForNode)]
    assert launched == waited == ["bin_pack-launch-1", "spot_optimize-launch-1"]


def test_no_engine_is_asked_twice_about_the_same_state():
    asked = []

    def spot(request):
        asked.append(request.current_state.cluster.nodes.names)
        return answer(request)

    combined({DecisionType.BIN_PACK: answer, DecisionType.SPOT_OPTIMIZE: spot})

    assert asked == [("node-a", "node-b", "node-c")]


@pytest.mark.parametrize("instance_type", ["x9.huge", "m6i.xlarge"])
def test_launches_whose_price_or_size_is_not_known_are_no_way_to_save(instance_type):
    """x9.huge is in no list of types; m6i.xlarge is, without a price."""

    def packs(request):
        dear = msgspec.structs.replace(launch(), instance_type=instance_type)
        return answer(request, execution_plan=(dear, *removal("node-c")))

    state = a_three_node_state()
    document = to_document(state)
    types = (*document.instance_types, an_instance_type("m6i.xlarge"))
    state = compile_state(msgspec.structs.replace(document, instance_types=types))
    plan = combine(a_request(state), {DecisionType.BIN_PACK: packs}, {})

    assert chosen(plan).moves == ()
    [problem] = [one.problem for one in plan.routes if one.moves == ("bin_pack",)]
    assert instance_type in problem
    assert instance_type in plan.stages[0].note


def test_a_refusal_keeps_no_other_engine_from_its_route():
    plan = combined(
        {
            DecisionType.BIN_PACK: PACKS_C,
            DecisionType.SPOT_OPTIMIZE: lambda one: answer(
                one, status=DecisionStatus.REFUSED, reason="no_spot_prices", message="no prices"
            ),
        }
    )

    assert chosen(plan).moves == ("bin_pack",)
    assert by_stage(plan)[DecisionType.SPOT_OPTIMIZE].note == "no advice: no prices"


ALL = {PACK, REPLAN, SPOT}


@pytest.mark.parametrize(
    ("nodes", "count"), [(1, 7), (300, 7), (301, 5), (1_500, 5), (1_501, 4), (5_000, 4)]
)
def test_the_larger_the_cluster_the_fewer_orders_are_tried(nodes, count):
    found = routes_to_try(ALL, nodes, is_resized=False, is_smaller=False)

    assert len(found) == len(set(found)) == count
    assert {(), (PACK,), (SPOT,)} <= set(found)


@pytest.mark.parametrize("nodes", [1, 5_000])
def test_each_engine_alone_is_tried_without_other_sizes_and_packing_with_them(nodes):
    found = set(routes_to_try(ALL, nodes, is_resized=True, is_smaller=True))

    assert {(), (PACK,), (SPOT,)} <= found
    assert {(RIGHTSIZE,), (RIGHTSIZE, PACK), (RIGHTSIZE, PACK, SPOT)} <= found


@pytest.mark.parametrize(("is_smaller", "sizes"), [(True, (RIGHTSIZE,)), (False, ())])
def test_a_large_cluster_is_planned_anew_once_with_new_sizes_if_they_are_smaller(is_smaller, sizes):
    found = routes_to_try(ALL, 1_000, is_resized=True, is_smaller=is_smaller)

    assert [one for one in found if REPLAN in one] == [(*sizes, REPLAN)]


def test_a_small_cluster_is_planned_anew_with_both_sizes():
    found = routes_to_try(ALL, 300, is_resized=True, is_smaller=False)

    assert [one for one in found if REPLAN in one] == [
        (RIGHTSIZE, REPLAN),
        (RIGHTSIZE, REPLAN, SPOT),
        (REPLAN,),
    ]


@pytest.mark.parametrize(("cpu", "is_smaller"), [("899m", True), ("900m", True), ("901m", False)])
def test_sizes_are_clearly_smaller_from_a_twentieth_on(cpu, is_smaller, monkeypatch):
    """Memory stays as it is; CPU of 0.9 of before: (0.9 + 1) / 2 = 0.95 of both."""
    monkeypatch.setattr(routes, "MOST_NODES_FOR_ALL_ORDERS", 2)

    plan = combined(
        {
            DecisionType.RIGHTSIZE: asks_for(cpu),
            DecisionType.BIN_PACK: answer,
            DecisionType.SPOT_OPTIMIZE: answer,
        }
    )

    anew = [one.moves for one in plan.routes if "rebalance" in one.moves]
    assert anew == [("rightsize", "rebalance") if is_smaller else ("rebalance",)]


def test_nodes_without_a_price_neither_cost_nor_save():
    plan = combined(
        {DecisionType.BIN_PACK: drains("stray", saving="0")},
        None,
        a_node("stray", instance_type="x9.huge"),
    )

    assert plan.now.unpriced_nodes == ("stray",)
    assert plan.saving_usd_month == 0
