"""Middleware of the web app, all of it pure ASGI so that websockets and uploads pass through it."""

import time

from prometheus_client import Counter, Histogram
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.loopback import LoopbackOnly

REQUESTS = Counter(
    "http_requests_total", "HTTP requests answered by the web app", ("area", "status")
)
DURATION = Histogram("http_request_seconds", "Time to answer an HTTP request", ("area",))
SESSIONS = Counter("websocket_connections_total", "Browser sessions opened")

# Streamlit sets no such headers itself. Pages are never framed by others, and nothing is guessed.
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class SecurityHeaders:
    """Adds the security headers to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with the headers added."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                extra = [pair for pair in SECURITY_HEADERS if pair[0] not in given]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


class RequestMetrics:
    """Counts and times HTTP requests by area of the site (never by full path: that is endless)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does and note how long it took."""
        if scope["type"] == "websocket":
            SESSIONS.inc()
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        area = area_of(scope["path"])
        start = time.perf_counter()

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                REQUESTS.labels(area, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, send_and_count)
        DURATION.labels(area).observe(time.perf_counter() - start)


def area_of(path: str) -> str:
    """The label of a path: one of our own routes, an upload, a static file or a page."""
    if path in {"/healthz", "/readyz", "/metrics"}:
        return path[1:]
    for prefix, area in (
        ("/api/", "api"),
        ("/_stcore/upload_file", "upload"),
        ("/_stcore/", "core"),
        ("/static/", "static"),
        ("/media/", "media"),
    ):
        if path.startswith(prefix):
            return area
    return "page"


MIDDLEWARE = (Middleware(LoopbackOnly), Middleware(SecurityHeaders), Middleware(RequestMetrics))
