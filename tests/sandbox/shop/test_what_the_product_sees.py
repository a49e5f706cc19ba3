"""The product's own readers look at the pretend world, with no more than the shipped role."""

import pytest

from engines.contracts.state import compile_state
from sandbox.kube.objects import unix_seconds
from sandbox.kube.server import KubeServer
from sandbox.shop.past_usage import usage_csv
from sandbox.shop.traffic import traffic_csv
from sandbox.shop.usage import usage_of
from sandbox.shop.workloads import WORKLOADS
from services.files.source import SourceFile
from services.files.traffic_csv import read_traffic
from services.files.usage_csv import read_usage
from services.findings import FindingState
from services.kube.access import BearerToken, KubeAccess
from services.kube.connection import KubeOptions, open_connection
from services.kube.preflight import preflight_kubernetes
from services.kube.reading import read_cluster
from services.settings import Settings
from tests.sandbox.shop.conftest import NOW
from tests.sandbox.shop.looking import every

GIB = 2**30


@pytest.fixture(scope="module")
def connection(shop):
    with KubeServer(shop.cluster) as server:
        access = KubeAccess(endpoint=server.url, credential=BearerToken(token=shop.token))
        with open_connection(access, KubeOptions.of(Settings())) as opened:
            yield opened


def test_all_of_it_can_be_read_and_compiled(connection):
    reading = read_cluster(connection, at=NOW)
    state = compile_state(reading.document)

    assert reading.problems == ()
    assert state.problems == ()
    assert (len(state.cluster.nodes), len(state.cluster.pods)) == (40, 445)


def test_metrics_of_every_node_and_pod_are_served(connection):
    document = read_cluster(connection, at=NOW).document

    assert (len(document.node_metrics), len(document.pod_metrics)) == (40, 445)


def test_the_shipped_role_permits_all_that_the_product_asks_for(connection):
    findings = preflight_kubernetes(connection, at=NOW)

    wanting = [one.check for one in findings if one.state is not FindingState.HELD]
    assert len(findings) > 40
    assert [one for one in wanting if "clock" not in one] == []


def test_the_traffic_table_is_one_that_can_be_imported(shop):
    table = read_traffic(SourceFile.of_bytes("traffic.csv", traffic_csv(shop.cluster.world)))

    assert table.rows_read > 250
    assert table.dropped == ()


def test_pods_of_different_zones_talk_more_than_ten_gigabytes_a_day(shop):
    zones = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["metadata"]["labels"][
            "topology.kubernetes.io/zone"
        ]
        for pod in every(shop, "pods")
    }
    rows = [line.split(",") for line in traffic_csv(shop.cluster.world).decode().split()[1:]]

    across = [
        row
        for row in rows
        if zones[row[0], row[1]] != zones[row[2], row[3]] and int(row[4]) > 10 * GIB
    ]
    assert len(across) > 20


def test_the_usage_table_is_one_that_can_be_imported_and_covers_a_week(shop):
    """Eight days by the hour, both ends included, are 193 readings of a container."""
    content = usage_csv(shop.cluster.world, usage_of(WORKLOADS))

    table = read_usage(SourceFile.of_bytes("usage.csv", content))

    assert table.dropped == ()
    lines = content.decode().splitlines()
    name = next(pod["metadata"]["name"] for pod in _old_pods(shop))
    assert sum(line.split(",")[1] == name for line in lines) == 193


def _old_pods(shop):
    """Pods of one container that have run for more than eight days."""
    for pod in every(shop, "pods"):
        age = NOW.timestamp() - unix_seconds(pod["status"]["startTime"])
        if age > 8 * 86_400 and len(pod["spec"]["containers"]) == 1:
            yield pod
