"""The arithmetic of a budget's status."""

import pytest

from tests.sandbox.kube.builders import DEPLOYMENTS, PDBS, PODS, a_budget, a_pod, a_workload


def status_over(admin, cluster, replicas, **spec):
    """(allowed, healthy, desired, expected) over a running Deployment."""
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=replicas))
    cluster.world.clock.advance(2)
    admin("POST", PDBS, a_budget("web", "web", **spec))
    cluster.world.clock.advance(0.1)
    return numbers(admin)


def numbers(admin):
    status = admin.get(f"{PDBS}/web")["status"]
    names = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    return tuple(status[name] for name in names)


@pytest.mark.parametrize(
    ("replicas", "spec", "expected"),
    [
        (3, {"minAvailable": 2}, (1, 3, 2, 3)),
        (3, {"minAvailable": 3}, (0, 3, 3, 3)),
        (3, {"minAvailable": 9}, (0, 3, 9, 3)),
        (3, {"minAvailable": "50%"}, (1, 3, 2, 3)),  # 1.5 pods are 2
        (3, {"minAvailable": "34%"}, (1, 3, 2, 3)),  # 1.02 pods are 2
        (3, {"minAvailable": "0%"}, (3, 3, 0, 3)),
        (3, {"maxUnavailable": 0}, (0, 3, 3, 3)),
        (3, {"maxUnavailable": 1}, (1, 3, 2, 3)),
        (3, {"maxUnavailable": 9}, (3, 3, 0, 3)),
        (4, {"maxUnavailable": "30%"}, (2, 4, 2, 4)),  # 1.2 pods are 2
        (3, {"maxUnavailable": "25%"}, (1, 3, 2, 3)),  # 0.75 pods are 1
        (3, {}, (0, 3, 0, 0)),
    ],
)
def test_a_budget_over_a_deployment(admin, cluster, three_nodes, replicas, spec, expected):
    assert status_over(admin, cluster, replicas, **spec) == expected


def test_the_number_follows_what_the_deployment_wants(admin, cluster, three_nodes):
    """2 of 3 ready pods are left of 3 that are wanted: one more may not go."""
    status_over(admin, cluster, 3, maxUnavailable=1)
    admin("DELETE", f"{PODS}/{admin.names(PODS)[0]}?gracePeriodSeconds=0")
    cluster.world.clock.advance(0.1)

    assert numbers(admin) == (0, 2, 2, 3)


def test_bare_pods_count_for_an_integer_only(admin, cluster, three_nodes):
    admin("POST", PODS, a_pod("p", labels={"app": "web"}))
    cluster.world.clock.advance(2)
    admin("POST", PDBS, a_budget("web", "web", minAvailable=0))
    cluster.world.clock.advance(0.1)
    counted = numbers(admin)
    admin("DELETE", f"{PDBS}/web")
    admin("POST", PDBS, a_budget("web", "web", maxUnavailable=1))
    cluster.world.clock.advance(0.1)

    assert counted == (1, 1, 0, 1)
    assert numbers(admin) == (0, 1, 0, 0)


def test_pods_of_a_job_make_the_budget_fail(admin, cluster, three_nodes):
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "web"},
        "spec": {"template": a_pod("web", restartPolicy="Never")},
    }
    job["spec"]["template"] = {
        "metadata": {"labels": {"app": "web"}},
        "spec": job["spec"]["template"]["spec"],
    }
    admin("POST", "/apis/batch/v1/namespaces/default/jobs", job)
    cluster.world.clock.advance(2)
    admin("POST", PDBS, a_budget("web", "web", maxUnavailable=1))
    cluster.world.clock.advance(0.1)

    condition = admin.get(f"{PDBS}/web")["status"]["conditions"][0]

    assert (condition["reason"], condition["message"]) == (
        "SyncFailed",
        "jobs.batch does not implement the scale subresource",
    )
    assert numbers(admin)[0] == 0


def test_a_budget_without_selector_covers_nothing(admin, cluster, three_nodes):
    admin("POST", PODS, a_pod("p"))
    cluster.world.clock.advance(2)
    admin("POST", PDBS, a_budget("web", minAvailable=1))
    cluster.world.clock.advance(0.1)

    assert numbers(admin) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"minAvailable": -1}, "spec.minAvailable: Invalid value: -1: must be greater than or"),
        ({"minAvailable": "150%"}, "must not be greater than 100%"),
        ({"maxUnavailable": "1"}, "a valid percent string must be a numeric string"),
        ({"minAvailable": 1, "maxUnavailable": 1}, "cannot be both set"),
    ],
)
def test_an_invalid_budget_is_refused(admin, spec, message):
    status, refusal = admin("POST", PDBS, a_budget("web", "web", **spec))

    assert status == 422
    assert message in refusal["message"]
