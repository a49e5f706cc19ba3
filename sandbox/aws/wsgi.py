"""The WSGI application: control, public files, and signed calls with their faults."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from sandbox.aws import control, offers
from sandbox.aws.actions import carry_out
from sandbox.aws.calls import Answer, ApiError, Call, read_call, write_error
from sandbox.aws.cloud import Cloud
from sandbox.aws.faults import Fault

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Application:
    """Answers for one ``Cloud``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = unquote(environ.get("PATH_INFO", "/"))
        if path.startswith(control.PREFIX):
            answer = control.handle(self._cloud, environ["REQUEST_METHOD"], path, body)
            return _send(answer, None, environ, start_response)
        if offers.is_public(path):
            call = Call(service="offers", region="", action=path, access_key="")
            headers = _headers(environ)
            return self._serve(
                call,
                environ,
                start_response,
                lambda: offers.serve(self._cloud.market, path, headers, self._cloud.now()),
            )
        call = read_call(environ, body)
        return self._serve(call, environ, start_response, lambda: self._answer(call))

    def _serve(
        self,
        call: Call,
        environ: Environ,
        start_response: StartResponse,
        work: Callable[[], Answer],
    ) -> Iterable[bytes]:
        faults = self._cloud.faults
        fault = faults.take(call.service, call.action, call.region, call.access_key)
        if fault is None:
            return _send(work(), None, environ, start_response)
        time.sleep(fault.delay_seconds)
        if fault.after:
            work()
        if fault.drop:
            return _hang_up(environ, start_response)
        if fault.code or fault.status:
            answer = write_error(call, fault.error(), self._cloud.request_id())
        else:
            answer = work()
        return _send(answer, fault, environ, start_response)

    def _answer(self, call: Call) -> Answer:
        try:
            return carry_out(self._cloud, call)
        except ApiError as error:
            return write_error(call, error, self._cloud.request_id())


def _send(
    answer: Answer, fault: Fault | None, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    headers = [pair for pair in answer.headers if pair[0].lower() != "content-length"]
    if answer.status != HTTPStatus.NOT_MODIFIED:
        headers.append(("Content-Length", str(len(answer.body))))
    start_response(_status(answer.status), headers)
    if fault is not None and fault.truncate_after_bytes is not None:
        return _cut(answer.body[: fault.truncate_after_bytes], environ)
    return [answer.body]


def _cut(part: bytes, environ: Environ) -> Iterator[bytes]:
    """Less than was announced, and then the connection is gone."""
    yield part
    _shut(environ)


def _hang_up(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """No answer at all: what is still written meets a closed connection."""
    _shut(environ)
    start_response(_status(HTTPStatus.INTERNAL_SERVER_ERROR), [("Content-Length", "0")])
    return [b""]


def _shut(environ: Environ) -> None:
    with contextlib.suppress(OSError):  # the caller may have hung up before us
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _headers(environ: Environ) -> dict[str, str]:
    return {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
