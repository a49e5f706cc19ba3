"""``python -m sandbox`` as a process: where it writes, what it says, how it ends."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.web_server import ROOT, free_port

START_SECONDS = 60


@pytest.fixture(scope="module")
def ports():
    return free_port(), free_port()


@pytest.fixture(scope="module")
def connection_file(tmp_path_factory):
    return tmp_path_factory.mktemp("sandbox") / "made" / "connection.json"


@pytest.fixture(scope="module")
def process(ports, connection_file):
    with _start(ports, "--connection", str(connection_file), "--seed", "3") as running:
        deadline = time.monotonic() + START_SECONDS
        while not connection_file.exists():
            assert running.poll() is None, running.stderr.read()
            assert time.monotonic() < deadline, "no connection file"
            time.sleep(0.05)
        yield running
        running.kill()


def _start(ports, *more):
    command = [sys.executable, "-m", "sandbox", "--aws-port", str(ports[0])]
    command += ["--kube-port", str(ports[1]), *more]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_connection_file_is_its_owners_alone_and_names_both_ports(
    process, connection_file, ports
):
    connection = json.loads(connection_file.read_text())

    assert stat.S_IMODE(connection_file.stat().st_mode) == 0o600
    assert connection["aws"]["endpoint_url"] == f"http://127.0.0.1:{ports[0]}"
    assert connection["kubernetes"]["endpoint"] == f"http://127.0.0.1:{ports[1]}"
    assert connection["kubernetes"]["ca_pem"] is None
    assert connection["seed"] == 3
    assert connection["aws"]["external_id"] == "cloudoptim-sandbox-3"
    assert [one.name for one in connection_file.parent.iterdir()] == ["connection.json"]


def test_both_answer_once_the_file_is_there(process, connection_file):
    connection = json.loads(connection_file.read_text())
    kubernetes = connection["kubernetes"]
    headers = {"Authorization": f"Bearer {kubernetes['token']}"}

    asked = urllib.request.Request(f"{kubernetes['endpoint']}/api/v1/nodes", headers=headers)
    with urllib.request.urlopen(asked) as answer:
        nodes = json.load(answer)["items"]
    with urllib.request.urlopen(connection["spot_advisor_url"]) as answer:
        advisor = json.load(answer)

    assert len(nodes) == 40
    assert "us-east-1" in advisor["spot_advisor"]


def test_the_control_endpoint_tells_the_traffic(process, connection_file):
    kubernetes = json.loads(connection_file.read_text())["kubernetes"]

    with urllib.request.urlopen(f"{kubernetes['endpoint']}/_sandbox/traffic") as answer:
        first = answer.readline().decode().strip()

    assert first == "from_namespace,from_pod,to_namespace,to_pod,bytes_per_day"


def test_a_taken_port_is_told_with_the_option_that_changes_it(process, ports):
    with _start((free_port(), ports[1])) as second:
        _, told = second.communicate(timeout=START_SECONDS)

    assert second.returncode == 1
    assert re.search(rf"port {ports[1]} .* choose another one with --kube-port", told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds_and_gives_the_ports_back(number, tmp_path):
    ports = (free_port(), free_port())
    file = tmp_path / "connection.json"
    with _start(ports, "--connection", str(file)) as running:
        while not file.exists():
            assert running.poll() is None
            time.sleep(0.05)

        running.send_signal(number)

        assert running.wait(timeout=2) == 0
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
