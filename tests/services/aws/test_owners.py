"""Who replaces an instance: EC2's own word, then Auto Scaling's, then tags."""

import pytest

from engines.contracts.aws import Instance, InstanceState, Operator, Tag
from services.aws.owners import (
    GroupMembership,
    NodeOwner,
    OwnerKind,
    cluster_of,
    owner_of,
    owners_of,
)

OWNED = {"kubernetes.io/cluster/shop": "owned"}
IN_GROUP = GroupMembership(group="eks-general-1", lifecycle_state="InService")


def an_instance(tags=None, operator=None):
    return Instance(
        instance_id="i-1",
        instance_type="m5.large",
        state=InstanceState(name="running"),
        operator=operator,
        tags=tuple(Tag(key=key, value=value) for key, value in (tags or {}).items()),
    )


@pytest.mark.parametrize(
    ("tags", "memberships", "expected"),
    [
        ({}, {}, NodeOwner(kind=OwnerKind.NONE)),
        ({"Name": "bastion"}, None, NodeOwner(kind=OwnerKind.NONE)),
        (OWNED, {}, NodeOwner(kind=OwnerKind.SELF_MANAGED, name="shop", cluster="shop")),
        (
            {},
            {"i-1": IN_GROUP},
            NodeOwner(kind=OwnerKind.AUTO_SCALING_GROUP, name="eks-general-1", membership=IN_GROUP),
        ),
        (
            OWNED | {"eks:nodegroup-name": "general"},
            {"i-1": IN_GROUP},
            NodeOwner(
                kind=OwnerKind.MANAGED_NODE_GROUP,
                name="general",
                cluster="shop",
                membership=IN_GROUP,
            ),
        ),
        (
            OWNED | {"karpenter.sh/nodepool": "batch"},
            {},
            NodeOwner(kind=OwnerKind.KARPENTER, name="batch", cluster="shop"),
        ),
        (
            OWNED | {"karpenter.sh/provisioner-name": "old"},
            {},
            NodeOwner(kind=OwnerKind.KARPENTER, name="old", cluster="shop"),
        ),
    ],
)
def test_the_owner_follows_from_membership_and_tags(tags, memberships, expected):
    assert owner_of(an_instance(tags), memberships) == expected


def test_membership_wins_over_karpenters_tags():
    """An instance of a group that was made from a Karpenter node's tags is still the group's."""
    owner = owner_of(an_instance({"karpenter.sh/nodepool": "batch"}), {"i-1": IN_GROUP})

    assert owner.kind is OwnerKind.AUTO_SCALING_GROUP


def test_a_detached_instance_has_lost_its_node_group():
    """Its tag stays, but no group would replace it."""
    detached = an_instance(OWNED | {"eks:nodegroup-name": "general"})

    assert owner_of(detached, {}).kind is OwnerKind.SELF_MANAGED


def test_where_groups_cannot_be_read_the_tag_of_aws_tells():
    tags = {"aws:autoscaling:groupName": "eks-1", "eks:nodegroup-name": "general"}

    owner = owner_of(an_instance(tags), None)

    assert owner.kind is OwnerKind.MANAGED_NODE_GROUP
    assert owner.membership == GroupMembership(group="eks-1")
    assert owner_of(an_instance(tags), {}).kind is OwnerKind.NONE


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (Operator(managed=True, principal="eks.amazonaws.com"), OwnerKind.EKS_AUTO_MODE),
        (Operator(managed=True, principal="ecs.amazonaws.com"), OwnerKind.AWS_SERVICE),
        (Operator(managed=False), OwnerKind.KARPENTER),
    ],
)
def test_what_ec2_says_of_the_operator_comes_first(operator, expected):
    instance = an_instance({"karpenter.sh/nodepool": "general-purpose"}, operator)

    assert owner_of(instance, {"i-1": IN_GROUP} if operator.managed else {}).kind is expected


def test_the_node_pool_of_auto_mode_is_named():
    operator = Operator(managed=True, principal="eks.amazonaws.com")
    tags = {"eks:kubernetes-node-pool-name": "system", "eks:eks-cluster-name": "shop"}

    owner = owner_of(an_instance(tags, operator), None)

    assert (owner.name, owner.cluster, owner.replaces) == ("system", "shop", True)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"kubernetes.io/cluster/a": "owned"}, "a"),
        ({"kubernetes.io/cluster/a": "shared"}, ""),
        ({"kubernetes.io/cluster/a": "owned", "kubernetes.io/cluster/b": "owned"}, ""),
        ({"kubernetes.io/cluster/a": "owned", "eks:cluster-name": "b"}, "b"),
        ({"eks:cluster-name": ""}, ""),
    ],
)
def test_a_cluster_is_named_by_one_tag_that_is_its_own(tags, expected):
    assert cluster_of(tags) == expected


def test_only_nobody_and_a_person_do_not_replace():
    replacing = {kind for kind in OwnerKind if NodeOwner(kind=kind).replaces}

    assert replacing == set(OwnerKind) - {OwnerKind.SELF_MANAGED, OwnerKind.NONE}


def test_each_instance_has_an_owner():
    assert set(owners_of((an_instance(),), None)) == {"i-1"}
