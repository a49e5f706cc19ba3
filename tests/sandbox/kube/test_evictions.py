"""Evictions: what they spend, when they are refused, in what words."""

import pytest

from tests.sandbox.kube.builders import (
    DEPLOYMENTS,
    PDBS,
    PODS,
    STRATEGIC,
    a_budget,
    a_pod,
    a_workload,
    an_eviction,
)

UNREADY = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}


@pytest.fixture
def web(admin, cluster, three_nodes):
    """Three running pods of a Deployment."""
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web"))
    cluster.world.clock.advance(2)
    return admin.names(PODS)


def protect(admin, cluster, **spec):
    admin("POST", PDBS, a_budget("web", "web", **spec))
    cluster.world.clock.advance(0.1)


def evict(admin, name, **options):
    return admin("POST", f"{PODS}/{name}/eviction", an_eviction(name, **options))


def budget(admin):
    return admin.get(f"{PDBS}/web")["status"]


def cause(refusal):
    return refusal["details"]["causes"][0]["message"]


def test_without_a_budget_a_pod_goes_within_its_grace_and_is_replaced(admin, cluster, web):
    status, answer = evict(admin, web[0])

    assert (status, answer) == (
        201,
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201},
    )
    pod = admin.get(f"{PODS}/{web[0]}")
    assert pod["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:33Z"  # 08:00:03 + 30 s
    assert pod["metadata"]["generation"] == 2
    assert pod["status"]["conditions"][-1]["reason"] == "EvictionByEvictionAPI"
    cluster.world.clock.advance(5)
    assert web[0] not in admin.names(PODS)
    assert len(admin.names(PODS)) == 3


def test_a_spent_budget_refuses_with_the_numbers_in_the_cause(admin, cluster, web):
    """minAvailable 2 of 3: one may go, then 2 are needed and 2 are there."""
    protect(admin, cluster, minAvailable=2)
    evict(admin, web[0])
    cluster.world.clock.advance(0.1)

    status, refusal = evict(admin, web[1])

    assert (status, refusal["reason"]) == (429, "TooManyRequests")
    assert refusal["message"] == (
        "Cannot evict pod as it would violate the pod's disruption budget."
    )
    assert cause(refusal) == "The disruption budget web needs 2 healthy pods and has 2 currently"
    assert "retry-after" not in admin.headers


def test_the_budget_recovers_when_the_replacement_is_ready(admin, cluster, web):
    protect(admin, cluster, minAvailable=2)
    evict(admin, web[0])
    cluster.world.clock.advance(2)

    assert evict(admin, web[1])[0] == 201


def test_a_wrong_uid_is_a_conflict_and_spends_the_budget_all_the_same(admin, cluster, web):
    protect(admin, cluster, maxUnavailable=1)

    status, refusal = evict(admin, web[0], preconditions={"uid": "other"})

    assert (status, refusal["reason"]) == (409, "Conflict")
    assert budget(admin)["disruptedPods"] == {web[0]: "2027-01-15T08:00:03Z"}
    assert "deletionTimestamp" not in admin.get(f"{PODS}/{web[0]}")["metadata"]
    assert evict(admin, web[1])[0] == 429
    cluster.world.clock.advance(119)
    assert evict(admin, web[1])[0] == 429
    cluster.world.clock.advance(3)
    assert budget(admin)["disruptionsAllowed"] == 1
    assert evict(admin, web[1])[0] == 201


def test_an_exhausted_budget_is_told_before_the_uid_is_looked_at(admin, cluster, web):
    protect(admin, cluster, maxUnavailable=0)

    assert evict(admin, web[0], preconditions={"uid": "other"})[0] == 429


def test_two_budgets_over_one_pod_are_a_500_without_a_reason(admin, cluster, web):
    protect(admin, cluster, maxUnavailable=1)
    admin("POST", PDBS, a_budget("two", "web", maxUnavailable=2))

    status, refusal = evict(admin, web[0])

    assert status == 500
    assert "reason" not in refusal
    assert refusal["message"].startswith("This pod has more than one PodDisruptionBudget")


def test_a_pod_that_is_terminating_may_be_evicted_again_for_nothing(admin, cluster, web):
    protect(admin, cluster, maxUnavailable=1)
    evict(admin, web[0])

    assert evict(admin, web[0])[0] == 201
    assert evict(admin, web[0], gracePeriodSeconds=1)[0] == 201
    assert admin.get(f"{PODS}/{web[0]}")["metadata"]["deletionTimestamp"] == (
        "2027-01-15T08:00:04Z"  # asked for at 08:00:03, now with 1 s
    )


def test_a_dry_run_asks_the_budget_and_spends_nothing(admin, cluster, web):
    protect(admin, cluster, maxUnavailable=1)

    assert evict(admin, web[0], dryRun=["All"])[0] == 201
    assert "deletionTimestamp" not in admin.get(f"{PODS}/{web[0]}")["metadata"]
    assert budget(admin)["disruptionsAllowed"] == 1
    evict(admin, web[0])
    assert evict(admin, web[1], dryRun=["All"])[0] == 429


def test_a_new_budget_asks_to_come_back_in_ten_seconds(admin, web):
    admin("POST", PDBS, a_budget("web", "web", maxUnavailable=1))

    status, refusal = evict(admin, web[0])

    assert (status, admin.headers["retry-after"]) == (429, "10")
    assert cause(refusal) == "The disruption budget web is still being processed by the server."


def test_a_late_controller_leaves_the_second_wording(admin, cluster, web):
    """Two of three may go; with nobody counting, 3 healthy is still written there."""
    protect(admin, cluster, minAvailable=1)
    cluster.world.paused = True
    evict(admin, web[0])
    evict(admin, web[1])

    status, refusal = evict(admin, web[2])

    assert status == 429
    assert cause(refusal) == "The disruption budget web does not allow evicting pods currently"


def test_an_unready_pod_may_go_while_enough_others_are_healthy(admin, cluster, web):
    """minAvailable 2: with one of three unready, 2 are healthy and 2 are wanted."""
    protect(admin, cluster, minAvailable=2)
    admin("PATCH", f"{PODS}/{web[0]}/status", UNREADY, STRATEGIC)
    cluster.world.clock.advance(0.1)

    assert evict(admin, web[1])[0] == 429
    assert evict(admin, web[0])[0] == 201


def test_an_unready_pod_stays_when_too_few_are_healthy_unless_always_allowed(admin, cluster, web):
    protect(admin, cluster, minAvailable=3)
    admin("PATCH", f"{PODS}/{web[0]}/status", UNREADY, STRATEGIC)
    cluster.world.clock.advance(0.1)
    assert evict(admin, web[0])[0] == 429

    admin("DELETE", f"{PDBS}/web")
    protect(admin, cluster, minAvailable=3, unhealthyPodEvictionPolicy="AlwaysAllow")

    assert evict(admin, web[0])[0] == 201


def test_finished_and_pending_pods_are_not_protected(admin, cluster, three_nodes):
    for name, spec in (("done", {}), ("waits", {"nodeSelector": {"no": "where"}})):
        admin("POST", PODS, a_pod(name, labels={"app": "web"}, **spec))
    cluster.world.clock.advance(2)
    admin("PATCH", f"{PODS}/done/status", {"status": {"phase": "Succeeded"}}, STRATEGIC)
    protect(admin, cluster, minAvailable=2)

    assert [evict(admin, "done")[0], evict(admin, "waits")[0]] == [201, 201]
    assert admin.names(PODS) == []


def test_a_daemon_pod_comes_back_on_its_cordoned_node(admin, cluster, three_nodes):
    daemons = "/apis/apps/v1/namespaces/default/daemonsets"
    admin("POST", daemons, a_workload("DaemonSet", "agent", replicas=None))
    cluster.world.clock.advance(2)
    pod = admin.get(PODS)["items"][0]
    node = pod["spec"]["nodeName"]
    admin("PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}}, STRATEGIC)
    evict(admin, pod["metadata"]["name"])
    cluster.world.clock.advance(6)

    assert sorted(one["spec"]["nodeName"] for one in admin.get(PODS)["items"]) == [
        "node-a",
        "node-b",
        "node-c",
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"metadata": {"name": "other"}}, 400),
        ({"metadata": {"name": "p", "namespace": "other"}}, 400),
        ({"metadata": {"name": "p"}, "deleteOptions": {"propagationPolicy": "Nonsense"}}, 422),
        ({"metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": "x"}}, 400),
        ({"apiVersion": "v1", "kind": "Eviction", "metadata": {"name": "p"}}, 400),
        ({"metadata": {"name": "p"}}, 404),
    ],
)
def test_a_malformed_eviction_is_refused(admin, body, status):
    assert admin("POST", f"{PODS}/p/eviction", body)[0] == status


def test_the_subresource_cannot_be_read(admin, web):
    assert admin("GET", f"{PODS}/{web[0]}/eviction")[0] == 405
