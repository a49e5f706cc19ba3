"""Proxies, paths in front of the API, and other things that stand between here and a server."""

import socket
import ssl
import threading

import pytest

from services.kube.errors import UnreachableError
from tests.services.kube.builders import connected
from tests.services.kube.servers import RawServer, a_certificate, answering


@pytest.fixture
def proxied(monkeypatch):
    """Sets the proxy that the environment names, and no other."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return lambda url: monkeypatch.setenv("HTTPS_PROXY", url)


def tunnelling_to(port):
    """A proxy that lets everything through to one port of this machine."""

    def pump(source, target):
        try:
            while part := source.recv(65536):
                target.sendall(part)
        except OSError:
            pass

    def tunnel(connection, head):
        with socket.create_connection(("127.0.0.1", port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(target, connection))
            back.start()
            pump(connection, target)
            target.shutdown(socket.SHUT_RDWR)
            back.join()

    return tunnel


def test_a_proxy_of_the_environment_is_used_and_sees_no_token(tmp_path, proxied):
    pair = a_certificate(name="api.invalid")
    (tmp_path / "server.pem").write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    with (
        RawServer(answering(b"{}"), tls=context) as server,
        RawServer(tunnelling_to(server.port)) as proxy,
    ):
        proxied(proxy.url)
        with connected("https://api.invalid:6443", ca_pem=pair.certificate) as opened:
            assert opened.get("/version").status == 200

    assert proxy.heads[0].startswith(b"CONNECT api.invalid:6443 HTTP/1.")
    assert b"sandbox-admin" not in b"".join(proxy.heads)
    assert b"sandbox-admin" in server.heads[0]


def test_a_proxy_that_refuses_is_named(proxied):
    with RawServer(answering(b"no", status="403 Forbidden")) as proxy:
        proxied(proxy.url)
        with (
            connected("https://api.invalid:6443", attempts=1) as opened,
            pytest.raises(UnreachableError) as refused,
        ):
            opened.get("/version")

    assert "the proxy does not let it through" in str(refused.value)
    assert "HTTPS_PROXY" in refused.value.next_step


def test_this_machine_is_never_reached_through_a_proxy(server, proxied):
    with RawServer(answering(b"no")) as proxy:
        proxied(proxy.url)
        with connected(server.url) as opened:
            assert b"v1.36.2" in opened.get("/version").body

    assert proxy.heads == []


def test_a_path_in_front_of_the_api_is_kept():
    with (
        RawServer(answering(b"{}")) as server,
        connected(f"{server.url}/k8s/clusters/c-1/") as opened,
    ):
        opened.get("/api/v1/pods", (("limit", "500"), ("continue", "a/b=")))

    line = server.heads[0].split(b"\r\n")[0]
    assert line == b"GET /k8s/clusters/c-1/api/v1/pods?limit=500&continue=a%2Fb%3D HTTP/1.1"


def test_connections_are_kept_open_between_requests(cluster, connection):
    for _ in range(5):
        connection.get("/version")

    pool = connection._transport._pool.connection_from_url(connection.endpoint)
    assert pool.num_connections == 1
    assert pool.num_requests == 5
