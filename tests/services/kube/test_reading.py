"""A whole reading over HTTP: what comes in, what never does, and what a hole looks like."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from engines.contracts.kubernetes.kinds import KINDS
from engines.contracts.state import compile_state
from sandbox.kube import metrics
from sandbox.kube.faults import Fault
from services.errors import CloudOptimError
from services.findings import FindingState
from services.kube import reading as reading_module
from services.kube.errors import (
    BrokenAnswerError,
    ExpiredError,
    ForbiddenError,
    KubernetesError,
    NotServedError,
    OverloadedError,
    ServerFailedError,
    UnauthorizedError,
)
from services.kube.permissions import LISTS
from services.kube.reading import read_cluster
from tests.sandbox.kube.builders import a_budget, a_node, a_pod, a_workload
from tests.services.kube.builders import AT, connected
from tests.services.kube.servers import RawServer, answering

METRICS = "/apis/metrics.k8s.io"
SECRETS_OF_A_POD = ("topsecret-env", "topsecret-arg", "topsecret-command", "topsecret-applied")


def in_namespace(obj, namespace="default"):
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


def a_running_pod(name, node="node-a", **metadata):
    pod = in_namespace(a_pod(name, nodeName=node))
    return {**pod, "metadata": {**pod["metadata"], **metadata}, "status": {"phase": "Running"}}


def counts(document):
    """How many objects each given field holds."""
    given = {name: getattr(document, name) for name in document.__struct_fields__}
    return {
        name: len(value)
        for name, value in given.items()
        if value is not None and name not in ("sources", "unread")
    }


def test_a_reading_compiles_to_a_snapshot(cluster, connection):
    cluster.load([a_node("node-a"), a_node("node-b")])
    cluster.load([a_running_pod(f"web-{at}") for at in range(3)])
    cluster.load([in_namespace(a_budget("web", "web", maxUnavailable=1))])
    metrics.set_mode(cluster.world, "served")

    reading = read_cluster(connection, at=AT)
    state = compile_state(reading.document)

    assert state.cluster.nodes.names == ("node-a", "node-b")
    assert [pod.key for pod in state.cluster.pods.items] == [
        "default/web-0",
        "default/web-1",
        "default/web-2",
    ]
    assert state.cluster.pods.request_cpu_millicores.tolist() == [100, 100, 100]
    assert len(state.cluster.pdbs) == 1
    assert len(state.cluster.node_metrics) == 2
    assert len(state.cluster.pod_metrics) == 3
    assert reading.problems == ()
    assert reading.document.unread is None


def test_all_kinds_that_a_dump_may_hold_are_listed():
    assert {one.kind.name for one in LISTS} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Pod", "/api/v1/pods"),
        ("PodDisruptionBudget", "/apis/policy/v1/poddisruptionbudgets"),
        ("Event", "/api/v1/events"),
        ("HorizontalPodAutoscaler", "/apis/autoscaling/v2/horizontalpodautoscalers"),
        ("ScaledObject", "/apis/keda.sh/v1alpha1/scaledobjects"),
        ("PodMetrics", "/apis/metrics.k8s.io/v1beta1/pods"),
        ("EndpointSlice", "/apis/discovery.k8s.io/v1/endpointslices"),
        ("CSINode", "/apis/storage.k8s.io/v1/csinodes"),
    ],
)
def test_each_kind_is_asked_for_where_the_api_serves_it(kind, path):
    assert [one.path for one in LISTS if one.kind.name == kind] == [path]


def test_what_workloads_run_with_never_comes_in(cluster, connection):
    pod = a_running_pod(
        "web", annotations={"kubectl.kubernetes.io/last-applied-configuration": SECRETS_OF_A_POD[3]}
    )
    pod["spec"]["containers"][0] |= {
        "env": [{"name": "PASSWORD", "value": SECRETS_OF_A_POD[0]}],
        "args": [SECRETS_OF_A_POD[1]],
        "command": [SECRETS_OF_A_POD[2]],
    }
    cluster.load([a_node("node-a"), pod])

    document = read_cluster(connection, at=AT).document

    assert counts(document)["pods"] == 1
    assert not [text for text in SECRETS_OF_A_POD if text in repr(document)]


def test_secrets_and_configuration_are_not_even_asked_for():
    assert not {one.resource for one in LISTS} & {"secrets", "configmaps"}


def test_an_empty_cluster_is_read_as_empty_not_as_unknown(connection):
    document = read_cluster(connection, at=AT).document

    assert document.nodes == ()
    assert document.pods == ()
    assert document.pdbs == ()
    assert document.workloads == ()
    assert len(document.namespaces) == 4


def test_pages_are_put_together(cluster, connection, monkeypatch):
    """Seven pods in pages of three: three answers."""
    monkeypatch.setattr(reading_module, "PAGE_SIZE", 3)
    cluster.load([a_node("node-a"), *(a_running_pod(f"web-{at}") for at in range(7))])

    document = read_cluster(connection, at=AT).document

    assert sorted(pod.metadata.name for pod in document.pods) == [f"web-{at}" for at in range(7)]


@pytest.mark.parametrize(("times", "works"), [(1, True), (2, True), (3, False)])
def test_a_list_that_the_server_forgot_is_begun_again_twice(
    cluster, server, monkeypatch, times, works
):
    """Five pods in two pages; the second is refused with 410 so many times. Nothing of an
    unfinished list is kept."""
    monkeypatch.setattr(reading_module, "PAGE_SIZE", 3)
    cluster.load([a_node("node-a"), *(a_running_pod(f"web-{at}") for at in range(5))])
    left = [times]

    with connected(server.url) as connection:
        original = connection.get

        def forgetful(path, query=()):
            if path == "/api/v1/pods" and "continue" in dict(query) and left[0]:
                left[0] -= 1
                cluster.faults.set([Fault(path_prefix=path, status=410, times=1)])
            return original(path, query)

        monkeypatch.setattr(connection, "get", forgetful)

        if works:
            assert counts(read_cluster(connection, at=AT).document)["pods"] == 5
        else:
            with pytest.raises(ExpiredError):
                read_cluster(connection, at=AT)


def test_a_continue_token_that_expired_is_a_new_beginning(cluster, connection, monkeypatch):
    """The server itself forgets: what the first pages came from is compacted away."""
    monkeypatch.setattr(reading_module, "PAGE_SIZE", 2)
    cluster.load([a_node("node-a"), *(a_running_pod(f"web-{at}") for at in range(4))])
    original, forgotten = connection.get, []

    def forgetful(path, query=()):
        if path == "/api/v1/pods" and "continue" in dict(query) and not forgotten:
            forgotten.append(path)
            cluster.load([a_running_pod("web-late")])
            cluster.compact()
        return original(path, query)

    monkeypatch.setattr(connection, "get", forgetful)

    document = read_cluster(connection, at=AT).document

    assert forgotten
    assert sorted(pod.metadata.name for pod in document.pods) == [
        "web-0",
        "web-1",
        "web-2",
        "web-3",
        "web-late",
    ]


def test_sources_tell_kind_place_count_and_time(cluster, connection, server):
    cluster.load([a_node("node-a"), a_running_pod("web")])

    sources = {one.kind: one for one in read_cluster(connection, at=AT).document.sources}

    assert (sources["Pod"].name, sources["Pod"].count) == (server.url, 1)
    assert sources["PodDisruptionBudget"].count == 0
    assert sources["Pod"].as_of_basis == "time of reading"
    assert AT <= sources["Pod"].as_of <= AT + timedelta(minutes=5)


def test_the_version_of_each_list_is_noted(cluster, connection):
    cluster.load([a_node("node-a")])

    versions = read_cluster(connection, at=AT).resource_versions

    assert versions["Node"].isdigit()
    assert set(versions) >= {"Pod", "Deployment", "ReplicaSet"}


def test_bytes_of_one_reading_are_counted(connection):
    first = read_cluster(connection, at=AT).bytes_read
    second = read_cluster(connection, at=AT).bytes_read

    assert first == second > 1000


def findings(reading):
    return {one.check: one for one in reading.problems}


def test_absent_metrics_are_a_finding_with_how_to_get_them(connection):
    reading = read_cluster(connection, at=AT)
    finding = findings(reading)["kubernetes: read PodMetrics objects"]

    assert reading.document.pod_metrics is None
    assert reading.document.node_metrics is None
    assert finding.state is FindingState.WARNING
    assert "install metrics-server" in finding.remedy
    assert finding.needed_for == "rightsizing: present use of containers"


@pytest.mark.parametrize("mode", ["unavailable", "died"])
def test_metrics_out_of_order_do_not_stop_the_reading(cluster, connection, mode, pauses):
    """Three attempts for the nodes' metrics; the same backend is not asked for the pods'."""
    metrics.set_mode(cluster.world, mode)

    reading = read_cluster(connection, at=AT)

    assert reading.document.pod_metrics is None
    assert reading.document.node_metrics is None
    for kind in ("NodeMetrics", "PodMetrics"):
        finding = findings(reading)[f"kubernetes: read {kind} objects"]
        assert finding.state is FindingState.FAILED
        assert "is put off (503, 3 times)" in finding.message
    assert pauses == [1.0, 2.0]


def test_without_keda_there_are_no_scaled_objects_and_that_is_known(connection):
    reading = read_cluster(connection, at=AT)

    assert reading.document.scaled_objects == ()
    assert not [check for check in findings(reading) if "ScaledObject" in check]


def test_keda_of_another_version_leaves_scaled_objects_unknown(cluster, connection, monkeypatch):
    original = connection.get

    def served(path, query=()):
        return original("/version") if path == "/apis/keda.sh" else original(path, query)

    monkeypatch.setattr(connection, "get", served)

    reading = read_cluster(connection, at=AT)

    assert reading.document.scaled_objects is None
    assert findings(reading)["kubernetes: read ScaledObject objects"].state is FindingState.WARNING


def test_a_forbidden_list_is_not_given_instead_of_empty(cluster, connection):
    cluster.faults.set([Fault(path_prefix="/apis/policy/v1/poddisruptionbudgets", status=403)])

    reading = read_cluster(connection, at=AT)
    finding = findings(reading)["kubernetes: read PodDisruptionBudget objects"]
    snapshot = compile_state(reading.document).cluster

    assert reading.document.pdbs is None
    assert "pdbs" not in snapshot.listed
    assert finding.state is FindingState.MISSING
    assert finding.needed_for == "whether a pod may be moved"
    assert "deploy/kubernetes/rbac.yaml" in finding.remedy
    whole_kinds = {one.subject.kind: one.reason for one in reading.document.unread}
    assert whole_kinds["PodDisruptionBudget"] == "kind_forbidden"
    assert not [one for one in reading.document.sources if one.kind == "PodDisruptionBudget"]


def test_one_forbidden_kind_of_workload_leaves_all_workloads_unknown(cluster, connection):
    """Workloads without their StatefulSets would look complete."""
    cluster.load([in_namespace(a_workload("Deployment", "web"))])
    cluster.faults.set([Fault(path_prefix="/apis/apps/v1/statefulsets", status=403)])

    document = read_cluster(connection, at=AT).document

    assert document.workloads is None
    assert not [one for one in document.sources if one.kind == "Deployment"]


@pytest.mark.parametrize("resource", ["nodes", "pods"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotServedError),
        (410, ExpiredError),
        (429, OverloadedError),
        (500, ServerFailedError),
        (503, OverloadedError),
    ],
)
def test_without_nodes_or_pods_there_is_no_reading(cluster, connection, resource, status, error):
    cluster.faults.set([Fault(path_prefix=f"/api/v1/{resource}", status=status)])

    with pytest.raises(error, match=f"/api/v1/{resource}|credential is not accepted"):
        read_cluster(connection, at=AT)


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_server_in_trouble_fails_the_reading_so_that_the_last_one_stands(
    cluster, connection, status
):
    cluster.faults.set([Fault(path_prefix="/apis/policy", status=status)])

    with pytest.raises(KubernetesError):
        read_cluster(connection, at=AT)


def test_a_fault_that_passes_is_not_noticed(cluster, connection, pauses):
    cluster.load([a_node("node-a")])
    cluster.faults.set([Fault(path_prefix="/api/v1/nodes", status=429, times=2)])

    assert counts(read_cluster(connection, at=AT).document)["nodes"] == 1
    assert pauses == [1.0, 2.0]


def test_truncated_json_of_an_announced_length_is_an_error_not_a_short_list(cluster, connection):
    cluster.load([a_node("node-a")])
    cluster.faults.set([Fault(path_prefix="/api/v1/nodes", truncate_after_bytes=200)])

    with pytest.raises(BrokenAnswerError, match="broke off in the middle"):
        read_cluster(connection, at=AT)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"NodeList","items":[{"metadata":{"name":"a"}',
        b"<html>login</html>",
        b"",
        b"{}",
        b'{"kind":"Status","status":"Success"}',
        b'{"kind":"Status","items":[]}',
        b'"items"',
        b'{"kind":"PodList","items":[]}',
        b"\xff\xfe",
        b'{"items":[' + b"[" * 100_000,
    ],
)
def test_an_answer_that_is_no_list_of_nodes_is_an_error_not_an_empty_cluster(body):
    with (
        RawServer(answering(body)) as server,
        connected(server.url) as connection,
        pytest.raises(BrokenAnswerError, match="a list of nodes"),
    ):
        read_cluster(connection, at=AT)


def test_one_bad_object_does_not_lose_the_others(cluster, connection):
    good, bad = a_running_pod("good"), a_running_pod("bad")
    bad["spec"]["priority"] = "high"
    cluster.load([a_node("node-a"), good, bad])

    document = read_cluster(connection, at=AT).document
    state = compile_state(document)

    assert [pod.metadata.name for pod in document.pods] == ["good"]
    named = [one.subject.name for one in document.unread if one.subject.kind == "Pod"]
    assert named == ["bad"]
    assert state.cluster.nodes.fully_read.tolist() == [False]


def test_a_list_without_end_is_given_up():
    body = b'{"kind":"NodeList","metadata":{"continue":"again"},"items":[]}'

    with (
        RawServer(answering(body)) as server,
        connected(server.url) as connection,
        pytest.raises(BrokenAnswerError, match="the list of nodes has no end"),
    ):
        read_cluster(connection, at=AT)

    assert len(server.heads) == 2


def answering_as(at: str):
    """Every list is empty, of the kind that is asked for; the server's clock stands still."""
    kinds = {one.path: one.kind.list_name for one in LISTS}

    def answer(connection, head):
        path = head.split()[1].decode().partition("?")[0]
        body = json.dumps({"kind": kinds[path], "metadata": {}, "items": []}).encode()
        answering(body, headers=(f"Date: {at}",))(connection, head)

    return answer


