"""Nodes are m7i.xlarge (4 vCPU, 16 GiB, 146 USD a month); pods ask for 1 vCPU and 1 GiB."""

from decimal import Decimal

import pytest

from engines.contracts.plan import CordonNode, DrainNode, TerminateInstance, Verify, WaitForPods
from tests.builders import a_node, a_pdb, a_pod, a_workload, instance_id_for
from tests.engines.bin_packing.builders import moves, packed, reasons, removed
from tests.engines.scheduling_questions import a_claim, a_volume_of, zone_terms


def test_an_underused_node_goes_and_its_pods_move():
    response = packed(
        a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a"), a_pod("web-2", on="node-b")
    )

    assert removed(response) == ["node-a"]
    assert moves(response) == {"shop/web-1": ("node-a", "node-b")}
    assert response.estimated_savings == Decimal(146)
    assert response.evidence["placement"] == {"shop/web-1": "node-b"}
    assert reasons(response) == {"node-b": "receives_pods"}


def test_the_steps_cordon_drain_settle_terminate_and_verify():
    response = packed(
        a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a"), a_pod("web-2", on="node-b")
    )

    cordon, drain, settle, terminate, verify = response.execution_plan
    assert isinstance(cordon, CordonNode)
    assert cordon.node == "node-a"
    assert isinstance(drain, DrainNode)
    assert (drain.node, drain.grace_seconds) == ("node-a", 90)
    assert isinstance(settle, WaitForPods)
    assert isinstance(terminate, TerminateInstance)
    assert terminate.instance_id == instance_id_for("node-a")
    assert isinstance(verify, Verify)


def test_a_cluster_in_which_every_node_is_underused_still_gets_a_plan():
    """Six nodes at a quarter: the pods of all fit on two, (6 vCPU of 8), and on no fewer."""
    nodes = [a_node(f"node-{one}") for one in "abcdef"]
    pods = [a_pod(f"web-{one}", on=f"node-{one}") for one in "abcdef"]

    response = packed(*nodes, *pods)

    assert len(removed(response)) == 4
    assert response.estimated_savings == Decimal(4 * 146)
    assert response.evidence["cost"]["share_of_possible_saving"] > 0.88


@pytest.mark.parametrize(("cpu", "leaves"), [(1.999, True), (2, False)])
def test_a_node_is_underused_below_half_of_its_cpu(cpu, leaves):
    response = packed(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a", cpu=cpu),
        a_pod("web-2", on="node-b", cpu=2),
    )

    assert (removed(response) == ["node-a"]) is leaves


@pytest.mark.parametrize(("gib", "leaves"), [(7.99, True), (8, False)])
def test_memory_counts_as_cpu_does(gib, leaves):
    response = packed(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a", gib=gib),
        a_pod("web-2", on="node-b", gib=8),
    )

    assert (removed(response) == ["node-a"]) is leaves


def test_pods_of_daemonsets_neither_count_as_use_nor_move():
    agent = a_workload("agent", kind="DaemonSet", cpu=1.5)
    response = packed(
        agent,
        a_node("node-a"),
        a_node("node-b"),
        a_pod("agent-1", on="node-a", cpu=1.5, owner=("DaemonSet", "agent")),
        a_pod("agent-2", on="node-b", cpu=1.5, owner=("DaemonSet", "agent")),
        a_pod("web-1", on="node-a"),
        a_pod("web-2", on="node-b"),
    )

    assert removed(response) == ["node-a"]
    assert moves(response) == {"shop/web-1": ("node-a", "node-b")}


def test_what_daemonsets_take_of_the_target_is_no_room():
    """Of each node's 4 vCPU a DaemonSet takes 2.5; beside it and 0.2 there is no room for 1.4."""
    agent = a_workload("agent", kind="DaemonSet", cpu=2.5)
    response = packed(
        agent,
        a_node("node-a"),
        a_node("node-b"),
        a_pod("agent-1", on="node-a", cpu=2.5, owner=("DaemonSet", "agent")),
        a_pod("agent-2", on="node-b", cpu=2.5, owner=("DaemonSet", "agent")),
        a_pod("web-1", on="node-a", cpu=1.4),
        a_pod("web-2", on="node-b", cpu=0.2),
    )

    assert removed(response) == []
    assert reasons(response) == {"node-a": "no_room", "node-b": "no_room"}


def test_the_dearer_of_two_nodes_goes():
    response = packed(
        a_node("node-a"),
        a_node("node-b", instance_type="m7i.2xlarge"),
        a_pod("web-1", on="node-a"),
        a_pod("web-2", on="node-b"),
    )

    assert removed(response) == ["node-b"]
    assert response.estimated_savings == Decimal(292)


