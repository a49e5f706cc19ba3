"""The seeded account: what a newcomer finds, the same after every restart."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

from engines.contracts.aws import Instance
from sandbox.aws.machines import machines
from sandbox.aws.scenario import (
    CLUSTER,
    CUSTOMER_ACCOUNT,
    NODE_GROUPS,
    OPERATOR_ACCOUNT,
    QUEUE,
    REGION,
    open_scenario,
)
from sandbox.clock import Clock
from services.files.aws_dump import read_instances, read_snapshots, read_volumes
from services.files.source import SourceFile
from tests.conftest import ROOT
from tests.sandbox.aws.asking import a_launch, instances_of, launched_ids
from tests.sandbox.aws.conftest import NOW

PRINT_IDS = (
    "from sandbox.aws.scenario import open_scenario\n"
    "s = open_scenario(7)\n"
    "print(*s.node_ids, *s.ghost_ids, *s.zombie_volume_ids, *s.network.subnet_ids,\n"
    "      *(one.private_dns_name for one in s.nodes()), *s.launch_template_ids.values())\n"
)


def as_source(name, key, items):
    import json

    return SourceFile.of_bytes(name, json.dumps({key: items}, default=_plain).encode())


def _plain(value):
    assert isinstance(value, datetime)
    return value.isoformat()


def world(scenario):
    """All that a client can see of the machines."""
    with scenario.cloud.clock.lock:
        return machines(scenario.cloud, CUSTOMER_ACCOUNT, REGION)


def test_forty_nodes_stand_in_three_zones_a_quarter_of_them_spot(scenario):
    """12+4+6+2+4+2+4+3+1+2 = 40, of which 4+2+2+1 = 9 are Spot."""
    nodes = scenario.nodes()

    zones = Counter(one.zone for one in nodes)
    assert len(nodes) == 40
    assert set(zones) == {"us-east-1a", "us-east-1b", "us-east-1c"}
    assert min(zones.values()) >= 10
    assert Counter(one.capacity_type for one in nodes) == {"on-demand": 31, "spot": 9}
    assert len({one.instance_type for one in nodes}) >= 8
    assert {one.architecture for one in nodes} == {"amd64", "arm64"}


def test_nodes_carry_the_tags_of_their_managed_node_group(scenario):
    for node in scenario.nodes():
        assert node.tags["eks:cluster-name"] == CLUSTER
        assert node.tags[f"kubernetes.io/cluster/{CLUSTER}"] == "owned"
        assert node.tags["aws:autoscaling:groupName"].startswith(
            f"eks-{node.tags['eks:nodegroup-name']}-"
        )


def test_every_node_group_has_its_auto_scaling_group_and_template(scenario, asg, ec2):
    groups = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    templates = ec2.describe_launch_templates()["LaunchTemplates"]

    assert sorted(len(one["Instances"]) for one in groups) == sorted(
        one.count for one in NODE_GROUPS
    )
    assert {one["LaunchTemplateId"] for one in templates} == set(
        scenario.launch_template_ids.values()
    )


def test_ghosts_run_with_the_clusters_tags_and_belong_to_no_group(scenario, ec2):
    ghosts = instances_of(ec2.describe_instances(InstanceIds=list(scenario.ghost_ids)))

    for ghost in ghosts:
        tags = {tag["Key"]: tag["Value"] for tag in ghost["Tags"]}
        assert ghost["State"]["Name"] == "running"
        assert tags[f"kubernetes.io/cluster/{CLUSTER}"] == "owned"
        assert "aws:autoscaling:groupName" not in tags
        assert ghost["LaunchTime"] < datetime.fromtimestamp(NOW, UTC) - timedelta(days=7)


def test_strangers_run_without_the_clusters_tags(scenario, ec2):
    strangers = instances_of(ec2.describe_instances(InstanceIds=list(scenario.unrelated_ids)))

    keys = {tag["Key"] for one in strangers for tag in one["Tags"]}
    names = {tag["Value"] for one in strangers for tag in one["Tags"] if tag["Key"] == "Name"}
    assert f"kubernetes.io/cluster/{CLUSTER}" not in keys
    assert names == {"bastion", "ci-runner", "nat-instance"}


def test_the_stopped_say_since_when(scenario, ec2):
    stopped = instances_of(ec2.describe_instances(InstanceIds=list(scenario.stopped_ids)))

    assert {one["State"]["Name"] for one in stopped} == {"stopped"}
    assert {one["StateTransitionReason"] for one in stopped} == {
        "User initiated (2026-12-26 00:00:00 GMT)"
    }


def test_zombies_are_available_and_protected_volumes_say_so(scenario, ec2):
    volumes = {one["VolumeId"]: one for one in ec2.describe_volumes()["Volumes"]}
    protected = [volumes[one] for one in scenario.protected_volume_ids]

    available = {key for key, one in volumes.items() if one["State"] == "available"}
    assert available == {*scenario.zombie_volume_ids, *scenario.protected_volume_ids}
    assert {volumes[one]["VolumeType"] for one in scenario.zombie_volume_ids} == {
        "gp2",
        "gp3",
        "io1",
        "st1",
    }
    keys = {tag["Key"] for one in protected for tag in one["Tags"]}
    assert {"backup", "velero.io/backup", "keep"} <= keys


def test_volumes_of_claims_hang_on_nodes_of_their_zone_and_have_snapshots(scenario, ec2):
    snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    nodes = {one.instance_id: one for one in scenario.nodes()}
    backed_up = Counter(one["VolumeId"] for one in snapshots)

    for volume in scenario.data_volumes:
        assert nodes[volume.instance_id].zone == volume.zone
        assert backed_up[volume.volume_id] == 2


def test_nobody_is_told_of_what_was_there_before(sqs, queue):
    assert not sqs.receive_message(QueueUrl=queue).get("Messages")


def test_the_queue_is_found_by_its_name(sqs, server, scenario):
    assert sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"] == scenario.queue_url(server.url)


def test_the_same_seed_brings_the_same_world_back():
    def opened(seed):
        clock = Clock(NOW, speed=0)
        from sandbox.aws.cloud import Cloud

        accounts = (CUSTOMER_ACCOUNT, OPERATOR_ACCOUNT)
        return open_scenario(seed, cloud=Cloud(seed=seed, account_ids=accounts, clock=clock))

    first = opened(7)
    seen = world(first)
    second = opened(7)

    assert world(second) == seen
    assert second.node_ids == first.node_ids
    assert opened(8).node_ids != first.node_ids


def test_a_new_process_with_other_hashes_brings_the_same_world_back():
    """The ids do not hang on the order of sets."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT_IDS],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1
    assert printed.pop().startswith("i-")


