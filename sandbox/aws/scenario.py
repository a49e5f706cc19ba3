"""The account that a newcomer finds: a cluster's node groups, and what people left lying about.

Everything follows from the seed: ids, addresses, ages. The same seed brings back the same world,
on another day too when ``anchor`` (the moment from which ages are counted) is the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.moto_api._internal import mock_random

from sandbox.aws import leftovers
from sandbox.aws.cloud import Cloud, Machine
from sandbox.aws.identity import Policy, Principal, Role
from sandbox.aws.launching import Launcher
from sandbox.aws.machines import machine_of, mark_seen
from sandbox.aws.network import Network, create_network

CUSTOMER_ACCOUNT = "123456789012"
OPERATOR_ACCOUNT = "999988887777"
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
CLUSTER = "shop-prod"
QUEUE = "cloudoptim-events"
ROLE_ARN = f"arn:aws:iam::{CUSTOMER_ACCOUNT}:role/CloudOptim"

OPERATOR_KEY = "AKIASANDBOXOPERATOR0"
"""CloudOptim's own access key: it may assume the customer's role, and nothing else."""

ADMIN_KEY = "AKIASANDBOXCUSTOMER0"
"""The customer's administrator: may do everything in the customer's account."""

SECRET_KEY = "sandbox-secret"  # noqa: S105 - of a pretend account on loopback

ROLE_ACTIONS = (
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:Describe*",
    "autoscaling:DetachInstances",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "ec2:CreateSnapshot",
    "ec2:CreateTags",
    "ec2:DeleteVolume",
    "ec2:Describe*",
    "ec2:RunInstances",
    "ec2:TerminateInstances",
    "iam:PassRole",
    "kms:DescribeKey",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
)
"""What the customer's role permits: all that CloudOptim does, and no more."""


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """A managed node group: instances of one type, spread over the zones."""

    name: str
    instance_type: str
    capacity_type: str
    count: int


NODE_GROUPS = (
    NodeGroup(name="general", instance_type="m5.xlarge", capacity_type="on-demand", count=12),
    NodeGroup(name="general-spot", instance_type="m5.xlarge", capacity_type="spot", count=4),
    NodeGroup(name="compute", instance_type="c5.2xlarge", capacity_type="on-demand", count=6),
    NodeGroup(name="compute-spot", instance_type="c6i.2xlarge", capacity_type="spot", count=2),
    NodeGroup(name="memory", instance_type="r5.xlarge", capacity_type="on-demand", count=4),
    NodeGroup(name="memory-spot", instance_type="r6i.xlarge", capacity_type="spot", count=2),
    NodeGroup(name="large", instance_type="m5.4xlarge", capacity_type="on-demand", count=4),
    NodeGroup(name="small", instance_type="m5.large", capacity_type="on-demand", count=3),
    NodeGroup(name="small-spot", instance_type="m6i.large", capacity_type="spot", count=1),
    NodeGroup(name="graviton", instance_type="m6g.large", capacity_type="on-demand", count=2),
)
"""Forty nodes, nine of them Spot."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The seeded world by role; ids are those of EC2."""

    cloud: Cloud
    external_id: str
    network: Network
    node_ids: tuple[str, ...]
    ghost_ids: tuple[str, ...]
    unrelated_ids: tuple[str, ...]
    stopped_ids: tuple[str, ...]
    data_volumes: tuple[leftovers.DataVolume, ...]
    zombie_volume_ids: tuple[str, ...]
    protected_volume_ids: tuple[str, ...]
    launch_template_ids: dict[str, str] = field(default_factory=dict)

    def nodes(self) -> tuple[Machine, ...]:
        """The instances that belong to the cluster as nodes, as they are now."""
        with self.cloud.clock.lock:
            backend = self.cloud.backend("ec2", CUSTOMER_ACCOUNT, REGION)
            return tuple(machine_of(backend.get_instance(one)) for one in self.node_ids)

    def queue_url(self, endpoint: str) -> str:
        """The URL of the event queue behind an endpoint."""
        return f"{endpoint}/{CUSTOMER_ACCOUNT}/{QUEUE}"


def open_scenario(
    seed: int = 1, *, cloud: Cloud | None = None, anchor: datetime | None = None
) -> Scenario:
    """A cloud with the seeded account; what moto held of its accounts before is gone.

    ``anchor`` None: the midnight (UTC) before the cloud's present.
    """
    if cloud is None:
        cloud = Cloud(seed=seed, account_ids=(CUSTOMER_ACCOUNT, OPERATOR_ACCOUNT))
    if anchor is None:
        anchor = cloud.now().replace(hour=0, minute=0, second=0, microsecond=0)
    with cloud.clock.lock:
        external_id = f"cloudoptim-sandbox-{seed}"
        _add_principals(cloud, external_id)
        mock_random.seed(f"sandbox/{seed}")
        scenario = _build(cloud, external_id, anchor)
        mark_seen(cloud, CUSTOMER_ACCOUNT, REGION)
        cloud.event_queues[CUSTOMER_ACCOUNT, REGION] = QUEUE
    return scenario


