"""Nodes for pods: bought one after the other, and by patterns."""

import csv
import gzip
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.bin_packing.alike import share_out
from engines.bin_packing.assortment import Assortment, by_sums, in_smaller_sizes, whole_cost
from engines.bin_packing.buying import buy_in_turn
from engines.bin_packing.filling import classes_of, fill_in_turn
from engines.bin_packing.patterns import pack_patterns
from engines.bin_packing.purchase import cheapest_nodes

LARGE, SMALL = (8, 32, 58), (4, 16, 29)


def an_assortment(pods, nodes, *, most=None, open_to=None):
    """``pods``: (CPU, memory) and how many; ``nodes``: room and cost."""
    return Assortment(
        sizes=np.array([(cpu, memory, 1) for cpu, memory, _ in pods], np.int64),
        counts=np.array([count for _, _, count in pods], np.int64),
        rooms=np.array([room for room, _ in nodes], np.int64),
        cost=np.array([cost for _, cost in nodes], np.int64),
        most=np.array(most or [100] * len(nodes), np.int64),
        open_to=np.ones((len(nodes), len(pods)), np.bool_) if open_to is None else open_to,
    )


def assert_packed(assortment, nodes):
    """Every pod is placed once, no node is overfull or closed to a pod, none is bought too
    often."""
    placed = sum((taken for _, taken in nodes), np.zeros_like(assortment.counts))
    assert placed.tolist() == assortment.counts.tolist()
    for size, taken in nodes:
        assert (taken @ assortment.sizes <= assortment.rooms[size]).all()
        assert assortment.open_to[size, taken > 0].all()
    bought = np.bincount([size for size, _ in nodes], minlength=len(assortment.cost))
    assert (bought <= assortment.most).all()


def test_the_cheaper_size_for_its_room_is_bought():
    """Eight pods of 2 CPU and 8 GiB fill two large nodes for 2 x 19, or four small ones for 40."""
    assortment = an_assortment([(2, 8, 8)], [(LARGE, 19), (SMALL, 10)])

    nodes = buy_in_turn(assortment)

    assert_packed(assortment, nodes)
    assert assortment.cost_of(nodes) == 38


def test_the_last_pods_get_a_small_node():
    """Five pods: four fill a large node, the fifth needs no second one."""
    assortment = an_assortment([(2, 8, 5)], [(LARGE, 19), (SMALL, 10)])

    nodes = buy_in_turn(assortment)

    assert_packed(assortment, nodes)
    assert assortment.cost_of(nodes) == 29


def test_a_giant_gets_the_node_that_holds_it_and_others_fill_it_up():
    """The pod of 7 CPU needs a large node, dear as it is; one of 1 CPU goes beside it."""
    assortment = an_assortment([(7, 4, 1), (1, 4, 5)], [(LARGE, 100), (SMALL, 10)])

    nodes = buy_in_turn(assortment)

    assert_packed(assortment, nodes)
    assert assortment.cost_of(nodes) == 110


def test_no_more_nodes_are_bought_than_there_are():
    assortment = an_assortment([(2, 8, 8)], [(LARGE, 19), (SMALL, 10)], most=[1, 9])

    nodes = buy_in_turn(assortment)

    assert_packed(assortment, nodes)
    assert assortment.cost_of(nodes) == 39


def test_pods_that_fit_nowhere_are_left_out():
    assortment = an_assortment([(9, 1, 1), (2, 8, 4)], [(LARGE, 19)])

    nodes = buy_in_turn(assortment)

    assert [(size, taken.tolist()) for size, taken in nodes] == [(0, [0, 4])]


def test_a_node_that_is_closed_to_a_pod_does_not_take_it():
    """Two pods of the second class fill a small node for 30; the first class goes to a large one
    for 10."""
    closed = np.array([[True, False], [True, True]])
    assortment = an_assortment([(2, 8, 2), (2, 8, 2)], [(LARGE, 10), (SMALL, 30)], open_to=closed)

    plan = cheapest_nodes(assortment)

    assert_packed(assortment, plan.nodes)
    assert assortment.cost_of(plan.nodes) == 40


def test_a_node_becomes_the_cheapest_size_that_holds_its_pods():
    assortment = an_assortment([(2, 8, 3)], [(LARGE, 19), (SMALL, 10)], most=[3, 1])
    two, one = np.array([2]), np.array([1])

    changed = in_smaller_sizes(assortment, [(0, two), (0, one)], np.array([1, 1]))

    assert [size for size, _ in changed] == [1, 0]  # there is one small node only


def test_a_bound_becomes_the_next_sum_of_prices():
    """Prices of 40 and 60 make sums of 20s."""
    assortment = an_assortment([(2, 8, 3)], [(LARGE, 60), (SMALL, 40)])

    assert whole_cost(assortment, 100.1) == 120
    assert whole_cost(assortment, 100.0) == 100


