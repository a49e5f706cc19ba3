"""The bound of plans that launch: over every offer, as often as it can be paid for."""

from itertools import product

import numpy as np
import pytest

from engines.bin_packing import decision as deciding
from engines.bin_packing.cluster import build_problem
from engines.bin_packing.decision import _market, decide
from engines.bin_packing.offers import launches_of, new_nodes
from engines.bin_packing.parameters import read_parameters
from engines.bin_packing.situation import read_situation
from engines.bin_packing.whole import WholeNodes
from engines.contracts.results import DecisionType
from tests.builders import (
    a_node,
    a_pod,
    a_request,
    a_state,
    an_instance_type,
    an_on_demand_price,
)
from tests.engines.bin_packing.test_small_clusters import fits

TYPES = (
    an_instance_type("m7i.large", vcpu=2, gib=8, max_pods=29),
    an_instance_type(),
    an_instance_type("m7i.2xlarge", vcpu=8, gib=32),
)
NAMES = ("m7i.large", "m7i.xlarge", "m7i.2xlarge")


def a_market(*usd):
    """List prices of the three sizes, the smallest first."""
    prices = zip(NAMES, usd, strict=True)
    return {
        "instance_types": TYPES,
        "on_demand": tuple(an_on_demand_price(price, instance_type=name) for name, price in prices),
    }


def a_situation(*objects, market, **requirements):
    request = a_request(
        a_state(*objects, **market),
        decision_type=DecisionType.BIN_PACK,
        requirements={"mode": "rebalance"} | requirements,
    )
    return read_situation(request, read_parameters(request))


def listing(monkeypatch, name, count):
    """Lets the search look at so many instances of one size, and at no other."""

    def short(situation, problem, resources, offers, place):
        offer = next(one for one in offers if one.instance_type == name)
        return launches_of({offer: count}, place.zones)

    monkeypatch.setattr(deciding, "shortlist", short)


def two_half_empty_nodes(**requirements):
    """Two nodes of 4 CPU for 0.20 USD, each with a pod of 1.5 CPU; a node of 2 CPU costs 0.05."""
    return a_situation(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a", cpu=1.5),
        a_pod("web-2", on="node-b", cpu=1.5),
        market=a_market("0.05", "0.20", "0.40"),
        **requirements,
    )


@pytest.mark.parametrize(("listed", "count"), [("m7i.xlarge", 3), ("m7i.large", 1)])
def test_what_the_search_did_not_look_at_cannot_undercut_the_bound(monkeypatch, listed, count):
    """Two nodes of 2 CPU would do for 0.10. Where only nodes of 4 CPU are looked at, 3 CPU of 4
    cost at least 0.15; where one node of 2 CPU is, the other pod needs a node of 4 CPU."""
    listing(monkeypatch, listed, count)
    decision = decide(two_half_empty_nodes())

    of_the_list = WholeNodes(decision.cluster.problem).relaxed(0.0).bound_micro_usd

    assert of_the_list > 100_000
    assert decision.bound_micro_usd == 100_000
    assert decision.cluster.problem.cost_of(decision.packing.kept) == 200_000


def test_the_whole_list_leads_to_the_bound():
    decision = decide(two_half_empty_nodes())

    assert decision.cluster.problem.cost_of(decision.packing.kept) == 100_000
    assert decision.bound_micro_usd == 100_000


def test_an_exchange_that_does_not_pay_stays_possible_in_the_bound():
    """The exchange saves 0.30 of the 0.40 that it replaces, which is less than all of it; so one
    node of 4 CPU stays, and the cost of 0.10 remains what no plan can be below."""
    decision = decide(two_half_empty_nodes(min_launch_saving_percent=100))

    assert decision.launches == ()
    assert decision.cluster.problem.cost_of(decision.packing.kept) == 200_000
    assert decision.bound_micro_usd == 100_000


def a_small_situation(seed):
    """Up to three nodes in one zone with up to seven pods, and prices without any order."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 4))
    nodes = [a_node(f"node-{row}") for row in range(count)]
    pods = [
        a_pod(
            f"web-{row}-{pod}",
            on=f"node-{row}",
            cpu=float(rng.choice((0.5, 0.9, 1.2, 1.7))),
            gib=float(rng.choice((0.5, 2, 5))),
        )
        for row in range(count)
        for pod in range(int(rng.integers(0, 3)))
    ]
    usd = [str(round(float(rng.uniform(0.02, 0.4)), 3)) for _ in NAMES]
    return a_situation(*nodes, *pods, market=a_market(*usd))


def optimum(situation):
    """The least cost of nodes that stay and up to three of each size."""
    market = _market(situation)
    launches = launches_of(dict.fromkeys(market.offers, 3), market.place.zones)
    added = new_nodes(situation.state, market.place, launches)
    problem = build_problem(situation, launches, added).problem
    best = problem.present_cost
    for choice in product((False, True), repeat=len(problem.cost)):
        kept = np.array(choice) | ~problem.is_flexible
        is_better = problem.cost_of(kept) < best and problem.limits_hold(kept)
        if is_better and fits(problem, kept):
            best = problem.cost_of(kept)
    return best


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("listed", NAMES)
def test_no_bound_is_above_the_optimum_over_all_offers(seed, listed, monkeypatch):
    situation = a_small_situation(seed)
    best = optimum(situation)
    listing(monkeypatch, listed, 1)

    decision = decide(situation)

    assert 0 <= decision.bound_micro_usd <= best