def test_what_was_launched_is_gone_after_a_restart_and_the_rest_is_back(scenario, ec2, cloud):
    before = world(scenario)
    ec2.run_instances(**a_launch(scenario))
    ec2.terminate_instances(InstanceIds=[scenario.ghost_ids[0]])

    again = open_scenario(7, cloud=type(cloud)(7, cloud.account_ids, Clock(NOW, speed=0)))

    assert world(again) == before


def test_with_one_anchor_ages_stay_where_they_were_on_another_day(cloud):
    anchor = datetime(2027, 1, 10, tzinfo=UTC)
    first = open_scenario(7, cloud=cloud, anchor=anchor).nodes()
    later = type(cloud)(7, cloud.account_ids, Clock(NOW + 3 * 86_400, speed=0))

    second = open_scenario(7, cloud=later, anchor=anchor).nodes()

    assert [one.launched_at for one in second] == [one.launched_at for one in first]


def test_the_products_readers_take_all_that_is_described(scenario, ec2):
    instances = read_instances(
        as_source("i.json", "Reservations", ec2.describe_instances()["Reservations"])
    )
    volumes = read_volumes(as_source("v.json", "Volumes", ec2.describe_volumes()["Volumes"]))
    snapshots = read_snapshots(
        as_source("s.json", "Snapshots", ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"])
    )

    by_id = {one.instance_id: one for one in instances.data}
    spot = by_id[next(one.instance_id for one in scenario.nodes() if one.capacity_type == "spot")]
    assert isinstance(spot, Instance)
    assert spot.instance_lifecycle == "spot"
    assert spot.spot_instance_request_id
    assert spot.platform_details == "Linux/UNIX"
    assert len(instances.data) == 40 + 3 + 4 + 2
    assert len(volumes.data) > 49
    assert len(snapshots.data) == 6 * 2 + 1


def test_watchers_hear_of_launches_and_ends_however_they_came_about(scenario, ec2, asg):
    from sandbox.aws.cloud import Watchers

    heard = []
    scenario.cloud.watchers.append(
        Watchers(
            running=lambda one: heard.append(("running", one.instance_id)),
            gone=lambda one: heard.append(("gone", one.instance_id)),
        )
    )
    launched = launched_ids(ec2.run_instances(**a_launch(scenario)))[0]
    ec2.terminate_instances(InstanceIds=[launched])
    member = scenario.node_ids[0]
    asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=False
    )
    ec2.stop_instances(InstanceIds=[scenario.ghost_ids[0]])
    ec2.start_instances(InstanceIds=[scenario.ghost_ids[0]])
    ec2.describe_instances()

    assert heard[:2] == [("running", launched), ("gone", launched)]
    assert ("gone", member) in heard[2:4]
    assert [kind for kind, _ in heard[2:4]] in (["gone", "running"], ["running", "gone"])
    assert heard[4:] == [("gone", scenario.ghost_ids[0]), ("running", scenario.ghost_ids[0])]


def test_a_watcher_sees_what_a_node_needs_to_join(scenario, ec2):
    from sandbox.aws.cloud import Watchers

    seen = []
    scenario.cloud.watchers.append(Watchers(running=seen.append, gone=seen.append))
    subnet = scenario.network.subnet_ids[2]

    launched = launched_ids(ec2.run_instances(**a_launch(scenario, SubnetId=subnet)))[0]

    (machine,) = seen
    assert machine.instance_id == launched
    assert (machine.instance_type, machine.zone) == ("m5.xlarge", "us-east-1c")
    assert (machine.capacity_type, machine.architecture) == ("on-demand", "amd64")
    assert machine.private_dns_name.startswith("ip-10-20-")
    assert machine.tags["eks:nodegroup-name"] == "general"
    assert int(machine.launched_at.timestamp()) == NOW
