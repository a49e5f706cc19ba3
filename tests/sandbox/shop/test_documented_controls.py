"""Every curl line of docs/sandbox.md is one that the servers understand."""

import re
from pathlib import Path

import pytest
import urllib3

from sandbox.aws.server import AwsServer
from sandbox.kube.server import KubeServer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sandbox.md"
LINE = re.compile(r"^curl (?:-X POST )?\$(AWS|KUBE)/(\S+)(?: -d '([^']*)')?", re.MULTILINE)


@pytest.fixture
def addresses(living_shop):
    cluster, cloud = living_shop.cluster, living_shop.account.cloud
    cluster.reports |= {"traffic": lambda: b"a table", "usage": lambda: b"another"}
    with KubeServer(cluster) as kube, AwsServer(cloud, drives_clock=False) as aws:
        yield {"AWS": f"{aws.url}/_sandbox", "KUBE": f"{kube.url}/_sandbox"}


def test_the_commands_of_the_page_are_understood(living_shop, addresses):
    spot = next(one for one in living_shop.account.nodes() if one.capacity_type == "spot")
    commands = LINE.findall(PAGE.read_text())

    refused = []
    with urllib3.PoolManager() as pool:
        for server, what, body in commands:
            sent = body.replace("i-...", spot.instance_id).encode() if body else None
            method = "POST" if body else "GET"
            answer = pool.request(method, f"{addresses[server]}/{what}", body=sent)
            if answer.status != 200:
                refused.append((what, body, answer.data))

    assert len(commands) >= 12
    assert refused == []
