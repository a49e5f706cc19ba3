"""EC2 instances, EBS volumes and snapshots, Auto Scaling's instances and KMS keys, as ``aws ec2
describe-*``, ``aws autoscaling describe-auto-scaling-instances`` and ``aws kms describe-key`` print
them.

Decoding is the field allow-list: what is not declared here (addresses, key names, user data ...)
never enters the product.
"""

from collections.abc import Mapping

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times


class AwsStruct(
    msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True, gc=False
):
    """Base of the AWS types: PascalCase in JSON, undeclared fields are dropped."""


class Tag(AwsStruct, frozen=True, kw_only=True):
    """One tag of a resource."""

    key: str
    value: str = ""


class Operator(AwsStruct, frozen=True, kw_only=True):
    """The AWS service that manages a resource, such as EKS Auto Mode: not ours to change."""

    managed: bool = False
    principal: str = ""


class InstanceState(AwsStruct, frozen=True, kw_only=True):
    """pending, running, shutting-down, terminated, stopping or stopped."""

    name: str


class Placement(AwsStruct, frozen=True, kw_only=True):
    """Where an instance stands. ``tenancy`` is default, dedicated or host."""

    availability_zone: str = ""
    availability_zone_id: str | None = None
    tenancy: str = "default"


class EbsMapping(AwsStruct, frozen=True, kw_only=True):
    """A volume of an instance."""

    volume_id: str = ""
    delete_on_termination: bool = False


class BlockDeviceMapping(AwsStruct, frozen=True, kw_only=True):
    """A block device of an instance; ``ebs`` None: an instance store."""

    ebs: EbsMapping | None = None


class Instance(AwsStruct, frozen=True, kw_only=True):
    """One EC2 instance. ``instance_lifecycle`` is "spot", "scheduled", "capacity-block" or None
    (bought on demand). ``launch_time`` is that of the **last** start."""

    instance_id: str
    instance_type: str
    state: InstanceState
    placement: Placement = Placement()
    launch_time: Time | None = None
    instance_lifecycle: str | None = None
    spot_instance_request_id: str | None = None
    capacity_reservation_id: str | None = None
    architecture: str = ""  # x86_64 or arm64
    platform_details: str = ""  # "Linux/UNIX", "Windows" ...
    private_dns_name: str = ""
    vpc_id: str = ""
    root_device_type: str = ""
    state_transition_reason: str = ""  # tells when an instance was stopped
    block_device_mappings: tuple[BlockDeviceMapping, ...] = ()
    operator: Operator | None = None
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        tidy_times(self, "launch_time")

    @property
    def tag_values(self) -> Mapping[str, str]:
        """The tags as key -> value."""
        return {tag.key: tag.value for tag in self.tags}


class VolumeAttachment(AwsStruct, frozen=True, kw_only=True):
    """A volume on an instance; ``state`` is attaching, attached, detaching, detached or busy."""

    instance_id: str = ""
    state: str = ""
    delete_on_termination: bool = False


class Volume(AwsStruct, frozen=True, kw_only=True):
    """One EBS volume. ``state`` is creating, available, in-use, deleting, deleted or error."""

    volume_id: str
    volume_type: str
    state: str
    size_gib: Integer = msgspec.field(name="Size")
    iops: Integer | None = None
    throughput: Integer | None = None  # MiB/s, gp3 only
    create_time: Time | None = None
    availability_zone: str = ""
    availability_zone_id: str | None = None
    snapshot_id: str = ""  # made from this snapshot
    encrypted: bool = False
    kms_key_id: str = ""  # the ARN of the key that it is encrypted with
    multi_attach_enabled: bool = False
    fast_restored: bool = False
    outpost_arn: str = ""  # it lies on an Outpost, which has prices of its own
    attachments: tuple[VolumeAttachment, ...] = ()
    operator: Operator | None = None
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        tidy_times(self, "create_time")

    @property
    def tag_values(self) -> Mapping[str, str]:
        """The tags as key -> value."""
        return {tag.key: tag.value for tag in self.tags}


class Snapshot(AwsStruct, frozen=True, kw_only=True):
    """One EBS snapshot. ``state`` is pending, completed, error, recoverable or recovering."""

    snapshot_id: str
    volume_id: str = ""
    state: str
    volume_size_gib: Integer = msgspec.field(name="VolumeSize")
    start_time: Time | None = None
    progress: str = ""
    description: str = ""  # "Created by CreateImage(...)" marks the snapshot of an AMI
    storage_tier: str = "standard"
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        tidy_times(self, "start_time")

    @property
    def tag_values(self) -> Mapping[str, str]:
        """The tags as key -> value."""
        return {tag.key: tag.value for tag in self.tags}


class AutoScalingInstance(AwsStruct, frozen=True, kw_only=True):
    """An instance's place in an Auto Scaling group. ``lifecycle_state`` is Auto Scaling's:
    InService, Standby, Terminating:Wait, Warmed:Stopped ..."""

    instance_id: str
    auto_scaling_group_name: str
    lifecycle_state: str = ""
    protected_from_scale_in: bool = False


class KmsKey(AwsStruct, frozen=True, kw_only=True):
    """A key that volumes are encrypted with. ``key_state`` is KMS's: Enabled, Disabled,
    PendingDeletion, PendingImport, Unavailable ...; or ``NO_SUCH_KEY`` where KMS has none."""

    arn: str
    key_state: str


KEY_WORKS = "Enabled"
NO_SUCH_KEY = "NotFound"
