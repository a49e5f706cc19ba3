"""Large clusters: one node more goes, and another, while all others stay as they are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.packing_clusters import packing_request, packing_state
from engines.bin_packing import decision, recommend_packing
from engines.bin_packing.cluster import ClusterPacker, build_problem
from engines.bin_packing.descent import descend
from engines.bin_packing.parameters import read_parameters
from engines.bin_packing.situation import read_situation
from engines.bin_packing.tidying import seats_of, tidy
from engines.contracts.results import DecisionType
from engines.contracts.state import compile_state
from engines.placement_check import check_placement
from tests.builders import a_document, a_node, a_pod, a_request
from tests.engines.bin_packing.builders import MARKET, removed
from tests.engines.bin_packing.clusters import ZONE, clusters, spread

ANY_NODE = {"utilization_threshold": 1.0, "disruption_threshold": 0, "rehearse": False}
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def together(app):
    """Affinity to its own kind, by zone."""
    term = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": app}}}
    return {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def loosely(app):
    """A spread in which two pods more than elsewhere are borne."""
    rules = spread(app)["topologySpreadConstraints"][0] | {"maxSkew": 2}
    return {"topologySpreadConstraints": [rules]}


def counted(app):
    """No rule of its own; ``spread`` pods of the same app count it."""
    del app
    return {}


def more_pods(drawn):
    """Pods of two more apps, whose rules are mixed."""
    return [
        a_pod(
            f"more-{number}",
            on=f"node-{place}",
            cpu=0.25,
            gib=0.5,
            labels={"app": app},
            owner=("ReplicaSet", app),
            spec=rule(app),
        )
        for number, (place, app, rule) in enumerate(drawn)
    ]


mixed = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(("x", "y")),
        st.sampled_from((together, loosely, spread, counted)),
    ),
    max_size=8,
).map(more_pods)


def the_problem(objects):
    """A cluster's problem, any node of which may go."""
    state = compile_state(a_document(*objects, **MARKET))
    request = a_request(state, decision_type=DecisionType.BIN_PACK, requirements=ANY_NODE)
    return state, build_problem(read_situation(request, read_parameters(request)))


@settings(max_examples=60, deadline=None)
@given(clusters, mixed)
def test_what_is_left_in_the_end_passes_the_independent_checker(objects, more):
    state, cluster = the_problem([*objects, *more])
    packer, problem = ClusterPacker(cluster), cluster.problem

    end = descend(cluster, packer, packer.pack(~problem.is_new))

    items, names = state.cluster.pods.items, state.cluster.nodes.names
    pairs = zip(cluster.pods[end.movers].tolist(), end.target.tolist(), strict=True)
    placement = {items[pod].key: names[node] for pod, node in pairs}
    gone = [names[row] for row in np.flatnonzero(~end.kept).tolist()]
    assert check_placement(state.cluster, placement, removed=gone) == ()
    assert problem.limits_hold(end.kept)
    room = np.where(end.kept[:, None], problem.room, 0)
    np.subtract.at(room, end.target, problem.requests[end.movers])
    assert (room == end.room).all()


@settings(max_examples=25, deadline=None)
@given(clusters, mixed, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(objects, more, random):
    everything = [*objects, *more]
    shuffled = random.sample(everything, len(everything))
    ends = []
    for some in (everything, shuffled):
        state, cluster = the_problem(some)
        packer = ClusterPacker(cluster)
        end = descend(cluster, packer, packer.pack(~cluster.problem.is_new))
        names, items = state.cluster.nodes.names, state.cluster.pods.items
        pods = [items[row].key for row in cluster.pods[end.movers].tolist()]
        targets = [names[row] for row in end.target.tolist()]
        ends.append((end.kept.tolist(), pods, targets, end.room.tolist()))

    assert ends[0] == ends[1]


def test_nodes_go_until_no_pods_find_room():
    """Four nodes of 4 CPUs in one zone; their pods ask for 2, 1.5, 1 and 1: two nodes go, for two
    that stay hold 5.5 CPUs of 8, and one does not hold them."""
    names = ("node-0", "node-1", "node-2", "node-3")
    sizes = (2, 1.5, 1, 1)
    objects = [
        *(a_node(name, cpu=4, gib=16, zone=ZONES[0]) for name in names),
        *(
            a_pod(f"app-{name}", on=name, cpu=cpu, gib=1, owner=("ReplicaSet", "app"))
            for name, cpu in zip(names, sizes, strict=True)
        ),
    ]
    _, cluster = the_problem(objects)
    packer = ClusterPacker(cluster)

    end = descend(cluster, packer, packer.pack(~cluster.problem.is_new))

    assert int(end.kept.sum()) == 2
    assert end.is_complete


def test_free_room_is_gathered_in_the_mixture_that_pods_ask_for():
    """Two rooms of (4, 4). On one are pods of (3, 1) and (1, 1), on the other of (1, 3): free are
    (0, 2) and (3, 1), together 0 x 2 + 3 x 1 = 3. With (1, 1) on the other node, too, it is
    (1, 3) and (2, 0): 3, no gain. With (3, 1) beside (1, 3) it is (3, 3) and (0, 0): 9."""
    requests = np.array([[3, 1], [1, 1], [1, 3]], np.int64)
    target = np.array([0, 0, 1], np.int64)
    room = np.array([[0, 2], [3, 1]], np.int64)
    seats = seats_of(
        requests, np.zeros(3, np.int64), np.ones((1, 2), np.bool_), target, room, np.ones(2)
    )

    tidy(seats, 2)

    assert sorted(room.tolist()) == [[0, 0], [3, 3]]
    assert target[0] == target[2] != target[1]


def test_pods_stay_off_nodes_that_they_may_not_use():
    requests = np.array([[3, 1], [1, 1], [1, 3]], np.int64)
    target = np.array([0, 0, 1], np.int64)
    room = np.array([[0, 2], [3, 1]], np.int64)
    own_node = np.array([[True, False], [False, True]])
    seats = seats_of(requests, np.array([0, 0, 1], np.int64), own_node, target, room, np.ones(2))

    tidy(seats, 2)

    assert target.tolist() == [0, 0, 1]
    assert room.tolist() == [[0, 2], [3, 1]]


def test_a_large_cluster_saves_nearly_all_that_is_possible(monkeypatch):
    """Sixty nodes take the way of large clusters; none is lost by it."""
    state = packing_state(60, 7)
    quick = recommend_packing(packing_request(state, **ANY_NODE))
    monkeypatch.setattr(decision, "LARGE_CLUSTER", 0)

    response = recommend_packing(packing_request(state, **ANY_NODE))

    shares = [one.evidence["cost"]["share_of_possible_saving"] for one in (quick, response)]
    assert shares[1] >= shares[0]
    assert shares[1] >= 0.9
    targets = response.evidence["placement"]
    assert check_placement(state.cluster, targets, removed=removed(response)) == ()
