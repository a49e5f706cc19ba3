"""Why there is no advice, and what a reader should know before trusting the advice."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why the engine would not judge at all."""

    NOTHING_TO_SIZE = "nothing_to_size"


class WorkloadReason(StrEnum):
    """Why a workload, or a container of it, keeps its requests."""

    ALREADY_RIGHT = "already_right"
    NOT_ENOUGH_DATA = "not_enough_data"
    EXCLUDED = "excluded"
    TEMPLATE_NOT_OURS = "template_not_ours"
    TEMPLATE_IMMUTABLE = "template_immutable"
    SET_ELSEWHERE = "requests_set_elsewhere"
    NO_WORKLOAD = "no_workload"
    STATIC_POD = "static_pod"
    NOT_IN_TEMPLATE = "not_in_template"
    INIT_CONTAINER = "init_container"
    HPA_ON_UTILISATION = "hpa_on_utilisation"
    MEMORY_HELD = "memory_held"
    POD_LEVEL_RESOURCES = "pod_level_resources"
    INVALID_QUANTITY = "invalid_quantity"
    WOULD_CHANGE_QOS_CLASS = "would_change_qos_class"
    LIMIT_RANGE_FORBIDS = "limit_range_forbids"
    QUOTA_REFUSES = "quota_refuses"
    FITS_NO_NODE = "fits_no_node"


class NodeReason(StrEnum):
    """Why a node keeps its instance type."""

    WELL_USED = "well_used"
    PODS_NOT_READ = "pods_not_read"
    NOT_IN_SERVICE = "not_in_service"
    TYPE_CHOSEN_ELSEWHERE = "type_chosen_elsewhere"
    OTHER_SYSTEM = "other_operating_system"
    RESERVED = "reserved_capacity"
    UNKNOWN_TYPE = "unknown_instance_type"
    NOT_INTERCHANGEABLE = "not_interchangeable"
    PRICE_UNKNOWN = "price_unknown"
    REQUESTS_HOLD_IT = "requests_hold_it"
    PODS_REQUIRE_IT = "pods_require_it"
    NO_SMALLER_TYPE = "no_smaller_type"
    NO_LARGER_TYPE = "no_larger_type"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    NO_USAGE = "no_usage"
    OLD_USAGE = "old_usage"
    UNATTRIBUTED_USAGE = "unattributed_usage"
    UNPRICED_NODES = "unpriced_nodes"
    UNREAD_OBJECTS = "unread_objects"
    MANAGED_BY_GITOPS = "managed_by_gitops"
    RESTARTS_ALL_PODS = "restarts_all_pods"
    ROLLED_OUT_BY_HAND = "rolled_out_by_hand"
    UNEQUAL_NODES = "daemonset_on_unequal_nodes"
    COARSE_SAMPLES = "coarse_samples"
    RULES_NOT_READ = "rules_not_read"
