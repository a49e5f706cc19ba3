"""What the scheduler would do with a pod: the node it prefers, whom it throws out, what it says.

Every node has 4 vCPU and 16 GiB; every pod asks for 1 vCPU and 1 GiB unless a test says so.
Scores are 0 to 100 and worked out by hand.
"""

import numpy as np
import pytest

from engines.scheduling import (
    Occupancy,
    Preemption,
    Scorer,
    choose_node,
    failure_message,
    plan_preemption,
)
from tests.builders import a_node, a_pod, a_workload, an_object
from tests.engines.scheduling_questions import node_row, occupancy_of, row_of

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
HIGH = {"priority": 1000}


def scored(part, pod, occupancy):
    """The part of the score for all nodes."""
    nodes = np.arange(len(occupancy.context.nodes))
    scorer = Scorer(occupancy.context)
    return getattr(scorer, part)(row_of(pod, occupancy), occupancy, nodes).tolist()


def chosen(pod, *others):
    """The name of the node that the scheduler would choose, or None."""
    occupancy = occupancy_of(pod, *others)
    node = choose_node(row_of(pod, occupancy), occupancy)
    return None if node is None else occupancy.context.nodes.names[node]


# --- scores ---


def test_the_emptier_node_scores_higher():
    """node-a: cpu (4 - 2 - 1) / 4 = 25, memory (16 - 8 - 1) / 16 = 43.75 -> 43; (25 + 43) / 2 = 34.
    node-b: cpu 3 / 4 = 75, memory 15 / 16 = 93.75 -> 93; (75 + 93) / 2 = 84."""
    pod = a_pod("new")
    occupancy = occupancy_of(pod, a_node(), a_node("node-b"), a_pod("o", on="node-a", cpu=2, gib=8))

    assert scored("least_allocated", pod, occupancy) == [34, 84]
    assert choose_node(row_of(pod, occupancy), occupancy) == 1


def test_containers_that_ask_for_nothing_are_scored_as_if_they_asked_for_a_little():
    """100m of 4 vCPU leaves 97.5 -> 97; 200 MiB of 16 GiB leaves 98.7 -> 98; the mean is 97."""
    silent = {"containers": [{"name": "c"}]}
    pod = a_pod("new", spec=silent)
    occupancy = occupancy_of(pod, a_node(), a_node("node-b"), a_pod("o", on="node-b", spec=silent))

    assert scored("least_allocated", pod, occupancy) == [97, 96]


def test_even_use_of_cpu_and_memory_scores_higher():
    """node-a: cpu 3/4, memory 2/16: |0.75 - 0.125| / 2 = 0.3125 -> 68.
    node-b: cpu 1/4, memory 4/16 -> 100."""
    pod = a_pod("new")
    others = (a_pod("x", on="node-a", cpu=2), a_pod("y", on="node-b", cpu=0, gib=3))
    occupancy = occupancy_of(pod, a_node(), a_node("node-b"), *others)

    assert scored("balanced_allocation", pod, occupancy) == [68, 100]


def test_balance_is_not_scored_for_pods_without_requests():
    pod = a_pod("new", spec={"containers": [{"name": "c"}]})

    assert scored("balanced_allocation", pod, occupancy_of(pod, a_node())) == [0]


def test_taints_that_only_discourage_lower_the_score():
    """Two, one and no such taints: 100 - 100, 100 - 50, 100 - 0."""
    pod = a_pod("new")
    nodes = (
        a_node(taints=("a:PreferNoSchedule", "b:PreferNoSchedule")),
        a_node("node-b", taints=("a:PreferNoSchedule",)),
        a_node("node-c"),
    )

    assert scored("taints", pod, occupancy_of(pod, *nodes)) == [0, 50, 100]
    assert chosen(pod, *nodes) == "node-c"


