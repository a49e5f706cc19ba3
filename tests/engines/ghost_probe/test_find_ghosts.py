"""Two nodes stand in the cluster ``prod``; "i-9" is the instance under judgement, seen without a
node for three days by three scans. It is an m7i.xlarge: 0.20 USD an hour, 146 USD a month."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.aws import AutoScalingInstance
from engines.contracts.errors import InvalidInputError
from engines.contracts.plan import TerminateInstance
from engines.contracts.problems import problem_with
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.snapshot import ProblemReason
from engines.contracts.state import CurrentState, compile_state
from engines.ghost_probe import find_ghosts
from tests.builders import (
    NOW,
    a_node,
    a_price,
    a_request,
    a_state,
    an_instance,
    an_on_demand_price,
    instance_id_for,
)

OWNED = {"kubernetes.io/cluster/prod": "owned"}
GROUP = {"aws:autoscaling:groupName": "prod-general"}
SEEN = {"first_seen": {"i-9": "2026-07-31T12:00:00Z"}, "scan_count": {"i-9": 3}}
NODES = (a_node("node-a"), a_node("node-b"))
MACHINES = (
    an_instance(instance_id_for("node-a"), tags=OWNED | GROUP | {"karpenter.sh/nodepool": "web"}),
    an_instance(instance_id_for("node-b"), tags=OWNED),
)


def suspect(**fields):
    return an_instance("i-9", **({"tags": OWNED} | fields))


def member(state):
    return AutoScalingInstance(
        instance_id="i-9", auto_scaling_group_name="prod-spare", lifecycle_state=state
    )


def probe(*instances, nodes=NODES, machines=MACHINES, requirements=None, **fields):
    state = a_state(
        *nodes,
        instances=(*machines, *instances),
        on_demand=(an_on_demand_price(),),
        **fields,
    )
    wanted = SEEN if requirements is None else requirements
    return find_ghosts(
        a_request(state, decision_type=DecisionType.GHOST_PROBE, requirements=wanted)
    )


def verdict(response):
    """The action or the reason code for i-9."""
    found = [one.action for one in response.recommendations] + [
        str(one.reason) for one in response.skipped if one.subject.instance_id == "i-9"
    ]
    assert len(found) == 1
    return found[0]


def test_an_owned_instance_without_a_node_is_a_ghost_and_its_cost_is_the_saving():
    response = probe(suspect())

    [ghost] = response.recommendations
    assert ghost.subject.instance_id == "i-9"
    assert ghost.savings_usd_month == Decimal("146.00")
    assert response.estimated_savings == Decimal("146.00")
    assert ghost.evidence["seen_for_hours"] == 72
    assert ghost.evidence["owner"] == "ours"
    assert [type(step).__name__ for step in response.execution_plan] == [
        "TerminateInstance",
        "Verify",
    ]
    assert response.execution_plan[0] == TerminateInstance(id="terminate-i-9", instance_id="i-9")
    assert response.evidence["known_nodes"] == 2


def test_confidence_weighs_owner_time_and_price():
    """0.5 x 1 + 0.3 x 3 / 7 days + 0.2 = 0.8286."""
    assert probe(suspect()).confidence_score == 0.8286


def test_without_ghosts_nothing_is_claimed():
    response = probe()

    assert response.recommendations == ()
    assert response.skipped == ()
    assert response.execution_plan == ()
    assert response.confidence_score == 1.0


@pytest.mark.parametrize(
    ("policy", "needs_approval"),
    [({}, True), ({"terminate_without_approval": True}, False)],
)
def test_a_person_approves_unless_the_policy_says_otherwise(policy, needs_approval):
    response = probe(suspect(), requirements=SEEN | policy)

    assert response.recommendations[0].evidence["requires_approval"] is needs_approval
    assert response.evidence["requires_approval"] is needs_approval


def test_a_node_that_is_not_ready_is_no_ghost():
    sick = a_node(
        "node-c", is_ready=False, spec={"providerID": "aws:///us-east-1a/i-0123456789abcdef9"}
    )

    response = probe(an_instance("i-0123456789abcdef9", tags=OWNED), nodes=(*NODES, sick))

    assert (response.recommendations, response.skipped) == ((), ())
    assert response.evidence["known_nodes"] == 3


def test_a_node_with_unusable_amounts_still_has_its_instance():
    broken = a_node(
        "node-c",
        spec={"providerID": "aws:///us-east-1a/i-0123456789abcdef9"},
        status={"allocatable": {"cpu": "many", "memory": "1Gi", "pods": "5"}},
    )

    response = probe(an_instance("i-0123456789abcdef9", tags=OWNED), nodes=(*NODES, broken))

    assert (response.recommendations, response.skipped) == ((), ())


def test_nodes_with_unusable_amounts_count_as_nodes_that_are_there():
    """Three nodes of five: more than half."""
    broken = a_node("node-c", status={"allocatable": {"cpu": "many"}})

    response = probe(
        suspect(), nodes=(*NODES, broken), requirements=SEEN | {"previous_node_count": 5}
    )

    assert verdict(response) == "terminate_instance"


def test_a_node_of_another_registered_cluster_is_no_ghost():
    response = probe(suspect(), requirements=SEEN | {"nodes_of_other_clusters": ["i-9"]})

    assert (response.recommendations, response.skipped) == ((), ())
    assert response.evidence["known_nodes"] == 3


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (suspect(state="terminated"), "terminating"),
        (suspect(state="shutting-down"), "terminating"),
        (suspect(state="stopped"), "stopped"),
        (suspect(state="stopping"), "stopped"),
        (suspect(state="pending"), "pending"),
        (suspect(tags=OWNED | {"cloudoptim:ignore": "true"}), "ignored_by_tag"),
        (suspect(tags=OWNED | {"cloudoptim:ignore": ""}), "ignored_by_tag"),
        (suspect(tags=OWNED | {"cloudoptim:ignore": "false"}), "terminate_instance"),
        (suspect(Operator={"Managed": True, "Principal": "eks.amazonaws.com"}), "managed_by_aws"),
        (suspect(Operator={"Managed": False}), "terminate_instance"),
        (suspect(CapacityReservationId="cr-1"), "reserved_capacity"),
        (suspect(lifecycle="capacity-block"), "reserved_capacity"),
        (
            suspect(Placement={"AvailabilityZone": "us-east-1a", "Tenancy": "host"}),
            "reserved_capacity",
        ),
        (suspect(LaunchTime="2026-08-03T11:30:01Z"), "just_started"),
        (suspect(LaunchTime="2026-08-03T11:30:00Z"), "terminate_instance"),
    ],
)
def test_what_only_looks_like_a_ghost_is_left_alone(instance, expected):
    response = probe(instance)

    assert verdict(response) == expected
    assert bool(response.execution_plan) is (expected == "terminate_instance")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"Name": "bastion"}, "unrelated"),
        ({"kubernetes.io/cluster/prod": "shared"}, "unrelated"),
        ({"kubernetes.io/cluster/staging": "owned"}, "other_cluster"),
        ({"eks:cluster-name": "prod"}, "terminate_instance"),
        ({"eks:cluster-name": "staging"}, "other_cluster"),
        ({"karpenter.sh/nodepool": "web"}, "terminate_instance"),
        ({"karpenter.sh/nodepool": "other"}, "unrelated"),
        ({"karpenter.sh/nodepool": "web", "eks:cluster-name": "staging"}, "other_cluster"),
        (GROUP, "terminate_in_auto_scaling_group"),
        ({"aws:autoscaling:groupName": "ci-runners"}, "unrelated"),
    ],
)
def test_ownership_tags_tell_ghosts_from_strangers(tags, expected):
    assert verdict(probe(suspect(tags=tags))) == expected


def test_another_clusters_instance_is_a_ghost_once_that_cluster_is_registered():
    theirs = suspect(tags={"kubernetes.io/cluster/staging": "owned"})

    response = probe(theirs, requirements=SEEN | {"cluster_names": ["staging"]})

    assert verdict(response) == "terminate_instance"


def test_where_no_tag_names_our_cluster_the_owner_stays_unconfirmed_and_a_person_decides():
    """0.5 x 0.5 + 0.3 x 3 / 7 + 0.2 = 0.5786."""
    bare = tuple(an_instance(one.instance_id) for one in MACHINES)
    requirements = SEEN | {"terminate_without_approval": True}

    response = probe(suspect(), machines=bare, requirements=requirements)

    assert response.recommendations[0].evidence["owner"] == "unconfirmed"
    assert response.recommendations[0].evidence["requires_approval"] is True
    assert [one.code for one in response.warnings] == ["cluster_names_unknown"]
    assert response.confidence_score == 0.5786


@pytest.mark.parametrize(
    ("first_seen", "scans", "expected"),
    [
        ("2026-08-02T12:00:00Z", 2, "terminate_instance"),
        ("2026-08-02T12:00:01Z", 2, "within_grace"),
        ("2026-08-03T13:00:00Z", 2, "within_grace"),
        ("2026-08-02T12:00:00Z", 1, "too_few_scans"),
    ],
)
def test_a_ghost_needs_a_day_and_two_scans(first_seen, scans, expected):
    requirements = {"first_seen": {"i-9": first_seen}, "scan_count": {"i-9": scans}}

    assert verdict(probe(suspect(), requirements=requirements)) == expected


def test_an_instance_that_was_never_seen_before_is_within_its_grace():
    assert verdict(probe(suspect(), requirements={})) == "within_grace"
    assert verdict(probe(suspect(), requirements={"scan_count": {"i-9": 5}})) == "within_grace"


def test_an_instance_that_no_scan_counted_is_no_ghost():
    requirements = {"first_seen": SEEN["first_seen"], "min_scans": 1}

    assert verdict(probe(suspect(), requirements=requirements)) == "too_few_scans"


def test_grace_and_scans_are_parameters():
    requirements = {
        "first_seen": {"i-9": "2026-08-03T11:00:00Z"},
        "scan_count": {"i-9": 1},
        "grace_hours": 1,
        "min_scans": 1,
    }

    assert verdict(probe(suspect(), requirements=requirements)) == "terminate_instance"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("InService", "terminate_in_auto_scaling_group"),
        ("Warmed:Running", "warm_pool"),
        ("Warmed:Stopped", "warm_pool"),
        ("Standby", "standby"),
        ("Terminating:Wait", "lifecycle_hook"),
    ],
)
def test_what_a_group_holds_on_purpose_is_no_ghost(state, expected):
    requirements = SEEN | {"auto_scaling_states": {"i-9": state}}

    assert verdict(probe(suspect(tags=OWNED | GROUP), requirements=requirements)) == expected


@pytest.mark.parametrize(
    ("power", "state", "expected"),
    [
        ("running", "InService", "terminate_in_auto_scaling_group"),
        ("running", "Warmed:Running", "warm_pool"),
        ("stopped", "Warmed:Stopped", "warm_pool"),
        ("pending", "Warmed:Pending:Wait", "warm_pool"),
        ("stopped", "InService", "stopped"),
        ("running", "Standby", "standby"),
        ("running", "Pending:Wait", "lifecycle_hook"),
        ("running", "Detached", "lifecycle_hook"),
    ],
)
def test_what_auto_scaling_tells_counts_like_what_is_given(power, state, expected):
    response = probe(suspect(state=power, tags=OWNED | GROUP), auto_scaling=(member(state),))

    assert verdict(response) == expected
    assert response.warnings == ()


def test_a_group_is_known_by_its_members_also_without_its_tag():
    [ghost] = probe(suspect(), auto_scaling=(member("InService"),)).recommendations

    assert ghost.recommended["auto_scaling_group"] == "prod-spare"
    assert ghost.evidence["auto_scaling_state"] == "InService"


def test_the_word_of_the_request_outweighs_what_was_read():
    requirements = SEEN | {"auto_scaling_states": {"i-9": "Standby"}}

    response = probe(suspect(), auto_scaling=(member("InService"),), requirements=requirements)

    assert verdict(response) == "standby"


def test_an_instance_that_no_group_has_is_terminated_by_itself():
    other = AutoScalingInstance(instance_id="i-1", auto_scaling_group_name="prod-spare")

    assert verdict(probe(suspect(), auto_scaling=(other,))) == "terminate_instance"


def test_a_ghost_of_a_group_leaves_through_its_group_and_never_behind_its_back():
    response = probe(suspect(tags=OWNED | GROUP))

    [ghost] = response.recommendations
    assert ghost.recommended["auto_scaling_group"] == "prod-general"
    assert "--should-decrement-desired-capacity" in ghost.recommended["command"]
    assert response.execution_plan == ()
    assert response.estimated_savings == Decimal("146.00")
    assert [one.code for one in response.warnings] == ["group_state_unknown"]


def test_a_spot_ghost_costs_the_price_of_its_pool_and_its_request_is_named():
    """0.08 x 730 = 58.40."""
    spot = suspect(lifecycle="spot", SpotInstanceRequestId="sir-1")

    response = probe(spot, prices=(a_price("0.08"),))

    [ghost] = response.recommendations
    assert ghost.savings_usd_month == Decimal("58.40")
    assert ghost.recommended["before"] == ["cancel the Spot request sir-1 if it is persistent"]


def test_spot_prices_may_be_listed_by_the_zones_id():
    place = {"AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az4"}
    spot = suspect(lifecycle="spot", Placement=place)
    price = msgspec.structs.replace(a_price("0.08"), availability_zone="use1-az4")

    assert probe(spot, prices=(price,)).estimated_savings == Decimal("58.40")


@pytest.mark.parametrize(
    "instance",
    [
        suspect(instance_type="x9.huge"),
        suspect(zone="us-west-2a"),
        suspect(lifecycle="spot"),
        suspect(PlatformDetails="Red Hat Enterprise Linux"),
    ],
)
def test_an_unknown_price_is_said_and_never_guessed(instance):
    response = probe(instance)

    [ghost] = response.recommendations
    assert ghost.savings_usd_month == 0
    assert ghost.current["usd_per_hour"] is None
    assert [(one.code, one.subjects) for one in response.warnings] == [("price_unknown", ("i-9",))]


@pytest.mark.parametrize(
    ("fields", "requirements", "reason"),
    [
        ({"nodes": ()}, {}, "no_nodes"),
        ({}, {"previous_node_count": 5}, "node_list_shrank"),
        ({}, {"previous_node_count": 4}, ""),
        ({}, {"unreadable_clusters": ["staging"]}, "unreadable_clusters"),
        ({"nodes": (*NODES, a_node("node-c", spec={"providerID": ""}))}, {}, "unidentified_nodes"),
        ({"unread": (problem_with(NODES[0], ProblemReason.UNREADABLE_OBJECT, "bad"),)}, {},
         "unreadable_nodes"),
    ],
)  # fmt: skip
def test_no_ghost_is_named_on_a_list_of_nodes_that_is_not_to_be_trusted(
    fields, requirements, reason
):
    response = probe(suspect(), requirements=SEEN | requirements, **fields)

    assert response.reason == reason
    assert (response.status is DecisionStatus.REFUSED) is bool(reason)
    assert (response.recommendations == ()) is bool(reason)
    assert bool(response.message) is bool(reason)


def test_fargate_nodes_stand_on_no_instance():
    fargate = a_node(
        "fargate-1",
        labels={"eks.amazonaws.com/compute-type": "fargate"},
        spec={"providerID": ""},
    )

    assert verdict(probe(suspect(), nodes=(*NODES, fargate))) == "terminate_instance"


@pytest.mark.parametrize(
    "provider_id",
    [
        "eks-hybrid:///us-east-1/prod/mi-0123456789abcdef0",
        "aws:///us-east-1a/4a1b-77/fargate-ip-10-0-0-5.ec2.internal",
        "kind://docker/prod/prod-worker",
        "gce://project/zone/vm",
    ],
)
def test_nodes_of_other_kinds_stand_on_no_instance_and_hinder_nobody(provider_id):
    other = a_node("node-x", spec={"providerID": provider_id})

    response = probe(suspect(), nodes=(*NODES, other))

    assert verdict(response) == "terminate_instance"
    assert response.evidence["known_nodes"] == 2
    assert response.evidence["nodes_without_listed_instance"] == 0


def test_instances_that_were_not_read_are_not_the_same_as_none():
    state = a_state(*NODES)

    response = find_ghosts(a_request(state, decision_type=DecisionType.GHOST_PROBE))

    assert response.reason == "instances_not_given"


def test_nodes_that_were_not_read_make_the_engine_refuse():
    state = compile_state(CurrentState(instances=(suspect(),)))

    response = find_ghosts(a_request(state, decision_type=DecisionType.GHOST_PROBE))

    assert response.reason == "nodes_not_given"


def test_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(InvalidInputError, match="graze_hours"):
        probe(requirements={"graze_hours": 1})


CROWD = tuple(
    an_instance(f"i-{number}", tags=tags, state=state)
    for number, (tags, state) in enumerate(
        [
            (OWNED, "running"),
            (OWNED, "stopped"),
            ({}, "running"),
            (OWNED | GROUP, "running"),
            ({"eks:cluster-name": "staging"}, "running"),
            (OWNED, "running"),
        ]
    )
)


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations((*MACHINES, *CROWD)),
    nodes=st.permutations(NODES),
    seen_hours=st.lists(st.integers(0, 60), min_size=6, max_size=6),
    scans=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_every_instance_is_accounted_for_in_any_order(order, nodes, seen_hours, scans):
    requirements = {
        "first_seen": {
            f"i-{number}": (NOW - timedelta(hours=hours)).isoformat()
            for number, hours in enumerate(seen_hours)
        },
        "scan_count": {f"i-{number}": count for number, count in enumerate(scans)},
    }

    first = probe(*CROWD, requirements=requirements)
    second = probe(*order, machines=(), nodes=nodes, requirements=requirements)

    named = [one.subject.instance_id for one in (*first.recommendations, *first.skipped)]
    assert sorted(named) == [one.instance_id for one in CROWD]
    assert first == second
    assert first.estimated_savings == sum(one.savings_usd_month for one in first.recommendations)
    for ghost in first.recommendations:
        number = int(ghost.subject.instance_id.removeprefix("i-"))
        assert seen_hours[number] >= 24
        assert scans[number] >= 2


def test_the_moment_is_the_requests_own():
    later = datetime(2026, 8, 1, 11, 59, 59, tzinfo=UTC)
    state = a_state(*NODES, instances=(*MACHINES, suspect()))
    request = a_request(state, decision_type=DecisionType.GHOST_PROBE, now=later, requirements=SEEN)

    assert verdict(find_ghosts(request)) == "within_grace"
