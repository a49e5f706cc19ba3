"""The codes of the volume clean-up's answers."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why no volume may be called a zombie at all."""

    VOLUMES_NOT_GIVEN = "volumes_not_given"
    UNREADABLE_CLUSTERS = "unreadable_clusters"
    UNREADABLE_CLAIMS = "unreadable_claims"
    CLAIMS_NOT_GIVEN = "claims_not_given"


class VolumeReason(StrEnum):
    """Why a volume is no zombie, or not one to delete."""

    IN_USE = "in_use"
    ATTACHED_TO_STOPPED_INSTANCE = "attached_to_stopped_instance"
    CREATING = "creating"
    DELETING = "deleting"
    ERROR_STATE = "error_state"
    OPERATOR_MANAGED = "operator_managed"
    PROTECTED_BY_TAG = "protected_by_tag"
    STATEFUL_SET_ASLEEP = "stateful_set_asleep"
    CLAIM_BOUND = "claim_bound"
    CLAIM_WAITS = "claim_waits"
    RELEASED_RETAINED = "released_retained"
    RELEASED_NOT_DELETED = "released_not_deleted"
    STATIC_VOLUME = "static_volume"
    VOLUME_NOT_SETTLED = "volume_not_settled"
    NAMED_BY_POD = "named_by_pod"
    NAMED_BY_NODE = "named_by_node"
    OTHER_CLUSTER = "other_cluster"
    SNAPSHOT_RUNNING = "snapshot_running"
    HAS_SNAPSHOTS = "has_snapshots"
    WITHIN_GRACE = "within_grace"
    KEY_UNUSABLE = "key_unusable"
    SNAPSHOT_COSTS_MORE = "snapshot_costs_more"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    PRICE_UNKNOWN = "price_unknown"
    CLAIMS_NOT_READ = "claims_not_read"
    SNAPSHOTS_NOT_READ = "snapshots_not_read"
    INSTANCES_NOT_READ = "instances_not_read"
    FOREIGN_CLUSTER_TAGS = "foreign_cluster_tags"
    ENCRYPTED = "encrypted"
    KEY_STATE_UNKNOWN = "key_state_unknown"
