"""The HTTP server: one thread a connection, keep-alive, chunked streams for watches."""

import contextlib
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.kube import control
from sandbox.kube.cluster import Cluster
from sandbox.kube.exchange import Request, Response
from sandbox.kube.faults import Fault, refusal

_SLICE_BYTES = 1024
_GOODBYE_SECONDS = 5.0


class KubeServer:
    """Serves a cluster on loopback until it is closed; a context manager."""

    def __init__(self, cluster: Cluster, *, port: int = 0) -> None:
        self.cluster = cluster
        self._http = _Server(("127.0.0.1", port), cluster)
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=cluster.world.clock.run, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """Ends all watches and connections, stops listening and waits for the threads."""
        self.cluster.world.clock.stop()
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "KubeServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], cluster: Cluster) -> None:
        self.cluster = cluster
        self._open: set[socket.socket] = set()
        self._closed = threading.Condition()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._closed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._closed:
            self._open.discard(request)
            self._closed.notify_all()

    def hang_up(self) -> None:
        """Ends the connections that clients keep open, and waits until their threads are done."""
        with self._closed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._closed.wait_for(lambda: not self._open, timeout=_GOODBYE_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news; everything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        request = self._request()
        if request.path.startswith(control.PREFIX):
            self._send(control.handle(self.server.cluster, request), None)
            return
        fault = self.server.cluster.faults.take(request)
        if fault is not None:
            time.sleep(fault.delay_seconds)
            if fault.drop:
                self._hang_up()
                return
            if fault.status is not None:
                self._send(refusal(fault), fault)
                return
        self._send(self.server.cluster.api.handle(request), fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server

    def _request(self) -> Request:
        target = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            method=self.command,
            path=unquote(target.path),
            query=parse_qs(target.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )

    def _send(self, response: Response, fault: Fault | None) -> None:
        if response.stream is not None:
            self._send_stream(response)
            return
        body = b"" if self.command == "HEAD" else response.body
        head = self._head(response, ("Content-Length", str(len(response.body))))
        if fault is not None and fault.truncate_after_bytes is not None:
            self.wfile.write(head + body[: fault.truncate_after_bytes])
            self._hang_up()
        elif fault is not None and fault.bytes_per_second is not None:
            self._drip(head, body, fault.bytes_per_second)
        else:
            self.wfile.write(head + body)

    def _head(self, response: Response, framing: tuple[str, str]) -> bytes:
        phrase = HTTPStatus(response.status).phrase
        lines = [f"HTTP/1.1 {response.status} {phrase}", f"Content-Type: {response.content_type}"]
        lines += [f"{name}: {value}" for name, value in (framing, *response.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _send_stream(self, response: Response) -> None:
        self.wfile.write(self._head(response, ("Transfer-Encoding", "chunked")))
        for part in response.stream or ():
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _drip(self, head: bytes, body: bytes, bytes_per_second: int) -> None:
        self.wfile.write(head)
        size = min(_SLICE_BYTES, max(1, bytes_per_second))
        for start in range(0, len(body), size):
            part = body[start : start + size]
            self.wfile.write(part)
            time.sleep(len(part) / bytes_per_second)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what was asked shows in the tests that asked it."""
