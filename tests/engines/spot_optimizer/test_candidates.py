"""Every pool that is not used says why, and each limit holds on both of its sides."""

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import InterruptionBucket
from tests.builders import NOW, a_pod, a_price
from tests.engines.spot_optimizer.market import (
    TYPES,
    Market,
    a_cluster_state,
    decide,
    nodes,
    pods_on,
    reasons,
)

TEN = nodes(10)
BUSY = (*TEN, *pods_on(*TEN))
POOL = "m7i.large/us-east-1a"


def reason(market, *more, **requirements):
    return reasons(
        decide(a_cluster_state(*BUSY, *more, market=market), **requirements), "Pool"
    ).get(POOL)


def size(**changes):
    return Market(sizes={"m7i.large": changes})


def test_a_pool_without_faults_is_only_not_among_the_best():
    assert reason(Market()) == "not_among_best"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("1.000001", "suspicious_price"),
        ("1.000000", "not_cheaper_than_on_demand"),  # exactly ten times 0.10: believed
        ("0.100000", "not_cheaper_than_on_demand"),
        ("0.099999", "not_among_best"),
        ("0.002000", None),  # exactly a fiftieth: believed, and the best of all
        ("0.001999", "suspicious_price"),
    ],
)
def test_prices_are_believed_between_a_fiftieth_and_ten_times_on_demand(price, expected):
    assert reason(Market(spot={"m7i.large": price})) == expected


@pytest.mark.parametrize(("bucket", "expected"), [(1, "not_among_best"), (2, "too_risky")])
def test_a_pool_below_the_risk_limit_is_not_used(bucket, expected):
    """The next buckets give 0.45 + 0.25 + 0.06 + 0.025 = 0.785 and 0.30 + ... = 0.635."""
    market = Market(buckets={"m7i.large": InterruptionBucket(bucket)})

    assert reason(market) == expected


def test_the_risk_limit_itself_is_safe():
    """0.60 x 0.75 + 0.25 + 0.10 x 0.6 + 0.05 x 0.5 = 0.785."""
    market = Market(buckets={"m7i.large": InterruptionBucket.FROM_5_TO_10})
    state = a_cluster_state(*BUSY, market=market)

    exactly = decide(state, constraints={"min_risk_score": 0.785})
    just_above = decide(state, constraints={"min_risk_score": 0.785000001})

    assert reasons(exactly, "Pool")[POOL] == "not_among_best"
    assert reasons(just_above, "Pool")[POOL] == "too_risky"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architecture": "arm64"}, "wrong_architecture"),
        ({"max_pods": 0}, "too_small"),
        ({"vcpu": 1}, "not_among_best"),
        ({"gib": 2}, "not_among_best"),
        ({"gib": 1}, "too_small"),
    ],
)
def test_a_type_that_does_not_suit_the_cluster_is_not_used(changes, expected):
    """The largest pod asks for 0.4 vCPU and 1 GiB. 2 GiB leave 1,894 - 574 - 100 = 1,220 MiB to
    pods, 1 GiB less than nothing."""
    assert reason(size(**changes)) == expected


@pytest.mark.parametrize(("millicores", "is_too_small"), [(1930, False), (1931, True)])
def test_a_node_must_hold_the_largest_pod(millicores, is_too_small):
    huge = a_pod("huge", on="node-00", cpu=millicores / 1000, gib=1)

    assert (reason(Market(), huge) == "too_small") is is_too_small


def test_the_largest_pod_comes_with_the_daemonsets_beside_it():
    """1.83 vCPU and 0.1 of a DaemonSet are 1.93, which fits; with 0.101 they do not."""
    huge = a_pod("huge", on="node-00", cpu=1.83, gib=1)

    def agent(cpu):
        return a_pod("agent", on="node-00", cpu=cpu, gib=0.1, owner=("DaemonSet", "agent"))

    assert reason(Market(), huge, agent(0.1)) != "too_small"
    assert reason(Market(), huge, agent(0.101)) == "too_small"


def test_a_pending_pod_that_no_type_could_hold_does_not_rule_all_types_out():
    assert reason(Market(), a_pod("giant", cpu=500, gib=1)) == "not_among_best"


def test_a_pool_of_an_unknown_type_is_named():
    market = Market()
    fields = market.fields()
    fields["instance_types"] = fields["instance_types"][:-1]

    response = decide(a_cluster_state(*BUSY, **fields))

    assert reasons(response, "Pool")[POOL] == "unknown_instance_type"


def test_a_pool_without_an_on_demand_price_is_named():
    fields = Market().fields()
    fields["on_demand"] = fields["on_demand"][:-1]

    assert reasons(decide(a_cluster_state(*BUSY, **fields)), "Pool")[POOL] == "no_on_demand_price"


def test_a_price_of_the_future_is_not_known_yet():
    market = Market()
    fields = market.fields()
    others = [
        one
        for one in fields["prices"]
        if (one.instance_type, one.availability_zone) != ("m7i.large", "us-east-1a")
    ]
    later = a_price("0.04", instance_type="m7i.large", at=NOW.replace(year=2027))
    fields["prices"] = (*others, later)

    assert reasons(decide(a_cluster_state(*BUSY, **fields)), "Pool")[POOL] == "price_unknown"


def test_old_prices_are_skipped_only_where_a_limit_is_set():
    """The prices are of 20 July, 00:00, which is 14 days and 12 hours before: 348 hours."""
    assert reason(Market()) == "not_among_best"
    assert reason(Market(), max_price_age_hours=348) == "not_among_best"
    assert reason(Market(), max_price_age_hours=347.9) == "stale_price"


@pytest.mark.parametrize(
    ("requirements", "path"),
    [
        ({"required_vcpu": -1}, "$.requirements.required_vcpu"),
        ({"required_vcpu": "ten"}, "$.requirements.required_vcpu"),
        ({"required_vcpu": 1e300}, "$.requirements.required_vcpu"),
        ({"required_memory_gib": 2e7}, "$.requirements.required_memory_gib"),
        ({"interruption_cost": 1e308}, "$.requirements.interruption_cost"),
        ({"pool_exclusion_seconds": 2**40}, "$.requirements.pool_exclusion_seconds"),
        ({"architecture": "sparc"}, "$.requirements.architecture"),
        ({"max_interruption_probability": 1.1}, "$.requirements.max_interruption_probability"),
        ({"interruptions": [{"instance_type": "m5.large"}]}, "$.requirements.interruptions[0]"),
        ({"spot_to_spot_min_types": 1.5}, "$.requirements.spot_to_spot_min_types"),
        ({"product_description": "Plan 9"}, "$.requirements"),
        ({"no_such_parameter": 1}, "$.requirements"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_path(requirements, path):
    with pytest.raises(InvalidInputError) as caught:
        decide(a_cluster_state(*BUSY), **requirements)

    assert caught.value.source == path


def test_a_bad_limit_is_refused_by_its_path():
    with pytest.raises(InvalidInputError, match=r"\$\.constraints"):
        decide(a_cluster_state(*BUSY), constraints={"max_pool_share": 2})


def test_every_pool_of_the_price_history_is_accounted_for():
    response = decide(a_cluster_state(*BUSY, market=Market(types=(*TYPES, "x9.large"))))

    named = [one.subject.name for one in response.recommendations if one.subject.kind == "Pool"]
    bought = [
        f"{one['instance_type']}/{one['availability_zone']}"
        for one in response.evidence["allocation"]["instances"]
        if one["capacity_type"] == "spot"
    ]
    accounted = {*named, *bought, *reasons(response, "Pool")}
    assert len(accounted) == response.evidence["pools"] == 21
