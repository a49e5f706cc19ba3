"""What AWS puts into the queue: EventBridge events, Auto Scaling notifications, and rubbish.

Pure: bodies follow from the arguments. Shapes are those of AWS's documentation and of recorded
events, with their quirks: Spot events name the *zone* in the ARN where a region belongs and no
account; Health events name bare instance ids, and times in RFC 1123 with a one-digit day.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

SPOT_INTERRUPTION = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
STATE_CHANGE = "EC2 Instance State-change Notification"
HEALTH = "AWS Health Event"
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"

POISON_BODIES: Mapping[str, str] = {
    "empty": " ",
    "not_json": "<xml>this is no event</xml>",
    "truncated": '{"version":"0","id":"12345678-1234-1234-1234-1234567890',
    "list": "[]",
    "number": "42",
    "null": "null",
    "deep": "[" * 5_000 + "]" * 5_000,
    "no_detail": '{"detail-type":"EC2 Spot Instance Interruption Warning","source":"aws.ec2"}',
    "wrong_key": '{"detail-type":"EC2 Spot Instance Interruption Warning","source":"aws.ec2",'
    '"detail":{"instance_id":"i-1234567890abcdef0","instance-action":"terminate"}}',
    "no_instance": '{"detail-type":"EC2 Spot Instance Interruption Warning","source":"aws.ec2",'
    '"detail":{"instance-id":null,"instance-action":"terminate"}}',
    "other_source": '{"version":"0","detail-type":"Object Created","source":"aws.s3","detail":{}}',
    "sns_without_message": '{"Type":"Notification","TopicArn":"arn:aws:sns:us-east-1:1:t"}',
}
"""Bodies that no reader understands, by name."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Whose event it is, where, when; ``serial`` tells apart what is otherwise alike."""

    account_id: str
    region: str
    at: datetime
    serial: int = 0

    @property
    def time(self) -> str:
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def event_id(self, *names: str) -> str:
        parts = (self.account_id, self.region, self.time, str(self.serial), *names)
        return str(uuid5(NAMESPACE_URL, "/".join(parts)))


def spot_interruption(
    origin: Origin, instance_id: str, zone: str, action: str = "terminate"
) -> dict[str, Any]:
    """The two-minute warning; ``action`` is terminate, stop or hibernate."""
    detail = {"instance-id": instance_id, "instance-action": action}
    resource = f"arn:aws:ec2:{zone}:instance/{instance_id}"
    return _event(origin, SPOT_INTERRUPTION, "aws.ec2", resource, detail)


def rebalance_recommendation(origin: Origin, instance_id: str, zone: str) -> dict[str, Any]:
    """The hint that an interruption has become likely."""
    resource = f"arn:aws:ec2:{zone}:instance/{instance_id}"
    return _event(origin, REBALANCE, "aws.ec2", resource, {"instance-id": instance_id})


def state_change(origin: Origin, instance_id: str, state: str) -> dict[str, Any]:
    """An instance became pending, running, stopping, stopped, shutting-down or terminated."""
    resource = f"arn:aws:ec2:{origin.region}:{origin.account_id}:instance/{instance_id}"
    detail = {"instance-id": instance_id, "state": state}
    return _event(origin, STATE_CHANGE, "aws.ec2", resource, detail)


def health_scheduled_change(
    origin: Origin,
    instance_ids: Sequence[str],
    *,
    category: str = "scheduledChange",
    service: str = "EC2",
    code: str = "AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED",
) -> dict[str, Any]:
    """AWS Health: hardware under these instances will be retired."""
    arn = f"arn:aws:health:{origin.region}::event/{service}/{code}/{code}"
    description = (
        "EC2 has detected degradation of the underlying hardware hosting your Amazon EC2 "
        f"instance associated with this event in the {origin.region} region."
    )
    detail = {
        "eventArn": arn + origin.event_id(*instance_ids)[:36],
        "service": service,
        "eventTypeCode": code,
        "eventTypeCategory": category,
        "startTime": _rfc1123(origin.at),
        "endTime": _rfc1123(origin.at),
        "eventDescription": [{"language": "en_US", "latestDescription": description}],
        "affectedEntities": [{"entityValue": one, "tags": {}} for one in instance_ids],
    }
    event = _event(origin, HEALTH, "aws.health", "", detail)
    return event | {"resources": list(instance_ids)}


