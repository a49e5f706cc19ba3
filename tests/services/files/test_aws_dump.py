"""Reading what the AWS command line prints of instances, volumes and snapshots."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from services.files.aws_dump import (
    read_auto_scaling,
    read_instances,
    read_kms_keys,
    read_snapshots,
    read_volumes,
)
from services.files.source import SourceFile

INSTANCE = {
    "InstanceId": "i-0123456789abcdef0",
    "InstanceType": "m5.large",
    "State": {"Code": 16, "Name": "running"},
    "LaunchTime": "2026-07-01T08:00:00+00:00",
    "Placement": {"AvailabilityZone": "us-east-1a", "GroupName": "", "Tenancy": "default"},
    "InstanceLifecycle": "spot",
    "KeyName": "hunter2",
    "PrivateIpAddress": "10.0.0.1",
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": True}}
    ],
    "Tags": [{"Key": "kubernetes.io/cluster/shop", "Value": "owned"}],
    "IamInstanceProfile": None,
}
VOLUME = {
    "VolumeId": "vol-1",
    "VolumeType": "gp3",
    "Size": 100,
    "Iops": 3000,
    "State": "available",
    "CreateTime": "2026-05-01T00:00:00.123000+00:00",
    "AvailabilityZone": "us-east-1a",
    "SnapshotId": "",
    "Attachments": [],
}
SNAPSHOT = {
    "SnapshotId": "snap-1",
    "VolumeId": "vol-1",
    "VolumeSize": 100,
    "State": "completed",
    "StartTime": "2026-06-01T00:00:00Z",
    "Description": "Created by CreateImage(i-1) for ami-1",
}


def file_of(content):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return SourceFile.of_bytes("aws.json", text)


@pytest.mark.parametrize(
    "content",
    [
        {"Reservations": [{"OwnerId": "1", "Instances": [INSTANCE]}]},
        [INSTANCE],  # --query 'Reservations[].Instances[]'
        [[INSTANCE]],  # --query 'Reservations[*].Instances[*]'
        {"Instances": [INSTANCE]},
        json.dumps({"Reservations": [{"Instances": [INSTANCE]}]}).encode() * 2,  # two pages
    ],
)
def test_instances_are_read_from_every_shape_of_output(content):
    [instance] = read_instances(file_of(content)).data

    assert instance.instance_id == "i-0123456789abcdef0"
    assert instance.instance_lifecycle == "spot"
    assert instance.state.name == "running"
    assert instance.launch_time == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert instance.tag_values == {"kubernetes.io/cluster/shop": "owned"}
    assert instance.block_device_mappings[0].ebs.volume_id == "vol-1"
    assert "hunter2" not in repr(instance)


def test_volumes_and_snapshots_are_read():
    [volume] = read_volumes(file_of({"Volumes": [VOLUME]})).data
    [snapshot] = read_snapshots(file_of({"Snapshots": [SNAPSHOT]})).data

    assert (volume.volume_id, volume.size_gib, volume.state) == ("vol-1", 100, "available")
    assert (snapshot.snapshot_id, snapshot.volume_size_gib) == ("snap-1", 100)


def test_members_of_groups_and_keys_are_read_with_their_states():
    member = {
        "InstanceId": "i-0123456789abcdef0",
        "AutoScalingGroupName": "workers",
        "AvailabilityZone": "us-east-1a",
        "LifecycleState": "Standby",
        "ProtectedFromScaleIn": True,
    }
    arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
    key = {"KeyMetadata": {"Arn": arn, "KeyId": "1234abcd", "KeyState": "PendingDeletion"}}

    [found] = read_auto_scaling(file_of({"AutoScalingInstances": [member]})).data
    [state] = read_kms_keys(file_of(key)).data

    assert (found.auto_scaling_group_name, found.lifecycle_state) == ("workers", "Standby")
    assert found.protected_from_scale_in
    assert (state.arn, state.key_state) == (arn, "PendingDeletion")


def test_items_are_sorted_and_repeats_are_counted():
    second = {**VOLUME, "VolumeId": "vol-0"}

    reading = read_volumes(file_of({"Volumes": [VOLUME, second, VOLUME]}))

    assert [volume.volume_id for volume in reading.data] == ["vol-0", "vol-1"]
    assert (reading.rows_read, reading.rows_dropped) == (3, 1)


def test_an_account_without_instances_is_no_error():
    assert read_instances(file_of({"Reservations": []})).data == ()


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (read_instances, b"", "the file is empty"),
        (read_instances, b"InstanceId  State", "is not JSON"),
        (read_instances, b'{"Reservations": [', "not valid JSON"),
        (read_instances, {"Volumes": [VOLUME]}, "holds something else"),
        (read_volumes, {"Reservations": []}, "holds something else"),
        (read_volumes, [SNAPSHOT], "item 1 is not as aws ec2 describe-volumes"),
        (read_snapshots, [VOLUME], "item 1 is not as aws ec2 describe-snapshots"),
        (read_instances, {"Reservations": [7]}, "holds something else"),
        (read_instances, [{**INSTANCE, "State": "running"}], "item 1 is not as"),
        (read_instances, [INSTANCE, {"InstanceId": "i-1"}], "item 2 is not as"),
        (read_volumes, [VOLUME, {**VOLUME, "State": "in-use"}], "item 2: an earlier item says"),
        (read_volumes, [{**VOLUME, "CreateTime": "2026-05-01T00:00:00"}], "timezone"),
        (read_volumes, [{**VOLUME, "VolumeId": 7}], "item 1 is not as"),
    ],
)
def test_output_of_something_else_is_refused(read, content, reason):
    with pytest.raises(InvalidInputError) as caught:
        read(file_of(content))

    assert caught.value.source == "aws.json"
    assert reason in caught.value.reason
    assert caught.value.next_step


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Reservations", "Instances", "InstanceId", "State", "Volumes"]), inner
        )
    ),
    max_leaves=10,
)


@given(JSON | st.binary(max_size=100))
def test_anything_is_output_or_refused(content):
    with suppress(InvalidInputError):
        assert read_instances(file_of(content)).data == ()
