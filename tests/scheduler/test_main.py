"""``python -m scheduler`` as a person, a container or systemd starts and stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.scheduler.builders import KEY, until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def the_scheduler(database_url, port):
    """The product's own process; it is killed at the end, whatever it does."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "DATABASE_KIND": "sandbox",
        "METRICS_PORT": str(port),
        "ENCRYPTION_KEY": KEY,
        "LOG_FORMAT": "json",
        "SPOT_ADVISOR_URL": "http://127.0.0.1:9/nothing",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "scheduler"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def health(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return json.loads(answer.read())
    except (urllib.error.URLError, ConnectionError):
        return {}


def ended_well(process):
    _, log = process.communicate(timeout=60)
    events = [json.loads(line)["event"] for line in log.splitlines()]
    return process.returncode, events


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leads_and_a_stop_signal_given_twice_ends_it_in_good_order(tmp_path, number):
    port = free_port()
    with the_scheduler(f"sqlite:///{tmp_path / 'new.db'}", port) as process:
        until(lambda: health(port).get("scheduler") == "leader")
        until(lambda: any(one["job"] == "retain" for one in health(port)["jobs"]))

        process.send_signal(number)
        process.send_signal(number)
        code, events = ended_well(process)

    assert code == 0
    assert events[0] == "scheduler is ready"
    assert events[-1] == "stopped"
    assert "run succeeded" in events


def test_a_second_one_on_the_same_port_says_which_setting_to_change(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with the_scheduler(f"sqlite:///{tmp_path / 'x.db'}", port) as process:
            _, log = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"port {port} of METRICS_PORT cannot be used" in log
    assert "Traceback" not in log
