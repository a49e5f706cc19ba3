"""Every IAM action that the product calls, and the feature that needs it.

``deploy/aws/iam-policy.json`` grants exactly these; a test compares the two.
"""

from typing import NamedTuple


class Permission(NamedTuple):
    """An action as IAM policies name it. ``changes``: it is needed only to carry plans out."""

    action: str
    needed_for: str
    changes: bool = False


_SEEING = "prices of nodes, ghosts, every decision"
_VOLUMES = "unused volumes"
_PRICES = "risk and price of Spot pools"
_OWNERS = "who replaces a node; instances that wait in a group on purpose"
_WARNINGS = "Spot interruption warnings"
_REPLACING = "replacing nodes"

PERMISSIONS = (
    Permission("ec2:DescribeInstances", _SEEING),
    Permission("ec2:DescribeVolumes", _VOLUMES),
    Permission("ec2:DescribeSnapshots", _VOLUMES),
    Permission("ec2:DescribeSpotPriceHistory", _PRICES),
    Permission("ec2:DescribeInstanceTypes", "sizes of instance types"),
    Permission("ec2:DescribeAvailabilityZones", "zones by their id"),
    Permission("autoscaling:DescribeAutoScalingInstances", _OWNERS),
    Permission("kms:DescribeKey", "whether the keys of unused volumes still work"),
    Permission("sqs:GetQueueAttributes", _WARNINGS),
    Permission("sqs:ReceiveMessage", _WARNINGS),
    Permission("sqs:DeleteMessage", _WARNINGS),
    Permission("sqs:ChangeMessageVisibility", _WARNINGS),
    Permission("ec2:RunInstances", _REPLACING, changes=True),
    Permission("iam:PassRole", "launching nodes with their instance profile", changes=True),
    Permission("ec2:TerminateInstances", "replacing nodes, ghosts", changes=True),
    Permission("ec2:CreateTags", "marking what CloudOptim launched or saved", changes=True),
    Permission("ec2:CreateSnapshot", "saving a volume before it is deleted", changes=True),
    Permission("ec2:DeleteVolume", _VOLUMES, changes=True),
    Permission("autoscaling:DetachInstances", _REPLACING, changes=True),
    Permission("autoscaling:TerminateInstanceInAutoScalingGroup", _REPLACING, changes=True),
    Permission("autoscaling:CompleteLifecycleAction", _WARNINGS, changes=True),
    Permission("autoscaling:RecordLifecycleActionHeartbeat", _WARNINGS, changes=True),
)

ACTIONS = tuple(one.action for one in PERMISSIONS)
