"""The HTTP server on loopback."""

import socket
import threading
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from sandbox.aws.cloud import Cloud
from sandbox.aws.wsgi import Application

LOOPBACK = "127.0.0.1"


class QuietHandler(MotoRequestHandler):
    """Says nothing: what was asked shows in the tests that asked it."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class AwsServer:
    """Serves a cloud on loopback until it is closed; a context manager."""

    def __init__(self, cloud: Cloud, *, port: int = 0, drives_clock: bool = True) -> None:
        """``drives_clock`` False: another server runs what falls due on the shared clock."""
        self.cloud = cloud
        with socket.create_server((LOOPBACK, port)) as listening:  # OSError: the port is taken
            self._port = listening.getsockname()[1]
            self._http = make_server(
                LOOPBACK,
                self._port,
                Application(cloud),
                threaded=True,
                request_handler=QuietHandler,
                fd=listening.fileno(),
            )
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        ]
        if drives_clock:
            self._threads.append(threading.Thread(target=cloud.clock.run, daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """The endpoint of all services, and of the public files."""
        return f"http://{LOOPBACK}:{self._port}"

    def close(self) -> None:
        """Stop listening; calls that still wait for messages end by themselves."""
        self.cloud.clock.stop()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "AwsServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
