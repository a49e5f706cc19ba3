"""Faults on demand: error codes, throttling, delays, cut answers, dropped connections.

Rules stand in an order; the first that matches a call and is not used up is taken. A rule for a
capacity error is of its own kind: it says how much a pool still gives.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from sandbox.aws.calls import ApiError

KNOWN_CODES: Mapping[str, tuple[int, str]] = {
    "RequestLimitExceeded": (503, "Request limit exceeded."),
    "Throttling": (400, "Rate exceeded"),
    "ThrottlingException": (400, "Rate exceeded"),
    "InternalError": (500, "An internal error has occurred"),
    "InternalFailure": (500, "The request processing has failed because of an unknown error"),
    "ServiceUnavailable": (503, "The service is unavailable. Please try again shortly."),
    "Unavailable": (503, "The server is overloaded and can't handle the request."),
    "ExpiredToken": (403, "The security token included in the request is expired"),
    "RequestExpired": (400, "Request has expired."),
    "InsufficientInstanceCapacity": (
        500,
        "There is no Spot capacity available that matches your request.",
    ),
    "MaxSpotInstanceCountExceeded": (400, "Max spot instance count exceeded"),
    "VcpuLimitExceeded": (
        400,
        "You have requested more vCPU capacity than your current vCPU limit allows for the "
        "instance bucket that the specified instance type belongs to.",
    ),
    "SpotMaxPriceTooLow": (400, "Your Spot request price is lower than the minimum required."),
    "InstanceLimitExceeded": (400, "You have requested more instances than your limit allows."),
}
"""Status and message of what AWS answers; other codes are told with status 400."""


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One rule for calls of a service and action (patterns), by one access key or any.

    Of the matching calls the first ``skip`` pass, the next ``times`` are hit (None: all).
    Public files are the service "offers"; their action is the path.
    """

    service: str = "*"
    action: str = "*"
    region: str = "*"
    access_key: str = "*"
    skip: int = 0
    times: int | None = None
    code: str = ""
    """Answer with this error instead of doing anything."""

    status: int | None = None
    """The HTTP status of the error; None: that which AWS uses for the code."""

    message: str = ""
    delay_seconds: float = 0.0
    """Wait (real seconds) before the call is looked at."""

    truncate_after_bytes: int | None = None
    """Announce the whole body, send this much of it and close the connection."""

    drop: bool = False
    """Close the connection without an answer."""

    after: bool = False
    """The call is carried out first: the error answer, or the drop, loses a real result."""

    def matches(self, service: str, action: str, region: str, access_key: str) -> bool:
        pairs = (
            (service, self.service),
            (action, self.action),
            (region, self.region),
            (access_key, self.access_key),
        )
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)

    def error(self) -> ApiError:
        """The error answer of a fault that has a code or a status."""
        code = self.code or _code_of_status(self.status or 500)
        status, message = KNOWN_CODES.get(code, (400, "Fault injected by the sandbox"))
        return ApiError(code, self.message or message, self.status or status)


class CapacityLimit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Launches that match (patterns; ``lifecycle`` is spot or on-demand) get no more than this."""

    instance_type: str = "*"
    zone: str = "*"
    lifecycle: str = "*"
    available: int = 0
    """Instances that are still to be had; each launch takes of them."""

    code: str = "InsufficientInstanceCapacity"
    times: int | None = None
    """How many launches are refused before the limit is lifted; None: all."""

    def matches(self, instance_type: str, zone: str, lifecycle: str) -> bool:
        pairs = (
            (instance_type, self.instance_type),
            (zone, self.zone),
            (lifecycle, self.lifecycle),
        )
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)

    def error(self) -> ApiError:
        status, message = KNOWN_CODES.get(self.code, (400, "Fault injected by the sandbox"))
        return ApiError(self.code, message, status)


@dataclass
class Faults:
    """The rules in force and how often they hit."""

    rules: list[Fault] = field(default_factory=list)
    capacity: list[CapacityLimit] = field(default_factory=list)
    hits: int = 0
    _seen: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, rules: list[Fault]) -> None:
        with self._lock:
            self.rules = list(rules)
            self.hits = 0
            self._seen = {}

    def set_capacity(self, limits: list[CapacityLimit]) -> None:
        with self._lock:
            self.capacity = list(limits)

    def take(self, service: str, action: str, region: str, access_key: str) -> Fault | None:
        """The fault that hits this call, counted."""
        with self._lock:
            for index, rule in enumerate(self.rules):
                if not rule.matches(service, action, region, access_key):
                    continue
                seen = self._seen.get(index, 0)
                self._seen[index] = seen + 1
                is_over = rule.times is not None and seen >= rule.skip + rule.times
                if seen >= rule.skip and not is_over:
                    self.hits += 1
                    return rule
        return None

    def take_capacity(self, place: tuple[str, str, str], least: int, most: int) -> int:
        """How many of ``least`` to ``most`` instances a launch gets; raises where too few.

        ``place`` is the instance type, the zone and the lifecycle.
        """
        with self._lock:
            for limit in self.capacity:
                if not limit.matches(*place) or limit.times == 0:
                    continue
                if limit.available < least:
                    limit.times = None if limit.times is None else limit.times - 1
                    raise limit.error()
                granted = min(limit.available, most)
                limit.available -= granted
                return granted
        return most


def _code_of_status(status: int) -> str:
    codes = {429: "Throttling", 500: "InternalError", 503: "RequestLimitExceeded"}
    return codes.get(status, "InternalError")
