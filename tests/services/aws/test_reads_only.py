"""What would change the account never leaves the process; the server counts what arrives."""

import boto3
import pytest

from sandbox.aws.faults import Fault
from services.aws.errors import ChangeRefusedError
from services.aws.reads_only import NO_GROUP, NO_INSTANCE, NO_RECEIPT, changes_nothing
from services.aws.session import open_account
from tests.pretend_aws import fail

SOME_ID = "i-0123456789abcdef0"
QUEUE = {"QueueUrl": "http://127.0.0.1/1/q"}
CHANGES = [
    ("ec2", "terminate_instances", {"InstanceIds": [SOME_ID]}),
    ("ec2", "terminate_instances", {"InstanceIds": [SOME_ID], "DryRun": False}),
    ("ec2", "create_tags", {"Resources": [SOME_ID], "Tags": [{"Key": "a", "Value": "b"}]}),
    ("sqs", "receive_message", QUEUE),
    ("sqs", "receive_message", QUEUE | {"MaxNumberOfMessages": 1}),
    ("sqs", "delete_message", QUEUE | {"ReceiptHandle": "AQEB"}),
    ("sqs", "send_message", QUEUE | {"MessageBody": "x"}),
    (
        "autoscaling",
        "detach_instances",
        {
            "AutoScalingGroupName": "general",
            "InstanceIds": [SOME_ID],
            "ShouldDecrementDesiredCapacity": True,
        },
    ),
    (
        "autoscaling",
        "terminate_instance_in_auto_scaling_group",
        {"InstanceId": SOME_ID, "ShouldDecrementDesiredCapacity": True},
    ),
    ("iam", "create_user", {"UserName": "eve"}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), CHANGES)
def test_a_change_is_stopped_before_it_leaves(
    aws_scenario, aws_account, service, operation, parameters
):
    """A fault that would hit every call counts how many arrived."""
    fail(aws_scenario, Fault(code="InternalError"))

    with pytest.raises(ChangeRefusedError, match="stopped before it left"):
        getattr(aws_account.client(service), operation)(**parameters)

    assert aws_scenario.cloud.faults.hits == 0


def test_an_account_opened_for_changes_may_change(aws_access, aws_scenario):
    target = aws_scenario.ghost_ids[0]

    with open_account(aws_access, may_change=True) as account:
        answer = account.client("ec2").terminate_instances(InstanceIds=[target])

    assert answer["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("ec2", "DescribeInstances", {}, True),
        ("sqs", "GetQueueAttributes", {}, True),
        ("sqs", "ListQueues", {}, True),
        ("sts", "AssumeRole", {}, True),
        ("sts", "GetCallerIdentity", {}, True),
        ("sts", "AssumeRoleWithSAML", {}, False),
        ("ec2", "RunInstances", {"DryRun": True}, True),
        ("ec2", "RunInstances", {"DryRun": "true"}, False),
        ("ec2", "RunInstances", {}, False),
        ("sqs", "PurgeQueue", {"DryRun": True}, False),
        ("sqs", "ReceiveMessage", {"MaxNumberOfMessages": 0}, True),
        ("sqs", "DeleteMessage", {"ReceiptHandle": NO_RECEIPT}, True),
        ("autoscaling", "DetachInstances", {"AutoScalingGroupName": NO_GROUP}, True),
        (
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": NO_INSTANCE},
            True,
        ),
    ],
)
def test_reads_dry_runs_and_impossible_probes_pass(service, operation, parameters, expected):
    assert changes_nothing(service, operation, parameters) is expected


def test_the_guard_knows_operations_by_the_names_that_boto3_sends():
    """A misspelt name in the table of probes would refuse its probe for ever."""
    from services.aws.reads_only import PROBES

    session = boto3.Session()
    for (service, operation), parameters in PROBES.items():
        model = session.client(service, "us-east-1").meta.service_model
        assert set(parameters) <= set(model.operation_model(operation).input_shape.members)
