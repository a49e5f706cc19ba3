"""Instances leave their groups in order: detached, terminated, or after waiting at a hook."""

import json

import pytest

from sandbox.aws.scenario import QUEUE
from tests.sandbox.aws.asking import events, instance, instances_of, receive_all, refusal

HOUR = 3600


def group_of(asg, prefix):
    groups = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    return next(one for one in groups if one["AutoScalingGroupName"].startswith(prefix))


@pytest.fixture
def group(asg):
    """The group of twelve on-demand nodes."""
    return group_of(asg, "eks-general-")


@pytest.fixture
def name(group):
    return group["AutoScalingGroupName"]


@pytest.fixture
def member(group):
    return group["Instances"][0]["InstanceId"]


@pytest.fixture
def hook(asg, name):
    """The group's hook for terminations, with five minutes of patience."""
    asked = {"AutoScalingGroupName": name, "LifecycleHookName": "drain"}
    asg.put_lifecycle_hook(
        **asked,
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=300,
    )
    return asked


def state_of(asg, instance_id):
    found = asg.describe_auto_scaling_instances(InstanceIds=[instance_id])
    return [one["LifecycleState"] for one in found["AutoScalingInstances"]]


def sizes(asg, name):
    asked = asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    group = asked["AutoScalingGroups"][0]
    return group["DesiredCapacity"], len(group["Instances"])


def test_detaching_with_decrement_leaves_the_instance_running_and_the_group_smaller(
    asg, ec2, name, member
):
    asg.detach_instances(
        AutoScalingGroupName=name, InstanceIds=[member], ShouldDecrementDesiredCapacity=True
    )

    tags = {tag["Key"] for tag in instance(ec2, member)["Tags"]}
    assert sizes(asg, name) == (11, 11)
    assert instance(ec2, member)["State"]["Name"] == "running"
    assert "aws:autoscaling:groupName" not in tags


def test_detaching_without_decrement_launches_another(asg, ec2, name, member):
    before = len(instances_of(ec2.describe_instances()))

    asg.detach_instances(
        AutoScalingGroupName=name, InstanceIds=[member], ShouldDecrementDesiredCapacity=False
    )

    assert sizes(asg, name) == (12, 12)
    assert len(instances_of(ec2.describe_instances())) == before + 1


def test_a_stranger_cannot_be_detached(asg, scenario, name):
    asked = {
        "AutoScalingGroupName": name,
        "InstanceIds": [scenario.ghost_ids[0]],
        "ShouldDecrementDesiredCapacity": True,
    }

    assert refusal(asg.detach_instances, **asked) == ("ValidationError", 400)


def test_terminating_through_the_group_with_decrement(asg, ec2, name, member):
    answer = asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=True
    )

    assert answer["Activity"]["AutoScalingGroupName"] == name
    assert sizes(asg, name) == (11, 11)
    assert instance(ec2, member)["State"]["Name"] == "terminated"


def test_terminating_without_decrement_brings_another_of_the_same_kind(asg, ec2):
    group = group_of(asg, "eks-general-spot")
    name, members = group["AutoScalingGroupName"], group["Instances"]
    known = {one["InstanceId"] for one in members}

    asg.terminate_instance_in_auto_scaling_group(
        InstanceId=members[0]["InstanceId"], ShouldDecrementDesiredCapacity=False
    )

    new = [
        one["InstanceId"]
        for one in group_of(asg, "eks-general-spot")["Instances"]
        if one["InstanceId"] not in known
    ]
    seen = instance(ec2, new[0])
    assert sizes(asg, name) == (4, 4)
    assert (seen["InstanceType"], seen["InstanceLifecycle"]) == ("m5.xlarge", "spot")
    assert seen["SpotInstanceRequestId"].startswith("sir-")


def test_an_instance_terminated_behind_the_groups_back_is_replaced(asg, ec2, name, member):
    ec2.terminate_instances(InstanceIds=[member])

    assert sizes(asg, name) == (12, 12)
    assert state_of(asg, member) == []


def test_a_group_at_its_minimum_does_not_shrink(asg, name, member):
    asg.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=12)
    decrement = {"ShouldDecrementDesiredCapacity": True}

    by_termination = refusal(
        asg.terminate_instance_in_auto_scaling_group, InstanceId=member, **decrement
    )
    by_detaching = refusal(
        asg.detach_instances, AutoScalingGroupName=name, InstanceIds=[member], **decrement
    )

    assert by_termination == by_detaching == ("ValidationError", 400)
    assert sizes(asg, name) == (12, 12)


