"""The answer as a whole: ranking, allocation, savings, plan, refusals. ``market`` has prices."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    TerminateInstance,
    Verify,
    WaitForNode,
)
from engines.contracts.pricing import InterruptionBucket
from engines.contracts.results import DecisionStatus
from engines.contracts.state import compile_state, to_document
from engines.contracts.verdict import SafetyLimits
from engines.planning.transformation import after
from engines.pools import pool_scores
from engines.safety import judge_plan
from engines.spot_optimizer import choices_for
from engines.spot_optimizer.decision import Placement
from engines.spot_optimizer.decision import decide as find_decision
from engines.spot_optimizer.evidence import warnings_of
from engines.spot_optimizer.parameters import read_parameters
from engines.spot_optimizer.situation import read_situation
from tests.builders import NOW, a_pod, a_request
from tests.engines.spot_optimizer.market import (
    MARKET,
    TYPES,
    ZONES,
    Market,
    a_cluster_state,
    allocation_of,
    decide,
    node,
    nodes,
    pods_on,
    pools_of,
    reasons,
)

TEN = nodes(10)
TEN_BUSY = (*TEN, *pods_on(*TEN))
"""Ten on-demand nodes for 1.00 USD an hour, four pods of 0.4 vCPU on each."""


def test_the_five_best_pools_come_by_score_then_cost_then_name():
    """m7a is 0.03: gap 0.7, score 0.945. m7i at 0.02 is of the next bucket: 0.45 + 0.25 + 0.08 +
    0.025 = 0.805. All others are equal: 0.935, by name."""
    market = Market(
        spot={"m7a.large": "0.03", "m7i.large": "0.02"},
        buckets={"m7i.large": InterruptionBucket.FROM_5_TO_10},
    )

    response = decide(a_cluster_state(*TEN_BUSY, market=market))

    assert pools_of(response) == [
        "m7a.large/us-east-1a",
        "m7a.large/us-east-1b",
        "m7a.large/us-east-1c",
        "m5.large/us-east-1a",
        "m5.large/us-east-1b",
    ]
    scores = [one.evidence["risk_score"] for one in response.recommendations[:5]]
    assert scores == [0.945, 0.945, 0.945, 0.935, 0.935]


def test_of_equal_scores_the_pool_that_covers_the_need_more_cheaply_comes_first():
    """Both score 0.935, at 0.04 of 0.10 and 0.08 of 0.20; the larger one has 3.92 of 1.93 times
    2 vCPU for twice the price, so it is a little cheaper per vCPU."""
    market = Market(
        types=("m5.large", "m5.xlarge"),
        spot={"m5.xlarge": "0.08"},
        on_demand={"m5.xlarge": "0.20"},
        sizes={"m5.xlarge": {"vcpu": 4, "gib": 16, "max_pods": 58}},
    )

    response = decide(a_cluster_state(*TEN_BUSY, market=market))

    assert pools_of(response)[:3] == [f"m5.xlarge/{zone}" for zone in ZONES]


def test_each_pool_shows_the_parts_of_its_score():
    response = decide(a_cluster_state(*TEN_BUSY))

    evidence = response.recommendations[0].evidence
    assert evidence["components"] == {
        "public_rate": 1.0,
        "volatility": 1.0,
        "gap": 0.6,
        "time": 0.5,
    }
    assert evidence["monthly_interruption_probability"] == 0.025


def test_a_pool_saves_against_the_same_type_on_demand():
    """0.10 - 0.04 = 0.06 USD an hour, 43.80 a month of 730 hours."""
    response = decide(a_cluster_state(*TEN_BUSY))

    assert response.recommendations[0].savings_usd_month == Decimal("43.80")


def test_the_plan_saves_the_difference_of_two_bills():
    """17.6 vCPU with the head-room need ten nodes of 1.93. Two of ten stay on-demand, which is
    the least (15 % of ten is 1.5), eight are Spot: 2 x 0.10 + 8 x 0.04 = 0.52 instead of 1.00,
    so 0.48 USD an hour, 350.40 a month."""
    response = decide(a_cluster_state(*TEN_BUSY))

    allocation = allocation_of(response)
    assert response.estimated_savings == Decimal("350.40")
    assert allocation.savings_usd_month == Decimal("350.40")
    assert allocation.current["usd_per_hour"] == Decimal("1.00")
    assert allocation.recommended["usd_per_hour"] == Decimal("0.52")
    assert len(allocation.recommended["keep"]) == 2
    assert len(allocation.recommended["remove"]) == 8
    assert response.evidence["allocation"]["gap"] <= 0.0001


def test_no_pool_holds_more_than_a_fifth_and_three_zones_are_used():
    launches = allocation_of(decide(a_cluster_state(*TEN_BUSY))).recommended["launch"]

    assert max(one["count"] for one in launches) <= 2
    assert {one["availability_zone"] for one in launches} == set(ZONES)


def test_the_plan_launches_waits_then_cordons_drains_and_terminates():
    response = decide(a_cluster_state(*TEN_BUSY))

    kinds = Counter(type(step) for step in response.execution_plan)
    assert kinds[LaunchInstance] == kinds[WaitForNode] == 8
    assert kinds[CordonNode] == kinds[DrainNode] == kinds[TerminateInstance] == 8
    assert isinstance(response.execution_plan[-1], Verify)
    ids = [step.id for step in response.execution_plan]
    assert len(ids) == len(set(ids))
    assert [type(step) for step in response.execution_plan[:8]] == [LaunchInstance] * 8


def test_the_safety_layers_approve_of_the_plan_at_every_step():
    state = a_cluster_state(*TEN_BUSY)

    verdict = judge_plan(
        state, decide(state).execution_plan, SafetyLimits(), pool_scores(state, NOW)
    )

    assert verdict.is_safe, verdict.message


def test_asking_again_after_the_plan_changes_nothing():
    """Two nodes stay on-demand and eight run on Spot, two in each of four pools."""
    bought = [
        node(f"spot-{i}", zone=ZONES[i % 3], instance_type=TYPES[i // 2], capacity_type="spot")
        for i in range(8)
    ]
    kept = nodes(2)

    response = decide(a_cluster_state(*bought, *kept, *pods_on(*bought, *kept)))

    assert response.execution_plan == ()
    assert reasons(response, "Cluster") == {"cluster-1": "already_as_wanted"}


def test_pools_and_nodes_that_are_not_advised_all_have_a_reason():
    """18 pools: 5 advised, those of the allocation, and the rest skipped."""
    response = decide(a_cluster_state(*TEN_BUSY))

    bought = {
        f"{one['instance_type']}/{one['availability_zone']}"
        for one in allocation_of(response).recommended["launch"]
    }
    skipped = reasons(response, "Pool")
    assert set(skipped) == {f"{name}/{zone}" for name in TYPES for zone in ZONES} - bought - set(
        pools_of(response)
    )
    assert set(skipped.values()) == {"not_among_best"}
    assert sorted(reasons(response, "Node").values()) == ["kept", "kept"]


def test_on_demand_types_are_named_where_fewer_pools_are_safe_than_the_layers_need():
    """The layers need (1 - 0.15) / 0.20 = 4.25, so five pools; only the three of m5 are safe."""
    risky = dict.fromkeys(TYPES[1:], InterruptionBucket.OVER_20)

    response = decide(a_cluster_state(*TEN_BUSY, market=Market(buckets=risky)))

    assert len(pools_of(response)) == 3
    fallbacks = [one for one in response.recommendations if one.action == "use_on_demand"]
    assert [one.subject.name for one in fallbacks] == list(TYPES[:5])
    assert {one.savings_usd_month for one in fallbacks} == {Decimal(0)}


def test_five_safe_pools_need_no_fallback():
    market = Market(
        types=TYPES[:2], buckets={}, zones=ZONES, spot={("m5a.large", ZONES[2]): "0.9999"}
    )

    response = decide(a_cluster_state(*TEN_BUSY, market=market))

    assert len(pools_of(response)) == 5
    assert not [one for one in response.recommendations if one.action == "use_on_demand"]


def test_where_no_pool_is_safe_nothing_is_bought_on_spot():
    risky = dict.fromkeys(TYPES, InterruptionBucket.OVER_20)

    response = decide(a_cluster_state(*TEN_BUSY, market=Market(buckets=risky)))

    assert pools_of(response) == []
    assert set(reasons(response, "Pool").values()) == {"too_risky"}
    assert response.execution_plan == ()


def test_an_unknown_rate_counts_as_none_and_is_said():
    """Without Advisor's word 0.25 + 0.06 + 0.025 = 0.335."""
    response = decide(a_cluster_state(*TEN_BUSY, market=Market(buckets={"m5.large": None})))

    [message] = {
        one.message for one in response.skipped if one.subject.name == "m5.large/us-east-1a"
    }
    assert reasons(response, "Pool")["m5.large/us-east-1a"] == "too_risky"
    assert "0.335" in message
    assert "Spot Advisor does not know the type" in message


