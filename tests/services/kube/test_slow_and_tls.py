"""Answers that drip, and certificates that do not hold."""

import socket
import ssl
import time

import pytest

from sandbox.kube.faults import Fault
from services.errors import InvalidInputError
from services.kube.access import BearerToken, ClientCertificate, KubeAccess
from services.kube.connection import KubeOptions, open_connection
from services.kube.errors import CertificateRefusedError, TooSlowError, UnreachableError
from tests.services.kube.builders import connected
from tests.services.kube.servers import Pair, RawServer, a_certificate, answering

PATIENCE_SECONDS = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def dripping(first: bytes, drop: bytes = b"x"):
    """Sends some bytes, then one at a time, each well within any time-out for a single read."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(first)
        for _ in range(1000):
            connection.sendall(drop)
            time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        HEAD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["status line", "headers", "body", "chunk"],
)
def test_a_server_that_drips_bytes_is_cut_off_at_the_deadline(first):
    """A byte every 20 ms would take 20 s; each single read is quick."""
    server = RawServer(dripping(first))

    with (
        server,
        connected(server.url, timeout_seconds=PATIENCE_SECONDS, attempts=1) as connection,
        pytest.raises(TooSlowError),
    ):
        connection.get("/version")


def test_a_server_that_takes_the_request_and_is_silent_is_cut_off():
    server = RawServer(lambda connection, head: server.is_stopping.wait(20) and None)

    with (
        server,
        connected(server.url, timeout_seconds=PATIENCE_SECONDS, attempts=1) as connection,
        pytest.raises(TooSlowError),
    ):
        connection.get("/version")


def test_a_handshake_without_end_is_cut_off():
    """The connection is accepted, and nothing ever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        access = KubeAccess(endpoint=f"https://127.0.0.1:{port}", credential=BearerToken(token="t"))
        options = KubeOptions(timeout_seconds=PATIENCE_SECONDS, attempts=1)

        with open_connection(access, options) as connection, pytest.raises(TooSlowError):
            connection.get("/version")


def test_a_kept_connection_is_cut_off_as_well(cluster, server):
    with connected(server.url, timeout_seconds=PATIENCE_SECONDS, attempts=1) as connection:
        connection.get("/version")
        cluster.faults.set([Fault(path_prefix="/version", bytes_per_second=20)])

        with pytest.raises(TooSlowError):
            connection.get("/version")


def test_after_a_cut_the_next_request_has_a_connection_of_its_own(cluster, server):
    with connected(server.url, timeout_seconds=PATIENCE_SECONDS, attempts=1) as connection:
        cluster.faults.set([Fault(path_prefix="/version", bytes_per_second=20, times=1)])
        with pytest.raises(TooSlowError):
            connection.get("/version")

        assert connection.get("/version").status == 200


@pytest.fixture(scope="module")
def authority():
    return a_certificate(name="authority")


def tls_server(tmp_path, pair: Pair, *, wants_from: Pair | None = None) -> RawServer:
    """Answers {} over TLS with a certificate; with ``wants_from`` it wants one from the client."""
    file = tmp_path / "server.pem"
    file.write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if wants_from is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=wants_from.certificate)
    return RawServer(answering(b"{}"), tls=context)


def test_a_pinned_self_signed_certificate_is_accepted(tmp_path):
    pair = a_certificate()

    with (
        tls_server(tmp_path, pair) as server,
        connected(server.url, ca_pem=pair.certificate) as connection,
    ):
        assert connection.get("/version").status == 200


def test_a_certificate_of_the_pinned_authority_is_accepted(tmp_path, authority):
    pair = a_certificate(signed_by=authority, is_ca=False)

    with (
        tls_server(tmp_path, pair) as server,
        connected(server.url, ca_pem=authority.certificate) as connection,
    ):
        assert connection.get("/version").status == 200


