"""A packing plan carried out by hand in the sandbox: its scheduler finds a place for every pod.

Nine nodes of 4 vCPU stand in three zones. Deployments were scaled down until most of them idle.
The plan's steps are done one by one through the API: cordon, evict with the refusals of budgets
waited out, wait until nothing is pending, take the machine away.
"""

import pytest

from engines.contracts.plan import CordonNode, DrainNode, TerminateInstance, Verify, WaitForPods
from sandbox.kube.cluster import Cluster, NewNode
from sandbox.kube.world import Settings
from tests.builders import a_state, an_object, an_on_demand_price
from tests.engines.bin_packing.builders import ask, moves, removed
from tests.sandbox.kube.builders import (
    DEPLOYMENTS,
    MERGE,
    PDBS,
    PODS,
    Caller,
    a_budget,
    a_workload,
    an_eviction,
)

AMOUNTS = {"cpu": "4", "memory": "16Gi", "pods": "58"}
LISTS = {
    "Node": "/api/v1/nodes",
    "Pod": PODS,
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": "/apis/apps/v1/namespaces/default/replicasets",
    "PodDisruptionBudget": PDBS,
}
PATIENCE = 200


@pytest.fixture
def cluster():
    """The nodes are ready, and the pods of three Deployments run."""
    cluster = Cluster(Settings(speed=0))
    for number in range(9):
        zone = f"us-east-1{'abc'[number % 3]}"
        cluster.add_node(
            NewNode(
                name=f"node-{number}",
                zone=zone,
                region="us-east-1",
                instance_type="m7i.xlarge",
                provider_id=f"aws:///{zone}/i-{number:017x}",
                capacity=AMOUNTS,
                allocatable=AMOUNTS,
                labels={"eks.amazonaws.com/capacityType": "ON_DEMAND"},
                ready_after_seconds=1,
            )
        )
    cluster.world.clock.advance(2)
    admin = Caller(cluster)
    for name, replicas in (("web", 9), ("api", 6), ("jobs", 6)):
        admin("POST", DEPLOYMENTS, a_workload("Deployment", name, replicas=replicas))
    admin("POST", PDBS, a_budget("web", "web", maxUnavailable=1))
    cluster.world.clock.advance(10)
    return cluster


def test_every_pod_finds_a_place_and_none_stays_pending(cluster):
    admin = Caller(cluster)
    response = ask(state_of(admin))
    promised = removed(response)
    assert len(promised) >= 5
    assert moves(response)

    refusals = carry_out(response, cluster, admin)

    names = admin.names("/api/v1/nodes")
    assert sorted(names) == sorted({f"node-{number}" for number in range(9)} - set(promised))
    pods = admin.get(PODS)["items"]
    assert len(pods) == 21
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert {pod["spec"]["nodeName"] for pod in pods} <= set(names)
    assert refusals == 0  # batches take no more of a budget than it allows


def test_asked_again_it_advises_nothing(cluster):
    admin = Caller(cluster)
    carry_out(ask(state_of(admin)), cluster, admin)

    assert removed(ask(state_of(admin))) == []


def state_of(admin):
    """The cluster as the API lists it, with the price of its nodes."""
    objects = [
        an_object(kind, {"kind": kind, **item})
        for kind, path in LISTS.items()
        for item in admin.get(path)["items"]
    ]
    return a_state(*objects, on_demand=(an_on_demand_price(),))


def carry_out(response, cluster, admin) -> int:
    """Do each step of the plan; answers how often a budget refused an eviction."""
    refusals = 0
    pods_of = {one.node: [move.pod for move in one.moves] for one in response.recommendations}
    for step in response.execution_plan:
        match step:
            case CordonNode():
                target = f"/api/v1/nodes/{step.node}"
                assert admin("PATCH", target, {"spec": {"unschedulable": True}}, MERGE)[0] == 200
            case DrainNode():
                for key in pods_of[step.node]:
                    refusals += evict(key.partition("/")[2], cluster, admin)
            case WaitForPods():
                settle(cluster, admin)
            case TerminateInstance():
                left = [pod for pod in admin.get(PODS)["items"] if on(pod) == step.node]
                assert left == []
                cluster.remove_node(step.node)
            case Verify():
                settle(cluster, admin)
    return refusals


def evict(name, cluster, admin) -> int:
    """Evict one pod, waiting as long as its budget refuses; answers the number of refusals."""
    for refusals in range(PATIENCE):
        status, _ = admin("POST", f"{PODS}/{name}/eviction", an_eviction(name))
        if status != 429:
            assert status == 201
            return refusals
        cluster.world.clock.advance(1)
    raise AssertionError(f"pod {name} could not be evicted")


def settle(cluster, admin) -> None:
    """Let time pass until every pod runs and is ready, and none is on its way out."""
    for _ in range(PATIENCE):
        cluster.world.clock.advance(1)
        if all(map(is_settled, admin.get(PODS)["items"])):
            return
    raise AssertionError("some pod stays pending")


def is_settled(pod) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def on(pod) -> str:
    return pod["spec"].get("nodeName", "")