def test_a_discouraging_taint_that_is_tolerated_does_not_count():
    tolerant = a_pod("new", spec={"tolerations": [{"key": "a", "operator": "Exists"}]})
    hard_only = a_pod("new", spec={"tolerations": [{"operator": "Exists", "effect": "NoSchedule"}]})
    nodes = (a_node(taints=("a:PreferNoSchedule",)), a_node("node-b"))

    assert scored("taints", tolerant, occupancy_of(tolerant, *nodes)) == [100, 100]
    assert scored("taints", hard_only, occupancy_of(hard_only, *nodes)) == [0, 100]


def test_preferred_node_affinity_adds_up_and_is_stretched():
    """60 + 20 = 80 is the most, so 100; 20 becomes 25; an empty preference matches nothing."""
    preferred = [
        {"weight": 60, "preference": expression("disk", "ssd")},
        {"weight": 20, "preference": expression(ZONE, "us-east-1a")},
        {"weight": 90, "preference": {}},
    ]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    pod = a_pod("new", spec={"affinity": affinity})
    nodes = (
        a_node(),
        a_node("node-b", labels={"disk": "ssd"}),
        a_node("node-c", zone="us-west-2a"),
    )

    assert scored("node_affinity", pod, occupancy_of(pod, *nodes)) == [25, 100, 0]


def expression(key, value):
    return {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}


def test_soft_spread_prefers_the_domain_with_fewer_pods():
    """Two zones weigh ln(2 + 2) = 1.386: 2 pods are 2.77 -> 3, none 0; then (3 + 0 - s) / 3."""
    soft = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    pod = a_pod("new", spec={"topologySpreadConstraints": [soft]})
    nodes = (a_node(), a_node("node-b", zone="us-east-1b"), a_node("node-c", labels={ZONE: None}))
    old = (a_pod("x", on="node-a"), a_pod("y", on="node-a"))

    assert scored("spread", pod, occupancy_of(pod, *nodes, *old)) == [0, 100, 0]


def test_soft_spread_counts_neither_leaving_pods_nor_nodes_that_the_selector_shuts_out():
    """Zone a: one pod on an ssd node (ln 4 = 1.386 -> 1) and three that do not count. Zone b: one
    on an ssd node. Equal scores of 1 are 100 * (1 + 1 - 1) / 1."""
    soft = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    spec = {"topologySpreadConstraints": [soft], "nodeSelector": {"disk": "ssd"}}
    ssd = {"disk": "ssd"}
    nodes = (a_node(labels=ssd), a_node("node-b", zone="us-east-1b", labels=ssd), a_node("node-c"))
    leaving = {"deletionTimestamp": "2026-08-03T12:00:00Z"}
    old = (
        a_pod("a", on="node-a"),
        a_pod("b", on="node-b"),
        a_pod("c", on="node-c"),
        a_pod("d", on="node-c"),
        a_pod("e", on="node-a", metadata=leaving),
    )
    pod = a_pod("new", spec=spec)
    occupancy = occupancy_of(pod, *nodes, *old)

    scores = Scorer(occupancy.context).spread(row_of(pod, occupancy), occupancy, np.array([0, 1]))

    assert scores.tolist() == [100, 100]


@pytest.mark.parametrize("group", ["service", "replica set"])
def test_pods_of_one_service_or_owner_are_spread_by_default(group):
    """Host: ln 4 = 1.386 times 1 pod, plus 3 - 1; zone: 1.386 times 1, plus 5 - 1: 8.77 -> 9.
    The empty node: 2 + 4 = 6. The better one gets 100 * (9 + 6 - 6) / 9 = 100, the other 66."""
    service = an_object(
        "Service",
        {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}},
    )
    owner = a_workload("web", kind="ReplicaSet")
    pod = a_pod("new", owner=("ReplicaSet", "web") if group == "replica set" else None)
    nodes = (a_node(), a_node("node-b", zone="us-east-1b"))
    bystander = service if group == "service" else owner
    occupancy = occupancy_of(pod, *nodes, a_pod("old", on="node-a"), bystander)

    assert scored("spread", pod, occupancy) == [66, 100]


def test_a_pod_of_no_group_is_not_spread_by_default():
    pod = a_pod("new", owner=None)

    assert scored("spread", pod, occupancy_of(pod, a_node(), a_pod("old", on="node-a"))) == [0]