def test_a_self_signed_certificate_without_authority_is_refused_and_nothing_sent(tmp_path):
    with (
        tls_server(tmp_path, a_certificate()) as server,
        connected(server.url) as connection,
        pytest.raises(CertificateRefusedError) as refused,
    ):
        connection.get("/version")

    assert "its certificate is refused: self-signed certificate" in str(refused.value)
    assert "give the cluster's certificate authority" in refused.value.next_step
    assert server.heads == []
    assert not refused.value.is_retryable


def test_a_certificate_of_an_unknown_authority_asks_for_that_authority(tmp_path, authority):
    pair = a_certificate(signed_by=authority, is_ca=False)

    with (
        tls_server(tmp_path, pair) as server,
        connected(server.url) as connection,
        pytest.raises(CertificateRefusedError) as refused,
    ):
        connection.get("/version")

    assert "unable to get local issuer certificate" in str(refused.value)
    assert "give the cluster's certificate authority" in refused.value.next_step


def test_the_system_authorities_do_not_help_where_one_is_pinned(tmp_path, authority):
    with (
        tls_server(tmp_path, a_certificate()) as server,
        connected(server.url, ca_pem=authority.certificate) as connection,
        pytest.raises(CertificateRefusedError, match="its certificate is refused"),
    ):
        connection.get("/version")


def test_an_expired_certificate_is_told_as_such(tmp_path):
    pair = a_certificate(days=-1)

    with (
        tls_server(tmp_path, pair) as server,
        connected(server.url, ca_pem=pair.certificate) as connection,
        pytest.raises(CertificateRefusedError) as refused,
    ):
        connection.get("/version")

    assert "certificate has expired" in str(refused.value)
    assert "renew the server's certificate" in refused.value.next_step


def test_a_certificate_for_another_address_is_told_as_such(tmp_path):
    pair = a_certificate(name="10.0.0.1")

    with (
        tls_server(tmp_path, pair) as server,
        connected(server.url, ca_pem=pair.certificate) as connection,
        pytest.raises(CertificateRefusedError) as refused,
    ):
        connection.get("/version")

    assert "ip address mismatch" in str(refused.value)
    assert refused.value.next_step == "give the address that the certificate names"


def test_https_to_a_port_that_speaks_http_is_told_as_such(server):
    with (
        connected(server.url.replace("http:", "https:")) as connection,
        pytest.raises((CertificateRefusedError, UnreachableError)) as refused,
    ):
        connection.get("/version")

    assert "https://127.0.0.1" in str(refused.value)


def test_a_client_certificate_is_shown_to_the_server(tmp_path, authority):
    theirs = a_certificate(signed_by=authority, is_ca=False)
    ours = a_certificate(name="cloudoptim", signed_by=authority, is_ca=False)
    credential = ClientCertificate(certificate_pem=ours.certificate, key_pem=ours.key)

    with (
        tls_server(tmp_path, theirs, wants_from=authority) as server,
        connected(server.url, credential, ca_pem=authority.certificate) as connection,
    ):
        assert connection.get("/version").status == 200

    assert b"uthorization" not in server.heads[0]


def test_without_the_client_certificate_that_a_server_wants_there_is_a_sentence(
    tmp_path, authority
):
    theirs = a_certificate(signed_by=authority, is_ca=False)

    with (
        tls_server(tmp_path, theirs, wants_from=authority) as server,
        connected(server.url, ca_pem=authority.certificate) as connection,
        pytest.raises((CertificateRefusedError, UnreachableError)),
    ):
        connection.get("/version")

    assert server.heads == []


def test_a_key_of_another_certificate_is_refused_before_anything_is_sent(authority):
    one, other = a_certificate(), a_certificate()
    credential = ClientCertificate(certificate_pem=one.certificate, key_pem=other.key)

    with pytest.raises(InvalidInputError, match="do not fit together") as refused:
        connected("https://127.0.0.1:1", credential)

    assert "PRIVATE KEY" not in str(refused.value)
