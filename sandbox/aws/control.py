"""The control endpoint of the sandbox itself: messages, faults and time, by hand or by tests.

POST /_sandbox/faults       a list of rules (see faults.py), in place of those in force
POST /_sandbox/capacity     a list of capacity limits
POST /_sandbox/messages     {"kind": "interruption", "instance_id": "i-...", ...}
POST /_sandbox/interrupt    {"instance_id": "i-...", "action": "terminate", "notice_seconds": 120}
POST /_sandbox/policy       {"subject": access key or role ARN, "allow": [...], "deny": [...]}
POST /_sandbox/sessions     {"expired": true}
POST /_sandbox/advance      {"seconds": 60}
GET  /_sandbox/faults
GET  /_sandbox/instances
"""

from collections.abc import Callable, Mapping

import msgspec

from sandbox.aws import interruptions
from sandbox.aws.autoscaling import Place
from sandbox.aws.calls import Answer
from sandbox.aws.cloud import Cloud
from sandbox.aws.faults import CapacityLimit, Fault
from sandbox.aws.identity import Policy
from sandbox.aws.injection import Injection, inject
from sandbox.aws.machines import machines

PREFIX = "/_sandbox/"


class _Interrupt(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    instance_id: str
    action: str = "terminate"
    notice_seconds: float = interruptions.NOTICE_SECONDS


class _Policy(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    subject: str
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()


class _Sessions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    expired: bool


class _Advance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    seconds: float


def handle(cloud: Cloud, method: str, path: str, body: bytes) -> Answer:
    """200 when done, 400 with a sentence when the body is not understood, 404 elsewhere."""
    what = path.removeprefix(PREFIX)
    try:
        if method == "GET" and what in _TOLD:
            return _told(_TOLD[what](cloud))
        if method == "POST" and what in _DONE:
            _DONE[what](cloud, body)
            return _told({"done": what})
    except ValueError as error:  # msgspec's errors are among them
        return _told({"error": str(error)}, status=400)
    return _told({"error": f"no such control: {method} {what}"}, status=404)


def _set_faults(cloud: Cloud, body: bytes) -> None:
    cloud.faults.set(msgspec.json.decode(body, type=list[Fault]))


def _set_capacity(cloud: Cloud, body: bytes) -> None:
    cloud.faults.set_capacity(msgspec.json.decode(body, type=list[CapacityLimit]))


def _send_messages(cloud: Cloud, body: bytes) -> None:
    inject(cloud, msgspec.json.decode(body, type=Injection))


def _interrupt(cloud: Cloud, body: bytes) -> None:
    asked = msgspec.json.decode(body, type=_Interrupt)
    interruptions.interrupt(
        cloud,
        _place_of(cloud, asked.instance_id),
        asked.instance_id,
        action=asked.action,
        notice_seconds=asked.notice_seconds,
    )


def _set_policy(cloud: Cloud, body: bytes) -> None:
    asked = msgspec.json.decode(body, type=_Policy)
    cloud.identity.set_policy(asked.subject, Policy(allow=asked.allow, deny=asked.deny))


def _expire_sessions(cloud: Cloud, body: bytes) -> None:
    if msgspec.json.decode(body, type=_Sessions).expired:
        cloud.identity.expire_sessions()


def _advance(cloud: Cloud, body: bytes) -> None:
    cloud.clock.advance(msgspec.json.decode(body, type=_Advance).seconds)


def _faults(cloud: Cloud) -> object:
    faults = cloud.faults
    return {"rules": faults.rules, "capacity": faults.capacity, "hits": faults.hits}


def _instances(cloud: Cloud) -> object:
    return [one for place in cloud.event_queues for one in machines(cloud, *place)]


def _place_of(cloud: Cloud, instance_id: str) -> Place:
    for place in cloud.event_queues:
        if any(one.instance_id == instance_id for one in machines(cloud, *place)):
            return Place(*place)
    raise ValueError(f"no instance {instance_id!r} where EventBridge rules feed a queue")


_TOLD: Mapping[str, Callable[[Cloud], object]] = {"faults": _faults, "instances": _instances}
_DONE: Mapping[str, Callable[[Cloud, bytes], None]] = {
    "faults": _set_faults,
    "capacity": _set_capacity,
    "messages": _send_messages,
    "interrupt": _interrupt,
    "policy": _set_policy,
    "sessions": _expire_sessions,
    "advance": _advance,
}


def _told(body: object, *, status: int = 200) -> Answer:
    headers = (("Content-Type", "application/json"),)
    return Answer(status=status, headers=headers, body=msgspec.json.encode(body))