@dataclass(frozen=True, kw_only=True)
class LifecycleAction:
    """An instance that waits at a lifecycle hook of its group."""

    group: str
    hook: str
    instance_id: str
    token: str
    transition: str = TERMINATING
    metadata: str = ""


def lifecycle_event(origin: Origin, action: LifecycleAction) -> dict[str, Any]:
    """A lifecycle hook's message as EventBridge delivers it."""
    is_launch = action.transition == LAUNCHING
    resource = _group_arn(origin, action.group)
    kind = "EC2 Instance-launch Lifecycle Action" if is_launch else _TERMINATE_ACTION
    detail = {
        **_lifecycle_fields(action),
        "Origin": "EC2" if is_launch else "AutoScalingGroup",
        "Destination": "AutoScalingGroup" if is_launch else "EC2",
    }
    return _event(origin, kind, "aws.autoscaling", resource, detail)


def lifecycle_notification(origin: Origin, action: LifecycleAction) -> dict[str, Any]:
    """A lifecycle hook's message as Auto Scaling itself sends it to its notification target."""
    return {
        "Origin": "AutoScalingGroup" if action.transition == TERMINATING else "EC2",
        "Destination": "EC2" if action.transition == TERMINATING else "AutoScalingGroup",
        "Service": "AWS Auto Scaling",
        "Time": _milliseconds(origin.at),
        "AccountId": origin.account_id,
        "RequestId": origin.event_id(action.token),
        **_lifecycle_fields(action),
    }


def lifecycle_test(origin: Origin, group: str) -> dict[str, Any]:
    """What Auto Scaling sends once when a hook gets its notification target."""
    return {
        "AccountId": origin.account_id,
        "RequestId": origin.event_id(group, "test"),
        "AutoScalingGroupARN": _group_arn(origin, group),
        "AutoScalingGroupName": group,
        "Service": "AWS Auto Scaling",
        "Event": "autoscaling:TEST_NOTIFICATION",
        "Time": _milliseconds(origin.at),
    }


def wrapped_by_sns(origin: Origin, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as it reaches the queue through an SNS topic without raw delivery."""
    topic = f"arn:aws:sns:{origin.region}:{origin.account_id}:cloudoptim-events"
    site = f"https://sns.{origin.region}.amazonaws.com"
    return {
        "Type": "Notification",
        "MessageId": origin.event_id("sns", json.dumps(message, sort_keys=True)),
        "TopicArn": topic,
        "Message": json.dumps(message),
        "Timestamp": _milliseconds(origin.at),
        "SignatureVersion": "1",
        "Signature": "c2FuZGJveA==",
        "SigningCertURL": f"{site}/SimpleNotificationService-sandbox.pem",
        "UnsubscribeURL": f"{site}/?Action=Unsubscribe&SubscriptionArn={topic}:sandbox",
    }


_TERMINATE_ACTION = "EC2 Instance-terminate Lifecycle Action"


def _event(
    origin: Origin, kind: str, source: str, resource: str, detail: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": origin.event_id(kind, resource, json.dumps(detail, sort_keys=True)),
        "detail-type": kind,
        "source": source,
        "account": origin.account_id,
        "time": origin.time,
        "region": origin.region,
        "resources": [resource],
        "detail": dict(detail),
    }


def _lifecycle_fields(action: LifecycleAction) -> dict[str, str]:
    fields = {
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": action.group,
        "LifecycleHookName": action.hook,
        "EC2InstanceId": action.instance_id,
        "LifecycleTransition": action.transition,
    }
    return fields | ({"NotificationMetadata": action.metadata} if action.metadata else {})


def _group_arn(origin: Origin, group: str) -> str:
    number = uuid5(NAMESPACE_URL, group)
    return (
        f"arn:aws:autoscaling:{origin.region}:{origin.account_id}:autoScalingGroup:{number}:"
        f"autoScalingGroupName/{group}"
    )


def _milliseconds(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _rfc1123(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%a}, {at.day} {at:%b %Y %H:%M:%S} GMT"