def _add_principals(cloud: Cloud, external_id: str) -> None:
    user = f"arn:aws:iam::{OPERATOR_ACCOUNT}:user/cloudoptim"
    only_assume = Policy(allow=("sts:AssumeRole",))
    cloud.identity.add_key(
        OPERATOR_KEY, Principal(arn=user, user_id="AIDASANDBOXOPERATOR", policy=only_assume)
    )
    admin = f"arn:aws:iam::{CUSTOMER_ACCOUNT}:user/admin"
    cloud.identity.add_key(ADMIN_KEY, Principal(arn=admin, user_id="AIDASANDBOXADMIN"))
    cloud.identity.add_role(
        Role(arn=ROLE_ARN, external_id=external_id, policy=Policy(allow=ROLE_ACTIONS))
    )


def _build(cloud: Cloud, external_id: str, anchor: datetime) -> Scenario:
    cloud.backend("sqs", CUSTOMER_ACCOUNT, REGION).create_queue(
        QUEUE, VisibilityTimeout="30", region=REGION
    )
    backend = cloud.backend("ec2", CUSTOMER_ACCOUNT, REGION)
    network = create_network(backend, CLUSTER, ZONES)
    launcher = Launcher(cloud, backend, network, anchor)
    templates = {group.name: _template(backend, network, group) for group in NODE_GROUPS}
    nodes = [one for group in NODE_GROUPS for one in _launch_group(launcher, group, templates)]
    extras = leftovers.launch_extras(launcher, CLUSTER)
    volumes = leftovers.create_volumes(launcher, CLUSTER, nodes, extras.stopped)
    return Scenario(
        cloud=cloud,
        external_id=external_id,
        network=network,
        node_ids=_ids(nodes),
        ghost_ids=_ids(extras.ghosts),
        unrelated_ids=_ids(extras.unrelated),
        stopped_ids=_ids(extras.stopped),
        data_volumes=volumes.data,
        zombie_volume_ids=volumes.zombies,
        protected_volume_ids=volumes.protected,
        launch_template_ids=templates,
    )


def _template(backend: Any, network: Network, group: NodeGroup) -> str:
    """The launch template of a node group; its id."""
    architecture = "arm64" if group.instance_type.startswith(("m6g", "c6g", "r6g")) else "x86_64"
    data: dict[str, Any] = {
        "ImageId": Launcher.image(architecture, REGION),
        "InstanceType": group.instance_type,
        "SecurityGroupIds": [network.security_group_id],
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": 80, "VolumeType": "gp3", "DeleteOnTermination": True},
            }
        ],
        "TagSpecifications": [
            {
                "ResourceType": "instance",
                "Tags": [{"Key": key, "Value": value} for key, value in node_tags(group).items()],
            }
        ],
    }
    if group.capacity_type == "spot":
        data["InstanceMarketOptions"] = {"MarketType": "spot"}
    name = f"{CLUSTER}-{group.name}"
    return str(backend.create_launch_template(name, "managed node group", data, {}).id)


def node_tags(group: NodeGroup) -> dict[str, str]:
    """What EKS tags the instances of a managed node group with."""
    return {
        "Name": f"{CLUSTER}-{group.name}-node",
        "eks:cluster-name": CLUSTER,
        "eks:nodegroup-name": group.name,
        f"kubernetes.io/cluster/{CLUSTER}": "owned",
        "k8s.io/cluster-autoscaler/enabled": "true",
        f"k8s.io/cluster-autoscaler/{CLUSTER}": "owned",
    }


def _launch_group(launcher: Launcher, group: NodeGroup, templates: dict[str, str]) -> Iterator[Any]:
    """The group with its instances, zone by zone in turn."""
    name = f"eks-{group.name}-{mock_random.get_random_hex(8)}"
    tags = [
        {"Key": key, "Value": value, "PropagateAtLaunch": "true", "ResourceId": name}
        for key, value in node_tags(group).items()
    ]
    launcher.create_group(name, templates[group.name], group.count, tags)
    for position in range(group.count):
        age = timedelta(hours=mock_random.randrange(6, 90 * 24))
        yield launcher.launch_member(name, templates[group.name], position, age)


def _ids(instances: Sequence[Any]) -> tuple[str, ...]:
    return tuple(one.id for one in instances)
