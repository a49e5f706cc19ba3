"""Nodes of the night. ``web`` is a StatefulSet of namespace ``dev``, which is open Monday to Friday
08:00-18:00 UTC; its pods run on the nodes that a test names. Nothing scales nodes by itself."""

from decimal import Decimal

import pytest

from engines.contracts.plan import CordonNode, LaunchInstance, TerminateInstance, WaitForNode
from engines.contracts.pricing import CapacityType
from engines.contracts.verdict import Circumstances, PlanPurpose, SafetyLimits, VerdictAction
from engines.safety import judge_plan
from tests.builders import (
    a_node,
    a_pod,
    a_state,
    a_workload,
    an_instance,
    an_instance_type,
    an_on_demand_price,
    instance_id_for,
)
from tests.engines.office_hours.test_plan_office_hours import (
    DEV,
    HPA,
    NIGHT,
    NOON,
    SCHEDULE,
    busy,
    plan,
    saved,
    web,
)

NONE_KEPT = SCHEDULE | {"scale_down_instance_count": 0}
PRICES = {"on_demand": (an_on_demand_price(),)}


def asleep(*objects, nodes=("node-a",), schedule=NONE_KEPT, **fields):
    """web falls asleep with one pod on each of the nodes."""
    pods = [pod for node in nodes for pod in busy(node, 1)]
    return plan(
        web(kind="StatefulSet", replicas=len(nodes)),
        *(a_node(node) for node in nodes if not any(one.metadata.name == node for one in objects)),
        *pods,
        *objects,
        schedules=[schedule],
        **(PRICES | fields),
    )


def removed(response):
    return [one.subject.name for one in response.recommendations if one.action == "remove_node"]


def kept(response):
    return {
        one.subject.name: str(one.reason) for one in response.skipped if one.subject.kind == "Node"
    }


def test_a_node_that_stands_empty_goes_after_its_workloads_sleep():
    response = asleep()

    assert removed(response) == ["node-a"]
    assert [step.id for step in response.execution_plan] == [
        "sleep-statefulset-dev-web",
        "cordon-node-a",
        "drain-node-a",
        "terminate-node-a",
        "verify",
    ]
    assert response.execution_plan[1] == CordonNode(id="cordon-node-a", node="node-a")
    assert response.execution_plan[3] == TerminateInstance(
        id="terminate-node-a", instance_id=instance_id_for("node-a"), node="node-a"
    )
    assert response.evidence["save_nodes"] == [
        {
            "node": "node-a",
            "environments": ["dev"],
            "instance_type": "m7i.xlarge",
            "availability_zone": "us-east-1a",
            "capacity_type": "on-demand",
        }
    ]


def test_a_nodes_cost_is_not_counted_beside_that_of_its_pods():
    """One pod is 0.03125 USD an hour, 510 h asleep: 15.9375."""
    response = asleep()

    assert response.estimated_savings == Decimal("15.9375")


@pytest.mark.parametrize(("keep", "gone"), [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_an_environment_keeps_as_many_nodes_as_its_schedule_says(keep, gone):
    nodes = ("node-a", "node-b", "node-c")

    response = asleep(nodes=nodes, schedule=SCHEDULE | {"scale_down_instance_count": keep})

    assert len(removed(response)) == gone
    assert list(kept(response).values()) == ["kept_for_environment"] * (3 - gone)


def test_the_dearest_nodes_go_first():
    large = a_node("node-b", instance_type="m7i.2xlarge")
    prices = (an_on_demand_price(), an_on_demand_price("0.40", instance_type="m7i.2xlarge"))

    response = asleep(
        large,
        nodes=("node-a", "node-b"),
        schedule=SCHEDULE,
        on_demand=prices,
    )

    assert removed(response) == ["node-b"]
    assert kept(response) == {"node-a": "kept_for_environment"}


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ((a_pod("holder", on="node-a"),), "held_by_pods"),
        ((a_workload("cluster-autoscaler", namespace="kube-system"),), "left_to_autoscaler"),
        ((a_node(labels={"karpenter.sh/nodepool": "x"}),), "left_to_autoscaler"),
        (
            (a_node(labels={"eks.amazonaws.com/compute-type": "auto"}),),
            "left_to_autoscaler",
        ),
        ((a_node(spec={"providerID": ""}),), "unknown_instance"),
        ((a_node(capacity_type="reserved"),), "not_paid_by_the_hour"),
        ((a_node(annotations={"karpenter.sh/do-not-disrupt": "true"}),), "node_protected"),
        (
            (
                a_pod(
                    "agent",
                    on="node-a",
                    owner=("DaemonSet", "agent"),
                    annotations={"karpenter.sh/do-not-disrupt": "true"},
                ),
            ),
            "node_protected",
        ),
        ((a_pod("agent", on="node-a", owner=("DaemonSet", "agent")),), None),
    ],
)
def test_a_node_stays_for_good_reasons_only(objects, reason):
    response = asleep(*objects)

    assert kept(response).get("node-a") == reason
    assert removed(response) == ([] if reason else ["node-a"])


