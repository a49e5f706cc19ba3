"""The safe alternative to a plan that fails. All types here weigh the same; prices differ."""

from decimal import Decimal

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from engines.allocation import AllocationProblem, Capacity, Offering
from engines.contracts.plan import (
    DeleteVolume,
    DrainNode,
    LaunchInstance,
    TagResource,
    TerminateInstance,
    Verify,
)
from engines.contracts.verdict import (
    AllocationEntry,
    Circumstances,
    PlanPurpose,
    SafetyLimits,
    VerdictAction,
)
from engines.safety import Choices, judge_or_replace, judge_plan
from tests.engines.safety.builders import (
    ALL_SAFE,
    CPU,
    MEMORY_MIB,
    MIB,
    ON_DEMAND,
    SAME_SIZE,
    SPOT,
    A,
    B,
    C,
    a_state,
    cordon,
    drain,
    launch,
    launch_on_demand,
    on_demand,
    spot,
    terminate,
    twenty_nodes,
    wait,
)

LIMITS = SafetyLimits()
ORDINARY = Circumstances()
UNSAFE_IN_A = ALL_SAFE | {(name, A): 0.5 for name in SAME_SIZE}
ONE = Capacity(CPU, MEMORY_MIB * MIB, 58)
PRICES = {name: 192_000 + 1_000 * place for place, name in enumerate(SAME_SIZE)}  # on-demand


def an_offering(name, zone, capacity_type=ON_DEMAND, *, risk=1.0, **more):
    """On-demand at 0.192 USD and a little more from type to type; Spot at a third of that."""
    price = PRICES[name] if capacity_type is ON_DEMAND else PRICES[name] // 3
    return Offering(
        instance_type=name,
        availability_zone=zone,
        capacity_type=capacity_type,
        allocatable=ONE,
        usable=ONE,
        micro_usd_per_hour=price,
        expected_micro_usd_per_hour=float(price),
        risk_score=risk if capacity_type is SPOT else None,
        **more,
    )


def all_offerings(zones=(A, B, C), capacity_types=(SPOT, ON_DEMAND)):
    return tuple(
        an_offering(name, zone, kind)
        for name in SAME_SIZE
        for zone in zones
        for kind in capacity_types
    )


def choices(nodes, required_nodes, offerings=None):
    """Room for so many nodes is required; every node may be kept at its type's price."""
    return Choices(
        problem=AllocationProblem(
            offerings=all_offerings() if offerings is None else offerings,
            required=Capacity(required_nodes * CPU, required_nodes * MEMORY_MIB * MIB, 0),
        ),
        present={
            node.name: an_offering(
                node.instance_type, node.zone, node.capacity_type, is_existing=True
            )
            for node in nodes
        },
    )


def judged(nodes, plan, market, *, risks=ALL_SAFE, circumstances=ORDINARY):
    return judge_or_replace(a_state(*nodes), plan, LIMITS, risks, lambda: market, circumstances)


def three_zones(count=1):
    return [on_demand(f"od-{zone[-1]}{n}", zone) for zone in (A, B, C) for n in range(count)]


def kinds(plan):
    return [type(step).__name__ for step in plan]


def test_a_plan_that_passes_is_the_one_to_execute():
    nodes = three_zones()
    plan = (launch_on_demand("s1"), wait("s1"))

    judgement = judged(nodes, plan, choices(nodes, 4))

    assert judgement.plan == plan
    assert judgement.verdict.action_taken is VerdictAction.APPROVED
    assert judgement.alternative_verdict is None


def test_an_unsafe_pool_is_replaced_by_the_cheapest_safe_choice():
    """Of 4 nodes a Spot one would be a quarter, so it must be on-demand: m5.xlarge at 0.192."""
    nodes = three_zones()

    judgement = judged(nodes, [launch("s1", A)], choices(nodes, 4), risks={})

    assert judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED
    assert not judgement.verdict.is_safe
    assert judgement.verdict.violations[0].layer == 1
    [entry] = judgement.verdict.alternative
    assert entry == AllocationEntry(
        instance_type="m5.xlarge",
        availability_zone=entry.availability_zone,
        capacity_type="on-demand",
        count=1,
        usd_per_hour=Decimal("0.192"),
    )
    assert kinds(judgement.plan) == ["LaunchInstance", "WaitForNode"]
    assert judgement.alternative_verdict.action_taken is VerdictAction.APPROVED
    assert judgement.verdict.message.endswith(
        "; the safe alternative launches 1 instances and keeps 0 of the nodes that the plan removes"
    )


