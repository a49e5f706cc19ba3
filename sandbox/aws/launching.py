"""Launching what was there before anybody looked: instances and groups of a certain age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.cloud import IMAGES, Cloud, image_id
from sandbox.aws.machines import complete, set_launch_time
from sandbox.aws.network import Network


@dataclass(frozen=True)
class Launcher:
    """Makes things in moto's backends as they stood at ``anchor``."""

    cloud: Cloud
    backend: Any
    network: Network
    anchor: datetime

    @staticmethod
    def image(architecture: str, region: str) -> str:
        """The EKS image of an architecture (x86_64 or arm64)."""
        names = {one: name for name, one in IMAGES.items()}
        return image_id(names[architecture], region)

    def create_group(
        self, name: str, template_id: str, size: int, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """An Auto Scaling group over all subnets, still without instances."""
        self._groups().create_auto_scaling_group(
            name=name,
            availability_zones=None,
            desired_capacity=0,
            max_size=size * 3,
            min_size=0,
            launch_config_name=None,
            launch_template={"LaunchTemplateId": template_id, "Version": "1"},
            vpc_zone_identifier=",".join(self.network.subnet_ids),
            default_cooldown=None,
            health_check_period=None,
            health_check_type=None,
            load_balancers=[],
            target_group_arns=[],
            placement_group=None,
            termination_policies=[],
            tags=[dict(tag) for tag in tags],
        )

    def launch_member(self, group: str, template_id: str, position: int, age: timedelta) -> Any:
        """An instance of a group, in the zone of its turn."""
        version = self.backend.get_launch_template(template_id).latest_version()
        instance = self._run(
            image=version.data["ImageId"],
            instance_type=version.data["InstanceType"],
            position=position,
            launch_template={"LaunchTemplateId": template_id},
            security_group_ids=[self.network.security_group_id],
        )
        self._groups().attach_instances(group, [instance.id])
        return self._aged(instance, age)

    def launch(
        self, instance_type: str, position: int, age: timedelta, tags: Mapping[str, str]
    ) -> Any:
        """An instance on its own, on demand."""
        instance = self._run(
            image=self.image("x86_64", self.backend.region_name),
            instance_type=instance_type,
            position=position,
            security_group_ids=[self.network.security_group_id],
            tags={"instance": dict(tags)},
        )
        return self._aged(instance, age)

    def moment(self, age: timedelta) -> datetime:
        """So long before the anchor, as moto keeps times: UTC, but it does not say so."""
        return (self.anchor - age).astimezone(UTC).replace(tzinfo=None)

    def _run(self, *, image: str, instance_type: str, position: int, **more: Any) -> Any:
        subnet_ids = self.network.subnet_ids
        reservation = self.backend.run_instances(
            image,
            1,
            None,
            [],
            instance_type=instance_type,
            is_instance_type_default=False,
            subnet_id=subnet_ids[position % len(subnet_ids)],
            region_name=self.backend.region_name,
            **more,
        )
        return reservation.instances[0]

    def _aged(self, instance: Any, age: timedelta) -> Any:
        complete(self.cloud, instance)
        set_launch_time(instance, self.anchor - age)
        for _, device in instance.get_block_device_mapping:
            device.attach_time = self.moment(age)
            self.backend.get_volume(device.volume_id).create_time = self.moment(age)
        return instance

    def _groups(self) -> Any:
        return self.cloud.backend("autoscaling", self.backend.account_id, self.backend.region_name)
