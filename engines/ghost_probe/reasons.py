"""The codes of the ghost probe's answers."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why no instance may be named a ghost at all."""

    INSTANCES_NOT_GIVEN = "instances_not_given"
    NODES_NOT_GIVEN = "nodes_not_given"
    NO_NODES = "no_nodes"
    NODE_LIST_SHRANK = "node_list_shrank"
    UNREADABLE_CLUSTERS = "unreadable_clusters"
    UNREADABLE_NODES = "unreadable_nodes"
    UNIDENTIFIED_NODES = "unidentified_nodes"


class InstanceReason(StrEnum):
    """Why an instance that is no node is no ghost either, or not one to act on."""

    TERMINATING = "terminating"
    STOPPED = "stopped"
    PENDING = "pending"
    IGNORED_BY_TAG = "ignored_by_tag"
    MANAGED_BY_AWS = "managed_by_aws"
    UNRELATED = "unrelated"
    OTHER_CLUSTER = "other_cluster"
    WARM_POOL = "warm_pool"
    STANDBY = "standby"
    LIFECYCLE_HOOK = "lifecycle_hook"
    RESERVED_CAPACITY = "reserved_capacity"
    JUST_STARTED = "just_started"
    WITHIN_GRACE = "within_grace"
    TOO_FEW_SCANS = "too_few_scans"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    PRICE_UNKNOWN = "price_unknown"
    CLUSTER_NAMES_UNKNOWN = "cluster_names_unknown"
    GROUP_STATE_UNKNOWN = "group_state_unknown"