def test_pods_that_ask_for_it_stay_on_demand():
    """A fifth of the pods may not go to Spot: 8 x 0.4 x 1.1 = 3.52 vCPU, so two nodes of 1.93,
    as before; with half of them it is 8.8 vCPU and five nodes: 5 x 0.10 + 5 x 0.04 = 0.70."""
    half = [
        a_pod(
            f"{one.metadata.name}-{i}",
            on=one.metadata.name,
            cpu=0.4,
            gib=1,
            annotations={"cloudoptim.io/spot": "never"} if i < 2 else {},
        )
        for one in TEN
        for i in range(4)
    ]

    response = decide(a_cluster_state(*TEN, *half))

    assert allocation_of(response).recommended["usd_per_hour"] == Decimal("0.70")
    [notice] = [one for one in response.warnings if one.code == "nothing_keeps_pods_from_spot"]
    assert len(notice.subjects) == 20


def test_capacity_that_is_given_counts_instead_of_the_pods():
    """19.3 vCPU are ten nodes of 1.93 exactly: two on-demand and eight Spot."""
    response = decide(a_cluster_state(), required_vcpu=19.3, required_memory_gib=10)

    assert response.status is DecisionStatus.OK
    launches = allocation_of(response).recommended["launch"]
    assert sum(one["count"] for one in launches) == 10
    assert response.execution_plan == ()
    assert response.estimated_savings == 0