def test_a_node_that_the_plan_removes_is_kept_where_that_is_cheapest():
    """Three on-demand zones, the last of zone c is to go: keeping it costs what a new one does."""
    nodes = [*three_zones(), on_demand("x", A)]

    judgement = judged(
        nodes, [drain("od-c0"), terminate("od-c0"), drain("x"), terminate("x")], choices(nodes, 3)
    )

    assert judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED
    assert judgement.verdict.alternative == ()
    assert judgement.verdict.message.endswith(
        "launches 0 instances and keeps 1 of the nodes that the plan removes"
    )
    assert [step.node for step in judgement.plan if isinstance(step, TerminateInstance)] == ["x"]


def test_of_equal_nodes_the_first_names_are_kept():
    """Room for 4: one of the two nodes x and y, alike in all but name, has to stay."""
    nodes = [*three_zones(), on_demand("x", A), on_demand("y", A)]
    plan = [launch("s1", B), *(drain(name) for name in ("x", "y"))]
    market = choices(nodes, 4, all_offerings(capacity_types=(ON_DEMAND,)))

    judgement = judged(nodes, plan, market)

    assert [step.node for step in judgement.plan if isinstance(step, DrainNode)] == ["y"]


def test_where_no_allocation_is_safe_the_verdict_says_which_layer_and_by_how_much():
    """Nodes can be had in two zones only."""
    nodes = [on_demand("od-a", A), on_demand("od-b", B)]
    only_two = all_offerings(zones=(A, B))

    judgement = judged(nodes, [launch("s1", A), drain("od-b")], choices(nodes, 2, only_two))

    assert judgement.verdict.action_taken is VerdictAction.REJECTED
    assert judgement.plan == ()
    assert judgement.verdict.message.endswith(
        "of safe alternatives, none exists: no allocation over 3 availability zones; 2 can be"
        " reached"
    )


def test_where_nothing_can_be_bought_the_capacity_is_what_is_missing():
    nodes = three_zones()

    judgement = judged(nodes, [launch("s1", A)], choices(nodes, 6, ()), risks={})

    assert judgement.verdict.action_taken is VerdictAction.REJECTED
    assert "50.0% of it can be had" in judgement.verdict.message


def test_where_keeping_everything_is_cheapest_nothing_is_to_be_done():
    nodes = three_zones()

    judgement = judged(nodes, [drain("od-c0"), terminate("od-c0")], choices(nodes, 3))

    assert judgement.verdict.action_taken is VerdictAction.REJECTED
    assert judgement.verdict.message.endswith(
        "of safe alternatives, the cheapest one is to change no node"
    )


def test_where_no_order_of_steps_is_safe_the_alternative_is_none():
    """At both limits at once: 3 of 20 on-demand and pools of 4. spot-00 is to go; all others stay,
    the required room is 20 nodes, and only another Spot type may be bought."""
    nodes = twenty_nodes()
    market = choices(nodes, 20, (an_offering("m7i.xlarge", A, SPOT),))
    market = Choices(problem=market.problem, present={})

    judgement = judged(nodes, [drain("spot-00"), terminate("spot-00")], market)

    assert judgement.verdict.action_taken is VerdictAction.REJECTED
    assert "the cheapest one has no safe order of steps: layer" in judgement.verdict.message


def test_what_cannot_be_judged_is_not_replaced():
    nodes = three_zones()

    judgement = judged(nodes, [drain("nobody")], choices(nodes, 3))

    assert judgement.plan == ()
    assert judgement.verdict.message.endswith("what cannot be judged cannot be replaced")


def test_a_node_without_a_known_instance_is_not_removed_by_an_alternative():
    nodes = [*three_zones(), on_demand("x", A, instance_id=None)]

    judgement = judged(nodes, [launch("s1"), drain("x")], choices(nodes, 3), risks={})

    assert judgement.plan == ()
    assert judgement.verdict.message.endswith("nothing tells the instance of x")


