"""The pretend cluster's traffic is there for the network optimizer from the first decision on."""

from datetime import UTC, datetime

import pytest

from db.session import Database, PoolSettings
from sandbox.kube.cluster import Cluster, Settings
from sandbox.kube.server import KubeServer
from services.secrets import SecretBox
from services.workflows.browse_traffic import find_traffic_source
from starter.registration import register_sandbox
from starter.traffic import import_sandbox_traffic
from tests.starter.builders import a_connection

AT = datetime(2027, 1, 15, tzinfo=UTC)
SECRETS = SecretBox(["x1NCNBkFHnEvPTfGtqW2nTyuYvRLu8bMCvRQwNKCdnY="])
HEADER = "from_namespace,from_pod,to_namespace,to_pod,bytes_per_day\n"


@pytest.fixture
def database(tmp_path):
    """A sandbox database: a real one would refuse these endpoints."""
    pool = PoolSettings(size=1, max_overflow=0)
    with Database(f"sqlite:///{tmp_path / 'sandbox.sqlite3'}", pool) as opened:
        opened.upgrade("sandbox")
        yield opened


@pytest.fixture
def world():
    """A pretend cluster whose report of traffic a test may set."""
    return Cluster(Settings())


def start(database, world, report):
    """What ``make run`` does with a sandbox that tells of this traffic."""
    world.reports["traffic"] = report.encode
    with KubeServer(world) as server:
        connection = a_connection()
        connection["kubernetes"]["endpoint"] = server.url
        cluster = register_sandbox(database, connection, secrets=SECRETS, at=AT)
        import_sandbox_traffic(database, connection, cluster, at=AT)
    return find_traffic_source(database, cluster.id)


def test_the_sandbox_traffic_is_imported_under_a_name_that_says_so(database, world):
    record = start(database, world, f"{HEADER}shop,web-1,shop,cart-1,1200\n")

    assert (record.source_name, record.pairs, record.bytes_per_day) == (
        "sandbox-traffic.csv",
        1,
        1200,
    )
    assert (record.as_of, record.imported_by) == (AT, "make run")


def test_a_later_start_replaces_the_traffic_of_pods_that_are_gone(database, world):
    start(database, world, f"{HEADER}shop,web-1,shop,cart-1,1200\nshop,web-2,shop,cart-1,800\n")
    record = start(database, world, f"{HEADER}shop,web-3,shop,cart-2,70\n")

    assert (record.pairs, record.bytes_per_day) == (1, 70)
