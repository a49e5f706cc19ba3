"""What a newcomer finds: numbers, and that account and cluster tell the same story."""

from collections import Counter
from itertools import pairwise

import pytest

from sandbox.kube import quantities
from sandbox.kube.objects import condition, labels_of, unix_seconds
from sandbox.shop.opening import open_shop
from sandbox.shop.workloads import WORKLOADS
from tests.sandbox.shop.conftest import NOW
from tests.sandbox.shop.looking import ec2, every, instance_of, one, pods_of, requests_of


def test_there_are_forty_nodes_of_nine_types_in_three_zones(shop):
    nodes = every(shop, "nodes")

    labels = [labels_of(node) for node in nodes]
    capacity = Counter(one["eks.amazonaws.com/capacityType"] for one in labels)
    assert capacity == {"ON_DEMAND": 31, "SPOT": 9}
    assert len({one["node.kubernetes.io/instance-type"] for one in labels}) == 9
    assert {one["topology.kubernetes.io/zone"] for one in labels} == {
        "us-east-1a",
        "us-east-1b",
        "us-east-1c",
    }


def test_over_four_hundred_pods_of_sixty_six_workloads_run(shop):
    """5 daemons x 40 nodes = 200, and 245 pods of the others; three are cron jobs at rest."""
    pods = every(shop, "pods")

    kinds = Counter(one.kind for one in WORKLOADS)
    assert len(pods) == 445
    assert kinds == {"Deployment": 54, "DaemonSet": 5, "StatefulSet": 3, "CronJob": 3, "Job": 1}
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}


def test_about_half_of_the_workloads_ask_for_several_times_what_they_use():
    oversized = [one for one in WORKLOADS if one.cpu_used <= 0.3 and one.memory_used <= 0.4]

    assert 24 <= len(oversized) <= 40


def test_every_node_is_an_instance_of_the_account(shop):
    nodes = every(shop, "nodes")

    assert {instance_of(node) for node in nodes} == set(shop.account.node_ids)
    for node in nodes:
        instance = ec2(shop).get_instance(instance_of(node))
        zone = labels_of(node)["topology.kubernetes.io/zone"]
        assert instance.private_dns_name == node["metadata"]["name"]
        assert node["spec"]["providerID"] == f"aws:///{zone}/{instance.id}"
        assert instance.placement.zone == zone


def test_ghosts_are_instances_that_no_node_stands_for(shop):
    known = {instance_of(node) for node in every(shop, "nodes")}

    assert len(shop.account.ghost_ids) == 3
    assert not known & set(shop.account.ghost_ids)


def test_volumes_are_attached_where_their_pods_run(shop):
    claims = every(shop, "persistentvolumeclaims")
    attachments = every(shop, "volumeattachments")

    assert len(claims) == len(attachments) == 6
    for claim in claims:
        volume = one(shop, "persistentvolumes", None, claim["spec"]["volumeName"])
        name = claim["metadata"]["name"].split("-", 1)[1]
        pod = one(shop, "pods", claim["metadata"]["namespace"], name)
        node = one(shop, "nodes", None, pod["spec"]["nodeName"])
        disk = ec2(shop).get_volume(volume["spec"]["csi"]["volumeHandle"])
        assert claim["status"]["phase"] == volume["status"]["phase"] == "Bound"
        assert disk.attachment.instance.id == instance_of(node)
        assert disk.zone.name == labels_of(node)["topology.kubernetes.io/zone"]


def test_every_node_says_how_many_volumes_it_takes(shop):
    drivers = [one["spec"]["drivers"][0] for one in every(shop, "csinodes")]

    assert len(drivers) == 40
    assert {one["allocatable"]["count"] for one in drivers} == {25}


def test_no_node_is_overcommitted(shop):
    for node in every(shop, "nodes"):
        name, free = node["metadata"]["name"], node["status"]["allocatable"]
        pods = [pod for pod in every(shop, "pods") if pod["spec"]["nodeName"] == name]
        asked = [requests_of(pod) for pod in pods]
        assert sum(cpu for cpu, _ in asked) <= quantities.parse(free["cpu"]) * 1000
        assert sum(memory for _, memory in asked) <= quantities.parse(free["memory"])
        assert len(pods) <= int(free["pods"])


def test_pods_that_must_be_apart_are(shop):
    for namespace, name in (("payments", "ledger"), ("ingress-nginx", "ingress-nginx-controller")):
        nodes = [pod["spec"]["nodeName"] for pod in pods_of(shop, namespace, name)]
        assert len(set(nodes)) == len(nodes) == 3


def test_pods_that_must_be_spread_are(shop):
    """14 over three zones: 5, 5 and 4."""
    zones = Counter(
        labels_of(pod)["topology.kubernetes.io/zone"] for pod in pods_of(shop, "shop", "web")
    )

    assert sorted(zones.values()) == [4, 5, 5]


