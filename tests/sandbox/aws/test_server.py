"""The server: one port, taken or given back, and the command that starts it."""

import signal
import subprocess
import sys

import pytest

from sandbox.aws.scenario import OPERATOR_KEY, ROLE_ARN
from sandbox.aws.server import AwsServer
from tests.conftest import ROOT
from tests.sandbox.aws.conftest import Clients


def test_a_port_that_is_taken_is_an_error_with_a_name(server, cloud):
    port = int(server.url.rpartition(":")[2])

    with pytest.raises(OSError, match="Address already in use"):
        AwsServer(cloud, port=port)


def test_the_port_is_free_again_after_closing(scenario, port):
    for _ in range(2):
        with AwsServer(scenario.cloud, port=port) as running:
            assert running.url == f"http://127.0.0.1:{port}"


def test_the_command_serves_the_account_until_it_is_told_to_stop():
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.aws", "--port", "0", "--seed", "3"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = dict(line.rsplit(maxsplit=1) for line in (process.stdout.readline() for _ in range(4)))
    clients = Clients(told["endpoint"])
    try:
        sts = clients.make("sts", key=OPERATOR_KEY)
        session = sts.assume_role(
            RoleArn=ROLE_ARN, RoleSessionName="test", ExternalId=told["external id"]
        )
        assert session["AssumedRoleUser"]["Arn"].endswith("assumed-role/CloudOptim/test")
    finally:
        clients.close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert process.returncode == 0
