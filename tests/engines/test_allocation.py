"""The cheapest safe allocation.

Unless a test says otherwise every node has 1,000 millicores and 1 GiB, all of it usable, and a
price in micro-dollars an hour: 1,000,000 on-demand, 100,000 on Spot.
"""

from fractions import Fraction
from itertools import product

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.allocation import (
    AllocationProblem,
    AllocationStatus,
    Capacity,
    Offering,
    StayingNodes,
    cheapest_safe_allocation,
)
from engines.allocation.checking import broken_limits
from engines.contracts.pricing import CapacityType
from engines.contracts.verdict import SafetyLayer, SafetyLimits

GIB = 1024**3
ONE = Capacity(1_000, GIB, 10)
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def times(capacity, count):
    return Capacity(
        capacity.cpu_millicores * count, capacity.memory_bytes * count, capacity.pods * count
    )


def spot(name="m5.large", zone=ZONES[0], *, price=100_000, size=ONE, risk=0.9, **more):
    return Offering(
        instance_type=name,
        availability_zone=zone,
        capacity_type=CapacityType.SPOT,
        allocatable=size,
        usable=more.pop("usable", size),
        micro_usd_per_hour=price,
        expected_micro_usd_per_hour=more.pop("expected", float(price)),
        risk_score=risk,
        **more,
    )


def on_demand(name="m5.large", zone=ZONES[0], *, price=1_000_000, size=ONE, **more):
    return Offering(
        instance_type=name,
        availability_zone=zone,
        capacity_type=CapacityType.ON_DEMAND,
        allocatable=size,
        usable=more.pop("usable", size),
        micro_usd_per_hour=price,
        expected_micro_usd_per_hour=more.pop("expected", float(price)),
        **more,
    )


def staying(count, *, zone=ZONES[0], name="m5.large", bought=CapacityType.ON_DEMAND, usable=None):
    return StayingNodes(
        instance_type=name,
        availability_zone=zone,
        capacity_type=bought,
        count=count,
        allocatable=times(ONE, count),
        usable=times(ONE, count) if usable is None else usable,
    )


FREE = SafetyLimits(
    min_risk_score=0.0, min_availability_zones=1, max_pool_share=1.0, min_on_demand_share=0.0
)


def limits(**changed):
    return msgspec.structs.replace(FREE, **changed)


def allocate(*offerings, need, limits=FREE, **more):
    problem = AllocationProblem(
        offerings=offerings, required=times(ONE, need), limits=limits, **more
    )
    allocation = cheapest_safe_allocation(problem)
    if allocation.status is AllocationStatus.SOLVED:
        assert broken_limits(problem, allocation.purchases) == ()
    return allocation


def counts(allocation):
    return {
        (one.offering.capacity_type.value, one.offering.instance_type, zone[-1]): one.count
        for one in allocation.purchases
        for zone in (one.offering.availability_zone,)
    }


def test_without_limits_the_cheapest_offering_takes_all():
    """Seven nodes' worth of pods at 0.10 USD beat 0.11 USD: 7 x 100,000."""
    allocation = allocate(spot("a"), spot("b", price=110_000), on_demand(), need=7)

    assert counts(allocation) == {("spot", "a", "a"): 7}
    assert allocation.micro_usd_per_hour == 700_000
    assert allocation.gap == pytest.approx(0.0, abs=1e-9)


def test_a_pool_may_hold_exactly_a_fifth():
    """Five equal pools for ten nodes: 2 of 10 each, which is 20 %. It costs 10 x 100,000."""
    pools = [spot(name) for name in "abcde"]

    allocation = allocate(*pools, on_demand(), need=10, limits=limits(max_pool_share=0.2))

    assert counts(allocation) == {("spot", name, "a"): 2 for name in "abcde"}
    assert allocation.micro_usd_per_hour == 1_000_000


def test_a_pool_may_not_hold_a_hair_more_than_its_share():
    """At 19.99 % 2 of 10 are too many; an eleventh node, on-demand, makes them 2 of 11, which is
    18 %: 10 x 100,000 + 1,000,000. One of each pool and five on-demand would cost 5,500,000."""
    pools = [spot(name) for name in "abcde"]

    allocation = allocate(*pools, on_demand(), need=10, limits=limits(max_pool_share=0.1999))

    assert allocation.micro_usd_per_hour == 2_000_000