def test_room_is_spent_once():
    """Three pods of 1.5 vCPU: beside one there is room for another one, not for two."""
    nodes = [a_node(f"node-{one}") for one in "abc"]
    pods = [a_pod(f"web-{one}", on=f"node-{one}", cpu=1.5) for one in "abc"]

    response = packed(*nodes, *pods)

    assert len(removed(response)) == 1


def test_no_more_nodes_go_at_once_than_the_disruption_budget_allows():
    """Ten percent of 21 nodes, rounded up, are three: 20 nodes go in seven batches at least."""
    nodes = [a_node(f"node-{number:02}") for number in range(21)]
    response = packed(*nodes, a_pod("web-1", on="node-00"))

    plan = response.execution_plan
    drained, most = 0, 0
    for step in plan:
        drained = drained + 1 if isinstance(step, DrainNode) else drained
        most = max(most, drained)
        drained = 0 if isinstance(step, WaitForPods) else drained
    assert len(removed(response)) == 20
    assert most == 3
    assert sum(isinstance(step, WaitForPods) for step in plan) == 7


def test_all_nodes_are_cordoned_before_the_first_drain_so_that_no_pod_moves_twice():
    nodes = [a_node(f"node-{number:02}") for number in range(15)]
    pods = [a_pod(f"web-{number:02}", on=f"node-{number:02}", cpu=0.2) for number in range(15)]

    plan = packed(*nodes, *pods).execution_plan

    first_drain = next(at for at, one in enumerate(plan) if isinstance(one, DrainNode))
    cordons = [at for at, one in enumerate(plan) if isinstance(one, CordonNode)]
    assert len(cordons) == 14
    assert max(cordons) < first_drain


def test_two_pods_under_a_budget_of_one_go_in_different_batches():
    nodes = [a_node(f"node-{one}") for one in "abcdefghijkl"]  # two may go at once
    pods = [a_pod("web-1", on="node-a"), a_pod("web-2", on="node-b")]
    anchor = a_pod("db-1", on="node-c", labels={"app": "db"}, cpu=1.9)

    response = packed(*nodes, *pods, anchor, a_pdb(allowed=1), disruption_threshold=0)

    drained_together: list[set[str]] = [set()]
    for step in response.execution_plan:
        if isinstance(step, DrainNode):
            drained_together[-1].add(step.node)
        elif isinstance(step, WaitForPods):
            drained_together.append(set())
    assert {"node-a", "node-b"} <= set(removed(response))
    assert all(not {"node-a", "node-b"} <= batch for batch in drained_together)


def test_a_plan_that_spends_each_budget_once_leaves_the_second_node():
    nodes = [a_node("node-a"), a_node("node-b"), a_node("node-c", cpu=8)]
    pods = [a_pod("web-1", on="node-a"), a_pod("web-2", on="node-b")]
    anchor = a_pod("db-1", on="node-c", labels={"app": "db"}, cpu=4)

    response = packed(*nodes, *pods, anchor, a_pdb(allowed=1), renew_budgets=False)

    assert len(removed(response)) == 1
    kept = ({"node-a", "node-b"} - set(removed(response))).pop()
    assert reasons(response)[kept] == "budget_exhausted"


def test_pending_pods_that_could_run_keep_their_room():
    """A pending pod of 2.1 vCPU is about to take the rest of one of two nodes."""
    response = packed(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a", cpu=1.9),
        a_pod("web-2", on="node-b", cpu=1.9),
        a_pod("new-1", cpu=2.1),
    )

    assert removed(response) == []


def test_pending_pods_that_fit_nowhere_do_not_stop_consolidation():
    response = packed(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("web-1", on="node-a"),
        a_pod("web-2", on="node-b"),
        a_pod("huge-1", cpu=64),
    )

    assert removed(response) == ["node-a"]


def test_volumes_in_another_zone_hold_their_pod_there():
    claim = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}

    response = packed(
        a_node("node-a", zone="us-east-1a"),
        a_node("node-b", zone="us-east-1b"),
        a_node("node-c", zone="us-east-1b"),
        a_pod("db-1", on="node-a", spec=claim, cpu=0.5),
        a_pod("web-1", on="node-b", cpu=1.9),
        a_pod("web-2", on="node-c", cpu=1.9),
        a_claim("data"),
        a_volume_of("data", nodeAffinity=zone_terms("us-east-1a")),
    )

    assert "node-a" not in removed(response)
    assert len(removed(response)) == 1


def test_the_answer_says_how_far_it_may_be_from_the_best():
    response = packed(
        a_node("node-a"), a_node("node-b"), a_pod("web-1", on="node-a"), a_pod("web-2", on="node-b")
    )

    cost = response.evidence["cost"]
    assert cost["before_usd_per_hour"] == Decimal("0.4")
    assert cost["after_usd_per_hour"] == Decimal("0.2")
    assert cost["lower_bound_usd_per_hour"] <= cost["after_usd_per_hour"]
    assert cost["gap"] == 0.0