def test_steps_about_other_things_are_kept_under_ids_of_their_own():
    nodes = three_zones()
    volume = DeleteVolume(id="launch-1", volume_id="vol-1")
    tag = TagResource(id="t", resource_id="vol-2", key="a", value="b", previous=None)
    verify = Verify(id="v", expectation="a Spot node in zone a")

    judgement = judged(nodes, [volume, launch("s1", A), tag, verify], choices(nodes, 4), risks={})

    assert judgement.plan[:2] == (
        msgspec.structs.replace(volume, id="kept-launch-1"),
        msgspec.structs.replace(tag, id="kept-t"),
    )
    assert kinds(judgement.plan[2:]) == ["LaunchInstance", "WaitForNode"]


def test_a_node_that_the_plan_only_drains_keeps_its_instance():
    nodes = [*three_zones(), on_demand("x", A), on_demand("y", A)]

    judgement = judged(
        nodes, [launch("s1"), drain("x"), drain("y"), terminate("y")], choices(nodes, 3), risks={}
    )

    assert sorted(step.node for step in judgement.plan if isinstance(step, DrainNode)) == ["x", "y"]
    assert [step.node for step in judgement.plan if isinstance(step, TerminateInstance)] == ["y"]


def test_a_node_that_is_no_capacity_still_goes():
    nodes = [*three_zones(), on_demand("lost", A, ready=False)]

    judgement = judged(nodes, [launch("s1"), terminate("lost")], choices(nodes, 3), risks={})

    assert [step.node for step in judgement.plan if isinstance(step, TerminateInstance)] == ["lost"]


def test_a_cordon_alone_moves_nothing():
    nodes = [*three_zones(), on_demand("x", A)]

    judgement = judged(nodes, [launch("s1"), cordon("x")], choices(nodes, 5), risks={})

    assert kinds(judgement.plan) == ["LaunchInstance", "WaitForNode"]


def test_staying_nodes_that_nobody_priced_count_with_what_they_report():
    """Three of 3,920 m carry three nodes' worth; the fourth must be bought."""
    nodes = three_zones()
    market = choices(nodes, 4)

    judgement = judged(nodes, [launch("s1")], Choices(problem=market.problem, present={}), risks={})

    assert [entry.count for entry in judgement.verdict.alternative] == [1]


def test_what_a_staying_node_gives_to_the_pods_may_be_told():
    """Three nodes stay; one is closed to other pods. Room for three is required: one is bought."""
    nodes = three_zones()
    market = Choices(
        problem=choices(nodes, 3).problem, present={}, usable={"od-a0": Capacity(0, 0, 0)}
    )

    judgement = judged(nodes, [launch("s1")], market, risks={})

    assert [entry.count for entry in judgement.verdict.alternative] == [1]


class TestInterruption:
    """Two zones are left and the third is in trouble: nothing can be bought there."""

    NODES = (on_demand("od-a", A), on_demand("od-b", B), spot("gone", C))
    NOTICE = Circumstances(purpose=PlanPurpose.INTERRUPTION, nodes_under_notice=frozenset({"gone"}))

    def test_a_replacement_may_stand_in_two_zones(self):
        market = choices(self.NODES, 3, all_offerings(zones=(A, B)))

        judgement = judged(
            self.NODES, [launch("s1", A)], market, risks={}, circumstances=self.NOTICE
        )

        assert judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED
        assert judgement.alternative_verdict.is_safe
        assert len(judgement.verdict.alternative) == 1

    def test_it_falls_back_to_on_demand_where_no_pool_is_safe(self):
        market = choices(
            self.NODES,
            3,
            (an_offering("m5.xlarge", A, SPOT, risk=0.5), an_offering("m5.xlarge", B)),
        )

        judgement = judged(
            self.NODES, [launch("s1", A)], market, risks={}, circumstances=self.NOTICE
        )

        [entry] = judgement.verdict.alternative
        assert (entry.capacity_type, entry.availability_zone) == ("on-demand", B)

    def test_any_other_plan_may_not(self):
        market = choices(self.NODES, 3, all_offerings(zones=(A, B)))

        judgement = judged(self.NODES[:2], [launch("s1", A)], market, risks={})

        assert judgement.verdict.action_taken is VerdictAction.REJECTED


