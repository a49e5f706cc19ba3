"""Every node that stays says why, and names what blocks it."""

import msgspec
import pytest

from engines.contracts.state import compile_state
from tests.builders import a_document, a_node, a_pdb, a_pod
from tests.engines.bin_packing.builders import ask, packed, reasons, removed

KARPENTER = {"karpenter.sh/nodepool": "default"}
PROTECTED = {"karpenter.sh/do-not-disrupt": "true"}
SCRATCH = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
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


def about_node_a(*objects, **requirements):
    """The entry of node-a, which could empty into node-b if nothing held it."""
    response = packed(
        a_node("node-b"), a_pod("anchor", on="node-b", cpu=2), *objects, **requirements
    )
    assert removed(response) == []
    (found,) = (one for one in response.skipped if one.subject.name == "node-a")
    return found


@pytest.mark.parametrize(
    ("pod", "reason", "subjects"),
    [
        (a_pod(on="node-a", owner=None), "bare_pod", ("shop/web-1",)),
        (a_pod(on="node-a", spec=SCRATCH), "local_storage", ("shop/web-1", "scratch")),
        (a_pod(on="node-a", annotations=PROTECTED), "do_not_disrupt", ("shop/web-1", *PROTECTED)),
        (
            a_pod(
                on="node-a", annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
            ),
            "not_safe_to_evict",
            ("shop/web-1", "cluster-autoscaler.kubernetes.io/safe-to-evict"),
        ),
        (a_pod(on="node-a", namespace="kube-system"), "system_pod", ("kube-system/web-1",)),
        (a_pod(on="node-a", cpu=2), "not_underused", ()),
        (
            a_pod(on="node-a", spec={"nodeSelector": {"kubernetes.io/hostname": "node-a"}}),
            "no_room",
            ("shop/web-1",),
        ),
    ],
)
def test_a_pod_holds_its_node(pod, reason, subjects):
    found = about_node_a(a_node("node-a"), pod)

    assert (found.reason, found.subjects) == (reason, subjects)
    assert found.message


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (a_node("node-a", is_ready=False), "node_not_ready"),
        (a_node("node-a", unschedulable=True), "node_cordoned"),
        (a_node("node-a", labels=KARPENTER), "managed_by_another_controller"),
        (a_node("node-a", annotations=PROTECTED), "node_do_not_disrupt"),
        (a_node("node-a", instance_type="x9.huge"), "price_unknown"),
        (a_node("node-a", capacity_type="reserved"), "reserved_capacity"),
        (a_node("node-a", spec={"providerID": ""}), "no_instance_id"),
        (a_node("node-a", taints=("ToBeDeletedByClusterAutoscaler:NoSchedule",)), "node_deleting"),
        (a_node("node-a", zone="us-east-1c"), "would_lose_zone"),
    ],
)
def test_a_node_stays_for_its_own_sake(node, reason):
    assert about_node_a(node, a_pod(on="node-a")).reason == reason


def test_an_exhausted_budget_is_named():
    found = about_node_a(a_node("node-a"), a_pod(on="node-a"), a_pdb(allowed=0))

    assert (found.reason, found.subjects) == ("budget_exhausted", ("shop/web-1", "shop/web"))


def test_a_budget_that_lets_one_of_two_pods_go_holds_their_node():
    pods = (a_pod("web-1", on="node-a", cpu=0.5), a_pod("web-2", on="node-a", cpu=0.5))

    found = about_node_a(a_node("node-a"), *pods, a_pdb(allowed=1, match_labels={"app": "web"}))

    assert found.reason == "budget_exhausted"
    assert found.subjects == ("shop/web",)


def test_two_budgets_on_one_pod_are_both_named():
    found = about_node_a(
        a_node("node-a"), a_pod(on="node-a"), a_pdb("one", allowed=5), a_pdb("two", allowed=5)
    )

    assert found.reason == "several_budgets"
    assert found.subjects == ("shop/web-1", "shop/one", "shop/two")


def test_pods_that_must_be_apart_do_not_come_together():
    response = packed(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a", spec=APART),
        a_pod("web-2", on="node-b", spec=APART),
    )

    assert reasons(response) == {"node-a": "no_room", "node-b": "no_room"}
    assert response.skipped[0].subjects == ("shop/web-1",)
    assert "pod_anti_affinity" in response.skipped[0].message


@pytest.mark.parametrize(("threshold", "goes"), [(0.5, True), (0.51, False)])
def test_a_move_is_advised_from_the_disruption_threshold_on(threshold, goes):
    """node-a is half of the cost and holds all of the disruption (node-b has nothing that moves):
    (1/2) / 1 = 0.5 exactly."""
    response = packed(
        a_node("node-a"),
        a_node("node-b", unschedulable=False, annotations=PROTECTED),
        a_pod("web-1", on="node-a"),
        disruption_threshold=threshold,
    )

    assert (removed(response) == ["node-a"]) is goes
    if not goes:
        assert reasons(response)["node-a"] == "below_disruption_threshold"


def test_a_node_under_notice_is_neither_drained_nor_a_target():
    response = packed(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a"),
        a_pod("web-2", on="node-b"),
        nodes_under_notice=["node-b"],
    )

    assert reasons(response) == {"node-a": "no_room", "node-b": "under_notice"}


def test_a_region_that_is_not_looked_at_is_left_alone():
    response = packed(a_node("node-a"), a_node("node-b"), region="eu-west-1")

    assert reasons(response) == {"node-a": "other_region", "node-b": "other_region"}


@pytest.mark.parametrize(
    ("fields", "reason"), [({"pods": None}, "pods_not_read"), ({"nodes": ()}, "no_nodes")]
)
def test_what_was_not_read_is_refused(fields, reason):
    document = msgspec.structs.replace(a_document(a_node()), **fields)

    response = ask(compile_state(document))

    assert (response.status, response.reason) == ("refused", reason)
    assert response.message
