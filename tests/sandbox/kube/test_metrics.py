"""metrics.k8s.io: absent, without backend, and served from the usage model."""

import pytest

from sandbox.kube import metrics
from sandbox.kube.cluster import Cluster
from sandbox.kube.world import Settings
from tests.sandbox.kube.builders import PODS, Caller, a_node, a_pod

NODES_PATH = "/apis/metrics.k8s.io/v1beta1/nodes"
PODS_PATH = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"


def test_absent_it_is_a_plain_404(admin):
    assert admin("GET", NODES_PATH) == (404, "404 page not found\n")
    assert admin("GET", SERVICE)[0] == 404


def test_without_a_backend_it_is_a_plain_503_while_the_group_is_known(admin, cluster):
    metrics.set_mode(cluster.world, "unavailable")

    assert admin("GET", NODES_PATH) == (503, "service unavailable\n")
    assert admin("GET", "/apis/metrics.k8s.io")[0] == 200
    assert admin.get(SERVICE)["status"]["conditions"][0]["status"] == "False"


def test_a_backend_that_died_is_noticed_after_a_while(admin, cluster):
    metrics.set_mode(cluster.world, "served")
    metrics.set_mode(cluster.world, "died")
    at_once = admin("GET", NODES_PATH)
    cluster.world.clock.advance(20)

    assert at_once[1].startswith("error trying to reach service: dial tcp")
    assert admin("GET", NODES_PATH) == (503, "service unavailable\n")


def test_an_unknown_mode_is_refused(cluster):
    with pytest.raises(ValueError, match="mode must be one of absent"):
        metrics.set_mode(cluster.world, "broken")


@pytest.fixture
def measured():
    """A pod with 100m and 64Mi on node-a; the model says 7m and 16 KiB a container."""
    cluster = Cluster(Settings(speed=0), usage=lambda pod, container, now: (7, 16384))
    cluster.load([a_node("node-a"), a_node("node-b")])
    caller = Caller(cluster)
    caller("POST", PODS, a_pod("p", nodeName="node-a"))
    caller("POST", PODS, a_pod("waits", nodeSelector={"no": "where"}))
    cluster.world.clock.advance(2)
    metrics.set_mode(cluster.world, "served")
    return caller


def test_running_pods_are_measured_container_by_container(measured):
    items = measured.get(PODS_PATH)["items"]

    assert [one["metadata"]["name"] for one in items] == ["p"]
    assert items[0]["containers"] == [
        {"name": "app", "usage": {"cpu": "7000000n", "memory": "16Ki"}}
    ]


def test_a_node_uses_what_its_pods_use(measured):
    usage = {one["metadata"]["name"]: one["usage"] for one in measured.get(NODES_PATH)["items"]}

    assert usage == {
        "node-a": {"cpu": "7000000n", "memory": "16Ki"},
        "node-b": {"cpu": "0n", "memory": "0Ki"},
    }


def test_one_object_can_be_asked_for_and_a_pod_that_does_not_run_is_not_found(measured):
    assert measured.get(f"{NODES_PATH}/node-a")["kind"] == "NodeMetrics"
    assert measured("GET", f"{PODS_PATH}/p")[0] == 200
    status, refusal = measured("GET", f"{PODS_PATH}/waits")
    assert (status, refusal["message"]) == (404, 'pods.metrics.k8s.io "default/waits" not found')


def test_the_steady_model_uses_a_fixed_share_of_the_requests():
    """Between 20 and 90 % of 1000m and 1Gi, the same at any time."""
    container = {"name": "app", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    pod = {"metadata": {"name": "p"}}

    cpu, memory = metrics.steady_usage(pod, container, 0.0)

    assert 200 <= cpu <= 900
    assert memory == 1024**3 * (cpu // 10) // 100
    assert metrics.steady_usage(pod, container, 1e9) == (cpu, memory)
