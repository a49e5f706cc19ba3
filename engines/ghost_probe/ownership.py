"""Whose instance is it: ownership tags, compared with those of instances that are nodes."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from engines.contracts.aws import Instance

_CLUSTER_NAME_TAGS = (
    "eks:cluster-name",  # managed node groups
    "aws:eks:cluster-name",
    "eks:eks-cluster-name",  # Karpenter 1.x
    "alpha.eksctl.io/cluster-name",
)
_CLUSTER_TAG_PREFIX = "kubernetes.io/cluster/"
_GROUP_TAG = "aws:autoscaling:groupName"
_NODE_POOL_TAGS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name", "eks:nodegroup-name")


class Owner(StrEnum):
    """What an instance's tags say about it."""

    OURS = "ours"
    UNCONFIRMED = "unconfirmed"  # some cluster's, and no tag tells what ours are called
    OTHER_CLUSTER = "other_cluster"
    NOBODY = "nobody"


class Marks(NamedTuple):
    """The ownership tags of an instance; sets, because tags may contradict each other."""

    clusters: frozenset[str]
    pools: frozenset[str]  # Auto Scaling groups, node groups and Karpenter's node pools

    @classmethod
    def of(cls, instance: Instance) -> "Marks":
        tags = instance.tag_values
        named = {tags[name] for name in _CLUSTER_NAME_TAGS if tags.get(name)}
        owned = {
            name.removeprefix(_CLUSTER_TAG_PREFIX)
            for name, value in tags.items()
            if name.startswith(_CLUSTER_TAG_PREFIX) and value == "owned"
        }
        pools = {
            f"{name}={tags[name]}" for name in (_GROUP_TAG, *_NODE_POOL_TAGS) if tags.get(name)
        }
        return cls(frozenset(named | owned), frozenset(pools))


class KnownOwners(NamedTuple):
    """The marks that our nodes' instances carry, and the names of the registered clusters."""

    marks: Marks

    @classmethod
    def of(cls, nodes: Iterable[Instance], cluster_names: Iterable[str]) -> "KnownOwners":
        found = [Marks.of(one) for one in nodes]
        return cls(
            Marks(
                frozenset(cluster_names).union(*(one.clusters for one in found)),
                frozenset().union(*(one.pools for one in found)),
            )
        )

    def owner_of(self, instance: Instance) -> Owner:
        """Whose the instance is. A cluster's tag outweighs that of a group or node pool."""
        marks = Marks.of(instance)
        if marks.clusters & self.marks.clusters:
            return Owner.OURS
        if marks.clusters:
            return Owner.OTHER_CLUSTER if self.marks.clusters else Owner.UNCONFIRMED
        return Owner.OURS if marks.pools & self.marks.pools else Owner.NOBODY


def group_of(instance: Instance) -> str | None:
    """The Auto Scaling group that would replace the instance, or None where it is in none."""
    return instance.tag_values.get(_GROUP_TAG) or None
