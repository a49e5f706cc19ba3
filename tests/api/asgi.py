"""Speaks ASGI to an app by hand: no HTTP client, no socket."""

import asyncio
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What an app sent back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    closed_with: int | None = None


def ask(app: Any, path: str = "/", *, kind: str = "http", **scope: Any) -> Answer:
    """Send one request (or websocket handshake) and collect the answer."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
        elif message["type"] == "websocket.close":
            answer.closed_with = message["code"]

    asyncio.run(app(_scope(path, kind, scope), receive, send))
    return answer


def _scope(path: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    host = given.pop("host", "127.0.0.1:8501")
    return {
        "type": kind,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "server": ("127.0.0.1", 8501),
        "client": ("127.0.0.1", 40000),
        "scheme": "http",
        "http_version": "1.1",
    } | given


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """An app that says hello."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