def test_a_share_is_the_larger_of_cpu_and_memory():
    """A node of pool "wide" has 4 GiB: 4 of 12 GiB would be a third, though 1 of 9 vCPU a ninth."""
    wide = spot("wide", price=10_000, size=Capacity(1_000, 4 * GIB, 10))
    pools = [spot(name) for name in "abcdefgh"]

    allocation = allocate(wide, *pools, need=8, limits=limits(max_pool_share=0.3))

    assert ("spot", "wide", "a") not in counts(allocation)


def test_the_on_demand_share_is_rounded_up_to_whole_nodes():
    """15 % of ten nodes are 1.5, so two: 8 x 100,000 + 2 x 1,000,000."""
    allocation = allocate(spot(), on_demand(), need=10, limits=limits(min_on_demand_share=0.15))

    assert counts(allocation) == {("spot", "m5.large", "a"): 8, ("on-demand", "m5.large", "a"): 2}
    assert allocation.micro_usd_per_hour == 2_800_000


def test_an_on_demand_share_that_is_met_exactly_is_enough():
    """15 % of twenty nodes are three."""
    allocation = allocate(spot(), on_demand(), need=20, limits=limits(min_on_demand_share=0.15))

    assert counts(allocation)["on-demand", "m5.large", "a"] == 3


def test_on_demand_must_reach_its_share_in_cpu_and_in_memory():
    """A node with 8 GiB is 15 % of the memory soon, but 15 % of the vCPU only with two of ten."""
    fat = on_demand("r5.large", price=1_100_000, size=Capacity(1_000, 8 * GIB, 10))

    allocation = allocate(spot(), fat, need=10, limits=limits(min_on_demand_share=0.15))

    assert counts(allocation)["on-demand", "r5.large", "a"] == 2


def test_nodes_stand_in_as_many_zones_as_asked():
    """The pools of zones b and c are dearer, yet one node must stand in each."""
    pools = [spot(zone=zone, price=100_000 + 1_000 * i) for i, zone in enumerate(ZONES)]

    allocation = allocate(*pools, need=5, limits=limits(min_availability_zones=3))

    assert counts(allocation) == {
        ("spot", "m5.large", "a"): 3,
        ("spot", "m5.large", "b"): 1,
        ("spot", "m5.large", "c"): 1,
    }


def test_staying_nodes_cover_their_zones():
    pools = [spot(zone=zone, price=100_000 + 1_000 * i) for i, zone in enumerate(ZONES)]
    nodes = (staying(1, zone=ZONES[1]), staying(1, zone=ZONES[2]))

    allocation = allocate(*pools, need=5, limits=limits(min_availability_zones=3), staying=nodes)

    assert counts(allocation) == {("spot", "m5.large", "a"): 3}


def test_on_demand_nodes_spread_over_the_zones_that_are_missing():
    everywhere = [on_demand(zone=zone) for zone in ZONES]

    allocation = allocate(*everywhere, need=4, limits=limits(min_availability_zones=3))

    assert counts(allocation) == {
        ("on-demand", "m5.large", "a"): 2,
        ("on-demand", "m5.large", "b"): 1,
        ("on-demand", "m5.large", "c"): 1,
    }


@pytest.mark.parametrize(("risk", "name"), [(0.75, "risky"), (0.749999999, "safe"), (None, "safe")])
def test_a_new_pool_must_reach_the_risk_limit(risk, name):
    allocation = allocate(
        spot("risky", price=1, risk=risk), spot("safe"), need=1, limits=limits(min_risk_score=0.75)
    )

    assert [one.offering.instance_type for one in allocation.purchases] == [name]


def test_nodes_that_run_already_are_not_judged_by_their_risk_again():
    existing = spot("old", price=1, risk=0.1, is_existing=True, max_count=2)

    allocation = allocate(existing, spot("safe"), need=3, limits=limits(min_risk_score=0.75))

    assert counts(allocation) == {("spot", "old", "a"): 2, ("spot", "safe", "a"): 1}