def test_wishes_about_neighbours_count_both_ways():
    """node-a: the pod likes the one there (+50). node-b: the one there dislikes the pod (-30).
    From -30 to 50 stretched to 0 .. 100: 100, 0 and (0 + 30) / 80 = 37.5 -> 37."""
    likes = {"podAffinity": soft_term("db", 50)}
    dislikes = {"podAntiAffinity": soft_term("web", 30)}
    pod = a_pod("new", spec={"affinity": likes})
    nodes = (a_node(), a_node("node-b"), a_node("node-c"))
    others = (
        a_pod("liked", on="node-a", labels={"app": "db"}),
        a_pod("shy", on="node-b", labels={"app": "shy"}, spec={"affinity": dislikes}),
    )

    assert scored("pod_affinity", pod, occupancy_of(pod, *nodes, *others)) == [100, 0, 37]


def test_a_pod_is_drawn_to_those_who_must_be_near_it():
    required = {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "web"}}}
        ]
    }
    needy = a_pod(
        "needy", on="node-b", labels={"app": "x"}, spec={"affinity": {"podAffinity": required}}
    )
    pod = a_pod("new")

    assert scored("pod_affinity", pod, occupancy_of(pod, a_node(), a_node("node-b"), needy)) == [
        0,
        100,
    ]


def soft_term(app, weight):
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": app}}}
    weighted = {"weight": weight, "podAffinityTerm": term}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}


def test_of_equal_nodes_the_first_by_name_is_chosen_and_of_none_none():
    assert chosen(a_pod("new"), a_node("node-b"), a_node("node-a")) == "node-a"
    assert chosen(a_pod("new", cpu=5), a_node()) is None
    assert chosen(a_pod("new")) is None


# --- preemption ---


def victims(pod, *others, protected=()):
    """The node and the names of the pods that make way, or None."""
    occupancy = occupancy_of(pod, *others)
    rows = [row_of(f"shop/{name}", occupancy) for name in protected]
    before = occupancy.copy()
    plan = plan_preemption(row_of(pod, occupancy), occupancy, rows)
    assert same(occupancy, before)
    if plan is None:
        return None
    names = [occupancy.context.snapshot.pods.items[row].metadata.name for row in plan.victims]
    return occupancy.context.nodes.names[plan.node], names


def same(one: Occupancy, other: Occupancy) -> bool:
    return one.node_of == other.node_of and np.array_equal(one.free, other.free)


def running(name, node="node-a", cpu=2, priority=0, **fields):
    return a_pod(name, on=node, cpu=cpu, spec={"priority": priority, **fields})


@pytest.mark.parametrize(("priority", "expected"), [(1, ("node-a", ["low"])), (0, None)])
def test_only_pods_of_lower_priority_make_way(priority, expected):
    high = a_pod("high", cpu=3, spec={"priority": priority})

    assert victims(high, a_node(), running("low")) == expected


def test_who_may_stay_beside_the_pod_stays_and_the_important_ones_first():
    """2 vCPU are wanted of 4: of the pods with 2, 1 and 1 one vCPU pair has to go."""
    there = (
        running("least", cpu=1, priority=1),
        running("middle", cpu=1, priority=2),
        running("most", cpu=2, priority=3),
    )
    high = a_pod("high", cpu=2, spec=HIGH)

    assert victims(high, a_node(), *there) == ("node-a", ["middle", "least"])


def test_the_node_with_the_least_important_victims_is_chosen():
    there = (running("dear", priority=5, cpu=4), running("cheap", node="node-b", priority=1, cpu=4))

    assert victims(a_pod("high", spec=HIGH), a_node(), a_node("node-b"), *there) == (
        "node-b",
        ["cheap"],
    )


def test_fewer_victims_are_better_than_more():
    there = (
        running("a", cpu=2),
        running("b", cpu=2),
        running("c", node="node-b", cpu=4),
    )

    assert victims(a_pod("high", cpu=4, spec=HIGH), a_node(), a_node("node-b"), *there) == (
        "node-b",
        ["c"],
    )


