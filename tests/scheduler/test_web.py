"""Health and metrics over real HTTP."""

import json
import socket
import urllib.error
import urllib.request

import pytest

from scheduler.web import HealthServer
from services.errors import ConfigurationError
from tests.scheduler.builders import a_job, a_scheduler, running, until


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


@pytest.fixture
def served():
    """A server whose health a test can set."""
    health = {"now": (True, {"status": "ok"})}
    server = HealthServer(0, lambda: health["now"])
    yield server.port, health
    server.close()


def test_health_is_told_as_json_and_trouble_as_503(served):
    port, health = served
    assert get(port, "/healthz") == (200, "application/json", b'{"status": "ok"}')

    health["now"] = (False, {"status": "database fails"})

    status, _, body = get(port, "/healthz?verbose=1")
    assert (status, json.loads(body)) == (503, {"status": "database fails"})


def test_metrics_are_in_the_format_of_prometheus(served):
    port, _ = served

    status, content_type, body = get(port, "/metrics")

    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert b"# TYPE scheduler_is_leader gauge" in body


def test_nothing_else_is_served(served):
    port, _ = served

    assert get(port, "/")[0] == 404


def test_a_port_that_is_taken_is_named_with_its_setting():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} of METRICS_PORT"):
            HealthServer(port, lambda: (True, {}))


def test_the_health_of_a_leader_names_its_jobs_and_that_of_a_standby_its_role(database):
    job = a_job(lambda work: {"rows": 1})
    with running(a_scheduler(database, [job], holder="first")) as first:
        until(lambda: first.runner.last_runs)
        with running(a_scheduler(database, [job], holder="second")) as second:
            until(lambda: second.leadership.trouble is None)
            is_well, leading = first.health()
            _, standing_by = second.health()

    assert is_well
    assert (leading["status"], leading["database"]) == ("ok", "ok")
    assert (leading["scheduler"], leading["term"], leading["holder"]) == ("leader", 1, "first")
    [told] = leading["jobs"]
    assert (told["job"], told["target"], told["status"]) == ("job", "", "succeeded")
    assert (standing_by["scheduler"], standing_by["term"]) == ("standby", None)
    json.dumps(leading)