def test_expected_interruptions_add_to_the_cost():
    """m7a at 0.0399 is cheaper but of the second bucket: 7.5 % instead of 2.5 % a month. At 10 USD
    each 0.05 / 730 x 10 = 0.000685 USD an hour more, so the others win."""
    market = Market(
        spot={"m7a.large": "0.0399"}, buckets={"m7a.large": InterruptionBucket.FROM_5_TO_10}
    )
    state = a_cluster_state(*TEN_BUSY, market=market)

    def bought(response):
        launches = allocation_of(response).recommended["launch"]
        return sum(one["count"] for one in launches if one["instance_type"] == "m7a.large")

    assert bought(decide(state)) == 6
    assert bought(decide(state, interruption_cost=10)) == 0


def test_a_saving_that_is_too_small_is_left_alone():
    """At 99 % on-demand's price Spot would save 8 x 0.001 of 1.00 USD: 0.8 %, below 1 %."""
    market = Market(spot=dict.fromkeys(TYPES, "0.099"))
    state = a_cluster_state(*TEN_BUSY, market=market)

    response = decide(state, min_plan_saving_percent=1)

    assert response.execution_plan == ()
    assert response.estimated_savings == 0
    assert set(reasons(response, "Cluster").values()) <= {"saving_too_small", "already_as_wanted"}


def test_without_enough_zones_no_allocation_is_safe_and_the_answer_says_by_how_much():
    two_zones = Market(zones=ZONES[:2])
    some = [node(f"node-{i}", zone=ZONES[i % 2]) for i in range(10)]

    response = decide(a_cluster_state(*some, *pods_on(*some), market=two_zones))

    [entry] = [one for one in response.skipped if one.subject.kind == "Cluster"]
    assert entry.reason == "no_safe_allocation"
    assert "3 availability zones; 2 can be reached" in entry.message
    assert response.execution_plan == ()


