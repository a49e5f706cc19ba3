"""Connections to pretend API servers, for tests: no test waits for a pause."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.kube.access import BearerToken, Credential, KubeAccess
from services.kube.connection import KubeConnection, KubeOptions, open_connection

AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)  # the pretend cluster's time
ADMIN = BearerToken(token="sandbox-admin")


def options(pauses: list[float] | None = None, **changes: Any) -> KubeOptions:
    """Three attempts, at most 10 s for an answer; pauses are noted, not made."""
    noted: Callable[[float], None] = (pauses if pauses is not None else []).append
    return KubeOptions(
        **{"timeout_seconds": 10.0, "sleep": noted, "jitter": lambda: 1.0, **changes}
    )


def connected(
    url: str,
    credential: Credential = ADMIN,
    *,
    ca_pem: str | None = None,
    pauses: list[float] | None = None,
    may_write: bool = False,
    **changes: Any,
) -> KubeConnection:
    """A connection, to be closed by ``with``."""
    access = KubeAccess(endpoint=url, credential=credential, ca_pem=ca_pem)
    return open_connection(access, options(pauses, **changes), may_write=may_write)
