"""What a node's labels, and EC2, say about the machine behind it. Nothing is guessed.

Labels come first where scheduling goes by them (zone, type, architecture). How an instance is
bought is EC2's own knowledge, so there EC2 comes first and labels stand in for it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from engines.contracts.aws import Instance
from engines.contracts.kubernetes import Node
from engines.contracts.pricing import CapacityType

_PROVIDER_ID = re.compile(r"aws://[^/]*/[^/]*/(i-[0-9a-f]+)")

_INSTANCE_TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_ARCHITECTURE_LABELS = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
_OPERATING_SYSTEM_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")

_CAPACITY_LABELS: Mapping[str, Mapping[str, CapacityType]] = {
    "karpenter.sh/capacity-type": {
        "spot": CapacityType.SPOT,
        "on-demand": CapacityType.ON_DEMAND,
        "reserved": CapacityType.RESERVED,
    },
    "eks.amazonaws.com/capacityType": {
        "spot": CapacityType.SPOT,
        "on_demand": CapacityType.ON_DEMAND,
        "capacity_block": CapacityType.RESERVED,
    },
    "node.kubernetes.io/lifecycle": {
        "spot": CapacityType.SPOT,
        "normal": CapacityType.ON_DEMAND,
        "on-demand": CapacityType.ON_DEMAND,
    },
    "node-lifecycle": {"spot": CapacityType.SPOT, "on-demand": CapacityType.ON_DEMAND},  # eksctl
    "lifecycle": {"ec2spot": CapacityType.SPOT, "ondemand": CapacityType.ON_DEMAND},
    "spotinst.io/node-lifecycle": {"spot": CapacityType.SPOT, "od": CapacityType.ON_DEMAND},
    "scheduling.cast.ai/spot": {"true": CapacityType.SPOT},
}
"""Labels that tell how a node's instance was bought, with their values in lower case."""

_COMPUTE_TYPE_LABEL = "eks.amazonaws.com/compute-type"
_OUTSIDE_EC2 = frozenset({"fargate", "hybrid"})
_OUTSIDE_EC2_PROVIDER_ID = re.compile(r"aws://[^/]*/[^/]*/([^/]+/)?fargate-.*|eks-hybrid://.*")

_REMOVAL_TAINTS = frozenset(
    {
        "ToBeDeletedByClusterAutoscaler",
        "karpenter.sh/disrupted",  # Karpenter 1.x
        "karpenter.sh/disruption",  # Karpenter before 1.0
        "aws-node-termination-handler/spot-itn",  # under notice of interruption
        "aws-node-termination-handler/asg-lifecycle-termination",
        "cloudoptim.io/interruption",  # our own mark of the same
    }
)


class NodeFacts(NamedTuple):
    """The facts of one node; None: nobody tells. ``capacity_type_is_unclear``: an EC2 instance
    whose labels are absent, unknown or contradict each other, and EC2 was not asked."""

    instance_id: str | None
    instance_type: str | None
    zone: str | None
    region: str | None
    architecture: str | None
    operating_system: str | None
    capacity_type: CapacityType | None
    capacity_type_is_unclear: bool
    is_deleting: bool


def node_facts(node: Node, instances: Mapping[str, Instance]) -> NodeFacts:
    """Read the facts of a node, with the EC2 instances by id where they are known."""
    labels = node.metadata.labels
    instance_id = instance_id_of(node)
    instance = instances.get(instance_id or "")
    capacity_type = _capacity_type(labels, instance)
    if capacity_type is None and _is_outside_ec2(node):
        capacity_type = CapacityType.ON_DEMAND  # nothing that AWS sells as Spot, or could take back
    info = node.status.node_info
    return NodeFacts(
        instance_id=instance_id,
        instance_type=_first(labels, _INSTANCE_TYPE_LABELS)
        or (instance.instance_type if instance else None),
        zone=_first(labels, _ZONE_LABELS)
        or (instance.placement.availability_zone if instance else None)
        or None,
        region=_first(labels, _REGION_LABELS),
        architecture=_first(labels, _ARCHITECTURE_LABELS) or info.architecture or None,
        operating_system=_first(labels, _OPERATING_SYSTEM_LABELS) or info.operating_system or None,
        capacity_type=capacity_type,
        capacity_type_is_unclear=capacity_type is None and instance_id is not None,
        is_deleting=node.metadata.deletion_timestamp is not None
        or any(taint.key in _REMOVAL_TAINTS for taint in node.spec.taints),
    )


def instance_id_of(node: Node) -> str | None:
    """The EC2 instance id in the providerID ("aws:///us-east-1a/i-0abc"), or None without one."""
    match = _PROVIDER_ID.fullmatch(node.spec.provider_id)
    return match[1] if match else None


def may_stand_on_any_instance(node: Node) -> bool:
    """Whether nothing tells the node's machine yet: it has no providerID and is known to be EKS's
    own (Fargate) or its owner's (hybrid) by no label either."""
    return not node.spec.provider_id and not _is_outside_ec2(node)


def _is_outside_ec2(node: Node) -> bool:
    """Fargate and hybrid nodes, by label or providerID."""
    return (
        node.metadata.labels.get(_COMPUTE_TYPE_LABEL) in _OUTSIDE_EC2
        or _OUTSIDE_EC2_PROVIDER_ID.fullmatch(node.spec.provider_id) is not None
    )


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The value of the first label that is set; an empty one says nothing."""
    return next((labels[name] for name in names if labels.get(name)), None)


def _capacity_type(labels: Mapping[str, str], instance: Instance | None) -> CapacityType | None:
    by_labels = _capacity_type_by_labels(labels)
    if instance is None:
        return by_labels
    if instance.instance_lifecycle == "spot":
        return CapacityType.SPOT
    if instance.instance_lifecycle == "capacity-block" or by_labels is CapacityType.RESERVED:
        return CapacityType.RESERVED
    return CapacityType.ON_DEMAND


def _capacity_type_by_labels(labels: Mapping[str, str]) -> CapacityType | None:
    """What the labels agree on, else None. Values that are not known say nothing: some of the
    labels have names that anyone might use for something else."""
    said = {
        values[labels[name].lower()]
        for name, values in _CAPACITY_LABELS.items()
        if labels.get(name, "").lower() in values
    }
    return said.pop() if len(said) == 1 else None
