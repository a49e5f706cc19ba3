"""Why a kill is not answered, and what a reader should know before trusting the answer."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why the engine would not judge at all."""

    NOTHING_TO_LOOK_AT = "nothing_to_look_at"


class KillReason(StrEnum):
    """Why a container that was killed keeps its memory."""

    ALREADY_RAISED = "already_raised"
    NO_REQUEST_TO_RAISE = "no_request_to_raise"
    EXCLUDED = "excluded"
    TEMPLATE_NOT_OURS = "template_not_ours"
    TEMPLATE_IMMUTABLE = "template_immutable"
    NO_WORKLOAD = "no_workload"
    NOT_IN_TEMPLATE = "not_in_template"
    POD_LEVEL_RESOURCES = "pod_level_resources"
    INVALID_QUANTITY = "invalid_quantity"
    KILL_WITHOUT_TIME = "kill_without_time"
    WOULD_CHANGE_QOS_CLASS = "would_change_qos_class"
    LIMIT_RANGE_FORBIDS = "limit_range_forbids"
    QUOTA_REFUSES = "quota_refuses"
    FITS_NO_NODE = "fits_no_node"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    NEEDS_CONSENT = "needs_consent"
    MANAGED_BY_GITOPS = "managed_by_gitops"
    ROLLED_OUT_BY_HAND = "rolled_out_by_hand"
    NODE_OUT_OF_MEMORY = "node_out_of_memory"
    KILL_WITHOUT_STATUS = "kill_without_status"
    HEAP_ABOVE_MEMORY = "heap_above_memory"
    HPA_ON_MEMORY = "hpa_on_memory"
    UNPRICED_NODES = "unpriced_nodes"
    UNREAD_OBJECTS = "unread_objects"
    RULES_NOT_READ = "rules_not_read"
