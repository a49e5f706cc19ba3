"""AWS takes a Spot instance: the hint, the warning, and two minutes later it is gone."""

from functools import partial

from sandbox.aws import queue_messages as messages
from sandbox.aws.autoscaling import Place
from sandbox.aws.cloud import Cloud
from sandbox.aws.machines import find_instance, observe

NOTICE_SECONDS = 120.0
ACTIONS = ("terminate", "stop", "hibernate")


def interrupt(
    cloud: Cloud,
    place: Place,
    instance_id: str,
    *,
    action: str = "terminate",
    notice_seconds: float = NOTICE_SECONDS,
) -> None:
    """Send the warning now and take the instance after ``notice_seconds`` of the pretend time.

    ValueError: no such instance, or an action that EC2 does not know.
    """
    if action not in ACTIONS:
        raise ValueError(f"EC2 takes instances by {', '.join(ACTIONS)}, not by {action!r}")
    with cloud.clock.lock:
        instance = find_instance(cloud, *place, instance_id)
        zone = instance.placement.zone
        event = messages.spot_interruption(cloud.origin(*place), instance_id, zone, action)
        cloud.deliver(*place, event)
        cloud.clock.after(notice_seconds, partial(_take, cloud, place, instance_id, action))


def recommend_rebalance(cloud: Cloud, place: Place, instance_id: str) -> None:
    """Send the hint that an interruption has become likely."""
    with cloud.clock.lock:
        zone = find_instance(cloud, *place, instance_id).placement.zone
        event = messages.rebalance_recommendation(cloud.origin(*place), instance_id, zone)
        cloud.deliver(*place, event)


def _take(cloud: Cloud, place: Place, instance_id: str, action: str) -> None:
    instance = find_instance(cloud, *place, instance_id)
    if instance.state != "running":
        return
    if action == "terminate":
        cloud.backend("ec2", *place).terminate_instances([instance_id])
        cloud.backend("autoscaling", *place).notify_terminate_instances([instance_id])
        code, reason = "Server.SpotInstanceTermination", "Spot instance termination"
    else:
        instance.stop()
        code, reason = "Server.SpotInstanceShutdown", "Spot instance shutdown"
    instance.state_reason.code = code
    instance.state_reason.message = f"{code}: {reason}"
    observe(cloud, *place)