def test_existing_and_new_nodes_of_one_pool_share_its_limit():
    """Two of ten at most, whichever way they came."""
    existing = spot("a", price=1, is_existing=True, max_count=1)
    pools = [spot(name, price=200_000) for name in "bcdef"]

    allocation = allocate(existing, spot("a"), *pools, need=10, limits=limits(max_pool_share=0.2))

    by_type = [one.count for one in allocation.purchases if one.offering.instance_type == "a"]
    assert by_type == [1, 1]


def test_expected_cost_decides_not_the_price_alone():
    """0.10 + 0.05 expected for interruptions is more than 0.12."""
    cheap = spot("cheap", expected=150_000.0)
    steady = spot("steady", price=120_000)

    allocation = allocate(cheap, steady, need=2)

    assert counts(allocation) == {("spot", "steady", "a"): 2}
    assert allocation.micro_usd_per_hour == 240_000


def test_pods_that_stay_on_demand_have_their_room_there():
    allocation = allocate(spot(), on_demand(), need=5, required_on_demand=times(ONE, 2))

    assert counts(allocation) == {("spot", "m5.large", "a"): 3, ("on-demand", "m5.large", "a"): 2}


def test_pods_tied_to_a_zone_have_their_room_there():
    dear = spot(zone=ZONES[1], price=300_000)

    allocation = allocate(spot(), dear, need=5, required_in_zones={ZONES[1]: times(ONE, 2)})

    assert counts(allocation) == {("spot", "m5.large", "a"): 3, ("spot", "m5.large", "b"): 2}


def test_room_for_pods_is_a_number_of_pods_too():
    """Forty pods need four nodes of ten, though one node has the vCPU for them."""
    allocation = cheapest_safe_allocation(
        AllocationProblem(offerings=(spot(),), required=Capacity(500, GIB, 40), limits=FREE)
    )

    assert counts(allocation) == {("spot", "m5.large", "a"): 4}


def test_usable_room_fills_the_requirement_and_allocatable_the_shares():
    """900 of each node's 1,000 millicores are usable: 9,000 need ten nodes, two of each pool."""
    pools = [spot(name, usable=Capacity(900, GIB, 10)) for name in "abcde"]

    allocation = allocate(*pools, need=9, limits=limits(max_pool_share=0.2))

    assert sum(counts(allocation).values()) == 10


def test_the_number_of_nodes_can_be_limited():
    small, large = spot("small"), spot("large", price=250_000, size=times(ONE, 2))

    allocation = allocate(small, large, need=4, max_nodes=2)

    assert counts(allocation) == {("spot", "large", "a"): 2}


def test_a_pool_that_staying_nodes_crowd_is_left_alone():
    """Four of five nodes are of pool a already; b and c are within 20 % when all is bought."""
    crowd = (staying(4, name="a", bought=CapacityType.SPOT, usable=Capacity()),)

    allocation = allocate(
        spot("a", price=1),
        spot("b"),
        spot("c"),
        need=1,
        limits=limits(max_pool_share=0.2),
        staying=crowd,
    )

    assert counts(allocation) == {("spot", "b", "a"): 1}


def test_of_equal_offers_the_first_names_are_taken():
    allocation = allocate(spot("d"), spot("b"), spot("a"), spot("c"), need=1)

    assert counts(allocation) == {("spot", "a", "a"): 1}


def test_without_need_nothing_is_bought():
    no_layers = frozenset[SafetyLayer]()

    allocation = allocate(spot(), on_demand(), need=0, layers=no_layers)

    assert allocation.status is AllocationStatus.SOLVED
    assert allocation.purchases == ()
    assert (allocation.micro_usd_per_hour, allocation.gap) == (0, 0.0)


