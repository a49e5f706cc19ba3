"""What moto leaves out of instances, and telling others when one starts to run or is gone.

After each call that may change instances the account is looked through: new ones get launch time,
Spot request id and zone id; watchers and the event queue hear of every change of state, whoever
caused it: a launch, an Auto Scaling group, an interruption.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sandbox.aws import queue_messages as messages
from sandbox.aws.cloud import Cloud, Machine
from sandbox.aws.zones import zone_ids

ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
"""EC2's names of architectures, and Kubernetes's."""

_MOTO_ROOT = "/dev/sda1"
_SEEN = "sandbox_state"  # on moto's instance: the state that was last told of


def observe(cloud: Cloud, account_id: str, region: str) -> None:
    """Complete new instances and tell of changes, in the order of launch."""
    for instance in all_instances(cloud, account_id, region):
        before = getattr(instance, _SEEN, "")
        if not before:
            complete(cloud, instance)
        if instance.state != before:
            setattr(instance, _SEEN, instance.state)
            _tell(cloud, instance, before)


def mark_seen(cloud: Cloud, account_id: str, region: str) -> None:
    """Take the present instances as known: nobody is told of them."""
    for instance in all_instances(cloud, account_id, region):
        setattr(instance, _SEEN, instance.state)


def all_instances(cloud: Cloud, account_id: str, region: str) -> list[Any]:
    """moto's instances of an account in a region."""
    return list(cloud.backend("ec2", account_id, region).all_instances())


def find_instance(cloud: Cloud, account_id: str, region: str, instance_id: str) -> Any:
    """moto's instance; ValueError where there is none."""
    for instance in all_instances(cloud, account_id, region):
        if instance.id == instance_id:
            return instance
    raise ValueError(f"no instance {instance_id!r} in {region} of account {account_id}")


def machines(cloud: Cloud, account_id: str, region: str) -> tuple[Machine, ...]:
    """All instances that are not terminated."""
    with cloud.clock.lock:
        found = all_instances(cloud, account_id, region)
        return tuple(machine_of(one) for one in found if one.state != "terminated")


def complete(cloud: Cloud, instance: Any) -> None:
    """Fill in what AWS tells of an instance and moto does not."""
    instance.launch_time = cloud.now().replace(tzinfo=None)
    instance.platform_details = "Linux/UNIX"
    _tidy_root_volume(cloud, instance)
    instance.placement.availability_zone_id = zone_ids(instance.region_name).get(
        instance.placement.zone, ""
    )
    if instance.lifecycle is None and _group_buys_spot(instance):
        instance.lifecycle = "spot"
    if instance.lifecycle == "spot":
        instance.spot_instance_request_id = spot_request_id(instance.id)


def spot_request_id(instance_id: str) -> str:
    """``sir-`` and eight characters, as EC2 writes them; follows from the instance."""
    return f"sir-{sha256(instance_id.encode()).hexdigest()[:8]}"


def machine_of(instance: Any) -> Machine:
    """What watchers see of moto's instance."""
    return Machine(
        instance_id=instance.id,
        instance_type=instance.instance_type,
        account_id=instance.owner_id,
        region=instance.region_name,
        zone=instance.placement.zone,
        capacity_type="spot" if instance.lifecycle == "spot" else "on-demand",
        private_dns_name=instance.private_dns_name,
        private_ip=instance.private_ip,
        architecture=ARCHITECTURES[instance.architecture],
        launched_at=instance.launch_time.replace(tzinfo=UTC),
        state=instance.state,
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
    )


def set_launch_time(instance: Any, at: datetime) -> None:
    """When it was last started."""
    instance.launch_time = at.astimezone(UTC).replace(tzinfo=None)


def _tidy_root_volume(cloud: Cloud, instance: Any) -> None:
    """One root volume, on the image's root device: moto adds its own on /dev/sda1 to any other."""
    mapping = instance.block_device_mapping
    root, extra = instance.root_device_name, mapping.get(_MOTO_ROOT)
    if extra is None or root == _MOTO_ROOT:
        return
    backend = cloud.backend("ec2", instance.owner_id, instance.region_name)
    if root in mapping:
        backend.detach_volume(extra.volume_id, instance.id, _MOTO_ROOT)
        backend.delete_volume(extra.volume_id)
    else:
        mapping[root] = mapping.pop(_MOTO_ROOT)
        backend.get_volume(extra.volume_id).attachment.device = root


def _group_buys_spot(instance: Any) -> bool:
    """Whether the Auto Scaling group of an instance launches Spot."""
    group = getattr(instance, "autoscaling_group", None)
    if group is None:
        return False
    if group.mixed_instances_policy:
        distribution = group.mixed_instances_policy.get("InstancesDistribution", {})
        return str(distribution.get("OnDemandPercentageAboveBaseCapacity", "100")) == "0"
    template = group.ec2_launch_template
    options = template.latest_version().data.get("InstanceMarketOptions", {}) if template else {}
    return options.get("MarketType") == "spot"


def _tell(cloud: Cloud, instance: Any, before: str) -> None:
    if instance.state == "running":
        if before == "stopped":
            instance.launch_time = cloud.now().replace(tzinfo=None)
        for watcher in cloud.watchers:
            watcher.running(machine_of(instance))
    elif before == "running":
        for watcher in cloud.watchers:
            watcher.gone(machine_of(instance))
    place = (instance.owner_id, instance.region_name)
    for state in _states_passed(instance.state):
        event = messages.state_change(cloud.origin(*place), instance.id, state)
        cloud.deliver(*place, event)


def _states_passed(state: str) -> tuple[str, ...]:
    """moto jumps to the end; AWS tells of the state between as well."""
    between = {"running": "pending", "terminated": "shutting-down", "stopped": "stopping"}
    return (between[state], state) if state in between else (state,)
