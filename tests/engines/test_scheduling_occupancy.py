"""Moving pods about: what stays true of an occupancy, whatever is placed, removed or closed.

The clusters are made by hypothesis from a few words, so that rules meet.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.scheduling import Occupancy, build_context, can_run, feasible_nodes, why_not
from tests.builders import a_cluster, a_node, a_pod
from tests.engines.scheduling_clusters import NODES, clusters, objects_of, pods
from tests.engines.scheduling_questions import nodes_in, occupancy_of, row_of

ZONE = "topology.kubernetes.io/zone"

moves = st.lists(
    st.tuples(
        st.sampled_from(("place", "remove", "cordon", "uncordon", "take_away", "add")),
        st.integers(0, 6),
        st.integers(0, len(NODES) - 1),
    ),
    max_size=12,
)


def play(occupancy: Occupancy, script: list[tuple[str, int, int]]) -> None:
    """Do the moves that are possible, skip the others."""
    for verb, pod, node in script:
        is_placed = pod < len(occupancy.node_of) and occupancy.node_of[pod] >= 0
        if verb in ("place", "remove"):
            if verb == "remove" and is_placed:
                occupancy.remove(pod)
            can_place = pod < len(occupancy.node_of) and occupancy.present[node]
            if verb == "place" and not is_placed and can_place:
                occupancy.place(pod, node)
        else:
            getattr(occupancy, verb)(node)


def verdicts(occupancy: Occupancy) -> dict[tuple[int, int], tuple[Any, ...]]:
    """All refusals of all pods that are not placed, on all nodes."""
    return {
        (pod, node): why_not(pod, node, occupancy)
        for pod, placed in enumerate(occupancy.node_of)
        if placed < 0
        for node in range(len(NODES))
    }


@settings(max_examples=80, deadline=None)
@given(cluster=clusters, script=moves)
def test_the_mask_of_all_nodes_and_the_single_questions_agree(cluster, script):
    occupancy = Occupancy(build_context(cluster))

    play(occupancy, script)

    for pod, placed in enumerate(occupancy.node_of):
        if placed < 0:
            mask = feasible_nodes(pod, occupancy).tolist()
            assert mask == [not why_not(pod, node, occupancy) for node in range(len(NODES))]
            assert mask == [can_run(pod, node, occupancy) for node in range(len(NODES))]


@settings(max_examples=80, deadline=None)
@given(cluster=clusters, script=moves)
def test_after_any_moves_the_sums_are_those_of_a_fresh_start(cluster, script):
    """Whatever way a placement was reached, the rules see it alike."""
    context = build_context(cluster)
    moved = Occupancy(context)
    play(moved, script)

    fresh = Occupancy(context)
    for pod, node in enumerate(fresh.node_of):
        if node >= 0:
            fresh.remove(pod)
    for node in range(len(NODES)):
        (fresh.cordon if moved.cordoned[node] else fresh.uncordon)(node)
        if not moved.present[node]:
            fresh.take_away(node)
    for pod, node in enumerate(moved.node_of):
        if node >= 0:
            fresh.place(pod, node)

    assert np.array_equal(fresh.free, moved.free)
    assert np.array_equal(fresh.cells, moved.cells)
    assert np.array_equal(fresh.counted_nodes, moved.counted_nodes)
    assert verdicts(fresh) == verdicts(moved)


@settings(max_examples=30, deadline=None)
@given(cluster=clusters, script=moves)
def test_a_copy_goes_its_own_way(cluster, script):
    occupancy = Occupancy(build_context(cluster))
    before = verdicts(occupancy)

    play(occupancy.copy(), script)

    assert verdicts(occupancy) == before


@settings(max_examples=30, deadline=None)
@given(drawn=st.lists(pods, min_size=2, max_size=6), shuffled=st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(drawn, shuffled):
    objects = objects_of(drawn)
    another_order = objects.copy()
    shuffled.shuffle(another_order)

    forwards = verdicts(Occupancy(build_context(a_cluster(*objects))))
    otherwise = verdicts(Occupancy(build_context(a_cluster(*another_order))))

    assert forwards == otherwise


# --- by hand ---


def test_a_node_that_is_not_bought_yet_takes_nobody_until_it_is_added():
    pod = a_pod("new")
    occupancy = occupancy_of(a_node(), a_node("node-b"), pod, absent=("node-b",))

    before = nodes_in(pod, occupancy)
    with pytest.raises(ValueError, match="node node-b is not there; add it first"):
        occupancy.place(0, 1)
    occupancy.add(1)
    after = nodes_in(pod, occupancy)

    assert (before, after) == (["node-a"], ["node-a", "node-b"])


def test_a_node_that_is_taken_away_takes_its_pods_and_its_domain_along():
    """With node-b gone its zone no longer holds the spread back: 2 - 1 instead of 2 - 0."""
    constraint = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    pod = a_pod("new", spec={"topologySpreadConstraints": [constraint]})
    occupancy = occupancy_of(
        pod,
        a_node(),
        a_node("node-b", zone="us-east-1b", max_pods=1),
        a_pod("old", on="node-a"),
        a_pod("other", on="node-b", labels={"app": "other"}),
    )

    before = nodes_in(pod, occupancy)
    gone = occupancy.take_away(1)

    assert before == []
    assert gone == (row_of("shop/other", occupancy),)
    assert nodes_in(pod, occupancy) == ["node-a"]
    occupancy.add(1)
    assert nodes_in(pod, occupancy) == ["node-b"]


def test_a_cordon_closes_a_node_and_can_be_lifted():
    pod = a_pod("new")
    occupancy = occupancy_of(pod, a_node(), a_node("node-b", unschedulable=True))

    occupancy.cordon(0)
    closed = nodes_in(pod, occupancy)
    occupancy.uncordon(1)

    assert (closed, nodes_in(pod, occupancy)) == ([], ["node-b"])


def test_a_rule_that_honours_taints_looks_away_from_a_cordoned_node_and_its_pods():
    """Zone a holds 1 pod, zone b 2 on node-b and none on node-c: only a may grow. With node-b
    cordoned zone b holds 0, so only node-c may grow; with node-c cordoned too, a is all there is.
    """
    constraint = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
        "nodeTaintsPolicy": "Honor",
    }
    pod = a_pod("new", spec={"topologySpreadConstraints": [constraint]})
    occupancy = occupancy_of(
        pod,
        *(a_node(), a_node("node-b", zone="us-east-1b"), a_node("node-c", zone="us-east-1b")),
        *(a_pod("x", on="node-a"), a_pod("y", on="node-b"), a_pod("z", on="node-b")),
    )

    before = nodes_in(pod, occupancy)
    occupancy.cordon(1)
    with_b_closed = nodes_in(pod, occupancy)
    occupancy.cordon(2)
    with_both_closed = nodes_in(pod, occupancy)
    occupancy.uncordon(1)
    occupancy.uncordon(2)

    assert (before, with_b_closed, with_both_closed) == (["node-a"], ["node-c"], ["node-a"])
    assert nodes_in(pod, occupancy) == ["node-a"]


def test_placing_twice_and_removing_what_is_not_there_are_errors():
    occupancy = occupancy_of(a_node(), a_pod("new"))

    with pytest.raises(ValueError, match="shop/new is not placed"):
        occupancy.remove(0)
    occupancy.place(0, 0)
    with pytest.raises(ValueError, match="shop/new is placed already"):
        occupancy.place(0, 0)

    assert occupancy.pods_on(0) == (0,)
    assert occupancy.remove(0) == 0
    assert occupancy.pods_on(0) == ()


def test_an_empty_cluster_has_no_node_for_anyone():
    occupancy = occupancy_of(a_pod("new"))

    assert feasible_nodes(0, occupancy).tolist() == []
