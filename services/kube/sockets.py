"""Connections that end in time and lead nowhere dangerous, and their TLS.

urllib3's time-outs are per read, so a server that drips bytes could hold a request for ever. Here
a deadline cuts the connection itself, in whatever state it is: TLS handshake, headers or body.
"""

import contextlib
import ipaddress
import os
import socket
import ssl
import tempfile
import threading
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from services.errors import InvalidInputError
from services.kube.access import ClientCertificate
from services.kube.endpoints import is_refused


class RefusedPeerError(Exception):
    """The host led to an address that no API server has; its text is that address."""


class Deadline:
    """A block of code whose connections are cut when its time is up.

    Name resolution is not covered: the system's resolver has time-outs of its own.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> "Deadline":
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._token is not None:
            _current.reset(self._token)
        self._timer.join()
        self._drop()

    def watch(self, connected: socket.socket) -> None:
        """Cut this connection, too. A second descriptor of it outlives TLS wrapping."""
        with self._lock:
            self._drop()
            self._socket = socket.socket(fileno=os.dup(connected.fileno()))
            if self.is_over:
                self._hang_up()

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the other side was quicker
                self._socket.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _watch(connected: socket.socket) -> None:
    deadline = _current.get()
    if deadline is not None:
        deadline.watch(connected)


class _Plain(HTTPConnection):
    """HTTP, to this machine only."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        try:
            address = ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])
            if not self._may_be(address):
                raise RefusedPeerError(str(address))
            _watch(connected)
        except BaseException:
            connected.close()
            raise
        return connected

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:  # kept open from an earlier request
            _watch(self.sock)
        super().request(*arguments, **options)

    def _may_be(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return address.is_loopback


class _Tls(_Plain, HTTPSConnection):
    """HTTPS, to anywhere but cloud metadata; the address is judged after it was resolved."""

    def _may_be(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return not is_refused(address)


class PlainPool(HTTPConnectionPool):
    """Watched connections over HTTP."""

    ConnectionCls = _Plain


class TlsPool(HTTPSConnectionPool):
    """Watched connections over HTTPS."""

    ConnectionCls = _Tls


def tls_context(ca_pem: str | None, certificate: ClientCertificate | None) -> ssl.SSLContext:
    """TLS 1.2 or later, verified against the pinned authority, else against the system's.

    Raises InvalidInputError for a client certificate that cannot be used.
    """
    context = ssl.create_default_context(cadata=ca_pem)
    if certificate is not None:
        _load_certificate(context, certificate)
    return context


def _load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Python's ssl takes certificates from files only: one that is ours alone, and soon gone."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # made with mode 0600
        file.write(f"{certificate.certificate_pem}\n{certificate.key_pem}\n")
        file.flush()
        try:
            context.load_cert_chain(file.name, password="")
        except (ssl.SSLError, OSError, ValueError) as error:
            raise InvalidInputError(
                "client certificate of the cluster",
                "certificate and private key do not fit together, or the key is encrypted",
                next_step="give both as PEM, the key without a passphrase",
            ) from error