@pytest.mark.parametrize(
    ("namespace", "name", "allowed"),
    [
        ("payments", "ledger", 0),
        ("shop", "reviews", 0),
        ("shop", "recommendations-v1", 0),
        ("shop", "web", 4),
        ("shop", "cart", 2),
        ("platform", "auth", 1),
    ],
)
def test_budgets_allow_what_their_numbers_say(shop, namespace, name, allowed):
    """ledger keeps 3 of 3, reviews 6 of 6, nobody has recommendations-v1's label.

    web: a quarter of 14, rounded up, is 4; cart keeps 80 % of 10, which is 8.
    """
    budget = one(shop, "poddisruptionbudgets", namespace, name)

    assert budget["status"]["disruptionsAllowed"] == allowed


def test_nothing_is_older_than_what_it_belongs_to(shop):
    for pod in every(shop, "pods"):
        node = one(shop, "nodes", None, pod["spec"]["nodeName"])
        instance = ec2(shop).get_instance(instance_of(node))
        launched = instance.launch_time.timestamp()
        moments = [
            launched,
            unix_seconds(node["metadata"]["creationTimestamp"]),
            unix_seconds(pod["metadata"]["creationTimestamp"]),
            unix_seconds(pod["status"]["startTime"]),
        ]
        assert all(earlier <= later for earlier, later in pairwise(moments)), pod["metadata"]
        assert moments[-1] < NOW.timestamp()


def test_no_pod_is_older_than_its_replica_set(shop):
    sets = {one["metadata"]["uid"]: one for one in every(shop, "replicasets")}
    for pod in every(shop, "pods"):
        owner = sets.get(pod["metadata"]["ownerReferences"][0]["uid"])
        if owner is not None:
            made = unix_seconds(owner["metadata"]["creationTimestamp"])
            assert unix_seconds(pod["metadata"]["creationTimestamp"]) >= made


def test_nodes_have_just_reported_and_have_been_ready_for_long(shop):
    for node in every(shop, "nodes"):
        ready = condition(node, "Ready")
        assert ready["status"] == "True"
        assert unix_seconds(ready["lastHeartbeatTime"]) == NOW.timestamp()
        assert unix_seconds(ready["lastTransitionTime"]) < NOW.timestamp() - 6 * 3600


def test_environments_are_told_by_the_namespaces_labels(shop):
    labelled = {
        one["metadata"]["name"]: labels_of(one).get("cloudoptim.io/environment")
        for one in every(shop, "namespaces")
    }

    assert (labelled["dev"], labelled["staging"]) == ("dev", "staging")
    assert (labelled["payments"], labelled["kube-system"]) == ("production", None)


def test_a_webhook_that_must_answer_stands_before_new_pods(shop):
    (hook,) = one(shop, "mutatingwebhookconfigurations", None, "aws-load-balancer-webhook")[
        "webhooks"
    ]

    assert hook["failurePolicy"] == "Fail"
    assert hook["rules"][0]["resources"] == ["pods"]


def test_every_service_knows_its_pods_and_their_zones(shop):
    (found,) = [
        one
        for one in every(shop, "endpointslices")
        if labels_of(one)["kubernetes.io/service-name"] == "checkout"
        and one["metadata"]["namespace"] == "shop"
    ]

    assert len(found["endpoints"]) == 10
    assert {one["conditions"]["ready"] for one in found["endpoints"]} == {True}
    assert len({one["zone"] for one in found["endpoints"]}) == 3


def test_quota_and_scaler_have_the_status_that_controllers_would_write(shop):
    """dev: 9 previews of 500 m, 4 of 1000 m, 2 of 100 m, 2 of 400 m: 9.5 cores in 17 pods."""
    quota = one(shop, "resourcequotas", "dev", "compute")
    scaler = one(shop, "horizontalpodautoscalers", "shop", "web")

    assert quota["status"]["used"]["requests.cpu"] == "9500m"
    assert quota["status"]["used"]["pods"] == "17"
    assert scaler["status"]["currentReplicas"] == 14
    assert scaler["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] > 0


def test_a_seed_brings_back_the_same_world():
    first = _fingerprint(open_shop(7, NOW, speed=0))
    again = _fingerprint(open_shop(7, NOW, speed=0))

    assert first == again


def test_another_seed_is_another_world():
    first = _fingerprint(open_shop(7, NOW, speed=0))
    other = _fingerprint(open_shop(8, NOW, speed=0))

    assert len(first) == len(other)
    assert not set(first) & set(other)


def _fingerprint(shop):
    """Every pod's uid, place and age, and every node's instance."""
    return [
        *(
            (
                pod["metadata"]["uid"],
                pod["metadata"]["name"],
                pod["spec"]["nodeName"],
                pod["status"]["startTime"],
            )
            for pod in every(shop, "pods")
        ),
        *((instance_of(one), one["metadata"]["uid"]) for one in every(shop, "nodes")),
    ]
