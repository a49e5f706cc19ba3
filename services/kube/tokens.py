"""Bearer tokens that are good at the moment of a request."""

import threading
from collections.abc import Callable
from datetime import timedelta

import msgspec

from engines.contracts.json_values import Time
from services.kube.access import RenewedToken, checked_token

EKS_RENEW_AFTER_SECONDS = 600.0
"""An EKS token is good for 15 minutes; the rest is for slow answers and clocks that differ."""

TOKEN_LIFE = timedelta(hours=24)
"""What a renewed token is asked to last: the most that EKS grants."""

RENEW_BEFORE = TOKEN_LIFE / 2


class EksTokens:
    """Tokens of AWS IAM, each used for ten minutes. ``make`` asks AWS for one."""

    def __init__(self, make: Callable[[], str], clock: Callable[[], float]) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._made_at_seconds = 0.0

    def current(self) -> str:
        """A token with at least a third of its life left. Raises what ``make`` raises."""
        with self._lock:
            now = self._clock()
            is_old = now - self._made_at_seconds >= EKS_RENEW_AFTER_SECONDS
            if self._token is None or is_old:
                self._token = checked_token(self._make())
                self._made_at_seconds = now
            return self._token


class _RequestSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    expiration_seconds: int


class _TokenRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is posted to serviceaccounts/NAME/token."""

    spec: _RequestSpec
    api_version: str = "authentication.k8s.io/v1"
    kind: str = "TokenRequest"


class _IssuedStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    token: str
    expiration_timestamp: Time


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to that."""

    status: _IssuedStatus


def token_path(credential: RenewedToken) -> str:
    """Where the account asks for a token of its own."""
    namespace, account = credential.namespace, credential.service_account
    return f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"


def token_request() -> bytes:
    """The body of that request."""
    spec = _RequestSpec(expiration_seconds=int(TOKEN_LIFE.total_seconds()))
    return msgspec.json.encode(_TokenRequest(spec=spec))


def renewed(credential: RenewedToken, issued: Issued) -> RenewedToken:
    """The credential with the token that was issued."""
    return msgspec.structs.replace(
        credential, token=issued.status.token, expires_at=issued.status.expiration_timestamp
    )
