"""The judge on clusters that came through the real parsing path, not through columns by hand."""

import pytest

from engines.allocation import AllocationProblem, Capacity, Offering
from engines.contracts.plan import DrainNode, LaunchInstance, TerminateInstance
from engines.contracts.pricing import CapacityType
from engines.contracts.verdict import SafetyLimits, VerdictAction
from engines.safety import Choices, judge_or_replace, judge_plan
from tests.builders import a_node, a_pod, a_state, an_instance_type, instance_id_for

MIB = 1024 * 1024
LIMITS = SafetyLimits()
M7I = an_instance_type()  # 4 vCPU, 16 GiB, 58 pods: 3,920 m and 14,162 MiB as a node


def a_cluster(*objects):
    zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
    nodes = [a_node(f"node-{zone[-1]}", zone=zone) for zone in zones]
    return a_state(*nodes, *objects, instance_types=(M7I,))


def test_capacity_types_zones_and_instances_are_read_from_the_nodes():
    state = a_cluster(a_node("spot", capacity_type="spot"))

    verdict = judge_plan(state, [DrainNode(id="s1", node="node-b")], LIMITS, {})

    assert [(one.availability_zone, one.nodes) for one in verdict.zones] == [
        ("us-east-1a", 2),
        ("us-east-1c", 1),
    ]
    assert [(one.instance_type, one.nodes) for one in verdict.pools] == [("m7i.xlarge", 1)]
    assert verdict.action_taken is VerdictAction.REJECTED


def test_an_instance_is_the_node_that_names_it_as_its_provider():
    step = TerminateInstance(id="s1", instance_id=instance_id_for("node-b"))

    assert not judge_plan(a_cluster(), [step], LIMITS, {}).is_safe


@pytest.mark.parametrize(
    ("odd", "is_safe"),
    [
        ({"spec": {"providerID": "aws:///us-east-1a/fargate-ip-10-0-0-9.internal"}}, True),
        ({"labels": {"eks.amazonaws.com/compute-type": "hybrid"}}, True),
        ({"spec": {"providerID": "gce://project/zone/node"}}, True),
        ({}, False),  # it has just registered, and its machine may be the one that goes
    ],
)
def test_a_stray_instance_may_go_where_every_node_is_known_to_be_another_machine(odd, is_safe):
    odd = {"spec": {"providerID": ""}} | odd
    state = a_cluster(a_node("odd", **odd))

    verdict = judge_plan(
        state, [TerminateInstance(id="s1", instance_id="i-0ffffffffffffffff")], LIMITS, {}
    )

    assert verdict.is_safe is is_safe


def test_a_cluster_that_is_half_on_fargate_can_be_changed():
    """Three of six nodes are Fargate's; taken for Spot, they would be one pool of too many that
    grows with every node that goes."""
    labels = {"eks.amazonaws.com/compute-type": "fargate", "karpenter.sh/capacity-type": None}
    fargate = [a_node(f"fargate-{n}", labels=labels, spec={"providerID": ""}) for n in range(3)]
    more = a_node("node-d", zone="us-east-1a")

    verdict = judge_plan(a_cluster(*fargate, more), [DrainNode(id="s1", node="node-d")], LIMITS, {})

    assert verdict.action_taken is VerdictAction.APPROVED
    assert verdict.on_demand_share == 1.0


def test_a_node_that_the_termination_handler_has_marked_is_no_capacity():
    notice = "aws-node-termination-handler/spot-itn=event:NoSchedule"
    marked = a_node("spot", zone="us-east-1c", taints=(notice,))

    verdict = judge_plan(a_cluster(marked), [DrainNode(id="s1", node="node-c")], LIMITS, {})

    assert len(verdict.zones) == 2
    assert not verdict.is_safe


def test_a_launched_instance_is_sized_by_the_catalogue():
    """Zone a: (4,000 + 3,920) of (12,000 + 3,920) m are 49.7 %, memory 48.7 %."""
    step = LaunchInstance(
        id="s1",
        instance_type="m7i.xlarge",
        availability_zone="us-east-1a",
        capacity_type=CapacityType.ON_DEMAND,
    )

    verdict = judge_plan(a_cluster(), [step], LIMITS, {})

    assert verdict.zones[0].share == 7920 / 15920


def test_what_daemonsets_take_of_staying_nodes_is_no_room_for_an_alternative():
    """Three nodes of 4 vCPU; a DaemonSet takes 1 of each, so 9 are left. 10 are required: one
    node must be bought. Without the DaemonSet 12 would do."""
    daemons = [
        a_pod(f"agent-{zone}", on=f"node-{zone}", owner=("DaemonSet", "agent")) for zone in "abc"
    ]

    assert [one.count for one in alternative(a_cluster(*daemons))] == [1]
    assert [one.count for one in alternative(a_cluster())] == []


def test_pods_of_others_and_finished_ones_take_nothing_from_an_alternative():
    others = [
        a_pod("web", on="node-a", cpu=3),
        a_pod("done", on="node-b", cpu=3, owner=("DaemonSet", "agent"), phase="Succeeded"),
    ]

    assert [one.count for one in alternative(a_cluster(*others))] == []


def alternative(state):
    """What is bought instead of an unsafe Spot instance, where 10 vCPU are required."""
    unsafe = LaunchInstance(
        id="s1",
        instance_type="m7i.xlarge",
        availability_zone="us-east-1a",
        capacity_type=CapacityType.SPOT,
    )
    size = Capacity(3920, 14162 * MIB, 58)
    on_demand = Offering(
        instance_type="m7i.xlarge",
        availability_zone="us-east-1a",
        capacity_type=CapacityType.ON_DEMAND,
        allocatable=size,
        usable=size,
        micro_usd_per_hour=201_600,
        expected_micro_usd_per_hour=201_600.0,
    )
    problem = AllocationProblem(offerings=(on_demand,), required=Capacity(10_000, 0, 0))
    choices = Choices(problem=problem, present={})
    return judge_or_replace(state, [unsafe], LIMITS, {}, lambda: choices).verdict.alternative
