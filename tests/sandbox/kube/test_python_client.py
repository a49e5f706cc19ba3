"""The official Python client works against the pretend server, over HTTP and in real time."""

import time

import pytest
from kubernetes import client, watch

from sandbox.kube import metrics
from sandbox.kube.cluster import Cluster, NewNode
from sandbox.kube.server import KubeServer
from sandbox.kube.world import Settings
from tests.sandbox.kube.builders import a_budget, a_workload

AMOUNTS = {"cpu": "2", "memory": "7Gi", "pods": "29"}


@pytest.fixture(scope="module")
def running():
    """Three nodes, a Deployment of five; a second of ours is fifty of the cluster's."""
    cluster = Cluster(Settings(speed=50))
    for letter in "abc":
        cluster.add_node(
            NewNode(
                name=f"node-{letter}",
                zone=f"eu-west-1{letter}",
                region="eu-west-1",
                instance_type="m5.large",
                provider_id=f"aws:///eu-west-1{letter}/i-{letter}",
                capacity=AMOUNTS,
                allocatable=AMOUNTS,
                ready_after_seconds=1,
            )
        )
    with KubeServer(cluster) as server:
        yield server


@pytest.fixture(scope="module")
def api(running):
    configuration = client.Configuration()
    configuration.host = running.url
    configuration.api_key = {"authorization": "Bearer sandbox-admin"}
    configuration.retries = False
    with client.ApiClient(configuration) as opened:
        yield opened
        opened.rest_client.pool_manager.clear()


@pytest.fixture(scope="module")
def web(api):
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment("default", a_workload("Deployment", "web", replicas=5))
    wait_until(lambda: (ready_of(apps) or 0) == 5)
    return apps


def ready_of(apps):
    return apps.read_namespaced_deployment_status("web", "default").status.ready_replicas


def wait_until(is_so):
    for _ in range(1500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not become so within 30 s")


def test_nodes_are_listed_with_their_models(api):
    nodes = client.CoreV1Api(api).list_node().items

    assert [node.metadata.name for node in nodes] == ["node-a", "node-b", "node-c"]
    assert nodes[0].spec.provider_id == "aws:///eu-west-1a/i-a"
    assert nodes[0].status.node_info.kubelet_version == "v1.36.2"


def test_pods_are_paged_with_continue(api, web):
    core = client.CoreV1Api(api)
    names, token = [], None

    while True:
        page = core.list_namespaced_pod("default", limit=2, _continue=token)
        names += [pod.metadata.name for pod in page.items]
        token = page.metadata._continue
        if not token:
            break

    assert len(names) == 5
    assert names == sorted(names)


def test_a_node_is_cordoned_with_a_patch(api):
    core = client.CoreV1Api(api)

    cordoned = core.patch_node("node-c", {"spec": {"unschedulable": True}})
    wait_until(lambda: core.read_node("node-c").spec.taints)
    core.patch_node("node-c", {"spec": {"unschedulable": None}})

    assert cordoned.spec.unschedulable is True
    assert core.list_node(field_selector="spec.unschedulable=true").items == []


def test_a_scale_is_read_and_changed(web):
    assert web.read_namespaced_deployment_scale("web", "default").spec.replicas == 5

    changed = web.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 4}})
    web.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 5}})

    assert changed.spec.replicas == 4


def test_an_eviction_is_answered_and_a_refusal_raised(api, web):
    core, policy = client.CoreV1Api(api), client.PolicyV1Api(api)
    wait_until(lambda: ready_of(web) == 5)
    policy.create_namespaced_pod_disruption_budget("default", a_budget("b", "web", minAvailable=5))
    wait_until(lambda: allowed_of(policy) is not None)
    pod = core.list_namespaced_pod("default").items[0].metadata
    eviction = client.V1Eviction(
        metadata=client.V1ObjectMeta(name=pod.name, namespace="default"),
        delete_options=client.V1DeleteOptions(
            preconditions=client.V1Preconditions(uid=pod.uid), grace_period_seconds=1
        ),
    )

    with pytest.raises(client.ApiException) as refused:
        core.create_namespaced_pod_eviction(pod.name, "default", eviction)
    policy.delete_namespaced_pod_disruption_budget("b", "default")
    core.create_namespaced_pod_eviction(pod.name, "default", eviction)

    assert refused.value.status == 429
    wait_until(lambda: pod.name not in names_of(core))


def allowed_of(policy):
    status = policy.read_namespaced_pod_disruption_budget("b", "default").status
    return status.disruptions_allowed if status.observed_generation else None


def names_of(core):
    return [one.metadata.name for one in core.list_namespaced_pod("default").items]


def test_a_watch_streams_events_and_ends(api):
    """1,500 seconds of the cluster are thirty of ours: more than enough for one patch."""
    core = client.CoreV1Api(api)
    seen = []

    for event in watch.Watch().stream(core.list_node, timeout_seconds=1500):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 3:
            core.patch_node("node-a", {"metadata": {"annotations": {"seen": "yes"}}})
        if len(seen) == 4:
            break

    assert seen == [
        ("ADDED", "node-a"),
        ("ADDED", "node-b"),
        ("ADDED", "node-c"),
        ("MODIFIED", "node-a"),
    ]


def test_an_access_review_is_answered(api):
    review = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}

    answer = client.AuthorizationV1Api(api).create_self_subject_access_review(review)

    assert answer.status.allowed is True


def test_custom_objects_read_the_metrics(api, running, web):
    metrics.set_mode(running.cluster.world, "served")

    found = client.CustomObjectsApi(api).list_cluster_custom_object(
        "metrics.k8s.io", "v1beta1", "nodes"
    )

    assert [one["metadata"]["name"] for one in found["items"]] == ["node-a", "node-b", "node-c"]


def test_the_version_is_told(api):
    assert client.VersionApi(api).get_code().git_version == "v1.36.2"


def test_what_is_missing_raises_with_the_servers_status(api):
    with pytest.raises(client.ApiException) as missing:
        client.CoreV1Api(api).read_node("nosuch")

    assert (missing.value.status, missing.value.reason) == (404, "Not Found")
    assert '"reason":"NotFound"' in missing.value.body
