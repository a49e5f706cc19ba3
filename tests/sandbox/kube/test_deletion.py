"""Deleting: grace, preconditions, finalizers, what goes along."""

import pytest

from tests.sandbox.kube.builders import (
    DEPLOYMENTS,
    MERGE,
    PDBS,
    PODS,
    a_budget,
    a_pod,
    a_workload,
)

SETS = "/apis/apps/v1/namespaces/default/replicasets"


@pytest.fixture
def pod(admin, cluster, three_nodes):
    admin("POST", PODS, a_pod("p"))
    cluster.world.clock.advance(2)
    return f"{PODS}/p"


def test_a_pod_terminates_within_its_grace(admin, cluster, pod):
    """It is 08:00:03; the kubelet ends the 30 s after 3."""
    status, answer = admin("DELETE", pod)

    assert (status, answer["kind"]) == (200, "Pod")
    assert answer["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:33Z"
    cluster.world.clock.advance(2.9)
    assert admin("GET", pod)[0] == 200
    cluster.world.clock.advance(0.2)
    assert admin("GET", pod)[0] == 404


def test_a_shorter_grace_is_taken_and_a_longer_one_is_not(admin, pod):
    first = admin("DELETE", pod, {"gracePeriodSeconds": 10})[1]["metadata"]
    shorter = admin("DELETE", pod, {"gracePeriodSeconds": 5})[1]["metadata"]
    longer = admin("DELETE", pod, {"gracePeriodSeconds": 60})[1]["metadata"]

    assert first["deletionTimestamp"] == "2027-01-15T08:00:13Z"
    assert shorter["deletionTimestamp"] == longer["deletionTimestamp"] == "2027-01-15T08:00:08Z"
    assert (first["generation"], shorter["generation"]) == (2, 2)


@pytest.mark.parametrize(("grace", "stays"), [("0", False), ("1", True), ("-1", True)])
def test_only_grace_zero_is_at_once(admin, pod, grace, stays):
    admin("DELETE", f"{pod}?gracePeriodSeconds={grace}")

    assert admin("GET", pod)[0] == (200 if stays else 404)


def test_an_unbound_pod_goes_at_once(admin):
    admin("POST", PODS, a_pod("waits", schedulingGates=[{"name": "later"}]))

    status, answer = admin("DELETE", f"{PODS}/waits")

    assert answer["metadata"]["deletionGracePeriodSeconds"] == 0
    assert (status, admin("GET", f"{PODS}/waits")[0]) == (200, 404)


@pytest.mark.parametrize(
    ("preconditions", "status"),
    [({"uid": "other"}, 409), ({"resourceVersion": "1"}, 409), ({}, 200)],
)
def test_preconditions_are_compared(admin, pod, preconditions, status):
    assert admin("DELETE", pod, {"preconditions": preconditions})[0] == status


def test_a_dry_run_deletes_nothing(admin, pod):
    answer = admin("DELETE", f"{pod}?dryRun=All")[1]

    assert "deletionTimestamp" in answer["metadata"]
    assert "deletionTimestamp" not in admin.get(pod)["metadata"]


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("propagationPolicy=Nonsense", None, 422),
        ("gracePeriodSeconds=x", None, 400),
        ("dryRun=", None, 422),
        ("", b"garbage", 400),
        ("", {"orphanDependents": True, "propagationPolicy": "Background"}, 422),
    ],
)
def test_bad_options_are_refused(admin, pod, query, body, status):
    assert admin("DELETE", f"{pod}?{query}", body)[0] == status
    assert admin("GET", pod)[0] == 200


def test_other_objects_answer_a_status_with_their_uid(admin):
    created = admin("POST", PDBS, a_budget("b", "web", maxUnavailable=1))[1]

    status, answer = admin("DELETE", f"{PDBS}/b")

    assert (status, answer["status"]) == (200, "Success")
    assert answer["details"] == {
        "name": "b",
        "group": "policy",
        "kind": "poddisruptionbudgets",
        "uid": created["metadata"]["uid"],
    }


@pytest.fixture
def web(admin, cluster, three_nodes):
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=2))
    cluster.world.clock.advance(2)
    return f"{DEPLOYMENTS}/web"


def test_in_the_background_the_dependents_follow(admin, cluster, web):
    assert admin("DELETE", web)[1]["kind"] == "Status"
    cluster.world.clock.advance(10)

    assert (admin.names(SETS), admin.names(PODS)) == ([], [])


def test_in_the_foreground_the_owner_waits_for_its_dependents(admin, cluster, web):
    answer = admin("DELETE", f"{web}?propagationPolicy=Foreground")[1]
    cluster.world.clock.advance(1)

    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert admin("GET", web)[0] == 200
    cluster.world.clock.advance(10)
    assert (admin("GET", web)[0], admin.names(PODS)) == (404, [])


def test_orphans_stay(admin, cluster, web):
    admin("DELETE", f"{web}?propagationPolicy=Orphan")
    cluster.world.clock.advance(10)

    assert admin("GET", web)[0] == 404
    assert len(admin.names(SETS)) == 1
    assert "ownerReferences" not in admin.get(SETS)["items"][0]["metadata"]
    assert len(admin.names(PODS)) == 2


def test_a_finalizer_holds_an_object_until_it_is_taken_away(admin):
    body = a_budget("b", "web", maxUnavailable=1)
    body["metadata"]["finalizers"] = ["example.com/hold"]
    admin("POST", PDBS, body)
    admin("DELETE", f"{PDBS}/b")
    held = admin("GET", f"{PDBS}/b")[0]

    admin("PATCH", f"{PDBS}/b", {"metadata": {"finalizers": None}}, MERGE)

    assert (held, admin("GET", f"{PDBS}/b")[0]) == (200, 404)


def test_deleting_a_collection_answers_it_as_it_was(admin, pod):
    admin("POST", PODS, a_pod("other"))

    status, answer = admin("DELETE", f"{PODS}?labelSelector=app=p&gracePeriodSeconds=0")

    assert (status, [one["metadata"]["name"] for one in answer["items"]]) == (200, ["p"])
    assert admin.names(PODS) == ["other"]


def test_a_namespace_takes_everything_in_it_along(admin, cluster, three_nodes):
    admin("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    admin("POST", "/api/v1/namespaces/team/pods", a_pod("p"))
    cluster.world.clock.advance(2)

    answer = admin("DELETE", "/api/v1/namespaces/team")[1]
    cluster.world.clock.advance(10)

    assert answer["status"]["phase"] == "Terminating"
    assert admin("GET", "/api/v1/namespaces/team")[0] == 404
    assert admin("GET", "/api/v1/namespaces/team/pods/p")[0] == 404
