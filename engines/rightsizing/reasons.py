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


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    NO_USAGE = "no_usage"
    OLD_USAGE = "old_usage"
    UNATTRIBUTED_USAGE = "unattributed_usage"
    UNPRICED_NODES = "unpriced_nodes"
    UNREAD_OBJECTS = "unread_objects"
    MANAGED_BY_GITOPS = "managed_by_gitops"
    RESTARTS_ALL_PODS = "restarts_all_pods"
    UNEQUAL_NODES = "daemonset_on_unequal_nodes"
    COARSE_SAMPLES = "coarse_samples"
    RULES_NOT_READ = "rules_not_read"