steps = st.one_of(
    st.builds(
        lambda name, zone: launch(f"s-{name}-{zone}", zone, name),
        st.sampled_from(SAME_SIZE),
        st.sampled_from([A, B, C]),
    ),
    st.sampled_from([node.name for node in twenty_nodes(on_demand_nodes=6)]).map(drain),
)
risk_maps = st.fixed_dictionaries(
    {(name, zone): st.sampled_from([0.5, 0.75, 1.0]) for name in SAME_SIZE for zone in (A, B, C)}
)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, unique_by=lambda step: step.id, max_size=8), risk_maps, st.integers(15, 24))
def test_an_alternative_is_always_approved_by_the_same_judge(plan, risks, required):
    nodes = twenty_nodes(on_demand_nodes=6)
    offerings = tuple(
        msgspec.structs.replace(one, risk_score=risks[one.instance_type, one.availability_zone])
        if one.is_spot
        else one
        for one in all_offerings()
    )

    judgement = judged(nodes, plan, choices(nodes, required, offerings), risks=risks)

    event(judgement.verdict.action_taken)
    if judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED:
        again = judge_plan(a_state(*nodes), judgement.plan, LIMITS, risks)
        assert again == judgement.alternative_verdict
        assert again.is_safe
        assert not judge_plan(a_state(*nodes), plan, LIMITS, risks).is_safe
        launched = sum(isinstance(step, LaunchInstance) for step in judgement.plan)
        assert launched == sum(entry.count for entry in judgement.verdict.alternative)
    elif judgement.verdict.action_taken is VerdictAction.REJECTED:
        assert judgement.plan == ()
        assert "of safe alternatives, " in judgement.verdict.message
    else:
        assert judgement.plan == tuple(plan)


def test_the_order_of_nodes_and_offerings_does_not_matter():
    nodes = [*three_zones(2), spot("sp", A), spot("sq", B)]
    plan = [launch("s1", A), drain("sp"), drain("sq")]
    market = choices(nodes, 9)
    backwards = choices(nodes[::-1], 9, all_offerings()[::-1])

    judgement = judged(nodes, plan, market, risks=UNSAFE_IN_A)

    assert judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED
    assert judged(nodes[::-1], plan, backwards, risks=UNSAFE_IN_A) == judgement


class TestPoolsThatStay:
    """A smaller cluster would push them over their share, so the alternative keeps it as large."""

    def test_a_pool_at_its_limit_stays_within_it(self):
        """Pools of 4 need 20 nodes; two on-demand ones go, room for 15 is required: buy two."""
        nodes = twenty_nodes(on_demand_nodes=6)
        market = Choices(problem=choices(nodes, 15).problem, present={})

        judgement = judged(nodes, [drain("od-0"), drain("od-3")], market)

        assert judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED
        assert sum(entry.count for entry in judgement.verdict.alternative) == 2

    def test_a_pool_beyond_its_limit_does_not_grow(self):
        """3 of 10 nodes are 30 %; one of the others goes, so one must come."""
        nodes = [*three_zones(2), on_demand("x"), *(spot(f"s{n}") for n in range(3))]
        market = Choices(problem=choices(nodes, 5).problem, present={})

        judgement = judged(nodes, [drain("x")], market)

        assert judgement.verdict.action_taken is VerdictAction.SAFE_ALTERNATIVE_CREATED
        assert sum(entry.count for entry in judgement.verdict.alternative) == 1

    def test_where_pools_have_room_the_cluster_may_shrink(self):
        """One pool of 1 needs 5 nodes; of 8 nodes the plan takes two and adds an unsafe one."""
        nodes = [*three_zones(2), on_demand("x"), spot("sp")]
        plan = [launch("s1", B), drain("x"), drain("od-a0")]

        judgement = judged(nodes, plan, choices(nodes, 5), risks={})

        assert judgement.verdict.alternative == ()
        assert [step.node for step in judgement.plan if isinstance(step, DrainNode)] == [
            "od-a0",
            "x",
        ]
