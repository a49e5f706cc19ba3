"""Loopback only: without an identity provider nobody but this machine may reach the app.

Two guards stand behind each other. Where the address is known before the start, the start is
refused; where it is not (another ASGI server), every connection that arrives on another address, or
asks for another host's name, is refused.
"""

import ipaddress
import json
from collections.abc import Mapping
from typing import Any

import click
from starlette.types import ASGIApp, Receive, Scope, Send

from api.startup import starting
from services.errors import ConfigurationError

_NEXT_STEP = (
    "no identity provider is configured yet, so everybody who reached it would be an admin; "
    "serve 127.0.0.1 (HOST, --server.address or --host) and reach it through an SSH tunnel"
)


def refuse_public_address(addresses: Mapping[str, str | None]) -> None:
    """End the process with a message where the server was told to listen beyond this machine.

    ``addresses`` are the listening addresses known before the start, by the setting that gave
    them; what uvicorn's own command was told is added.
    """
    with starting():
        for source, address in (dict(addresses) | _uvicorn_host()).items():
            require_loopback(source, address)


def require_loopback(source: str, address: str | None) -> None:
    """Raise a ConfigurationError unless ``address`` is this machine's loopback.

    ``source`` names the setting it came from; None means that no address was given, which servers
    take as "all".
    """
    if address is None:
        raise ConfigurationError(
            f"{source} is not set, which means every address",
            next_step="start in the folder of app.py, so that .streamlit/config.toml is read",
        )
    if not is_loopback(address):
        raise ConfigurationError(f"{source} is {address}, not loopback", next_step=_NEXT_STEP)


def is_loopback(address: str | None) -> bool:
    """Whether an address or host name can only mean this machine."""
    if address is None:
        return False
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """ASGI middleware that answers 403 to whatever does not come over loopback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what came over loopback, refuse the rest."""
        if scope["type"] == "lifespan" or _came_over_loopback(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "loopback only"})
        else:
            await _refuse(send)


def _uvicorn_host() -> dict[str, str | None]:
    """The address that ``uvicorn app:app`` was given, where that is how we were started."""
    command = click.get_current_context(silent=True)
    if command is None or not {"app", "host", "uds"} <= command.params.keys():
        return {}
    return {"uvicorn's --host": command.params["host"]}


def _came_over_loopback(scope: Scope) -> bool:
    """Whether socket and Host header are this machine's (the header: against DNS rebinding)."""
    server = scope.get("server")
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return server is not None and is_loopback(server[0]) and is_loopback(_without_port(host))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


async def _refuse(send: Send) -> None:
    body: dict[str, Any] = {"error": "CloudOptim serves this machine only", "next_step": _NEXT_STEP}
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
