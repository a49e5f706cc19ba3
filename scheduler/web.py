"""``/healthz`` and ``/metrics`` of the scheduler, on loopback. Both answer from memory, at once."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
Health = Callable[[], tuple[bool, dict[str, Any]]]


class HealthServer:
    """Serves until it is closed; ``health`` gives whether all is well, and the details."""

    def __init__(self, port: int, health: Health) -> None:
        """Raises ConfigurationError where the port is taken."""
        try:
            self._server = ThreadingHTTPServer((LOOPBACK, port), _handler(health))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of METRICS_PORT cannot be used: {error.strerror}",
                next_step="stop what listens there, or give each scheduler of this machine its own",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    is_well, details = health()
                    body = json.dumps(details, default=str).encode()
                    self._answer(200 if is_well else 503, "application/json", body)
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
                case _:
                    self._answer(404, "text/plain", b"only /healthz and /metrics are here\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Looks at the health are no news."""

    return Handler