@pytest.mark.parametrize(
    ("date", "message"),
    [
        ("Fri, 15 Jan 2027 08:02:30 GMT", "s ahead of this machine's"),
        ("Fri, 15 Jan 2027 07:58:00 GMT", "s behind this machine's"),
    ],
)
def test_clocks_that_differ_by_more_than_a_minute_are_a_warning(date, message):
    with RawServer(answering_as(date)) as server, connected(server.url) as connection:
        reading = read_cluster(connection, at=AT)

    finding = findings(reading)["kubernetes: clocks agree"]
    assert finding.state is FindingState.WARNING
    assert message in finding.message
    assert "NTP" in finding.remedy


def test_a_clock_within_a_minute_is_no_problem_and_dates_the_reading():
    date = "Fri, 15 Jan 2027 08:00:50 GMT"

    with RawServer(answering_as(date)) as server, connected(server.url) as connection:
        reading = read_cluster(connection, at=AT)

    source = reading.document.sources[0]
    assert reading.problems == ()
    assert source.as_of == datetime(2027, 1, 15, 8, 0, 50, tzinfo=UTC)
    assert source.as_of_basis == "clock of the API server"


@pytest.mark.parametrize("date", ["yesterday", "Fri, 99 Jan 2027 08:00:50 GMT", ""])
def test_a_date_that_is_none_is_as_good_as_no_date(date):
    with RawServer(answering_as(date)) as server, connected(server.url) as connection:
        reading = read_cluster(connection, at=AT)

    assert reading.document.sources[0].as_of_basis == "time of reading"