def test_of_equal_victims_the_younger_make_way():
    old = a_pod("old", on="node-a", cpu=4, metadata={"creationTimestamp": "2026-07-01T00:00:00Z"})
    young = a_pod(
        "young", on="node-b", cpu=4, metadata={"creationTimestamp": "2026-07-02T00:00:00Z"}
    )

    assert victims(a_pod("high", spec=HIGH), a_node(), a_node("node-b"), old, young) == (
        "node-b",
        ["young"],
    )


def test_pods_whose_budget_is_used_up_make_way_last():
    there = (running("kept", priority=1, cpu=4), running("free", node="node-b", priority=5, cpu=4))
    high = a_pod("high", spec=HIGH)

    assert victims(high, a_node(), a_node("node-b"), *there) == ("node-a", ["kept"])
    assert victims(high, a_node(), a_node("node-b"), *there, protected=("kept",)) == (
        "node-b",
        ["free"],
    )


def test_on_one_node_the_protected_are_spared_before_the_more_important():
    there = (running("kept", priority=1), running("free", priority=5))

    assert victims(a_pod("high", cpu=2, spec=HIGH), a_node(), *there) == ("node-a", ["kept"])
    assert victims(a_pod("high", cpu=2, spec=HIGH), a_node(), *there, protected=("kept",)) == (
        "node-a",
        ["free"],
    )


@pytest.mark.parametrize(
    "spec", [{**HIGH, "preemptionPolicy": "Never"}, {**HIGH, "nodeSelector": {"disk": "ssd"}}]
)
def test_nobody_makes_way_where_it_is_not_asked_for_or_would_not_help(spec):
    assert victims(a_pod("high", cpu=4, spec=spec), a_node(), running("low")) is None


def test_a_plan_names_rows():
    occupancy = occupancy_of(a_node(), a_pod("high", cpu=3, spec=HIGH), running("low"))

    assert plan_preemption(row_of("shop/high", occupancy), occupancy) == Preemption(
        0, (row_of("shop/low", occupancy),)
    )


# --- messages ---


def message(pod, *others):
    occupancy = occupancy_of(pod, *others)
    return failure_message(row_of(pod, occupancy), occupancy)


def test_nodes_that_a_pod_does_not_name_are_said_to_fail_a_plugin():
    """A DaemonSet's pod names its node by a field; the scheduler does not look at the others."""
    by_field = {"key": "metadata.name", "operator": "In", "values": ["node-a"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [by_field]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    pod = a_pod("new", cpu=5, spec={"affinity": {"nodeAffinity": required}})

    assert message(pod, a_node(), a_node("node-b"), a_node("node-c")) == (
        "0/3 nodes are available: 1 Insufficient cpu, "
        "2 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to deallocate, "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )


def test_what_remains_after_clearing_a_node_is_said():
    """The lesser pod's 1 vCPU is not enough beside the 2 of an equal."""
    there = (running("low", cpu=1), running("equal", cpu=2, priority=1000))

    assert message(a_pod("high", cpu=3, spec=HIGH), a_node(), *there) == (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/1 nodes are available: 1 Insufficient cpu."
    )


def test_a_pod_that_may_not_preempt_says_so():
    pod = a_pod("new", cpu=5, spec={"preemptionPolicy": "Never"})

    assert message(pod, a_node()) == (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: not eligible due to preemptionPolicy=Never."
    )


def test_two_reasons_of_one_filter_are_counted_apart():
    assert message(a_pod("new", cpu=5, gib=17), a_node(), a_node("node-b")).startswith(
        "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory. "
    )


def test_a_pod_that_fits_has_no_message():
    with pytest.raises(ValueError, match="shop/new fits on a node"):
        message(a_pod("new"), a_node())


def test_only_nodes_that_are_there_are_counted():
    pod = a_pod("new", cpu=5)
    occupancy = occupancy_of(pod, a_node(), a_node("node-b"))

    occupancy.take_away(node_row("node-b", occupancy))

    assert failure_message(0, occupancy).startswith("0/1 nodes are available: 1 Insufficient cpu.")
