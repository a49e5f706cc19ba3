"""Faults on demand: refusals, delays, cut and dripping answers, dropped connections."""

import threading
from dataclasses import dataclass, field

import msgspec

from sandbox.kube.exchange import Request, Response

_REASONS = {
    401: ("Unauthorized", "Unauthorized"),
    429: ("TooManyRequests", "Too many requests, please try again later."),
    500: ("InternalError", "Internal error occurred: fault injected by the sandbox"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One rule. It applies to requests of `method` whose path begins with `path_prefix`.

    Of the matching requests the first `skip` pass, the next `times` are hit (None: all).
    """

    method: str = ""
    path_prefix: str = "/"
    skip: int = 0
    times: int | None = None
    status: int | None = None
    """Answer with this status and its usual Status body instead of doing anything."""

    retry_after_seconds: int | None = None
    delay_seconds: float = 0.0
    """Wait (real seconds) before the request is looked at."""

    truncate_after_bytes: int | None = None
    """Announce the whole body, send this much of it and close the connection."""

    bytes_per_second: int | None = None
    """Send the body this slowly."""

    drop: bool = False
    """Close the connection without an answer."""

    def matches(self, request: Request) -> bool:
        is_method = self.method in ("", request.method)
        return is_method and request.path.startswith(self.path_prefix)


@dataclass
class Faults:
    """The rules in force, in order; the first that applies is taken."""

    rules: list[Fault] = field(default_factory=list)
    hits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: dict[int, int] = field(default_factory=dict)

    def set(self, rules: list[Fault]) -> None:
        with self._lock:
            self.rules = list(rules)
            self.hits = 0
            self._seen = {}

    def take(self, request: Request) -> Fault | None:
        """The fault that hits this request, counted."""
        with self._lock:
            for index, rule in enumerate(self.rules):
                if not rule.matches(request):
                    continue
                seen = self._seen.get(index, 0)
                self._seen[index] = seen + 1
                is_over = rule.times is not None and seen >= rule.skip + rule.times
                if seen >= rule.skip and not is_over:
                    self.hits += 1
                    return rule
        return None


def refusal(fault: Fault) -> Response:
    """The answer of a fault with a status."""
    status = fault.status or 500
    reason, message = _REASONS.get(status, ("InternalError", "fault injected by the sandbox"))
    wait = fault.retry_after_seconds
    if wait is None and status == 429:
        wait = 1  # the real server's priority-and-fairness filter always says 1
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        **({"details": {"retryAfterSeconds": wait}} if wait is not None else {}),
        "code": status,
    }
    headers = (("Retry-After", str(wait)),) if wait is not None else ()
    return Response(status=status, body=msgspec.json.encode(body), headers=headers)
