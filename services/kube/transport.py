"""One request, one answer: over the official client's pool, in time, redirected nowhere.

The transport of a connection that may only read is where "a dry run changes nothing" is kept: it
raises before a request that could change anything leaves.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from services.kube.access import ClientCertificate, KubeAccess
from services.kube.endpoints import is_loopback_endpoint
from services.kube.errors import (
    AddressRefusedError,
    BrokenAnswerError,
    CertificateRefusedError,
    KubernetesError,
    TooSlowError,
    UnreachableError,
    WriteRefusedError,
)
from services.kube.sockets import Deadline, PlainPool, RefusedPeerError, TlsPool, tls_context

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_USER_AGENT = "cloudoptim"
_BEARER = "BearerToken"  # the official client's name for the Authorization header
_CHUNK_BYTES = 1 << 20
_MAX_ANSWER_BYTES = 256 << 20  # 500 objects, the most of a page, of half a megabyte each
_REVIEWS = frozenset(
    {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    }
)
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._:-]+)+")
_STREAMS = frozenset({"exec", "attach", "portforward", "proxy"})  # they act, also by GET
_SELF_SIGNED, _EXPIRED, _NOT_YET_VALID = {18, 19, 20, 21}, 10, 9  # X509_V_ERR_* of OpenSSL
_OTHER_NAME = {62, 64}


class Request(NamedTuple):
    """What is asked of the API server; ``path`` begins with /api, /apis or /version."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = "application/json"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Answer(NamedTuple):
    """What came back, whatever its status. Times are of the monotonic clock."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at_seconds: float
    done_at_seconds: float


class _TooLargeError(Exception):
    """An answer beyond what any page can have."""


class Transport:
    """Sends requests to one API server. ``token`` gives the bearer token for each.

    ``open_paths`` may be posted to although the transport only reads.
    """

    def __init__(
        self,
        access: KubeAccess,
        *,
        timeout_seconds: float,
        token: Callable[[], str | None],
        clock: Callable[[], float],
        may_write: bool = False,
        open_paths: frozenset[str] = frozenset(),
    ) -> None:
        self.endpoint = access.endpoint
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._may_write = may_write
        self._open_paths = _REVIEWS | open_paths
        self._client = _client(access, token)
        self._pool: urllib3.PoolManager = self._client.rest_client.pool_manager

    def send(self, request: Request) -> Answer:
        """The answer, whatever its status. Raises KubernetesError where there is none."""
        if not self._may_write:
            self._refuse_writes(request)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        headers |= self._client.default_headers
        self._client.update_params_for_auth(headers, [], [_BEARER])
        sent_at = self._clock()
        with Deadline(self._timeout_seconds) as deadline:
            try:
                status, received, body = self._exchange(request, headers)
            except (HTTPError, RefusedPeerError, _TooLargeError, OSError) as error:
                raise self._failure(error, deadline) from error
            if deadline.is_over:  # cut among the headers it looks like a short, complete answer
                raise self._too_slow()
        return Answer(status, received, body, sent_at, self._clock())

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()
        self._client.close()

    def _refuse_writes(self, request: Request) -> None:
        """Let through what changes nothing: plain GET, access reviews, dry runs."""
        last = request.path.split("/")
        is_plain = _PLAIN_PATH.fullmatch(request.path) and not {".", "..", *_STREAMS} & set(last)
        if is_plain and request.method == "GET":
            return
        if is_plain and request.method == "POST" and request.path in self._open_paths:
            return
        dry_run = parse_qs(urlencode(request.query), keep_blank_values=True).get("dryRun")
        if is_plain and request.method in _CHANGES and dry_run == ["All"]:
            return
        raise WriteRefusedError(
            self.endpoint,
            f"{request} was not sent, because this connection may only read",
            next_step="execute the plan for real where the change is wanted",
        )

    def _exchange(
        self, request: Request, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = f"{self.endpoint}{request.path}"
        if request.query:
            url = f"{url}?{urlencode(request.query)}"
        response = self._pool.request(
            request.method,
            url,
            body=request.body,
            headers=headers,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(total=self._timeout_seconds),
        )
        is_whole = False
        try:
            body = _read(response)
            is_whole = True
        finally:
            if is_whole:
                response.release_conn()
            else:
                response.close()
        return response.status, response.headers, body

    def _failure(self, error: Exception, deadline: Deadline) -> KubernetesError:
        """What the client library's error means to a person."""
        is_late = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
        if deadline.is_over or (is_late and not isinstance(error, NewConnectionError)):
            return self._too_slow()
        if isinstance(error, SSLError):
            return _tls_failure(self.endpoint, error)
        if isinstance(error, RefusedPeerError):
            return AddressRefusedError(
                self.endpoint,
                f"its name leads to {error}, where no API server may be",
                next_step="give the address that `kubectl cluster-info` prints",
            )
        if isinstance(error, DecodeError | _TooLargeError):
            return BrokenAnswerError(
                self.endpoint,
                "the answer is garbled"
                if isinstance(error, DecodeError)
                else f"the answer is larger than {_MAX_ANSWER_BYTES >> 20} MiB",
                next_step="check that it is the API server's own address, not a proxy's",
            )
        return _connection_failure(self.endpoint, error)

    def _too_slow(self) -> TooSlowError:
        return TooSlowError(
            self.endpoint,
            f"no complete answer within {self._timeout_seconds:g} s",
            next_step="check the network on the way and the server's load, then try again; "
            "K8S_API_TIMEOUT_SECONDS allows more time",
        )


