"""Auto Scaling: instances leave through their group, and wait at lifecycle hooks where it has any.

With a hook for terminations an instance goes to ``Terminating:Wait``: a message is sent, heartbeats
put the deadline off, and CompleteLifecycleAction or the deadline lets it go. Either result ends
a termination; hooks for launches are stored but do not hold instances up.
"""

import json
from datetime import UTC
from functools import partial
from typing import Any, NamedTuple

from sandbox.aws import queue_messages as messages
from sandbox.aws.calls import Answer, ApiError, Call
from sandbox.aws.cloud import Cloud
from sandbox.aws.machines import observe
from sandbox.aws.queue_messages import LifecycleAction

LONGEST_WAIT_SECONDS = 172_800  # 48 hours, however many heartbeats there are
_SQS_ARN = "arn:aws:sqs:"


class Place(NamedTuple):
    """An account and a region of it."""

    account_id: str
    region: str


def detach_instances(cloud: Cloud, call: Call) -> Answer:
    """moto's, once it is known that the instances are the group's."""
    group = _group(cloud, call)
    members = {state.instance_id for state in group.instance_states}
    strangers = [one for one in call.listed("InstanceIds.member") if one not in members]
    if strangers:
        raise ApiError(
            "ValidationError",
            f"The instance {strangers[0]} is not part of Auto Scaling group {group.name}.",
        )
    if call.is_true("ShouldDecrementDesiredCapacity"):
        _check_minimum(group, len(call.listed("InstanceIds.member")))
    return cloud.forward(call)


def terminate_instance(cloud: Cloud, call: Call) -> Answer:
    """Terminate a member, at once or after it waited at the group's hook."""
    instance_id = call.get("InstanceId")
    state = _member(cloud, call, instance_id)
    group = state.instance.autoscaling_group
    if call.is_true("ShouldDecrementDesiredCapacity"):
        _check_minimum(group, 1)
    hook = _terminating_hook(cloud, call, group.name)
    if hook is None or state.lifecycle_state != "InService":
        return cloud.forward(call)
    state.lifecycle_state = "Terminating:Wait"
    if call.is_true("ShouldDecrementDesiredCapacity"):
        group.desired_capacity -= 1
    group.set_desired_capacity(group.desired_capacity)
    _wait(cloud, Place(call.account_id, call.region), state, hook)
    return cloud.answer(call, {"Activity": _activity(cloud, group.name, instance_id)})


def put_lifecycle_hook(cloud: Cloud, call: Call) -> Answer:
    """moto's, with the notification target, which gets a test message."""
    group = _group(cloud, call)
    place = Place(call.account_id, call.region)
    target = call.get("NotificationTargetARN")
    if target.startswith(_SQS_ARN) and not _target_queue(cloud, place, target):
        raise ApiError(
            "ValidationError",
            f"Unable to publish test message to notification target {target} using IAM role "
            f"{call.get('RoleARN')}. Please check your target and role configuration and try to "
            "put lifecycle hook again.",
        )
    answer = cloud.forward(call)
    backend = cloud.backend("autoscaling", call.account_id, call.region)
    hook = backend.lifecycle_hooks[f"{group.name}_{call.get('LifecycleHookName')}"]
    hook.notification_target_arn = target
    hook.notification_metadata = call.get("NotificationMetadata")
    hook.role_arn = call.get("RoleARN")
    test = messages.lifecycle_test(cloud.origin(*place), group.name)
    _notify(cloud, place, hook, test)
    return answer


def complete_lifecycle_action(cloud: Cloud, call: Call) -> Answer:
    """Let an instance go that waits at a hook."""
    if call.get("LifecycleActionResult") not in ("CONTINUE", "ABANDON"):
        raise ApiError(
            "ValidationError", "Lifecycle action result must be either CONTINUE or ABANDON"
        )
    _finish(cloud, Place(call.account_id, call.region), _waiting(cloud, call))
    return cloud.answer(call, {})


def record_heartbeat(cloud: Cloud, call: Call) -> Answer:
    """Put the deadline of a waiting instance off by the hook's time-out."""
    action = _waiting(cloud, call)
    place = Place(call.account_id, call.region)
    hook = cloud.backend("autoscaling", *place).lifecycle_hooks[f"{action.group}_{action.hook}"]
    _set_deadline(cloud, place, action, hook.heartbeat_timeout)
    return cloud.answer(call, {})


def _wait(cloud: Cloud, place: Place, state: Any, hook: Any) -> None:
    action = LifecycleAction(
        group=hook.auto_scaling_group_name,
        hook=hook.name,
        instance_id=state.instance_id,
        token=cloud.request_id(),
        metadata=getattr(hook, "notification_metadata", ""),
    )
    cloud.waiting[*place, action.instance_id] = action
    _set_deadline(cloud, place, action, hook.heartbeat_timeout)
    notification = messages.lifecycle_notification(cloud.origin(*place), action)
    if not _notify(cloud, place, hook, notification):
        cloud.deliver(*place, messages.lifecycle_event(cloud.origin(*place), action))