def test_each_layer_can_be_switched_off():
    """All five layers off: one risky pool in one zone takes all."""
    risky = [spot(zone=zone, risk=0.0, price=100_000 + i) for i, zone in enumerate(ZONES)]
    everywhere = [on_demand(zone=zone) for zone in ZONES]

    allocation = allocate(
        *risky, *everywhere, need=9, limits=SafetyLimits(), layers=frozenset[SafetyLayer]()
    )

    assert counts(allocation) == {("spot", "m5.large", "a"): 9}


@pytest.mark.parametrize("asked", [3, 1_000_000_000])
def test_too_few_zones_are_named_with_what_can_be_had(asked):
    everywhere = [on_demand(zone=zone) for zone in ZONES[:2]]

    allocation = allocate(*everywhere, need=4, limits=limits(min_availability_zones=asked))

    assert allocation.status is AllocationStatus.INFEASIBLE
    [shortfall] = allocation.shortfalls
    assert (shortfall.layer, shortfall.limit, shortfall.reachable) == (
        SafetyLayer.AZ_DISTRIBUTION,
        asked,
        2,
    )
    assert shortfall.message == f"no allocation over {asked} availability zones; 2 can be reached"


def test_too_few_pools_are_named_with_the_share_that_could_be_kept():
    """Four pools and nothing else: a quarter each."""
    allocation = allocate(
        *[spot(name) for name in "abcd"], need=8, limits=limits(max_pool_share=0.2)
    )

    [shortfall] = allocation.shortfalls
    assert (shortfall.layer, shortfall.reachable) == (SafetyLayer.POOL_CONCENTRATION, 0.25)


def test_a_missing_on_demand_buffer_is_named_with_the_share_that_could_be_kept():
    """One on-demand node of ten is 10 %; only one is to be had."""
    allocation = allocate(
        spot(max_count=9),
        on_demand(max_count=1),
        need=10,
        limits=limits(min_on_demand_share=0.15),
    )

    [shortfall] = [one for one in allocation.shortfalls if one.layer]
    assert (shortfall.layer, shortfall.reachable) == (SafetyLayer.ON_DEMAND_BUFFER, 0.1)


def test_a_risk_limit_that_no_pool_reaches_is_named_with_the_best_score():
    allocation = allocate(
        spot("a", risk=0.6), spot("b", risk=0.7), need=1, limits=limits(min_risk_score=0.75)
    )

    [shortfall] = allocation.shortfalls
    assert (shortfall.layer, shortfall.reachable) == (SafetyLayer.RISK, 0.7)


def test_a_lack_of_capacity_is_named_with_the_part_that_can_be_had():
    """Three of four nodes' worth: 75 %."""
    allocation = allocate(spot(max_count=3), need=4)

    [shortfall] = allocation.shortfalls
    assert (shortfall.layer, shortfall.reachable) == (None, 0.75)


def test_where_no_single_limit_is_to_blame_all_that_bind_are_named():
    """One risky pool in one zone, at most one node: neither limit alone stands in the way."""
    allocation = allocate(spot(risk=0.1, max_count=1), need=4, limits=SafetyLimits())

    assert {one.layer for one in allocation.shortfalls} == {
        SafetyLayer.RISK,
        SafetyLayer.AZ_DISTRIBUTION,
        SafetyLayer.POOL_CONCENTRATION,
        SafetyLayer.ON_DEMAND_BUFFER,
        None,
    }
    assert all(one.reachable is None for one in allocation.shortfalls)


