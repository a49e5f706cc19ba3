"""A connection to one cluster: authenticated, retried where that is harmless, clear in failure."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TypeVar

import msgspec

from engines.contracts.decoding import DECODING_ERRORS, explain
from services.errors import ConfigurationError
from services.kube.access import (
    BearerToken,
    Credential,
    EksToken,
    KubeAccess,
    RenewedToken,
)
from services.kube.credential_end import ends_at
from services.kube.errors import BrokenAnswerError, ExpiredError, KubernetesError, OverloadedError
from services.kube.refusals import http_date, refusal
from services.kube.tokens import RENEW_BEFORE, EksTokens, Issued, renewed, token_path, token_request
from services.kube.transport import Answer, Request, Transport
from services.settings import Settings

T = TypeVar("T")

_OK = (200, 201)


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeOptions:
    """How patient a connection is. The callables are there for tests.

    ``jitter`` gives a number in 0..1; ``now`` is asked only for the age of renewed tokens.
    """

    timeout_seconds: float = 30.0
    attempts: int = 3
    backoff_factor: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, settings: Settings) -> "KubeOptions":
        """The operator's settings K8S_API_*."""
        return cls(
            timeout_seconds=settings.k8s_api_timeout_seconds,
            attempts=settings.k8s_api_retry_attempts,
            backoff_factor=settings.k8s_api_backoff_factor,
        )

    def wait_seconds(self, attempt: int) -> float:
        """The wait after a failed attempt (0 is the first): 1 s, 2 s, 4 s ... by the factor,
        half of it drawn, so that many clients do not come back at once; never above the time-out.
        """
        longest = min(self.backoff_factor**attempt, self.timeout_seconds)
        return longest * (0.5 + self.jitter() / 2)


def open_connection(
    access: KubeAccess,
    options: KubeOptions,
    *,
    eks_token: Callable[[str], str] | None = None,
    on_renewed: Callable[[RenewedToken], None] | None = None,
    may_write: bool = False,
) -> "KubeConnection":
    """A connection, to be closed. Nothing is sent yet.

    ``eks_token`` makes a token for the cluster of that name; ``on_renewed`` gets each new token,
    to be kept. Raises ConfigurationError for EKS without ``eks_token``, InvalidInputError for a
    client certificate that cannot be used.
    """
    return KubeConnection(
        access, options, _eks_tokens(access, options, eks_token), on_renewed, may_write=may_write
    )


class KubeConnection:
    """Sends to one API server; a context manager. ``answers`` and ``bytes_read`` count."""

    def __init__(
        self,
        access: KubeAccess,
        options: KubeOptions,
        eks_tokens: EksTokens | None,
        on_renewed: Callable[[RenewedToken], None] | None,
        *,
        may_write: bool,
    ) -> None:
        credential = access.credential
        paths = (token_path(credential),) if isinstance(credential, RenewedToken) else ()
        self.endpoint = access.endpoint
        self.is_pinned = access.ca_pem is not None
        self.clock = options.clock
        self.bytes_read = 0
        self.renewal_problem: KubernetesError | None = None
        self._credential: Credential = credential
        self._options = options
        self._eks_tokens = eks_tokens
        self._on_renewed = on_renewed
        self._transport = Transport(
            access,
            timeout_seconds=options.timeout_seconds,
            token=self._token,
            clock=options.clock,
            may_write=may_write,
            open_paths=frozenset(paths),
        )

    def __enter__(self) -> "KubeConnection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"KubeConnection({self.endpoint!r})"

    @property
    def credential_ends_at(self) -> datetime | None:
        """When the credential ends, where it tells and is not renewed."""
        return ends_at(self._credential)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        """Read; several attempts. Raises KubernetesError for every status but 200."""
        return self._ask(Request("GET", path, tuple(query)))

    def review(self, path: str, document: msgspec.Struct) -> Answer:
        """Ask the server about ourselves: a POST that creates nothing, and may be repeated."""
        return self._ask(Request("POST", path, body=msgspec.json.encode(document)))

    def _ask(self, request: Request) -> Answer:
        self._renew_token()
        for attempt in range(self._options.attempts):
            is_last = attempt + 1 == self._options.attempts
            try:
                answer = self._send(request, attempt + 1)
            except KubernetesError as error:
                if is_last or not _may_pass(error) or not self._wait(error, attempt):
                    raise
            else:
                return answer
        raise AssertionError("a connection makes at least one attempt")

    def _send(self, request: Request, attempt: int) -> Answer:
        answer = self._transport.send(request)
        self.bytes_read += len(answer.body)
        if answer.status not in _OK:
            raise refusal(self.endpoint, request, answer, self._credential, attempt)
        return answer

    def _wait(self, error: KubernetesError, attempt: int) -> bool:
        """Wait before the next attempt. False: the server wants more patience than we have."""
        asked = error.retry_after_seconds if isinstance(error, OverloadedError) else None
        if asked is not None and asked > self._options.timeout_seconds:
            return False
        self._options.sleep(max(self._options.wait_seconds(attempt), asked or 0.0))
        return True

    def _token(self) -> str | None:
        if self._eks_tokens is not None:
            return self._eks_tokens.current()
        match self._credential:
            case BearerToken(token=token) | RenewedToken(token=token):
                return token
        return None

    def _renew_token(self) -> None:
        """Exchange a token that ends soon. Where that fails the old one is used to its end, and
        the problem is kept to be shown."""
        credential = self._credential
        if not isinstance(credential, RenewedToken):
            return
        if credential.expires_at - self._options.now() > RENEW_BEFORE or self.renewal_problem:
            return
        request = Request("POST", token_path(credential), body=token_request())
        try:
            answer = self._send(request, attempt=1)
            issued = decoded(self, answer, Issued)
        except KubernetesError as error:
            self.renewal_problem = error
            return
        self._credential = renewed(credential, issued)
        if self._on_renewed is not None:
            self._on_renewed(self._credential)


def _may_pass(error: KubernetesError) -> bool:
    """Whether the very same request may succeed soon. An expired list must be begun anew."""
    return error.is_retryable and not isinstance(error, ExpiredError)


def _eks_tokens(
    access: KubeAccess, options: KubeOptions, eks_token: Callable[[str], str] | None
) -> EksTokens | None:
    credential = access.credential
    if not isinstance(credential, EksToken):
        return None
    if eks_token is None:
        raise ConfigurationError(
            f"cluster {credential.cluster_name!r} is reached by an EKS token, and there is no AWS "
            "account to make one",
            next_step="give the cluster's customer an AWS role, or use a service account token",
        )
    return EksTokens(lambda: eks_token(credential.cluster_name), options.clock)


def decoded(connection: KubeConnection, answer: Answer, type_: type[T]) -> T:
    """An answer's body as a struct. Raises BrokenAnswerError for a body that does not fit."""
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except DECODING_ERRORS as error:
        raise BrokenAnswerError(
            connection.endpoint,
            f"an answer {explain(error, answer.body).reason}",
            next_step="check that it is the API server's own address, not a proxy's",
        ) from error


def server_time(answer: Answer) -> datetime | None:
    """The server's clock when it answered, to the second; None where it does not tell."""
    return http_date(answer.headers.get("Date", ""))