def _notify(cloud: Cloud, place: Place, hook: Any, message: dict[str, Any]) -> bool:
    """Send to the hook's notification target, where that is a queue; whether it was sent."""
    queue = _target_queue(cloud, place, getattr(hook, "notification_target_arn", ""))
    if queue:
        cloud.send(*place, queue, json.dumps(message))
    return bool(queue)


def _target_queue(cloud: Cloud, place: Place, arn: str) -> str:
    """The queue that an ARN names; empty where it names none, or one that is not there."""
    name = arn.rpartition(":")[2]
    is_there = name in cloud.backend("sqs", *place).queues
    return name if arn.startswith(_SQS_ARN) and is_there else ""


def _set_deadline(cloud: Cloud, place: Place, action: LifecycleAction, seconds: float) -> None:
    deadline = cloud.clock.now() + min(seconds, LONGEST_WAIT_SECONDS)
    cloud.deadlines[action.token] = deadline
    cloud.clock.after(
        deadline - cloud.clock.now(), partial(_expire, cloud, place, action, deadline)
    )


def _expire(cloud: Cloud, place: Place, action: LifecycleAction, deadline: float) -> None:
    """The end of a wait, unless a heartbeat or a completion came before it."""
    if cloud.deadlines.get(action.token) == deadline:
        _finish(cloud, place, action)


def _finish(cloud: Cloud, place: Place, action: LifecycleAction) -> None:
    del cloud.deadlines[action.token]
    del cloud.waiting[*place, action.instance_id]
    group = cloud.backend("autoscaling", *place).autoscaling_groups.get(action.group)
    if group is not None:  # groups can be deleted while their instances wait
        group.instance_states = [
            state for state in group.instance_states if state.instance_id != action.instance_id
        ]
    cloud.backend("ec2", *place).terminate_instances([action.instance_id])
    observe(cloud, *place)


def _waiting(cloud: Cloud, call: Call) -> LifecycleAction:
    """The action that a call names by its token, or by its instance."""
    token = call.get("LifecycleActionToken")
    instance_id = call.get("InstanceId")
    for (account_id, region, _), action in cloud.waiting.items():
        is_named = action.token == token if token else action.instance_id == instance_id
        is_at_hook = action.hook == call.get("LifecycleHookName")
        is_of_group = action.group == call.get("AutoScalingGroupName")
        is_here = (account_id, region) == (call.account_id, call.region)
        if is_named and is_at_hook and is_of_group and is_here:
            return action
    what = f"token {token}" if token else f"instance ID {instance_id}"
    raise ApiError("ValidationError", f"No active Lifecycle Action found with {what}")


def _group(cloud: Cloud, call: Call) -> Any:
    name = call.get("AutoScalingGroupName")
    groups = cloud.backend("autoscaling", call.account_id, call.region).autoscaling_groups
    if name not in groups:
        raise ApiError(
            "ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}'"
        )
    return groups[name]


def _member(cloud: Cloud, call: Call, instance_id: str) -> Any:
    groups = cloud.backend("autoscaling", call.account_id, call.region).autoscaling_groups
    for group in groups.values():
        for state in group.instance_states:
            if state.instance_id == instance_id:
                return state
    raise ApiError(
        "ValidationError",
        f"Instance Id not found - No managed instance found for instance ID: {instance_id}",
    )


def _check_minimum(group: Any, count: int) -> None:
    if group.desired_capacity - count < group.min_size:
        raise ApiError(
            "ValidationError",
            f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance "
            "without replacement will violate group's min size constraint. Either set "
            "shouldDecrementDesiredCapacity flag to false or lower group's min size.",
        )


def _terminating_hook(cloud: Cloud, call: Call, group: str) -> Any:
    hooks = cloud.backend("autoscaling", call.account_id, call.region).lifecycle_hooks.values()
    for hook in hooks:
        is_of_group = hook.auto_scaling_group_name == group
        if is_of_group and hook.lifecycle_transition == messages.TERMINATING:
            return hook
    return None


def _activity(cloud: Cloud, group: str, instance_id: str) -> dict[str, object]:
    at = cloud.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "ActivityId": cloud.request_id(),
        "AutoScalingGroupName": group,
        "Description": f"Terminating EC2 instance: {instance_id}",
        "Cause": f"At {at} instance {instance_id} was taken out of service in response to a "
        "user request.",
        "StartTime": at,
        "StatusCode": "InProgress",
        "Progress": 0,
    }
