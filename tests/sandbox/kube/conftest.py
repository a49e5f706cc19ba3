"""A pretend cluster whose time moves only when a test says so."""

import pytest

from sandbox.kube.cluster import Cluster
from sandbox.kube.server import KubeServer
from sandbox.kube.world import Settings
from tests.sandbox.kube.builders import Caller, a_node


@pytest.fixture
def cluster():
    """Empty but for the four namespaces; it is 2027-01-15 08:00:00 UTC."""
    return Cluster(Settings(speed=0))


@pytest.fixture
def admin(cluster):
    """Calls the API as cluster admin, without HTTP."""
    return Caller(cluster)


@pytest.fixture
def three_nodes(cluster):
    """node-a, node-b, node-c: 4 CPU, 8Gi, ready, in zones z1, z2, z3."""
    cluster.load([a_node(f"node-{letter}", zone=f"z{at}") for at, letter in enumerate("abc", 1)])
    cluster.world.clock.advance(1)


@pytest.fixture
def server(cluster):
    with KubeServer(cluster) as running:
        yield running
