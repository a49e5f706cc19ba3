"""Over HTTP: keep-alive, control, faults."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.kube.builders import (
    DEPLOYMENTS,
    PDBS,
    PODS,
    a_budget,
    a_pod,
    a_workload,
    an_eviction,
)

TOKEN = {"Authorization": "Bearer sandbox-admin"}


@pytest.fixture
def call(server):
    """Sends one request on a connection of its own; gives back (status, headers, text)."""
    port = int(server.url.rpartition(":")[2])

    def send(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        raw = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, raw, {**TOKEN, **(headers or {})})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    return send


def fault(call, **rule):
    assert call("POST", "/_sandbox/faults", [rule])[0] == 200


def test_a_connection_serves_request_after_request(server):
    port = int(server.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    answers = []
    for _ in range(3):
        connection.request("GET", "/healthz", headers=TOKEN)
        answers.append(connection.getresponse().read())
    connection.close()

    assert answers == [b"ok", b"ok", b"ok"]


def test_head_is_not_allowed_on_a_list(call):
    assert call("HEAD", "/api/v1/nodes")[0] == 405


def test_the_control_endpoint_moves_time(call, cluster):
    before = cluster.world.now()

    assert call("POST", "/_sandbox/advance", {"seconds": 90})[0] == 200

    assert cluster.world.now() == before + 90


def test_the_control_endpoint_pauses_controllers_compacts_and_expires_tokens(call, cluster):
    call("POST", PODS, a_pod("p"))

    assert call("POST", "/_sandbox/controllers", {"paused": True})[0] == 200
    assert call("POST", "/_sandbox/compaction", {})[0] == 200
    assert call("POST", "/_sandbox/tokens", {"expired": True})[0] == 200
    assert call("POST", "/_sandbox/metrics", {"mode": "served"})[0] == 200
    assert cluster.world.paused is True
    assert cluster.world.store.compacted_at == cluster.world.store.revision - 2
    assert call("GET", "/apis/metrics.k8s.io/v1beta1/nodes")[0] == 200


@pytest.mark.parametrize(
    ("method", "what", "body", "status"),
    [
        ("POST", "metrics", {"mode": "broken"}, 400),
        ("POST", "advance", {"minutes": 5}, 400),
        ("POST", "faults", [{"chaos": True}], 400),
        ("POST", "nosuch", {}, 404),
        ("GET", "advance", None, 404),
    ],
)
def test_a_control_that_is_not_understood_says_so(call, method, what, body, status):
    code, _, text = call(method, f"/_sandbox/{what}", body)

    assert code == status
    assert json.loads(text)["error"]


@pytest.mark.parametrize(
    ("status", "reason", "retry_after"),
    [
        (401, "Unauthorized", None),
        (429, "TooManyRequests", "1"),
        (500, "InternalError", None),
        (503, "ServiceUnavailable", None),
    ],
)
def test_a_refusal_hits_as_often_as_it_is_told_to(call, status, reason, retry_after):
    fault(call, path_prefix="/api/v1/nodes", method="GET", skip=1, times=2, status=status)

    answers = [call("GET", "/api/v1/nodes") for _ in range(4)]

    assert [one[0] for one in answers] == [200, status, status, 200]
    assert json.loads(answers[1][2])["reason"] == reason
    assert answers[1][1].get("Retry-After") == retry_after
    assert json.loads(call("GET", "/_sandbox/faults")[2])["hits"] == 2


def test_other_paths_and_methods_are_not_hit(call):
    fault(call, path_prefix="/api/v1/nodes", method="PATCH", status=500)

    assert call("GET", "/api/v1/nodes")[0] == 200
    assert call("PATCH", "/api/v1/pods")[0] == 405


def test_a_chosen_retry_after_is_told(call):
    fault(call, status=503, retry_after_seconds=7)

    status, headers, text = call("GET", "/api/v1/nodes")

    assert (status, headers["Retry-After"]) == (503, "7")
    assert json.loads(text)["details"] == {"retryAfterSeconds": 7}


def test_a_truncated_answer_promises_more_than_it_sends(call):
    fault(call, truncate_after_bytes=10)

    with pytest.raises(http.client.IncompleteRead) as cut:
        call("GET", "/api/v1/nodes")

    assert cut.value.partial == b'{"kind":"N'


def test_a_dropped_request_gets_no_answer(call):
    fault(call, drop=True)

    with pytest.raises(http.client.RemoteDisconnected):
        call("GET", "/api/v1/nodes")


def test_a_dropped_or_refused_write_is_not_done(call):
    fault(call, method="POST", path_prefix="/api/", status=500)
    call("POST", PODS, a_pod("p"))
    call("POST", "/_sandbox/faults", [])

    assert json.loads(call("GET", PODS)[2])["items"] == []


def test_a_truncated_write_is_done_all_the_same(call):
    fault(call, method="POST", path_prefix="/api/", truncate_after_bytes=0)
    with pytest.raises(http.client.IncompleteRead):
        call("POST", PODS, a_pod("p"))
    call("POST", "/_sandbox/faults", [])

    assert len(json.loads(call("GET", PODS)[2])["items"]) == 1


def test_a_slow_answer_arrives_whole(call):
    """About 130 bytes at 10,000 a second."""
    fault(call, delay_seconds=0.01, bytes_per_second=10_000)

    status, _, text = call("GET", "/api/v1/nodes")

    assert (status, json.loads(text)["items"]) == (200, [])


def test_evictions_at_the_same_time_never_overspend_a_budget(call, cluster, three_nodes):
    """Ten pods of which eight must stay: of ten evictions at once two go through."""
    call("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=10))
    call("POST", PDBS, a_budget("web", "web", minAvailable=8))
    cluster.world.clock.advance(2)
    pods = [one["metadata"]["name"] for one in json.loads(call("GET", PODS)[2])["items"]]

    with ThreadPoolExecutor(10) as pool:
        statuses = list(
            pool.map(
                lambda name: call("POST", f"{PODS}/{name}/eviction", an_eviction(name))[0], pods
            )
        )

    assert sorted(statuses) == [201] * 2 + [429] * 8


def test_a_watch_ends_when_the_server_closes(server):
    port = int(server.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/api/v1/nodes?watch=1", headers=TOKEN)
    response = connection.getresponse()

    server.close()

    assert response.read() == b""
    connection.close()
