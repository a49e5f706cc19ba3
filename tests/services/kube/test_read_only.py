"""A connection that may only read lets nothing else leave: "a dry run changes nothing"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kube.access import BearerToken, KubeAccess
from services.kube.errors import WriteRefusedError
from services.kube.preflight import preflight_kubernetes
from services.kube.reading import read_cluster
from services.kube.transport import Request, Transport
from tests.sandbox.kube.builders import a_node
from tests.services.kube.builders import AT
from tests.services.kube.servers import RawServer, answering

POD = "/api/v1/namespaces/default/pods/web"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ALL = (("dryRun", "All"),)


def transport_to(url, *, may_write=False):
    return Transport(
        KubeAccess(endpoint=url, credential=BearerToken(token="t")),
        timeout_seconds=10,
        token=lambda: "t",
        clock=lambda: 0.0,
        may_write=may_write,
    )


@pytest.fixture
def listener():
    with RawServer(answering(b"{}")) as server:
        yield server


@pytest.fixture
def transport(listener):
    opened = transport_to(listener.url)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/version"),
        Request("GET", "/api/v1/pods", (("limit", "500"), ("continue", "a/b=="))),
        Request("GET", POD),
        Request("GET", "/apis/apps/v1/namespaces/default/deployments/web/scale"),
        Request("POST", REVIEW, body=b"{}"),
        Request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body=b"{}"),
        Request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=b"{}"),
        Request("POST", f"{POD}/eviction", ALL, b"{}"),
        Request("PATCH", "/api/v1/nodes/a", ALL, b"{}"),
        Request("PUT", "/apis/apps/v1/namespaces/default/deployments/web/scale", ALL, b"{}"),
        Request("DELETE", POD, ALL),
    ],
    ids=str,
)
def test_what_changes_nothing_leaves(transport, listener, request_):
    assert transport.send(request_).status == 200
    assert len(listener.heads) == 1


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", f"{POD}/eviction", body=b"{}"),
        Request("PATCH", "/api/v1/nodes/a", body=b"{}"),
        Request("PUT", "/api/v1/nodes/a", body=b"{}"),
        Request("DELETE", POD),
        Request("PATCH", "/api/v1/nodes/a", (("dryRun", ""),), b"{}"),
        Request("PATCH", "/api/v1/nodes/a", (("dryRun", "all"),), b"{}"),
        Request("PATCH", "/api/v1/nodes/a", (("dryRun", "None"),), b"{}"),
        Request("PATCH", "/api/v1/nodes/a", (("dryRun", "All"), ("dryRun", "")), b"{}"),
        Request("PATCH", "/api/v1/nodes/a", (("dryrun", "All"),), b"{}"),
        Request("PATCH", "/api/v1/nodes/a", (("x", "1&dryRun=All"),), b"{}"),
        Request("PATCH", "/api/v1/nodes/a?dryRun=All", (), b"{}"),
        Request("PATCH", "/api/v1/nodes/a?x=#", ALL, b"{}"),
        Request("PATCH", "/api/v1/nodes/a#", ALL, b"{}"),
        Request("POST", "/api/v1/namespaces/default/pods", body=b"{}"),
        Request("POST", "/api/v1/namespaces/default/serviceaccounts/x/token", body=b"{}"),
        Request("POST", f"{REVIEW}/../../../../api/v1/namespaces", body=b"{}"),
        Request("POST", f"{REVIEW}/", body=b"{}"),
        Request("POST", "/apis/authorization.k8s.io/v1/../../../api/v1/namespaces", ALL),
        Request("GET", f"{POD}/exec", (("command", "rm"),)),
        Request("GET", f"{POD}/attach"),
        Request("GET", f"{POD}/portforward"),
        Request("GET", f"{POD}/proxy/delete-all"),
        Request("GET", "/api/v1/nodes/a/proxy/run/x"),
        Request("GET", f"{POD}/%65xec"),
        Request("POST", f"{POD}/exec", ALL),
        Request("CONNECT", "/version"),
        Request("get", "/version"),
        Request("GET\r\nX: y", "/version"),
        Request("GET", "//evil.example.com/x"),
        Request("GET", "@evil.example.com/x"),
        Request("GET", "/version\r\nX: y"),
        Request("GET", ""),
    ],
    ids=str,
)
def test_what_could_change_something_is_refused_before_it_leaves(transport, listener, request_):
    with pytest.raises(WriteRefusedError, match="may only read"):
        transport.send(request_)

    assert listener.heads == []


@given(
    method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    path=st.sampled_from(["/api/v1/nodes/a", f"{POD}/eviction", f"{POD}/exec", "/apis/x/y"]),
    query=st.lists(
        st.tuples(
            st.sampled_from(["dryRun", "force", "fieldManager"]),
            st.sampled_from(["All", "", "all", "true"]),
        ),
        max_size=3,
    ),
)
def test_a_change_leaves_as_a_dry_run_or_not_at_all(method, path, query):
    with RawServer(answering(b"{}")) as listener:
        transport = transport_to(listener.url)
        is_dry = [value for name, value in query if name == "dryRun"] == ["All"]
        may_leave = is_dry and method not in ("OPTIONS", "TRACE") and not path.endswith("/exec")
        try:
            transport.send(Request(method, path, tuple(query), b"{}"))
            left = True
        except WriteRefusedError:
            left = False
        transport.close()

    assert left == may_leave == bool(listener.heads)


def test_a_connection_that_may_write_sends_changes(listener):
    transport = transport_to(listener.url, may_write=True)

    assert transport.send(Request("PATCH", "/api/v1/nodes/a", body=b"{}")).status == 200

    transport.close()
    assert listener.heads[0].startswith(b"PATCH /api/v1/nodes/a HTTP/1.1")


def test_a_reading_and_a_preflight_leave_the_cluster_as_it_was(cluster, connection):
    cluster.load([a_node("node-a"), a_node("node-b")])
    before = cluster.world.store.revision

    read_cluster(connection, at=AT)
    preflight_kubernetes(connection, at=AT)

    assert cluster.world.store.revision == before
