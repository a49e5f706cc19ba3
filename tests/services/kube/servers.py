"""Servers on loopback that misbehave in ways that the pretend API server does not."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[[socket.socket, bytes], None]
"""(the connection, the head of the request that came over it) -> it has answered"""


def answering(
    body: bytes = b"{}", *, status: str = "200 OK", headers: tuple[str, ...] = ()
) -> Behaviour:
    """Gives one answer to everything and closes."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers)
    whole = ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(whole)

    return answer


def sending(raw: bytes) -> Behaviour:
    """Sends these bytes, whatever they are, and closes."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(raw)

    return answer


class RawServer:
    """Accepts connections until closed; each carries one request. With ``tls``, over TLS."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[bytes] = []
        self._behaviour = behaviour
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._listener.settimeout(0.05)
        self._workers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def is_stopping(self) -> threading.Event:
        return self._stop

    def __enter__(self) -> "RawServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()
        for worker in self._workers:
            worker.join()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            worker = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._workers.append(worker)
            worker.start()

    def _serve(self, connection: socket.socket) -> None:
        """The client's errors are the client's; a handshake that it breaks off is one of them."""
        connection.settimeout(5)
        with contextlib.suppress(OSError), connection:
            if self._tls is None:
                self._answer(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as wrapped:
                self._answer(wrapped)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        self.heads.append(head)
        self._behaviour(connection, head)


class Pair(NamedTuple):
    """A certificate and its private key, both as PEM."""

    certificate: str
    key: str


def a_certificate(
    *, name: str = "127.0.0.1", days: int = 30, signed_by: Pair | None = None, is_ca: bool = True
) -> Pair:
    """A certificate for an address; self-signed where nobody else signs. ``days`` may be past."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing_key = subject, key
    if signed_by is not None:
        issuer = x509.load_pem_x509_certificate(signed_by.certificate.encode()).subject
        loaded = serialization.load_pem_private_key(signed_by.key.encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing_key = loaded
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=min(days, 0) - 1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(signing_key, hashes.SHA256())
    )
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