def test_a_small_cluster_gets_its_exception_only_where_it_is_switched_on():
    """Three nodes cannot hold five pools. With the rule: one on-demand node and two on Spot for
    0.18 instead of 0.30; without it three on-demand nodes are the cheapest safe capacity, or more
    nodes than the pods need."""
    three = nodes(3)
    state = a_cluster_state(*three, *pods_on(*three))

    with_rule = decide(state, allow_small_cluster_exception=True)
    without = decide(state)

    assert allocation_of(with_rule).recommended["usd_per_hour"] == Decimal("0.18")
    assert [one.code for one in with_rule.warnings].count("small_cluster_rule") == 1
    assert all(
        one.recommended["usd_per_hour"] > Decimal("0.18")
        for one in without.recommendations
        if one.action == "adopt_allocation"
    )


def test_a_plan_on_the_small_cluster_rule_is_judged_by_it():
    three = nodes(3)
    state = a_cluster_state(*three, *pods_on(*three))
    limits = SafetyLimits(allow_small_cluster_exception=True)

    plan = decide(state, allow_small_cluster_exception=True).execution_plan

    assert judge_plan(state, plan, limits, pool_scores(state, NOW)).is_safe


def _small_before_large():
    """Ten pods of 0.3 vCPU and five of 1.5: with the head-room six nodes of 1.93, each large pod
    beside a small one and five small ones on the sixth. But kube-scheduler takes the small ones
    first and spreads them over all six; four nodes have two of them then, and no room for 1.5."""
    small = [a_pod(f"a-{i}", on=f"node-{i:02d}", cpu=0.3, gib=0.5) for i in range(10)]
    large = [a_pod(f"z-{i}", on=f"node-{i:02d}", cpu=1.5, gib=1) for i in range(5)]
    return a_cluster_state(*TEN, *small, *large)


def test_room_is_bought_for_what_the_scheduler_would_leave_pending():
    state = _small_before_large()

    response = decide(state)

    assert response.execution_plan
    assert response.evidence["placement"]["pods_left_pending"] == 0
    assert after(state, response, NOW).homeless == ()
    recommended = allocation_of(response).recommended
    count = sum(one["count"] for one in recommended["launch"]) + len(recommended["keep"])
    assert count > 6


def test_pods_may_come_to_the_scheduler_in_another_order():
    """The same with names turned: the large ones come first by name, and last the other way."""
    small = [a_pod(f"z-{i}", on=f"node-{i:02d}", cpu=0.3, gib=0.5) for i in range(10)]
    large = [a_pod(f"a-{i}", on=f"node-{i:02d}", cpu=1.5, gib=1) for i in range(5)]

    recommended = allocation_of(decide(a_cluster_state(*TEN, *small, *large))).recommended

    count = sum(one["count"] for one in recommended["launch"]) + len(recommended["keep"])
    assert count > 6


def test_where_more_room_is_not_worth_it_the_nodes_of_such_pods_stay():
    """With more room 0.52 of 1.00 USD are saved. Where 55 % are asked for, the five large pods stay
    on their nodes, and of the other five nodes, 0.50 USD, one on Spot at 0.04 is left."""
    recommended = allocation_of(
        decide(_small_before_large(), min_plan_saving_percent=55.0)
    ).recommended

    assert recommended["usd_per_hour"] == Decimal("0.04")


@pytest.mark.parametrize(
    ("placement", "code", "subjects"),
    [
        (Placement(pending=(0, 14)), "pods_may_stay_pending", ("shop/a-0", "shop/z-4")),
        (Placement(was_rehearsed=False), "not_rehearsed", ()),
        (Placement(was_tried=False, was_rehearsed=False), "placement_not_tried", ()),
        (Placement(unplaced=(0,), was_rehearsed=False), None, ()),
    ],
)
def test_what_a_rehearsal_leaves_open_is_said(placement, code, subjects):
    request = a_request(_small_before_large())
    situation = read_situation(request, read_parameters(request))
    decision = replace(find_decision(situation), placement=placement)

    found = [
        (one.code, one.subjects)
        for one in warnings_of(situation, decision)
        if one.code in ("pods_may_stay_pending", "not_rehearsed", "placement_not_tried")
    ]

    assert found == ([] if code is None else [(code, subjects)])


