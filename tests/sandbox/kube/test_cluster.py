"""The cluster as a whole: its clock, its seed, nodes that come and go."""

import pytest

from sandbox.clock import Clock
from sandbox.kube.cluster import Cluster, NewNode
from sandbox.kube.objects import is_condition_true
from sandbox.kube.world import Settings
from tests.sandbox.kube.builders import DEPLOYMENTS, PODS, Caller, a_node, a_pod, a_workload

NODES = "/api/v1/nodes"
AMOUNTS = {"cpu": "2", "memory": "7Gi", "pods": "29"}


def an_instance(name, **fields):
    return NewNode(
        name=name,
        zone="eu-west-1a",
        region="eu-west-1",
        instance_type="m5.large",
        provider_id=f"aws:///eu-west-1a/{name}",
        capacity=AMOUNTS,
        allocatable=AMOUNTS,
        ready_after_seconds=30,
        **fields,
    )


def test_a_launched_instance_joins_and_is_ready_later(admin, cluster):
    cluster.add_node(an_instance("i-1", labels={"pool": "spot"}))
    cluster.world.clock.advance(29)
    joined = admin.get(f"{NODES}/i-1")
    cluster.world.clock.advance(2)
    ready = admin.get(f"{NODES}/i-1")

    assert joined["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "m5.large"
    assert joined["metadata"]["labels"]["pool"] == "spot"
    assert joined["spec"]["providerID"] == "aws:///eu-west-1a/i-1"
    assert joined["spec"]["taints"][0]["key"] == "node.kubernetes.io/not-ready"
    assert [one["status"] for one in ready["status"]["conditions"]][-1] == "True"
    assert "taints" not in ready["spec"]


def test_pending_pods_move_in_when_a_node_has_become_ready(admin, cluster):
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=2))
    cluster.add_node(an_instance("i-1"))
    cluster.world.clock.advance(25)
    waiting = [one["status"]["phase"] for one in admin.get(PODS)["items"]]
    cluster.world.clock.advance(10)

    assert waiting == ["Pending", "Pending"]
    assert {one["spec"]["nodeName"] for one in admin.get(PODS)["items"]} == {"i-1"}


def test_pods_are_ready_again_when_their_node_is(admin, cluster):
    """Daemons run before the network does: the node's monitor marks them until it is Ready."""
    template = a_workload("DaemonSet", "agent", replicas=None)
    template["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
    admin("POST", DEPLOYMENTS.replace("deployments", "daemonsets"), template)
    cluster.add_node(an_instance("i-1"))
    cluster.world.clock.advance(20)
    marked = [is_condition_true(pod, "Ready") for pod in admin.get(PODS)["items"]]
    cluster.world.clock.advance(15)

    assert marked == [False]
    assert [is_condition_true(pod, "Ready") for pod in admin.get(PODS)["items"]] == [True]


def test_a_node_tells_its_address_and_its_pods_tell_it_too(admin, cluster, three_nodes):
    cluster.add_node(an_instance("i-1", internal_ip="10.20.0.7"))
    cluster.world.clock.advance(31)
    pod = a_pod("web", nodeName="i-1")
    admin("POST", PODS, pod)
    cluster.world.clock.advance(2)

    addresses = admin.get(f"{NODES}/i-1")["status"]["addresses"]
    assert addresses[0] == {"type": "InternalIP", "address": "10.20.0.7"}
    assert admin.get(f"{PODS}/web")["status"]["hostIP"] == "10.20.0.7"


def test_the_speed_of_time_can_be_set(cluster):
    clock = Clock(100.0, speed=0)
    standing = clock.seconds_until(110.0)

    clock.set_speed(2.0)

    assert standing is None
    assert clock.seconds_until(110.0) == pytest.approx(5.0, abs=0.5)


def test_a_terminated_instance_takes_its_pods_along_and_they_are_replaced(admin, cluster):
    for name in ("i-1", "i-2"):
        cluster.add_node(an_instance(name))
    cluster.world.clock.advance(31)
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=4))
    cluster.world.clock.advance(3)
    before = {one["spec"]["nodeName"] for one in admin.get(PODS)["items"]}
    cluster.remove_node("i-1")
    left = len(admin.names(PODS))
    cluster.world.clock.advance(3)

    assert before == {"i-1", "i-2"}
    assert left < 4
    assert admin.names(NODES) == ["i-2"]
    assert [one["spec"]["nodeName"] for one in admin.get(PODS)["items"]] == ["i-2"] * 4


def test_a_name_may_join_again(admin, cluster):
    cluster.add_node(an_instance("i-1"))
    cluster.remove_node("i-1")
    cluster.add_node(an_instance("i-1"))
    cluster.world.clock.advance(31)

    assert admin.names(NODES) == ["i-1"]


def test_the_same_seed_gives_the_same_names_and_uids():
    def story(seed):
        cluster = Cluster(Settings(speed=0, seed=seed))
        cluster.load([a_node("node-a")])
        caller = Caller(cluster)
        caller("POST", DEPLOYMENTS, a_workload("Deployment", "web"))
        cluster.world.clock.advance(5)
        return [(one["metadata"]["name"], one["metadata"]["uid"]) for one in pods(caller)]

    def pods(caller):
        return caller.get(PODS)["items"]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_loaded_objects_keep_what_they_say(admin, cluster):
    node = a_node("node-a")
    node["metadata"].update(uid="given", resourceVersion="1000")
    cluster.load([node])

    loaded = admin.get(f"{NODES}/node-a")["metadata"]

    assert (loaded["uid"], loaded["resourceVersion"]) == ("given", "1000")
    assert admin.get(NODES)["metadata"]["resourceVersion"] == "1000"


def test_history_is_forgotten_after_one_to_two_rounds_of_compaction(admin, cluster):
    """Every 300 s what was old 300 s ago: a revision lives between 300 and 600 s."""
    version = cluster.world.store.revision
    cluster.load([a_node("node-a")])
    exact = f"{NODES}?resourceVersion={version}&resourceVersionMatch=Exact"
    cluster.world.clock.advance(599)
    in_time = admin("GET", exact)[0]
    cluster.world.clock.advance(2)

    assert (in_time, admin("GET", exact)[0]) == (200, 410)


def test_actions_run_in_order_of_their_time_and_see_it():
    clock = Clock(100.0, speed=0)
    seen = []
    clock.after(2, lambda: seen.append(("two", clock.now())))
    clock.after(1, lambda: clock.after(0.5, lambda: seen.append(("nested", clock.now()))))
    clock.after(1, lambda: seen.append(("one", clock.now())))

    clock.advance(1.9)
    before = list(seen)
    clock.advance(0.1)

    assert before == [("one", 101.0), ("nested", 101.5)]
    assert seen[-1] == ("two", 102.0)


@pytest.mark.parametrize(("speed", "expected"), [(0, None), (2, 5.0)])
def test_a_standing_clock_cannot_be_waited_for(speed, expected):
    clock = Clock(0.0, speed=speed)

    waited = clock.seconds_until(10.0)

    assert waited is None if expected is None else waited == pytest.approx(expected, abs=0.5)