def test_patterns_find_what_no_greedy_filling_does():
    """Ten CPU hold 5 + 5, or 4 + 3 + 3; 6 x 5 + 3 x 4 + 6 x 3 = 60: six nodes, all full."""
    assortment = an_assortment([(5, 1, 6), (4, 1, 3), (3, 1, 6)], [((10, 99, 99), 1)])

    plan = pack_patterns(assortment, buy_in_turn(assortment))

    assert_packed(assortment, plan.nodes)
    assert len(plan.nodes) == plan.bound_micro_usd == 6


def test_the_bound_of_patterns_knows_what_sums_do_not():
    """Three pods of 6 CPU need three nodes of 10, though 18 CPU would fill two."""
    assortment = an_assortment([(6, 1, 3)], [((10, 99, 99), 1)])

    assert (
        whole_cost(assortment, by_sums(assortment, assortment.counts, assortment.most).bound) == 2
    )
    assert cheapest_nodes(assortment).bound_micro_usd == 3


pods = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=3
)
sizes = st.lists(
    st.tuples(
        st.tuples(st.integers(3, 10), st.integers(3, 10), st.integers(1, 5)), st.integers(1, 9)
    ),
    min_size=1,
    max_size=3,
)


def least_cost(assortment):
    """By trying, for every set of pods, every node that could take some of them."""
    known = {}

    def cost(left):
        if not any(left):
            return 0
        if left not in known:
            first = next(kind for kind, count in enumerate(left) if count)
            options = [np.inf]
            for taken in product(*(range(count + 1) for count in left)):
                if not taken[first]:
                    continue
                asked = np.array(taken) @ assortment.sizes
                prices = assortment.cost[(asked <= assortment.rooms).all(axis=1)]
                if len(prices):
                    rest = tuple(a - b for a, b in zip(left, taken, strict=True))
                    options.append(int(prices.min()) + cost(rest))
            known[left] = min(options)
        return known[left]

    return cost(tuple(assortment.counts.tolist()))


@settings(max_examples=40, deadline=None)
@given(pods, sizes)
def test_no_plan_is_cheaper_than_the_bound_and_every_pod_has_its_place(pods, sizes):
    assortment = an_assortment(pods, sizes)
    best = least_cost(assortment)

    plan = cheapest_nodes(assortment)

    if np.isfinite(best):
        assert_packed(assortment, plan.nodes)
        assert plan.bound_micro_usd <= best <= assortment.cost_of(plan.nodes)
        sums = by_sums(assortment, assortment.counts, assortment.most).bound
        assert plan.bound_micro_usd >= sums * (1 - 1e-6)


@settings(max_examples=30, deadline=None)
@given(pods, st.integers(1, 6), st.randoms(use_true_random=False))
def test_sharing_out_does_not_depend_on_the_order_of_the_pods(pods, nodes, random):
    requests = np.repeat([(cpu, gib, 1) for cpu, gib, _ in pods], [one[2] for one in pods], axis=0)
    order = np.array(random.sample(range(len(requests)), len(requests)))

    first, left = shared(requests, nodes)
    second, left_again = shared(requests[order], nodes)

    if first is None:
        assert second is None
    else:
        assert (left >= 0).all()
        assert (left == left_again).all()
        for size in np.unique(requests, axis=0):
            is_one, is_one_there = (one == size for one in (requests, requests[order]))
            where = first[is_one.all(axis=1)]
            assert sorted(where) == sorted(second[is_one_there.all(axis=1)])


def shared(requests, nodes):
    room = np.tile(np.array([10, 10, 5], np.int64), (nodes, 1))
    kind, everywhere = np.zeros(len(requests), np.int64), np.ones((1, nodes), np.bool_)
    target = share_out(requests, kind, everywhere, room, np.arange(nodes))
    return target, room


def test_six_full_nodes_are_enough_where_filling_in_turn_would_need_a_seventh():
    """The pods of ``test_patterns_find_what_no_greedy_filling_does``, on the six nodes there
    are."""
    requests = np.repeat([(5, 1, 1), (4, 1, 1), (3, 1, 1)], (6, 3, 6), axis=0)
    kind, everywhere = np.zeros(15, np.int64), np.ones((1, 6), np.bool_)
    room = np.tile(np.array([10, 99, 99], np.int64), (6, 1))

    target = share_out(requests, kind, everywhere, room, np.arange(6))

    assert (target >= 0).all()
    assert room[:, 0].tolist() == [0] * 6


