"""What happens in the pretend world: instances come and go, volumes move, a leak goes on."""

import boto3
import pytest

from sandbox.aws.scenario import ADMIN_KEY, REGION, SECRET_KEY
from sandbox.aws.server import AwsServer
from sandbox.kube.objects import condition, is_condition_true, rfc3339
from sandbox.shop.life import HEARTBEAT_SECONDS
from sandbox.shop.usage import LEAK_SECONDS
from tests.sandbox.shop.conftest import NOW
from tests.sandbox.shop.looking import ec2, every, instance_of, one, pods_of


@pytest.fixture
def account(living_shop):
    """EC2 as the customer's administrator, over HTTP."""
    with AwsServer(living_shop.account.cloud, drives_clock=False) as server:
        client = boto3.client(
            "ec2",
            region_name=REGION,
            endpoint_url=server.url,
            aws_access_key_id=ADMIN_KEY,
            aws_secret_access_key=SECRET_KEY,
        )
        yield client
        client.close()


def test_a_terminated_instance_leaves_and_its_group_replaces_it(living_shop, account):
    known = {node["metadata"]["name"] for node in every(living_shop, "nodes")}
    victim = pods_of(living_shop, "shop", "checkout")[0]["spec"]["nodeName"]
    instance = instance_of(one(living_shop, "nodes", None, victim))

    account.terminate_instances(InstanceIds=[instance])
    living_shop.clock.advance(60)

    nodes = {node["metadata"]["name"] for node in every(living_shop, "nodes")}
    pods = every(living_shop, "pods")
    assert known - nodes == {victim}
    assert len(nodes) == len(every(living_shop, "csinodes")) == 40
    assert len(pods) == 445
    assert all(is_condition_true(pod, "Ready") for pod in pods)
    assert victim not in {pod["spec"]["nodeName"] for pod in pods}


def test_a_volume_follows_its_pod_to_another_node_of_its_zone(living_shop, account):
    before = one(living_shop, "pods", "payments", "ledger-1")["spec"]["nodeName"]
    old = instance_of(one(living_shop, "nodes", None, before))

    account.terminate_instances(InstanceIds=[old])
    living_shop.clock.advance(30)

    pod = one(living_shop, "pods", "payments", "ledger-1")
    claim = one(living_shop, "persistentvolumeclaims", "payments", "data-ledger-1")
    (attachment,) = [
        found
        for found in every(living_shop, "volumeattachments")
        if found["spec"]["source"]["persistentVolumeName"] == claim["spec"]["volumeName"]
    ]
    volume = one(living_shop, "persistentvolumes", None, claim["spec"]["volumeName"])
    disk = ec2(living_shop).get_volume(volume["spec"]["csi"]["volumeHandle"])
    assert pod["spec"]["nodeName"] != before
    assert attachment["spec"]["nodeName"] == pod["spec"]["nodeName"]
    node = one(living_shop, "nodes", None, pod["spec"]["nodeName"])
    assert disk.attachment.instance.id == instance_of(node)


def test_a_launched_instance_joins_with_its_daemons_and_takes_volumes(living_shop, account):
    template = living_shop.account.launch_template_ids["general-spot"]

    answer = account.run_instances(
        LaunchTemplate={"LaunchTemplateId": template},
        SubnetId=living_shop.account.network.subnet_ids[2],
        MinCount=1,
        MaxCount=1,
    )
    living_shop.clock.advance(60)

    name = answer["Instances"][0]["PrivateDnsName"]
    node = one(living_shop, "nodes", None, name)
    daemons = [pod for pod in every(living_shop, "pods") if pod["spec"]["nodeName"] == name]
    assert is_condition_true(node, "Ready")
    assert len(daemons) == 5
    assert one(living_shop, "csinodes", None, name)["spec"]["drivers"][0]["nodeID"].startswith("i-")


def test_the_leaking_service_has_been_killed_often_and_is_killed_again(living_shop):
    before = {_uid(pod): _restarts(pod) for pod in _leaking(living_shop)}

    living_shop.clock.advance(LEAK_SECONDS + 1)

    after = {_uid(pod): _restarts(pod) for pod in _leaking(living_shop)}
    assert len(before) == 6
    assert sum(count > 3 for count in before.values()) >= 3
    assert {uid: after[uid] - count for uid, count in before.items()} == dict.fromkeys(before, 1)


def test_a_kill_shows_in_the_last_state_and_as_an_event_of_the_node(living_shop):
    living_shop.clock.advance(LEAK_SECONDS + 1)

    ended = _leaking(living_shop)[0]["status"]["containerStatuses"][0]["lastState"]["terminated"]
    told = [one for one in every(living_shop, "events") if one["reason"] == "OOMKilling"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    assert told
    assert {one["involvedObject"]["kind"] for one in told} == {"Node"}


def test_a_pod_that_takes_the_place_of_a_leaking_one_leaks_too(living_shop, account):
    node = _leaking(living_shop)[0]["spec"]["nodeName"]
    known = {_uid(pod) for pod in _leaking(living_shop)}
    account.terminate_instances(InstanceIds=[instance_of(one(living_shop, "nodes", None, node))])
    living_shop.clock.advance(60)

    living_shop.clock.advance(LEAK_SECONDS)

    new = [pod for pod in _leaking(living_shop) if _uid(pod) not in known]
    assert new
    assert {_restarts(pod) for pod in new} == {1}


def test_one_pod_was_killed_once_under_load(living_shop):
    restarts = [_restarts(pod) for pod in pods_of(living_shop, "shop", "thumbnails")]

    assert sorted(restarts) == [0, 0, 0, 0, 0, 1]


def test_nodes_report_every_five_minutes(living_shop):
    living_shop.clock.advance(HEARTBEAT_SECONDS)

    beats = {condition(node, "Ready")["lastHeartbeatTime"] for node in every(living_shop, "nodes")}
    assert beats == {rfc3339(NOW.timestamp() + HEARTBEAT_SECONDS)}


def test_events_go_after_an_hour(living_shop):
    living_shop.clock.advance(7200)

    oldest = rfc3339(NOW.timestamp() + 3600 - HEARTBEAT_SECONDS)
    assert all(
        one["metadata"]["creationTimestamp"] >= oldest for one in every(living_shop, "events")
    )


def _leaking(shop):
    return pods_of(shop, "data", "stream-processor")


def _uid(pod):
    return pod["metadata"]["uid"]


def _restarts(pod):
    return pod["status"]["containerStatuses"][0]["restartCount"]
