"""Who keeps an instance alive: what another controller replaces must not be replaced twice.

The facts are looked at in the order of what they prove:

1. ``Operator`` (told by EC2 itself): an AWS service runs the instance. EKS Auto Mode is the
   principal ``eks.amazonaws.com``; instances of other services are not ours either.
2. Membership in an Auto Scaling group, as Auto Scaling tells it. Where that was not readable, the
   tag ``aws:autoscaling:groupName``, which nobody but AWS can set. With EKS's tag of a managed
   node group it is a managed node group.
3. Karpenter's tags.
4. A cluster's tag without any of these: somebody manages the node by hand.

Tags other than ``aws:`` ones are copied easily (an AMI builder started from a node's template), so
they count only after what AWS itself says. A detached instance keeps ``eks:nodegroup-name``, but
no group replaces it any more: where membership is known, it decides.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from engines.contracts.aws import Instance

AUTO_MODE_PRINCIPAL = "eks.amazonaws.com"
GROUP_TAG = "aws:autoscaling:groupName"
NODE_GROUP_TAG = "eks:nodegroup-name"
KARPENTER_TAGS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")  # v1beta1; v1alpha5
CLUSTER_NAME_TAGS = ("eks:cluster-name", "eks:eks-cluster-name", "alpha.eksctl.io/cluster-name")
CLUSTER_TAG_PREFIX = "kubernetes.io/cluster/"


class OwnerKind(StrEnum):
    """What keeps an instance alive, or replaces it."""

    AUTO_SCALING_GROUP = "auto_scaling_group"
    MANAGED_NODE_GROUP = "managed_node_group"
    KARPENTER = "karpenter"
    EKS_AUTO_MODE = "eks_auto_mode"
    AWS_SERVICE = "aws_service"
    SELF_MANAGED = "self_managed"
    NONE = "none"


class GroupMembership(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's place in an Auto Scaling group.

    ``lifecycle_state`` is Auto Scaling's: InService, Standby, Terminating:Wait, Warmed:Stopped ...
    """

    group: str
    lifecycle_state: str = ""
    is_protected: bool = False  # from scale-in


class NodeOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns an instance. ``name`` is that of the group, node pool, service or cluster.

    ``membership`` is set where an Auto Scaling group holds it, ``cluster`` where a tag names one.
    ``replaces`` tells whether the owner starts another instance when this one ends.
    """

    kind: OwnerKind
    name: str = ""
    cluster: str = ""
    membership: GroupMembership | None = None

    @property
    def replaces(self) -> bool:
        """Whether the owner puts another instance in the place of one that ends."""
        return self.kind not in (OwnerKind.SELF_MANAGED, OwnerKind.NONE)


def owner_of(instance: Instance, memberships: Mapping[str, GroupMembership] | None) -> NodeOwner:
    """The owner of an instance; ``memberships`` by instance id, None: they could not be read."""
    tags = instance.tag_values
    cluster = cluster_of(tags)
    if instance.operator is not None and instance.operator.managed:
        return _of_service(instance.operator.principal, tags, cluster)
    membership = _membership(instance, memberships)
    if membership is not None:
        node_group = tags.get(NODE_GROUP_TAG)
        return NodeOwner(
            kind=OwnerKind.MANAGED_NODE_GROUP if node_group else OwnerKind.AUTO_SCALING_GROUP,
            name=node_group or membership.group,
            cluster=cluster,
            membership=membership,
        )
    pool = _first(tags, KARPENTER_TAGS)
    if pool:
        return NodeOwner(kind=OwnerKind.KARPENTER, name=pool, cluster=cluster)
    if cluster:
        return NodeOwner(kind=OwnerKind.SELF_MANAGED, name=cluster, cluster=cluster)
    return NodeOwner(kind=OwnerKind.NONE)


def owners_of(
    instances: Iterable[Instance], memberships: Mapping[str, GroupMembership] | None
) -> Mapping[str, NodeOwner]:
    """The owner of each instance, by its id."""
    return {one.instance_id: owner_of(one, memberships) for one in instances}


def cluster_of(tags: Mapping[str, str]) -> str:
    """The cluster that tags name as the instance's; empty where none is, or several are.

    ``kubernetes.io/cluster/NAME`` counts with the value "owned" only: "shared" resources serve
    several clusters.
    """
    named = _first(tags, CLUSTER_NAME_TAGS)
    if named:
        return named
    owned = [
        key.removeprefix(CLUSTER_TAG_PREFIX)
        for key, value in tags.items()
        if key.startswith(CLUSTER_TAG_PREFIX) and value == "owned"
    ]
    return owned[0] if len(owned) == 1 else ""


def _of_service(principal: str, tags: Mapping[str, str], cluster: str) -> NodeOwner:
    if principal != AUTO_MODE_PRINCIPAL:
        return NodeOwner(kind=OwnerKind.AWS_SERVICE, name=principal, cluster=cluster)
    pool = _first(tags, ("eks:kubernetes-node-pool-name", *KARPENTER_TAGS))
    return NodeOwner(kind=OwnerKind.EKS_AUTO_MODE, name=pool, cluster=cluster)


def _membership(
    instance: Instance, memberships: Mapping[str, GroupMembership] | None
) -> GroupMembership | None:
    if memberships is not None:
        return memberships.get(instance.instance_id)
    group = instance.tag_values.get(GROUP_TAG)
    return GroupMembership(group=group) if group else None


def _first(tags: Mapping[str, str], names: Iterable[str]) -> str:
    return next((tags[name] for name in names if tags.get(name)), "")
