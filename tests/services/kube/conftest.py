"""A pretend cluster over real HTTP, and connections to it."""

import pytest

from sandbox.kube.cluster import Cluster
from sandbox.kube.server import KubeServer
from sandbox.kube.world import Settings
from tests.services.kube.builders import connected


@pytest.fixture
def cluster():
    """Empty but for the four namespaces; its time stands still at 2027-01-15 08:00:00 UTC."""
    return Cluster(Settings(speed=0))


@pytest.fixture
def server(cluster):
    with KubeServer(cluster) as running:
        yield running


@pytest.fixture
def pauses():
    """The pauses between attempts, in seconds: noted instead of made."""
    return []


@pytest.fixture
def connection(server, pauses):
    """As cluster administrator."""
    with connected(server.url, pauses=pauses) as opened:
        yield opened
