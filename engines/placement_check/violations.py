"""What the checker can object to."""

from enum import StrEnum
from typing import NamedTuple


class PlacementRule(StrEnum):
    """One rule of kube-scheduler, or of what a plan must account for."""

    UNKNOWN_POD = "unknown_pod"
    UNKNOWN_NODE = "unknown_node"
    LEFT_BEHIND = "left_behind"
    CANNOT_BE_JUDGED = "cannot_be_judged"
    OTHER_NODE_NAMED = "other_node_named"
    NODE_CORDONED = "node_cordoned"
    TAINT = "taint"
    NODE_LABELS = "node_labels"
    RESOURCES = "resources"
    HOST_PORT = "host_port"
    VOLUME = "volume"
    VOLUME_COUNT = "volume_count"
    POD_AFFINITY = "pod_affinity"
    POD_ANTI_AFFINITY = "pod_anti_affinity"
    TOPOLOGY_SPREAD = "topology_spread"


class PlacementViolation(NamedTuple):
    """One rule that one placed pod breaks. ``pod`` is namespace/name."""

    rule: PlacementRule
    pod: str
    node: str
    message: str