def test_every_failure_of_a_reading_is_an_error_that_a_person_can_act_on(cluster, connection):
    for fault in (
        Fault(drop=True),
        Fault(status=500),
        Fault(truncate_after_bytes=5),
        Fault(truncate_after_bytes=0),
    ):
        cluster.faults.set([fault])
        with pytest.raises(CloudOptimError) as refused:
            read_cluster(connection, at=AT)

        assert refused.value.next_step


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("eks_spot_run0_nodes-8-request-count-6.json.gz", "/api/v1/nodes", ("nodes", 8)),
        ("gke_nodes-128.json.gz", "/api/v1/nodes", ("nodes", 130)),
        ("gke_pods-128.json.gz", "/api/v1/pods", ("pods", 127)),
    ],
)
def test_pages_of_real_clusters_are_read(shared_data, name, path, expected):
    whole = json.loads(gzip.decompress((shared_data / "k8s_objects" / name).read_bytes()))
    empty = answering_as("Fri, 15 Jan 2027 08:00:00 GMT")
    kind = {"nodes": "NodeList", "pods": "PodList"}[expected[0]]
    page = json.dumps({**whole, "kind": kind}).encode()

    def answer(connection, head):
        is_it = head.split()[1].decode().partition("?")[0] == path
        (answering(page) if is_it else empty)(connection, head)

    with RawServer(answer) as server, connected(server.url) as connection:
        reading = read_cluster(connection, at=AT)

    field, count = expected
    assert len(getattr(reading.document, field)) == count
    assert reading.document.unread is None
    assert len(getattr(compile_state(reading.document).cluster, field)) == count