def test_totals_that_promise_too_much_are_found_out():
    """Ten pods of 1.5 vCPU fill 16.5 vCPU with the head-room: nine nodes of 1.93 in total. But a
    node holds one such pod, so ten nodes are needed."""
    large = [a_pod(f"big-{one.metadata.name}", on=one.metadata.name, cpu=1.5, gib=2) for one in TEN]

    response = decide(a_cluster_state(*TEN, *large))

    recommended = allocation_of(response).recommended
    count = sum(one["count"] for one in recommended["launch"]) + len(recommended["keep"])
    assert count == 10
    assert response.evidence["placement"] == {
        "was_tried": True,
        "counts_by_mixture": True,
        "pods_without_place": 0,
        "was_rehearsed": True,
        "pods_left_pending": 0,
    }


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (a_cluster_state(), "no_nodes"),
        (a_cluster_state(*TEN_BUSY, prices=()), "no_spot_prices"),
        (a_cluster_state(*TEN_BUSY, advisor=()), "no_advisor_data"),
        (a_cluster_state(*TEN_BUSY, on_demand=()), "no_on_demand_prices"),
        (a_cluster_state(*TEN_BUSY, instance_types=()), "no_instance_types"),
        (
            a_cluster_state(node("a", zone="us-east-1a"), node("b", zone="eu-west-1a")),
            "several_regions",
        ),
        (
            compile_state(
                msgspec.structs.replace(to_document(a_cluster_state(*TEN_BUSY)), pods=None)
            ),
            "no_required_capacity",
        ),
    ],
)
def test_a_request_that_cannot_be_judged_is_refused_with_its_reason(state, reason):
    response = decide(state)

    assert (response.status, response.reason) == (DecisionStatus.REFUSED, reason)
    assert response.message
    assert response.recommendations == response.execution_plan == ()


def test_several_regions_are_named():
    state = a_cluster_state(node("a", zone="us-east-1a"), node("b", zone="eu-west-1a"))

    assert "eu-west-1, us-east-1" in decide(state).message


def test_a_region_without_prices_is_refused_by_its_name():
    assert "eu-west-1" in decide(a_cluster_state(*TEN_BUSY), region="eu-west-1").message


def test_data_of_a_known_day_make_for_more_confidence_than_old_ones():
    """Prices of two weeks ago are dead (0), rates of unknown age count half, the window is covered
    and all nodes are priced: 0.4 x 0 + 0.3 x 0.5 + 0.2 x 1 + 0.1 x 1 = 0.45."""
    response = decide(a_cluster_state(*TEN_BUSY))

    assert response.confidence_score == 0.45
    assert {one.code for one in response.warnings} >= {"old_spot_prices", "old_advisor_data"}


def test_choices_for_an_alternative_name_what_each_node_is_worth():
    choices = choices_for(a_request(a_cluster_state(*TEN_BUSY)))

    assert sorted(choices.present) == [one.metadata.name for one in TEN]
    assert {one.micro_usd_per_hour for one in choices.present.values()} == {100_000}


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(random):
    document = to_document(a_cluster_state(*TEN_BUSY))
    shuffled = msgspec.structs.replace(
        document,
        **{
            name: tuple(random.sample(getattr(document, name), len(getattr(document, name))))
            for name in ("nodes", "pods", "prices", "on_demand", "advisor", "instance_types")
        },
    )

    one, other = decide(compile_state(document)), decide(compile_state(shuffled))

    assert msgspec.json.encode(one) == msgspec.json.encode(other)


def test_the_market_of_the_tests_scores_as_its_text_says():
    assert set(pool_scores(a_cluster_state(market=MARKET), NOW).values()) == {0.935}