_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def _client(access: KubeAccess, token: Callable[[], str | None]) -> "ApiClient":
    """The official client with our credential, our TLS and our watched connections."""
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration(host=access.endpoint)
    configuration.retries = False
    if is_loopback_endpoint(access.endpoint):
        configuration.proxy = None
    credential = access.credential
    certificate = credential if isinstance(credential, ClientCertificate) else None
    if certificate is None:
        configuration.api_key = {_BEARER: ""}
        configuration.api_key_prefix = {_BEARER: "Bearer"}
        configuration.refresh_api_key_hook = lambda one: one.api_key.update({_BEARER: token()})
    client = ApiClient(configuration)
    client.user_agent = _USER_AGENT
    pool = client.rest_client.pool_manager
    pool.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
    pool.connection_pool_kw["ssl_context"] = tls_context(access.ca_pem, certificate)
    return client


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    parts = []
    size = 0
    while part := response.read(_CHUNK_BYTES, decode_content=True):
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise _TooLargeError
        parts.append(part)
    return b"".join(parts)


def _tls_failure(endpoint: str, error: SSLError) -> KubernetesError:
    cause = error.args[0] if error.args else None
    if not isinstance(cause, ssl.SSLCertVerificationError):
        reason = getattr(cause, "reason", None) or "the handshake failed"
        return CertificateRefusedError(
            endpoint,
            f"TLS failed: {str(reason).lower().replace('_', ' ')}",
            next_step="check that the port speaks HTTPS and, with a client certificate, that the "
            "cluster's authority signed it",
        )
    code = cause.verify_code
    if code in (_EXPIRED, _NOT_YET_VALID):
        next_step = "renew the server's certificate, or correct this machine's clock"
    elif code in _OTHER_NAME:
        next_step = "give the address that the certificate names"
    elif code in _SELF_SIGNED:
        next_step = (
            "give the cluster's certificate authority (certificate-authority-data of a kubeconfig)"
        )
    else:
        next_step = "give the cluster's present certificate authority, and check its address"
    return CertificateRefusedError(
        endpoint, f"its certificate is refused: {cause.verify_message.lower()}", next_step=next_step
    )


def _connection_failure(endpoint: str, error: Exception) -> KubernetesError:
    if isinstance(error, ProtocolError) and "IncompleteRead" in str(error):
        return BrokenAnswerError(
            endpoint,
            "the answer broke off in the middle",
            next_step="try again; if it stays so, look at what stands between here and the server",
        )
    if isinstance(error, NameResolutionError):
        problem, next_step = "its name cannot be resolved", "check the endpoint and this DNS"
    elif isinstance(error, ProxyError):
        problem, next_step = "the proxy does not let it through", "check HTTPS_PROXY and NO_PROXY"
    elif isinstance(error, NewConnectionError):
        problem = f"no connection: {_reason(error)}"
        next_step = (
            "check the endpoint, that the cluster runs, and that its network lets this machine in"
        )
    else:
        problem = "the connection was closed before an answer came"
        next_step = "check that the port is the API server's, then try again"
    return UnreachableError(endpoint, problem, next_step=next_step)


def _reason(error: NewConnectionError) -> str:
    """The system's own words, such as "Connection refused"."""
    cause = error.__cause__
    return (cause.strerror or "") if isinstance(cause, OSError) else "it was refused"