@pytest.mark.parametrize(("is_managed", "gone"), [(True, []), (False, ["node-a"])])
def test_an_instance_that_aws_runs_is_left_to_it(is_managed, gone):
    instance = an_instance(instance_id_for("node-a"), Operator={"Managed": is_managed})

    response = asleep(instances=(instance,))

    assert removed(response) == gone
    assert list(kept(response).values()) == (["managed_by_aws"] if is_managed else [])


def test_nodes_may_be_left_alone_altogether():
    response = asleep(change_nodes=False)

    assert kept(response) == {"node-a": "nodes_not_changed"}
    assert [step.id for step in response.execution_plan] == [
        "sleep-statefulset-dev-web",
        "verify",
    ]


def test_nothing_is_taken_away_while_others_wake():
    """``api`` is excluded by now, so it wakes while ``web`` falls asleep."""
    api = a_workload(
        "api",
        namespace="dev",
        replicas=0,
        annotations={"cloudoptim.io/office-hours": "exclude"},
    )

    response = asleep(api, saved_replicas=[saved() | {"name": "api"}])

    assert kept(response) == {"node-a": "others_wake"}
    assert response.evidence["purpose"] == "scheduled_wake"


def a_saved_node(**fields):
    return {
        "node": "node-a",
        "environments": ["dev"],
        "instance_type": "m7i.xlarge",
        "availability_zone": "us-east-1a",
        "capacity_type": "on-demand",
    } | fields


def test_in_the_morning_the_nodes_come_back():
    response = plan(web(0), now=NOON, saved_replicas=[saved()], saved_nodes=[a_saved_node()])

    assert response.execution_plan[1:3] == (
        LaunchInstance(
            id="launch-node-a",
            instance_type="m7i.xlarge",
            availability_zone="us-east-1a",
            capacity_type=CapacityType.ON_DEMAND,
        ),
        WaitForNode(id="wait-node-a", launch_step="launch-node-a"),
    )
    assert [step.id for step in response.execution_plan] == [
        "wake-deployment-dev-web",
        "launch-node-a",
        "wait-node-a",
        "wait-for-1",
        "verify",
    ]
    assert response.evidence["forget_nodes_when_launched"] == ["node-a"]
    assert response.evidence["purpose"] == "scheduled_wake"


@pytest.mark.parametrize(
    ("now", "fields", "is_launched"),
    [
        (NIGHT, {}, False),
        (NOON, {}, True),
        (NIGHT, {"saved_nodes": [a_saved_node(environments=["gone"])]}, True),
        (NIGHT, {"saved_nodes": [a_saved_node(environments=["dev", "gone"])]}, True),
        (
            NIGHT,
            {
                "manual_wake": [
                    {
                        "namespace": "dev",
                        "kind": "Deployment",
                        "name": "web",
                        "until": "2026-08-04T00:00:00Z",
                    }
                ]
            },
            True,
        ),
    ],
)
def test_nodes_come_back_when_their_environment_needs_them(now, fields, is_launched):
    given = {"saved_nodes": [a_saved_node()], "saved_replicas": [saved()]} | fields

    response = plan(web(0), now=now, **given)

    launches = [one for one in response.recommendations if one.action == "launch_node"]
    assert bool(launches) is is_launched


def test_a_node_that_never_went_is_not_launched_a_second_time():
    """The night's plan failed before node-a was terminated."""
    response = plan(
        a_node("node-a"), web(0), now=NOON, saved_replicas=[saved()], saved_nodes=[a_saved_node()]
    )

    assert [one.action for one in response.recommendations] == ["wake"]
    assert response.evidence["forget_nodes"] == ["node-a"]
    assert response.evidence["forget_nodes_when_launched"] == []


@pytest.mark.parametrize("nodes", [("node-a",), ()])
def test_what_is_saved_of_a_node_stays_while_its_environment_sleeps(nodes):
    response = plan(
        *map(a_node, nodes), web(0), saved_replicas=[saved()], saved_nodes=[a_saved_node()]
    )

    assert response.recommendations == ()
    assert response.evidence["forget_nodes"] == []


def test_the_judge_lets_the_night_pass_as_a_recorded_exception():
    """Three on-demand nodes in three zones; with two of them gone only one zone is left."""
    nodes = tuple(a_node(f"node-{zone}", zone=f"us-east-1{zone}") for zone in "abc")
    pods = [pod for one in nodes for pod in busy(one.metadata.name, 1)]
    objects = (DEV, web(kind="StatefulSet"), *nodes, *pods)
    state = a_state(*objects, instance_types=(an_instance_type(),), **HPA)

    response = plan(*objects[1:], schedules=[SCHEDULE])
    verdict = judge_plan(
        state,
        response.execution_plan,
        SafetyLimits(),
        {},
        Circumstances(purpose=PlanPurpose(response.evidence["purpose"])),
    )

    assert len(removed(response)) == 2
    assert verdict.action_taken is VerdictAction.APPROVED
    assert verdict.exceptions
