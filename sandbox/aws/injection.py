"""Messages put into a queue on demand: any kind, wrapped or raw, once or several times."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.aws import queue_messages as messages
from sandbox.aws.cloud import Cloud
from sandbox.aws.machines import find_instance
from sandbox.aws.queue_messages import LifecycleAction, Origin

UNKNOWN_ZONE = "a"  # of the region, for instances that the account does not have


class Injection(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to send. ``queue`` empty: the one that the EventBridge rules feed.

    ``kind``: interruption, rebalance, state_change, health, lifecycle, lifecycle_notification,
    lifecycle_test, poison (``name`` says which, see POISON_BODIES) or raw (``body`` as it is).
    """

    kind: str
    instance_id: str = ""
    instance_ids: tuple[str, ...] = ()
    action: str = "terminate"
    state: str = "terminated"
    category: str = "scheduledChange"
    service: str = "EC2"
    group: str = ""
    hook: str = ""
    token: str = ""
    transition: str = messages.TERMINATING
    name: str = "not_json"
    body: str = ""
    sns: bool = False
    copies: int = 1
    queue: str = ""
    region: str = ""


def inject(cloud: Cloud, injection: Injection) -> None:
    """Send it, as many times as asked; ValueError: unknown kind, or no queue."""
    account_id, region, queue = _target(cloud, injection)
    origin = cloud.origin(account_id, region)
    if injection.kind == "raw":
        body = injection.body
    elif injection.kind == "poison":
        body = _poison(injection.name)
    else:
        body = json.dumps(_message(cloud, injection, origin))
    for _ in range(injection.copies):
        cloud.send(account_id, region, queue, body)


def _target(cloud: Cloud, injection: Injection) -> tuple[str, str, str]:
    for (account_id, region), queue in cloud.event_queues.items():
        if injection.region in ("", region):
            return account_id, region, injection.queue or queue
    raise ValueError(f"no EventBridge rule feeds a queue in {injection.region or 'any region'}")


def _poison(name: str) -> str:
    if name not in messages.POISON_BODIES:
        raise ValueError(f"poison is one of {', '.join(messages.POISON_BODIES)}, not {name!r}")
    return messages.POISON_BODIES[name]


def _message(cloud: Cloud, injection: Injection, origin: Origin) -> dict[str, Any]:
    if injection.kind not in _WRITERS:
        raise ValueError(f"kind is one of {', '.join(_WRITERS)}, poison or raw")
    message = _WRITERS[injection.kind](cloud, injection, origin)
    return messages.wrapped_by_sns(origin, message) if injection.sns else message


def _interruption(cloud: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    zone = _zone(cloud, one, origin)
    return messages.spot_interruption(origin, one.instance_id, zone, one.action)


def _rebalance(cloud: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    return messages.rebalance_recommendation(origin, one.instance_id, _zone(cloud, one, origin))


def _state_change(_: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    return messages.state_change(origin, one.instance_id, one.state)


def _health(_: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    affected = one.instance_ids or (one.instance_id,)
    return messages.health_scheduled_change(
        origin, affected, category=one.category, service=one.service
    )


def _lifecycle(_: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    return messages.lifecycle_event(origin, _lifecycle_action(one, origin))


def _notification(_: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    return messages.lifecycle_notification(origin, _lifecycle_action(one, origin))


def _test(_: Cloud, one: Injection, origin: Origin) -> dict[str, Any]:
    return messages.lifecycle_test(origin, one.group)


def _lifecycle_action(one: Injection, origin: Origin) -> LifecycleAction:
    return LifecycleAction(
        group=one.group,
        hook=one.hook,
        instance_id=one.instance_id,
        token=one.token or origin.event_id("token"),
        transition=one.transition,
    )


def _zone(cloud: Cloud, one: Injection, origin: Origin) -> str:
    try:
        found = find_instance(cloud, origin.account_id, origin.region, one.instance_id)
    except ValueError:  # a foreign instance: its warning comes all the same
        return origin.region + UNKNOWN_ZONE
    return str(found.placement.zone)


_WRITERS: Mapping[str, Callable[[Cloud, Injection, Origin], dict[str, Any]]] = {
    "interruption": _interruption,
    "rebalance": _rebalance,
    "state_change": _state_change,
    "health": _health,
    "lifecycle": _lifecycle,
    "lifecycle_notification": _notification,
    "lifecycle_test": _test,
}