def test_sharing_out_is_left_to_others_where_sums_say_no():
    room = np.array([(10, 10, 10)], np.int64)

    found = share_out(
        np.array([(6, 1, 1), (6, 1, 1)]),
        np.zeros(2, np.int64),
        np.ones((1, 1), np.bool_),
        room,
        np.arange(1),
    )

    assert found is None
    assert room.tolist() == [[10, 10, 10]]


def share(requests, room, kind=None, open_to=None):
    """Where ``share_out`` puts the pods, and what room is left."""
    room = np.array(room, np.int64)
    target = share_out(
        np.array(requests, np.int64),
        np.zeros(len(requests), np.int64) if kind is None else np.array(kind),
        np.ones((1, len(room)), np.bool_) if open_to is None else np.array(open_to),
        room,
        np.arange(len(room)),
    )
    return None if target is None else target.tolist(), room.tolist()


def test_a_pod_without_room_is_left_over_and_the_others_are_not():
    """Two nodes of 5 CPU have 10 together, and none has 6."""
    target, room = share([(6, 1, 1), (4, 1, 1)], [(5, 5, 5), (5, 5, 5)])

    assert target[0] == -1
    assert target[1] in {0, 1}
    assert sorted(room) == [[1, 4, 4], [5, 5, 5]]


def test_pods_that_ask_for_nothing_take_a_place_each():
    target, room = share([(0, 0, 1)] * 3, [(5, 5, 1), (5, 5, 2)])

    assert sorted(target) == [0, 1, 1]
    assert room == [[5, 5, 0], [5, 5, 0]]


def test_a_pod_goes_only_where_its_kind_may_run():
    target, room = share(
        [(2, 1, 1), (2, 1, 1)],
        [(5, 5, 5), (5, 5, 5)],
        kind=[0, 1],
        open_to=[[False, True], [False, False]],
    )

    assert target == [1, -1]
    assert room == [[5, 5, 5], [3, 4, 4]]


def test_up_to_forty_classes_of_pods_are_shared_out():
    def classes(count):
        return [(cpu, 1, 1) for cpu in range(1, count + 1)]

    assert share(classes(40), [(820, 99, 99)])[0] == [0] * 40
    assert share(classes(41), [(861, 99, 99)])[0] is None


def test_up_to_twelve_sizes_of_nodes_are_shared_out():
    def rooms(count):
        return [(cpu, 9, 9) for cpu in range(1, count + 1)]

    assert share([(12, 1, 1)], rooms(12))[0] == [11]
    assert share([(12, 1, 1)], rooms(13))[0] is None


def test_a_filled_node_exchanges_small_pods_for_what_fills_it():
    """Greedily 6 and 3 of 10 CPU; 6 and 4, or 3, 3 and 4, fill it."""
    requests = np.array([(6, 1, 1), (3, 1, 1), (3, 1, 1), (4, 1, 1)])
    room = np.array([(10, 10, 10), (6, 10, 10)], np.int64)

    target = fill_in_turn(
        requests, np.zeros(4, np.int64), np.ones((1, 2), np.bool_), room, np.arange(2)
    )

    assert (target >= 0).all()
    assert room[:, 0].tolist() == [0, 0]


def test_a_node_takes_pods_in_the_mixture_that_is_wanted():
    """One of each leaves 4 and 4; two that want CPU would leave none of it and 8 of memory."""
    requests = np.repeat([(5, 1, 1), (1, 5, 1)], (3, 3), axis=0)
    room = np.array([(10, 10, 10)], np.int64)

    target = fill_in_turn(
        requests, np.zeros(6, np.int64), np.ones((1, 1), np.bool_), room, np.arange(1)
    )

    assert (target >= 0).sum() == 2
    assert room.tolist() == [[4, 4, 8]]


def test_the_cpu_pods_of_a_public_trace_fill_all_but_one_percent_of_the_nodes(shared_data):
    """1,088 pods ask for 199.98 nodes of 96 cores; 202 are within one percent."""
    path = shared_data / "cluster_packing" / "openb_pods_default.csv.gz"
    with gzip.open(path, "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if int(row["num_gpu"]) == 0]
    requests = np.array([(int(row["cpu_milli"]), int(row["memory_mib"]), 1) for row in rows])
    classes = classes_of(requests, np.zeros(len(requests), np.int64))
    assortment = Assortment(
        sizes=classes.sizes,
        counts=classes.counts,
        rooms=np.array([(96_000, 393_216, 1_000)], np.int64),
        cost=np.array([1], np.int64),
        most=np.array([300], np.int64),
        open_to=np.ones((1, len(classes.sizes)), np.bool_),
    )

    plan = cheapest_nodes(assortment)

    assert_packed(assortment, plan.nodes)
    assert len(plan.nodes) <= 202
    assert plan.bound_micro_usd >= 200
