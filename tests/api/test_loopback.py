"""Without an identity provider nobody but this machine may reach the app."""

import json

import click
import pytest

from api.loopback import LoopbackOnly, is_loopback, refuse_public_address, require_loopback
from services.errors import ConfigurationError
from tests.api.asgi import ask, hello


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "localhost", "::1", "[::1]"])
def test_an_address_of_this_machine_is_loopback(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "::", "192.168.1.5", "localhost.evil.example", "10.0.0.1"]
)
def test_every_other_address_is_not(address):
    assert not is_loopback(address)


def test_a_public_address_is_refused_with_the_cause_and_the_next_step():
    with pytest.raises(ConfigurationError) as caught:
        require_loopback("server.address", "0.0.0.0")

    assert "server.address is 0.0.0.0, not loopback" in str(caught.value)
    assert "no identity provider is configured yet" in caught.value.next_step


def test_a_server_without_an_address_listens_everywhere_and_is_refused():
    with pytest.raises(SystemExit, match="not set, which means every address"):
        refuse_public_address({"server.address": None})


def test_a_loopback_address_may_start():
    assert refuse_public_address({"server.address": "127.0.0.1"}) is None


def test_the_host_that_uvicorn_was_given_counts_too():
    uvicorn = click.Command("uvicorn")
    with click.Context(uvicorn) as context:
        context.params = {"app": "app:app", "host": "0.0.0.0", "uds": None}

        with pytest.raises(SystemExit, match=r"uvicorn's --host is 0\.0\.0\.0"):
            refuse_public_address({"server.address": "127.0.0.1"})


def test_what_comes_over_loopback_passes():
    assert ask(LoopbackOnly(hello)).body == b"hello"


def test_ipv6_loopback_passes():
    answer = ask(LoopbackOnly(hello), server=("::1", 8501), host="[::1]:8501")

    assert answer.status == 200


def test_a_connection_on_another_address_is_refused():
    answer = ask(LoopbackOnly(hello), server=("192.168.1.5", 8501), host="127.0.0.1")

    assert answer.status == 403
    assert json.loads(answer.body)["error"] == "CloudOptim serves this machine only"


def test_a_foreign_host_name_that_resolves_here_is_refused():
    """DNS rebinding: the socket is loopback, but the page belongs to somebody else."""
    assert ask(LoopbackOnly(hello), host="rebound.example:8501").status == 403


def test_a_websocket_from_elsewhere_is_closed():
    answer = ask(LoopbackOnly(hello), kind="websocket", server=("10.0.0.2", 8501))

    assert answer.closed_with == 1008


def test_an_unknown_server_address_is_refused():
    assert ask(LoopbackOnly(hello), server=None).status == 403
