"""Messages in AWS's own shapes, and how they get into the queue."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from sandbox.aws import queue_messages as messages
from sandbox.aws.queue_messages import LifecycleAction, Origin
from tests.sandbox.aws.asking import a_launch, events, launched_ids, receive_all

ORIGIN = Origin(
    account_id="123456789012",
    region="us-east-1",
    at=datetime(2027, 1, 5, 8, 0, 0, 250_000, tzinfo=UTC),
)
INSTANCE = "i-0b662ef9931388ba0"
ACTION = LifecycleAction(group="nodes", hook="drain", instance_id=INSTANCE, token="t-1")


@pytest.fixture(scope="module")
def recorded(shared_data):
    """The events that were found in the wild, by kind."""
    with gzip.open(shared_data / "events" / "ec2_events.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return {
        kind: [row["event"] for row in rows if row["kind"] == kind]
        for kind in {row["kind"] for row in rows}
    }


def shape(value):
    """The keys of a document, at all depths."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


@pytest.mark.real_data
def test_an_interruption_is_that_of_the_wild_but_for_its_names(recorded):
    wild = recorded["spot-interruption"][1]  # the one with the zone in the ARN

    ours = messages.spot_interruption(ORIGIN, INSTANCE, "us-east-1b")

    assert shape(ours) == shape(wild)
    unlike = {key for key in wild if ours[key] != wild[key]}
    assert unlike == {"id", "time"}


@pytest.mark.real_data
def test_a_rebalance_recommendation_is_that_of_the_wild(recorded):
    wild = recorded["rebalance-recommendation"][1]

    ours = messages.rebalance_recommendation(ORIGIN, INSTANCE, "us-east-1b")

    assert {key for key in wild if ours[key] != wild[key]} == {"id", "time"}


@pytest.mark.real_data
def test_a_state_change_is_that_of_the_wild_with_its_version(recorded):
    wild = recorded["state-change"][0]

    ours = messages.state_change(ORIGIN, "i-1234567890abcdef0", "pending")

    assert shape(ours) == shape(wild) | {"version": "str"}
    assert ours["detail"] == wild["detail"]
    assert ours["resources"] == wild["resources"]


@pytest.mark.real_data
def test_a_health_event_has_all_that_the_one_of_the_wild_has(recorded):
    wild = recorded["health-scheduled-change"][0]

    ours = messages.health_scheduled_change(ORIGIN, ["i-00ddbf07ce6372082"])

    assert shape(ours) == shape(wild)
    assert ours["resources"] == wild["resources"] == ["i-00ddbf07ce6372082"]
    assert ours["detail"]["affectedEntities"] == wild["detail"]["affectedEntities"]


def test_health_events_write_days_with_one_digit():
    event = messages.health_scheduled_change(ORIGIN, [INSTANCE, "i-2"])

    assert event["detail"]["startTime"] == "Tue, 5 Jan 2027 08:00:00 GMT"
    assert [one["entityValue"] for one in event["detail"]["affectedEntities"]] == [INSTANCE, "i-2"]


def test_a_lifecycle_event_goes_from_the_group_to_ec2():
    event = messages.lifecycle_event(ORIGIN, ACTION)

    assert event["source"] == "aws.autoscaling"
    assert event["detail-type"] == "EC2 Instance-terminate Lifecycle Action"
    assert event["detail"] == {
        "LifecycleActionToken": "t-1",
        "AutoScalingGroupName": "nodes",
        "LifecycleHookName": "drain",
        "EC2InstanceId": INSTANCE,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "Origin": "AutoScalingGroup",
        "Destination": "EC2",
    }


def test_a_test_notification_names_the_group_and_no_instance():
    test = messages.lifecycle_test(ORIGIN, "nodes")

    assert test["Event"] == "autoscaling:TEST_NOTIFICATION"
    assert test["Time"] == "2027-01-05T08:00:00.250Z"
    assert test["AutoScalingGroupARN"].endswith(":autoScalingGroupName/nodes")
    assert "EC2InstanceId" not in test


def test_sns_wraps_the_message_as_text():
    event = messages.state_change(ORIGIN, INSTANCE, "stopped")

    wrapped = messages.wrapped_by_sns(ORIGIN, event)

    assert wrapped["Type"] == "Notification"
    assert json.loads(wrapped["Message"]) == event


def test_two_warnings_of_one_moment_have_ids_of_their_own():
    first, second = (
        messages.spot_interruption(origin, INSTANCE, "us-east-1b")
        for origin in (ORIGIN, Origin(account_id="1", region="us-east-1", at=ORIGIN.at, serial=2))
    )

    assert first["id"] != second["id"]


@pytest.fixture
def inject(http):
    return lambda **asked: http.post("messages", asked)


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_a_warning_can_be_injected_for_a_node(scenario, sqs, queue, inject, action):
    node = scenario.nodes()[12]

    inject(kind="interruption", instance_id=node.instance_id, action=action)

    event = events(sqs, queue)[0]
    assert event["detail"] == {"instance-id": node.instance_id, "instance-action": action}
    assert event["resources"] == [f"arn:aws:ec2:{node.zone}:instance/{node.instance_id}"]
    assert event["time"] == "2027-01-15T08:00:00Z"


def test_a_warning_for_a_foreign_instance_can_be_injected(sqs, queue, inject):
    inject(kind="interruption", instance_id="i-0123456789abcdef0")

    assert events(sqs, queue)[0]["detail"]["instance-id"] == "i-0123456789abcdef0"


