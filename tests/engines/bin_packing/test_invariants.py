"""What holds of every answer, whatever the cluster."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.plan import CordonNode, DrainNode, TerminateInstance, WaitForPods
from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.state import compile_state
from engines.cost import node_cost_per_hour
from engines.placement_check import check_placement
from tests.builders import NOW, a_document
from tests.engines.bin_packing.builders import (
    WHOLE_MARKET,
    applied,
    ask,
    moves,
    reasons,
    removed,
    rounds_until_rest,
)
from tests.engines.bin_packing.clusters import clusters

modes = st.sampled_from(("consolidate", "replace", "rebalance"))


def answer(objects, **requirements):
    state = compile_state(a_document(*objects, **WHOLE_MARKET))
    return state, ask(state, **requirements)


@settings(max_examples=25, deadline=None)
@given(clusters, modes)
def test_every_node_is_advised_or_has_a_reason(objects, mode):
    state, response = answer(objects, mode=mode)

    named = [*removed(response), *reasons(response)]
    assert sorted(named) == sorted(state.cluster.nodes.names)
    assert all(one.message for one in response.skipped)


@settings(max_examples=25, deadline=None)
@given(clusters)
def test_the_placement_passes_the_independent_checker(objects):
    """Asked once more from outside, with what the answer says and nothing else."""
    state, response = answer(objects)

    targets = {pod: to for pod, (_, to) in moves(response).items()}
    assert check_placement(state.cluster, targets, removed=removed(response)) == ()
    assert targets == response.evidence["placement"]


@settings(max_examples=25, deadline=None)
@given(clusters, modes)
def test_savings_are_the_difference_of_two_bills(objects, mode):
    state, response = answer(objects, mode=mode)

    costs = dict(zip(state.cluster.nodes.names, node_cost_per_hour(state, NOW), strict=True))
    gone = sum((to_usd(int(costs[name])) for name in removed(response)), Decimal(0))
    launched = sum(
        (
            one.recommended["usd_per_hour"]
            for one in response.recommendations
            if one.action == "launch_instance"
        ),
        Decimal(0),
    )
    assert response.estimated_savings == (gone - launched) * HOURS_PER_MONTH
    assert response.estimated_savings == sum(
        (one.savings_usd_month for one in response.recommendations), Decimal(0)
    )
    assert response.estimated_savings >= 0


@settings(max_examples=25, deadline=None)
@given(clusters, modes)
def test_no_pod_moves_twice_and_no_batch_exceeds_a_budget(objects, mode):
    state, response = answer(objects, mode=mode)

    moved = [move.pod for one in response.recommendations for move in one.moves]
    assert len(moved) == len(set(moved))
    pods = {pod.key: pod for pod in state.cluster.pods.items}
    for batch in batches(response.execution_plan):
        spent = Counter(
            pods[move.pod].metadata.labels["app"]
            for one in response.recommendations
            if one.node in batch
            for move in one.moves
        )
        for pdb in state.cluster.pdbs:
            app = pdb.spec.selector.match_labels["app"]
            assert spent[app] <= pdb.status.disruptions_allowed


def batches(plan):
    """The nodes that are drained between one wait and the next."""
    together = [set()]
    for step in plan:
        if isinstance(step, DrainNode):
            together[-1].add(step.node)
        elif isinstance(step, WaitForPods):
            together.append(set())
    return together


@settings(max_examples=25, deadline=None)
@given(clusters, modes)
def test_every_zone_keeps_a_node(objects, mode):
    state, response = answer(objects, mode=mode)

    zones = dict(zip(state.cluster.nodes.names, state.cluster.nodes.zones, strict=True))
    kept = {zones[name] for name in zones if name not in removed(response)}
    launched = {
        one.subject.availability_zone
        for one in response.recommendations
        if one.action == "launch_instance"
    }
    assert kept | launched == set(zones.values())


@settings(max_examples=25, deadline=None)
@given(clusters, modes)
def test_each_node_that_goes_is_cordoned_drained_and_terminated_once(objects, mode):
    _, response = answer(objects, mode=mode)

    for kind in (CordonNode, DrainNode, TerminateInstance):
        named = [step.node for step in response.execution_plan if isinstance(step, kind)]
        assert sorted(named) == sorted(removed(response))


@settings(max_examples=25, deadline=None)
@given(clusters, modes, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(objects, mode, random):
    shuffled = random.sample(objects, len(objects))

    _, first = answer(objects, mode=mode)
    _, second = answer(shuffled, mode=mode)

    assert msgspec.json.encode(first) == msgspec.json.encode(second)


@settings(max_examples=25, deadline=None)
@given(clusters)
def test_applied_and_asked_again_it_comes_to_rest_within_four_rounds(objects):
    assert rounds_until_rest(*objects) <= 4


@settings(max_examples=20, deadline=None)
@given(clusters)
def test_what_is_applied_costs_what_was_promised(objects):
    document = a_document(*objects, **WHOLE_MARKET)
    response = ask(compile_state(document))

    after = compile_state(applied(document, response))

    cost = Decimal(int(node_cost_per_hour(after, NOW).sum())) / 1_000_000
    assert cost == response.evidence["cost"]["after_usd_per_hour"]
    assert cost >= response.evidence["cost"]["lower_bound_usd_per_hour"]


@pytest.mark.parametrize("name", ["mode", "utilisation_threshold"])
def test_a_bad_parameter_is_refused_by_name(name):
    with pytest.raises(InvalidInputError, match="requirements"):
        answer([], **{name: "everything"})
