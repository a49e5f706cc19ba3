"""The pretend AWS as a whole: moto's backends by account, and what is wrapped around them.

moto keeps its state by account and region within the process. A ``Cloud`` owns the accounts it is
given; opening another one with the same account ids starts those from nothing.
"""

import io
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from moto.backends import get_backend
from moto.ec2.models.amis import Ami
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from sandbox.aws import queue_messages as messages
from sandbox.aws.calls import Answer, ApiError, Call, write_answer
from sandbox.aws.faults import Faults
from sandbox.aws.identity import Identity
from sandbox.aws.spot_prices import Market, market_of
from sandbox.clock import Clock

SERVICES = ("ec2", "autoscaling", "sqs", "elbv2", "elb", "kms")
IMAGE_OWNER = "602401143452"  # the account that publishes the EKS images
IMAGES = {
    "amazon-eks-node-al2023-x86_64-standard-1.33": "x86_64",
    "amazon-eks-node-al2023-arm64-standard-1.33": "arm64",
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An EC2 instance as those who watch for launches see it; ``launched_at`` is the last start."""

    instance_id: str
    instance_type: str
    account_id: str
    region: str
    zone: str
    capacity_type: str
    """spot or on-demand"""

    private_dns_name: str
    private_ip: str
    architecture: str
    launched_at: datetime
    state: str
    tags: dict[str, str]


Watcher = Callable[[Machine], None]


@dataclass(frozen=True, kw_only=True)
class Watchers:
    """Called when an instance starts to run, and when it no longer does, with the lock held."""

    running: Watcher
    gone: Watcher


@dataclass
class Cloud:
    """Accounts, market, clock, identity and faults of one pretend AWS."""

    seed: int = 1
    account_ids: tuple[str, ...] = ()
    clock: Clock = field(default_factory=lambda: Clock(time.time(), speed=1.0))
    watchers: list[Watchers] = field(default_factory=list)
    snapshot_seconds: float = 5.0
    """How long a snapshot is pending."""

    def __post_init__(self) -> None:
        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # 700 images, 2 s a region
        for service in SERVICES:
            for account_id in self.account_ids:
                get_backend(service).pop(account_id, None)  # type: ignore[call-overload]
        self.market: Market = market_of(self.seed)
        self.identity = Identity(now=self.clock.now)
        self.faults = Faults()
        self.event_queues: dict[tuple[str, str], str] = {}
        self.launches: dict[tuple[str, str, str], tuple[str, Answer]] = {}
        self.waiting: dict[tuple[str, str, str], messages.LifecycleAction] = {}
        self.deadlines: dict[str, float] = {}
        self._prepared: set[tuple[str, str]] = set()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._serial = 0
        self._serial_lock = threading.Lock()

    def now(self) -> datetime:
        """The time of the pretend world."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def backend(self, service: str, account_id: str, region: str) -> Any:
        """moto's own state of a service, with our images in each region."""
        try:
            backend = get_backend(service)[account_id][region]  # type: ignore[call-overload]
        except KeyError as error:
            raise ApiError("InvalidRegion", f"There is no region {region}") from error
        if service == "ec2" and (account_id, region) not in self._prepared:
            self._prepared.add((account_id, region))
            for name in IMAGES:
                _add_image(backend, name)
        return backend

    def forward(self, call: Call) -> Answer:
        """What moto answers; its own failures become the error of a service that failed."""
        if call.service == "ec2":
            self.backend("ec2", call.account_id, call.region)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            started.append((status, headers))
            return io.BytesIO().write

        body = b"".join(self._moto(call.to_environ(), start_response))
        status, headers = started[0]
        if status.startswith("5") and b"<!doctype" in body[:20].lower():
            raise ApiError("InternalFailure", f"moto cannot carry out {call.action}", 500)
        return Answer(status=int(status[:3]), headers=tuple(headers), body=body)

    def answer(self, call: Call, result: dict[str, Any]) -> Answer:
        """A result in the XML of the call's service."""
        return write_answer(call, result, self.request_id())

    def request_id(self) -> str:
        return self.origin("", "").event_id("request")

    def origin(self, account_id: str, region: str) -> messages.Origin:
        """Where and when a message of now comes from; no two are alike."""
        with self._serial_lock:
            self._serial += 1
            serial = self._serial
        return messages.Origin(account_id=account_id, region=region, at=self.now(), serial=serial)

    def deliver(self, account_id: str, region: str, event: object) -> None:
        """Send an event where EventBridge's rules say; like there, it is lost if that is gone."""
        queue = self.event_queues.get((account_id, region), "")
        if queue in self.backend("sqs", account_id, region).queues:
            self.send(account_id, region, queue, json.dumps(event))

    def send(self, account_id: str, region: str, queue: str, body: str) -> None:
        """Put a message into a queue; ValueError where there is no such queue."""
        backend = self.backend("sqs", account_id, region)
        if queue not in backend.queues:
            raise ValueError(f"no queue {queue!r} in {region} of account {account_id}")
        backend.send_message(queue, body)


def image_id(name: str, region: str) -> str:
    """The id of one of the images, for ever the same."""
    return f"ami-0{sha256(f'{region}/{name}'.encode()).hexdigest()[:16]}"


def _add_image(backend: Any, name: str) -> None:
    identity = image_id(name, backend.region_name)
    backend.amis[identity] = Ami(
        backend,
        identity,
        name=name,
        owner_id=IMAGE_OWNER,
        owner_alias="amazon",
        public=True,
        architecture=IMAGES[name],
        virtualization_type="hvm",
        root_device_type="ebs",
        root_device_name="/dev/xvda",
        region_name=f"{backend.region_name}a",
    )