def test_duplicates_are_the_same_body_several_times(sqs, queue, inject):
    inject(kind="rebalance", instance_id=INSTANCE, copies=3)

    bodies = receive_all(sqs, queue)
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"kind": "rebalance"}, "EC2 Instance Rebalance Recommendation"),
        ({"kind": "state_change", "state": "stopping"}, "EC2 Instance State-change Notification"),
        ({"kind": "health", "instance_ids": ["i-1", "i-2"]}, "AWS Health Event"),
        ({"kind": "lifecycle", "group": "g"}, "EC2 Instance-terminate Lifecycle Action"),
        (
            {"kind": "lifecycle", "transition": "autoscaling:EC2_INSTANCE_LAUNCHING"},
            "EC2 Instance-launch Lifecycle Action",
        ),
    ],
)
@pytest.mark.parametrize("sns", [False, True])
def test_every_kind_can_be_injected_raw_and_wrapped(sqs, queue, inject, asked, kind, sns):
    inject(instance_id=INSTANCE, sns=sns, **asked)

    event = events(sqs, queue)[0]
    if sns:
        event = json.loads(event["Message"])
    assert event["detail-type"] == kind


def test_notifications_of_auto_scaling_itself_can_be_injected(sqs, queue, inject):
    inject(kind="lifecycle_test", group="g")
    inject(kind="lifecycle_notification", group="g", hook="h", instance_id=INSTANCE)

    test, notification = events(sqs, queue)
    assert test["Event"] == "autoscaling:TEST_NOTIFICATION"
    assert notification["EC2InstanceId"] == INSTANCE


@pytest.mark.parametrize("name", messages.POISON_BODIES)
def test_poison_arrives_as_it_is(sqs, queue, inject, name):
    inject(kind="poison", name=name)

    assert receive_all(sqs, queue) == [messages.POISON_BODIES[name]]


def test_raw_bodies_arrive_as_they_are(sqs, queue, inject):
    inject(kind="raw", body="hello")

    assert receive_all(sqs, queue) == ["hello"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"kind": "telegram"}, "kind is one of"),
        ({"kind": "poison", "name": "arsenic"}, "poison is one of"),
        ({"kind": "raw", "body": "x", "queue": "none"}, "no queue 'none'"),
        ({"kind": "raw", "body": "x", "region": "eu-west-1"}, "no EventBridge rule feeds"),
        ({"kind": "raw", "colour": "blue"}, "unknown field"),
    ],
)
def test_what_cannot_be_injected_says_why(http, asked, reason):
    status, told = http.try_post("messages", asked)

    assert status == 400
    assert reason in told["error"]


def test_an_interruption_warns_now_and_takes_the_instance_in_two_minutes(
    scenario, ec2, sqs, queue, http
):
    launch = a_launch(scenario, InstanceMarketOptions={"MarketType": "spot"})
    instance_id = launched_ids(ec2.run_instances(**launch))[0]
    receive_all(sqs, queue)
    http.post("interrupt", {"instance_id": instance_id})

    def state():
        found = ec2.describe_instances(InstanceIds=[instance_id])
        return found["Reservations"][0]["Instances"][0]

    warning = events(sqs, queue)
    http.post("advance", {"seconds": 119})
    before = state()["State"]["Name"]
    http.post("advance", {"seconds": 1})
    after = state()

    assert [one["detail"].get("instance-action") for one in warning] == ["terminate"]
    assert before == "running"
    assert after["State"]["Name"] == "terminated"
    assert after["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    states = [one["detail"]["state"] for one in events(sqs, queue)]
    assert states == ["shutting-down", "terminated"]


def test_a_stop_interruption_stops(scenario, ec2, http):
    instance_id = scenario.nodes()[12].instance_id

    http.post("interrupt", {"instance_id": instance_id, "action": "stop", "notice_seconds": 0})
    http.post("advance", {"seconds": 0})

    found = ec2.describe_instances(InstanceIds=[instance_id])
    assert found["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped"


def test_launch_and_termination_tell_every_state(scenario, ec2, sqs, queue):
    instance_id = launched_ids(ec2.run_instances(**a_launch(scenario)))[0]
    ec2.terminate_instances(InstanceIds=[instance_id])

    told = [one["detail"] for one in events(sqs, queue)]

    assert {one["instance-id"] for one in told} == {instance_id}
    assert [one["state"] for one in told] == ["pending", "running", "shutting-down", "terminated"]


def test_a_deleted_queue_is_missed_by_its_readers_and_by_nobody_else(scenario, ec2, sqs, queue):
    """EventBridge drops what it cannot deliver; launches go on."""
    sqs.delete_queue(QueueUrl=queue)

    launched = launched_ids(ec2.run_instances(**a_launch(scenario)))

    assert len(launched) == 1
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=queue)


def test_a_message_that_is_not_deleted_comes_back(sqs, queue, inject):
    inject(kind="raw", body="again")
    first = sqs.receive_message(QueueUrl=queue)["Messages"][0]
    hidden = sqs.receive_message(QueueUrl=queue).get("Messages")
    sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )

    second = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]

    assert not hidden
    assert second["MessageId"] == first["MessageId"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_long_poll_ends_when_a_message_comes_and_holds_no_other_call_up(
    scenario, ec2, sqs, queue, inject
):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=4)
        ec2.describe_instances(InstanceIds=[scenario.node_ids[0]])
        inject(kind="raw", body="at last")

        assert waiting.result()["Messages"][0]["Body"] == "at last"
