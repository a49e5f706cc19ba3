"""What keeps the optimizer from moving too much: brakes, exclusions, notices, predictions."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from tests.builders import NOW
from tests.engines.spot_optimizer.market import (
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

OLD = ("c5.large", "c5a.large", "c6a.large", "c6i.large")
MANY = tuple(f"t{i:02d}.large" for i in range(15))


def spot_cluster(price: str, cheaper: tuple[str, ...]):
    """Two on-demand nodes and eight Spot nodes, two in each of four pools at ``price``, beside
    ``cheaper`` types at 0.04."""
    market = Market(types=(*OLD, *cheaper), spot=dict.fromkeys(OLD, price))
    on_spot = [
        node(f"spot-{i}", zone=ZONES[i % 3], instance_type=OLD[i // 2], capacity_type="spot")
        for i in range(8)
    ]
    on_demand = [node(f"od-{i}", zone=ZONES[i], instance_type="c5.large") for i in range(2)]
    return a_cluster_state(*on_spot, *on_demand, *pods_on(*on_spot, *on_demand), market=market)


def test_spot_nodes_move_where_fifteen_types_are_cheaper():
    """8 x 0.05 become 8 x 0.04: 0.08 of 0.60 USD an hour, 58.40 a month."""
    response = decide(spot_cluster("0.05", MANY))

    assert response.estimated_savings == Decimal("58.40")


def test_spot_nodes_stay_where_only_fourteen_types_are_cheaper():
    response = decide(spot_cluster("0.05", MANY[:14]))

    assert response.execution_plan == ()
    held = reasons(response, "Node")
    assert {name: held[name] for name in held if name.startswith("spot")} == {
        f"spot-{i}": "too_few_cheaper_types" for i in range(8)
    }


def test_the_number_of_cheaper_types_is_a_parameter():
    assert decide(spot_cluster("0.05", MANY[:3]), spot_to_spot_min_types=3).execution_plan
    assert not decide(spot_cluster("0.05", MANY[:2]), spot_to_spot_min_types=3).execution_plan


@pytest.mark.parametrize(("price", "moves"), [("0.0444", False), ("0.0445", True)])
def test_a_move_from_spot_to_spot_saves_at_least_a_tenth(price, moves):
    """0.04 is 90.09 % of 0.0444 and 89.9 % of 0.0445."""
    assert bool(decide(spot_cluster(price, MANY)).execution_plan) is moves


def test_the_least_saving_of_a_move_is_a_parameter():
    response = decide(spot_cluster("0.0444", MANY), spot_to_spot_min_saving_percent=5)

    assert response.execution_plan


TEN = nodes(10)
STATE = a_cluster_state(*TEN, *pods_on(*TEN))


def event(seconds_ago, zone=ZONES[0]):
    return {
        "instance_type": "m5.large",
        "availability_zone": zone,
        "time": (NOW - timedelta(seconds=seconds_ago)).isoformat(),
    }


@pytest.mark.parametrize(
    ("seconds_ago", "is_excluded"), [(0, True), (179, True), (180, False), (-1, False)]
)
@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("interruptions", "excluded_after_interruption"),
        ("failed_launches", "excluded_after_failed_launch"),
    ],
)
def test_a_pool_rests_for_three_minutes(parameter, reason, seconds_ago, is_excluded):
    response = decide(STATE, **{parameter: [event(seconds_ago)]})

    found = reasons(response, "Pool").get("m5.large/us-east-1a")
    assert (found == reason) is is_excluded
    assert ("m5.large/us-east-1a" in pools_of(response)) is not is_excluded


def test_the_rest_of_a_pool_is_a_parameter():
    response = decide(STATE, interruptions=[event(299)], pool_exclusion_seconds=300)

    assert reasons(response, "Pool")["m5.large/us-east-1a"] == "excluded_after_interruption"


def test_only_the_interrupted_pool_rests():
    assert "m5.large/us-east-1b" in pools_of(decide(STATE, interruptions=[event(1)]))


def prediction(probability, **more):
    return {
        "instance_type": "m5.large",
        "availability_zone": ZONES[0],
        "interruption_probability": probability,
        "model": "spot-model 3",
    } | more


@pytest.mark.parametrize(("probability", "is_vetoed"), [(0.2, False), (0.2001, True)])
def test_a_prediction_above_the_ceiling_makes_a_pool_unsafe(probability, is_vetoed):
    response = decide(
        STATE, predictions=[prediction(probability)], max_interruption_probability=0.2
    )

    assert ("m5.large/us-east-1a" in pools_of(response)) is not is_vetoed
    if is_vetoed:
        assert reasons(response, "Pool")["m5.large/us-east-1a"] == "predicted_interruption"


def test_a_prediction_is_shown_beside_the_formula_and_does_not_change_the_score():
    response = decide(STATE, predictions=[prediction(0.9)])

    [shown] = [
        one.evidence
        for one in response.recommendations
        if one.subject.name == "m5.large/us-east-1a"
    ]
    assert shown["risk_score"] == 0.935
    assert shown["prediction"] == {
        "interruption_probability": 0.9,
        "horizon_hours": 730.0,
        "model": "spot-model 3",
    }
    assert shown["monthly_interruption_probability"] == 0.9


def test_a_prediction_for_some_hours_becomes_one_for_a_month():
    """1 % in 73 hours, ten times in a month: 1 - 0.99^10 = 0.0956179."""
    response = decide(STATE, predictions=[prediction(0.01, horizon_hours=73)])

    [shown] = [
        one.evidence["monthly_interruption_probability"]
        for one in response.recommendations
        if one.subject.name == "m5.large/us-east-1a"
    ]
    assert shown == pytest.approx(0.0956179, abs=1e-7)


def test_a_node_under_notice_is_neither_capacity_nor_target():
    """Its four pods need room elsewhere: 40 pods on nine nodes and what is bought."""
    response = decide(STATE, nodes_under_notice=["node-00"])

    assert reasons(response, "Node")["node-00"] == "under_notice"
    recommended = allocation_of(response).recommended
    assert "node-00" not in (*recommended["keep"], *recommended["remove"])
    assert sum(one["count"] for one in recommended["launch"]) + len(recommended["keep"]) == 10
    assert not any(getattr(step, "node", None) == "node-00" for step in response.execution_plan)


def test_allowed_families_leave_the_others_out():
    response = decide(STATE, allowed_families=["m5", "m6i"])

    assert {name.partition(".")[0] for name in pools_of(response)} <= {"m5", "m6i"}
    assert reasons(response, "Pool")["m7a.large/us-east-1a"] == "not_allowed_family"


def test_allowed_zones_leave_the_others_out():
    response = decide(STATE, allowed_zones=list(ZONES[:2]))

    assert reasons(response, "Pool")["m5.large/us-east-1c"] == "not_allowed_zone"


def test_zones_that_the_cluster_does_not_use_are_left_out():
    market = Market(zones=(*ZONES, "us-east-1d"))

    response = decide(a_cluster_state(*TEN, *pods_on(*TEN), market=market))

    found = reasons(response, "Pool")
    assert {found[f"{name}/us-east-1d"] for name in TYPES} == {"not_allowed_zone"}


@pytest.mark.parametrize(
    ("parameters", "is_used"),
    [({}, False), ({"allowed_zones": [*ZONES, "us-east-1-bos-1a"]}, True)],
)
@pytest.mark.parametrize("used", [2, 3])
def test_local_zones_are_for_those_who_name_them(parameters, is_used, used):
    """However few zones the cluster uses, and though Boston is the cheapest."""
    market = Market(
        zones=(*ZONES, "us-east-1-bos-1a"),
        spot={(name, "us-east-1-bos-1a"): "0.03" for name in TYPES},
    )
    some = [node(f"node-{i}", zone=ZONES[i % used]) for i in range(9)]
    local = node(
        "local", zone="us-east-1-bos-1a", labels={"topology.kubernetes.io/region": "us-east-1"}
    )

    prices = [msgspec.structs.replace(one, region="us-east-1") for one in market.fields()["prices"]]
    state = a_cluster_state(*some, local, *pods_on(*some), market=market, prices=tuple(prices))

    response = decide(state, **parameters)

    bought = {one["availability_zone"] for one in allocation_of(response).recommended["launch"]}
    assert ("us-east-1-bos-1a" in bought) is is_used
    assert is_used or set(reasons(response, "Pool").values()) >= {"not_allowed_zone"}


def test_a_cluster_in_too_few_zones_may_grow_into_others():
    two = [node(f"node-{i}", zone=ZONES[i % 2]) for i in range(10)]

    response = decide(a_cluster_state(*two, *pods_on(*two)))

    zones = {one["availability_zone"] for one in allocation_of(response).recommended["launch"]}
    assert ZONES[2] in zones
    assert "zones_beyond_the_clusters" in {one.code for one in response.warnings}
