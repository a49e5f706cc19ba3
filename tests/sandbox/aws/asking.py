"""What tests ask again and again."""

import json

import pytest
from botocore.exceptions import ClientError


def refusal(call, *args, **kwargs):
    """The code and HTTP status that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def instances_of(answer):
    return [one for reservation in answer["Reservations"] for one in reservation["Instances"]]


def instance(ec2, instance_id):
    return instances_of(ec2.describe_instances(InstanceIds=[instance_id]))[0]


def a_launch(scenario, **changes):
    """Parameters of RunInstances: one on-demand m5.xlarge in zone a, by launch template."""
    return {
        "LaunchTemplate": {"LaunchTemplateId": scenario.launch_template_ids["general"]},
        "SubnetId": scenario.network.subnet_ids[0],
        "MinCount": 1,
        "MaxCount": 1,
    } | changes


def launched_ids(answer):
    return [one["InstanceId"] for one in answer["Instances"]]


def receive_all(sqs, queue):
    """Bodies of all messages that lie in the queue, in order of arrival as far as SQS keeps it."""
    bodies = []
    while True:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        if not answer.get("Messages"):
            return bodies
        bodies += [message["Body"] for message in answer["Messages"]]


def events(sqs, queue):
    return [json.loads(body) for body in receive_all(sqs, queue)]
