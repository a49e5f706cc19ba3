"""What the checker says of single assignments. Nodes have 4 vCPU and 16 GiB, pods ask for 1 and 1.

That it agrees with the scheduler's rules on whole clusters is in test_placement_check_agrees."""

import pytest

from engines.placement_check import PlacementRule, check_placement
from tests.builders import a_cluster, a_node, a_pod, a_workload

PORT = {"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]}
APART = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app": "web"}},
                }
            ]
        }
    }
}


def rules(cluster, assignment, **plan):
    return [one.rule for one in check_placement(cluster, assignment, **plan)]


def test_a_pod_with_room_passes():
    cluster = a_cluster(a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a"))

    assert check_placement(cluster, {"shop/web-1": "node-b"}, removed=["node-a"]) == ()


@pytest.mark.parametrize(("cpu", "found"), [(4, []), (4.001, [PlacementRule.RESOURCES])])
def test_requests_are_held_against_allocatable(cpu, found):
    cluster = a_cluster(a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a", cpu=cpu))

    assert rules(cluster, {"shop/web-1": "node-b"}, removed=["node-a"]) == found


def test_room_is_not_given_twice():
    """Each of the two fits beside the other's absence; together they ask for 5 of 4 vCPU."""
    pods = [a_pod("web-1", on="node-a", cpu=2.5), a_pod("web-2", on="node-b", cpu=2.5)]
    cluster = a_cluster(*(a_node(f"node-{one}") for one in "abc"), *pods)
    both = {"shop/web-1": "node-c", "shop/web-2": "node-c"}

    assert rules(cluster, both, removed=["node-a", "node-b"]) == [PlacementRule.RESOURCES]


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        (a_pod("web-1", on="node-a"), [PlacementRule.LEFT_BEHIND]),
        (a_pod("web-1", on="node-a", owner=None), [PlacementRule.LEFT_BEHIND]),
        (a_pod("web-1", on="node-a", owner=("DaemonSet", "agent")), []),
        (a_pod("web-1", on="node-a", phase="Succeeded"), []),
        (
            a_pod(
                "web-1",
                on="node-a",
                owner=None,
                annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
            ),
            [],
        ),
    ],
)
def test_pods_that_a_plan_forgets_are_found(pod, found):
    cluster = a_cluster(a_node("node-a"), a_node("node-b"), pod)

    assert rules(cluster, {}, removed=["node-a"]) == found


def test_a_target_that_goes_or_never_was_is_no_target():
    cluster = a_cluster(a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a"))

    gone = rules(cluster, {"shop/web-1": "node-b"}, removed=["node-a", "node-b"])
    unknown = rules(cluster, {"shop/web-1": "node-x"})

    assert gone == unknown == [PlacementRule.UNKNOWN_NODE]


def test_a_pod_that_does_not_exist_is_named():
    cluster = a_cluster(a_node("node-a"))

    (found,) = check_placement(cluster, {"shop/ghost": "node-a"})

    assert (found.rule, found.pod) == (PlacementRule.UNKNOWN_POD, "shop/ghost")


@pytest.mark.parametrize(("cpu", "found"), [(3, []), (3.001, [PlacementRule.RESOURCES])])
def test_daemonsets_are_charged_on_nodes_that_are_added(cpu, found):
    """1 of the new node's 4 vCPU goes to the DaemonSet before any pod comes."""
    agent = a_workload("agent", kind="DaemonSet", cpu=1)
    cluster = a_cluster(agent, a_node("node-a"), a_pod("web-1", on="node-a", cpu=cpu))
    plan = {"removed": ["node-a"], "added": [a_node("new-1")]}

    assert rules(cluster, {"shop/web-1": "new-1"}, **plan) == found


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        ({"labels": {"disk": "ssd"}, "unschedulable": True}, PlacementRule.NODE_CORDONED),
        ({"labels": {"disk": "ssd"}, "taints": ("gpu=true:NoSchedule",)}, PlacementRule.TAINT),
        ({"labels": {"disk": "hdd"}}, PlacementRule.NODE_LABELS),
    ],
)
def test_an_unsuitable_node_is_refused(node, rule):
    pod = a_pod("web-1", on="node-a", spec={"nodeSelector": {"disk": "ssd"}})
    cluster = a_cluster(a_node("node-a"), a_node("node-b", **node), pod)

    assert rules(cluster, {"shop/web-1": "node-b"}) == [rule]


@pytest.mark.parametrize(
    ("spec", "rule"),
    [(PORT, PlacementRule.HOST_PORT), (APART, PlacementRule.POD_ANTI_AFFINITY)],
)
def test_neighbours_that_do_not_go_together_are_found(spec, rule):
    pods = [a_pod(f"web-{one}", on=f"node-{one}", spec=spec, cpu=0.1) for one in "ab"]
    cluster = a_cluster(a_node("node-a"), a_node("node-b"), *pods)

    assert set(rules(cluster, {"shop/web-a": "node-b"})) == {rule}


def test_anti_affinity_of_a_pod_that_was_there_first_counts_too():
    shy = a_pod("shy", on="node-b", spec=APART, labels={"app": "shy"})
    cluster = a_cluster(a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a"), shy)

    assert rules(cluster, {"shop/web-1": "node-b"}) == [PlacementRule.POD_ANTI_AFFINITY]