SIZES = st.tuples(st.integers(1, 4), st.integers(1, 6)).map(
    lambda size: Capacity(size[0] * 500, size[1] * GIB // 2, 10)
)


@st.composite
def small_problems(draw):
    """A few offerings of odd sizes, some staying nodes, and limits of every kind."""
    offerings = [
        spot(f"s{i}", zone, size=draw(SIZES), price=draw(st.integers(20, 90)) * 1_000, risk=risk)
        for i in range(draw(st.integers(1, 4)))
        for zone in [draw(st.sampled_from(ZONES))]
        for risk in [draw(st.sampled_from([0.5, 0.75, 0.9]))]
    ]
    size, price = draw(SIZES), draw(st.integers(60, 200)) * 1_000
    offerings += [
        on_demand("o", zone, size=size, price=price) for zone in ZONES[: draw(st.integers(1, 3))]
    ]
    nodes = tuple(
        staying(draw(st.integers(1, 2)), zone=zone, bought=bought, usable=Capacity())
        for zone in draw(st.lists(st.sampled_from(ZONES), max_size=2, unique=True))
        for bought in [draw(st.sampled_from([CapacityType.SPOT, CapacityType.ON_DEMAND]))]
    )
    kept = SafetyLimits(
        min_risk_score=draw(st.sampled_from([0.0, 0.75])),
        min_availability_zones=draw(st.integers(1, 3)),
        max_pool_share=draw(st.sampled_from([0.2, 0.25, 0.34, 0.5, 1.0])),
        min_on_demand_share=draw(st.sampled_from([0.0, 0.15, 0.4])),
    )
    required = Capacity(draw(st.integers(0, 4_000)), draw(st.integers(0, 4 * GIB)), 10)
    return AllocationProblem(
        offerings=tuple(offerings), required=required, staying=nodes, limits=kept
    )


MOST = 4  # of each offering, in the search by hand


def cheapest_by_hand(problem):
    """The least cost over all counts up to MOST, by trying them all; None: none is allowed."""
    offerings = [
        one
        for one in problem.offerings
        if not one.is_spot or one.risk_score >= problem.limits.min_risk_score
    ]
    tried = np.array(list(product(range(MOST + 1), repeat=len(offerings))), np.int64)
    allowed = np.ones(len(tried), bool)
    zones = [
        (tried[:, [one.availability_zone == zone for one in offerings]].sum(axis=1) > 0)
        | any(nodes.availability_zone == zone for nodes in problem.staying)
        for zone in ZONES
    ]
    allowed &= np.sum(zones, axis=0) >= problem.limits.min_availability_zones
    most = Fraction(str(problem.limits.max_pool_share))
    least = Fraction(str(problem.limits.min_on_demand_share))
    for name in ("cpu_millicores", "memory_bytes", "pods"):
        room = tried @ np.array([getattr(one.usable, name) for one in offerings])
        room += sum(getattr(nodes.usable, name) for nodes in problem.staying)
        allowed &= room >= getattr(problem.required, name)
        if name == "pods":
            continue
        size = np.array([getattr(one.allocatable, name) for one in offerings])
        total = tried @ size + sum(getattr(nodes.allocatable, name) for nodes in problem.staying)
        bought = tried @ (size * np.array([not one.is_spot for one in offerings]))
        held = sum(getattr(n.allocatable, name) for n in problem.staying if not n.is_spot)
        allowed &= (bought + held) * least.denominator >= total * least.numerator
        for i, one in enumerate(offerings):
            if one.is_spot:
                allowed &= (tried[:, i] == 0) | (
                    tried[:, i] * size[i] * most.denominator <= total * most.numerator
                )
    cost = tried @ np.array([one.micro_usd_per_hour for one in offerings])
    return int(cost[allowed].min()) if allowed.any() else None


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_no_allocation_tried_by_hand_is_cheaper(problem):
    by_hand = cheapest_by_hand(problem)

    allocation = cheapest_safe_allocation(problem)

    if allocation.status is AllocationStatus.SOLVED:
        assert broken_limits(problem, allocation.purchases) == ()
        assert allocation.bound_micro_usd_per_hour <= allocation.expected_micro_usd_per_hour
    if by_hand is not None:
        assert allocation.status is AllocationStatus.SOLVED
        assert allocation.micro_usd_per_hour <= by_hand * 1.0001
        assert allocation.bound_micro_usd_per_hour <= by_hand + 1e-3


@settings(max_examples=30, deadline=None)
@given(small_problems(), st.randoms(use_true_random=False))
def test_the_order_of_offerings_does_not_matter(problem, random):
    shuffled = random.sample(problem.offerings, len(problem.offerings))
    nodes = random.sample(problem.staying, len(problem.staying))
    other = msgspec.structs.replace(problem, offerings=tuple(shuffled), staying=tuple(nodes))

    assert cheapest_safe_allocation(problem) == cheapest_safe_allocation(other)
