"""A plan that terminates ghosts takes no capacity, so the judge lets it pass in any cluster; and
the instances that no plan may touch are in none."""

import pytest

from engines.contracts.aws import AutoScalingInstance
from engines.contracts.plan import TerminateInstance
from engines.contracts.results import DecisionType
from engines.contracts.verdict import VerdictAction
from engines.safety.simulation import KnownNodes, play
from services.workflows.decide import decide
from tests.builders import a_node, a_request, a_state, an_instance, instance_id_for

OWNED = {"kubernetes.io/cluster/prod": "owned"}
GROUP = {"aws:autoscaling:groupName": "prod-general"}
SEEN = {"first_seen": {"i-9": "2026-07-31T12:00:00Z"}, "scan_count": {"i-9": 3}}
FARGATE = {"eks.amazonaws.com/compute-type": "fargate"}
HYBRID = {"eks.amazonaws.com/compute-type": "hybrid"}
CLUSTERS = {
    "one_node": [a_node("node-a")],
    "three_zones": [a_node(f"node-{zone}", zone=f"us-east-1{zone}") for zone in "abc"],
    "all_spot_in_one_pool": [a_node("node-a", capacity_type="spot")],
    "a_node_that_is_not_ready": [a_node("node-a", is_ready=False)],
    "a_cordoned_node": [a_node("node-a", unschedulable=True)],
    "fargate_beside_it": [
        a_node("node-a"),
        a_node("fargate-1", labels=FARGATE, spec={"providerID": ""}),
    ],
    "hybrid_beside_it": [
        a_node("node-a"),
        a_node("mi-1", labels=HYBRID, spec={"providerID": "eks-hybrid:///us-east-1/prod/mi-0abc"}),
    ],
}


def asked(nodes, suspect, **fields):
    machine = an_instance(instance_id_for("node-a"), tags=OWNED | GROUP)
    state = a_state(*nodes, instances=(machine, suspect), **fields)
    request = a_request(state, decision_type=DecisionType.GHOST_PROBE, requirements=SEEN)
    return state, decide(request)


@pytest.mark.parametrize("nodes", CLUSTERS.values(), ids=CLUSTERS)
def test_a_ghosts_end_is_judged_safe_and_changes_no_node(nodes):
    state, response = asked(nodes, an_instance("i-9", tags=OWNED))

    steps = [one for one in response.execution_plan if isinstance(one, TerminateInstance)]
    assert [(one.instance_id, one.node) for one in steps] == [("i-9", None)]
    assert response.safety.is_safe
    assert response.safety.action_taken is VerdictAction.NOT_APPLICABLE
    playback = play(KnownNodes.of(state), response.execution_plan, {})
    assert not playback.changes_nodes
    assert playback.problems == ()
    assert playback.removed == frozenset()


@pytest.mark.parametrize(
    ("suspect", "group_state", "expected"),
    [
        (an_instance("i-9", tags=OWNED), None, "terminate_instance"),
        (an_instance("i-9", tags=OWNED | GROUP), "InService", "terminate_in_auto_scaling_group"),
        (an_instance("i-9", tags=OWNED | GROUP), "Warmed:Running", "warm_pool"),
        (an_instance("i-9", tags=OWNED | GROUP, state="stopped"), "Warmed:Stopped", "warm_pool"),
        (an_instance("i-9", tags=OWNED | GROUP), "Standby", "standby"),
        (an_instance("i-9", tags=OWNED | GROUP), "EnteringStandby", "standby"),
        (an_instance("i-9", tags=OWNED | GROUP), "Terminating:Wait", "lifecycle_hook"),
        (an_instance("i-9", tags=OWNED | GROUP), "Pending:Proceed", "lifecycle_hook"),
        (an_instance("i-9", tags=OWNED, lifecycle="spot", SpotInstanceRequestId="sir-1"), None,
         "terminate_instance"),
        (an_instance("i-9", tags=OWNED, CapacityReservationId="cr-1"), None, "reserved_capacity"),
        (an_instance("i-9", tags=OWNED, lifecycle="capacity-block"), None, "reserved_capacity"),
        (an_instance("i-9", tags=OWNED, Placement={"Tenancy": "host"}), None, "reserved_capacity"),
        (an_instance("i-9", tags=OWNED, Placement={"Tenancy": "dedicated"}), None,
         "terminate_instance"),
        (an_instance("i-9", tags=OWNED, Operator={"Managed": True}), None, "managed_by_aws"),
        (an_instance("i-9", tags=OWNED, Operator={"Managed": False}), None, "terminate_instance"),
    ],
)  # fmt: skip
def test_only_what_stands_alone_gets_a_step(suspect, group_state, expected):
    members = ()
    if group_state is not None:
        members = (
            AutoScalingInstance(
                instance_id="i-9",
                auto_scaling_group_name="prod-general",
                lifecycle_state=group_state,
            ),
        )

    _, response = asked(CLUSTERS["one_node"], suspect, auto_scaling=members)

    told = [one.action for one in response.recommendations]
    told += [one.reason for one in response.skipped if one.subject.instance_id == "i-9"]
    assert told == [expected]
    assert bool(response.execution_plan) is (expected == "terminate_instance")
    assert response.safety.is_safe


def test_a_cluster_of_fargate_alone_names_ghosts_by_their_tags_only():
    """No instance is a node there, so no tag of a node's tells the cluster's name: a person is
    asked, whatever the policy."""
    nodes = [a_node("fargate-1", labels=FARGATE, spec={"providerID": ""})]

    _, response = asked(nodes, an_instance("i-9", tags=OWNED))

    [ghost] = response.recommendations
    assert ghost.evidence["owner"] == "unconfirmed"
    assert ghost.evidence["requires_approval"] is True
    assert response.safety.is_safe