def test_an_instance_of_no_group_is_not_terminated(asg, scenario):
    asked = {"InstanceId": scenario.ghost_ids[0], "ShouldDecrementDesiredCapacity": True}

    assert refusal(asg.terminate_instance_in_auto_scaling_group, **asked) == (
        "ValidationError",
        400,
    )


@pytest.fixture
def waiting(asg, sqs, queue, hook, member):
    """A member that waits at the hook; the message that told so."""
    asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=True
    )
    return events(sqs, queue)[0]


def test_at_a_hook_the_instance_waits_and_a_message_is_sent(asg, ec2, member, name, waiting):
    assert state_of(asg, member) == ["Terminating:Wait"]
    assert instance(ec2, member)["State"]["Name"] == "running"
    assert waiting["detail-type"] == "EC2 Instance-terminate Lifecycle Action"
    assert waiting["detail"]["EC2InstanceId"] == member
    assert waiting["detail"]["AutoScalingGroupName"] == name


@pytest.mark.parametrize("result", ["CONTINUE", "ABANDON"])
@pytest.mark.parametrize("by", ["token", "instance"])
def test_completing_the_action_lets_it_go(asg, ec2, hook, member, waiting, result, by):
    named = {
        "token": {"LifecycleActionToken": waiting["detail"]["LifecycleActionToken"]},
        "instance": {"InstanceId": member},
    }[by]

    asg.complete_lifecycle_action(**hook, **named, LifecycleActionResult=result)

    assert instance(ec2, member)["State"]["Name"] == "terminated"
    assert state_of(asg, member) == []
    assert refusal(
        asg.complete_lifecycle_action, **hook, **named, LifecycleActionResult=result
    ) == ("ValidationError", 400)


@pytest.mark.usefixtures("waiting")
def test_without_an_answer_it_goes_at_the_deadline(scenario, ec2, member):
    scenario.cloud.clock.advance(299)
    assert instance(ec2, member)["State"]["Name"] == "running"

    scenario.cloud.clock.advance(1)
    assert instance(ec2, member)["State"]["Name"] == "terminated"


@pytest.mark.usefixtures("waiting")
def test_a_heartbeat_puts_the_deadline_off(scenario, asg, ec2, hook, member):
    scenario.cloud.clock.advance(200)
    asg.record_lifecycle_action_heartbeat(**hook, InstanceId=member)

    scenario.cloud.clock.advance(299)
    assert instance(ec2, member)["State"]["Name"] == "running"
    scenario.cloud.clock.advance(1)
    assert instance(ec2, member)["State"]["Name"] == "terminated"


def test_a_heartbeat_for_nothing_that_waits_is_refused(asg, hook, member):
    assert refusal(asg.record_lifecycle_action_heartbeat, **hook, InstanceId=member) == (
        "ValidationError",
        400,
    )


def test_a_notification_target_gets_a_test_message_and_the_raw_notification(
    asg, sqs, queue, name, member
):
    asg.put_lifecycle_hook(
        AutoScalingGroupName=name,
        LifecycleHookName="drain",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        NotificationTargetARN=f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}",
        NotificationMetadata="from the node group",
        RoleARN="arn:aws:iam::123456789012:role/notify",
    )
    asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=True
    )

    test, notification = (json.loads(body) for body in receive_all(sqs, queue))

    assert test["Event"] == "autoscaling:TEST_NOTIFICATION"
    assert notification["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert notification["EC2InstanceId"] == member
    assert notification["NotificationMetadata"] == "from the node group"
    assert notification["Origin"] == "AutoScalingGroup"


def test_a_hook_is_not_put_where_its_notification_target_is_missing(asg, name):
    asked = {
        "AutoScalingGroupName": name,
        "LifecycleHookName": "drain",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "NotificationTargetARN": "arn:aws:sqs:us-east-1:123456789012:none",
        "RoleARN": "arn:aws:iam::123456789012:role/notify",
    }

    assert refusal(asg.put_lifecycle_hook, **asked) == ("ValidationError", 400)
    assert asg.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"] == []


def test_a_group_that_does_not_exist_is_a_validation_error(asg):
    asked = {"AutoScalingGroupName": "none", "ShouldDecrementDesiredCapacity": True}

    assert refusal(asg.detach_instances, **asked) == ("ValidationError", 400)
