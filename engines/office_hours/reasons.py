"""The codes of the office hours' answers."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why nothing is judged at all."""

    NO_SCHEDULES = "no_schedules"
    WORKLOADS_NOT_GIVEN = "workloads_not_given"


class WorkloadReason(StrEnum):
    """Why a workload is left as it is."""

    NO_SCHEDULE = "no_schedule"
    BAD_SCHEDULE = "bad_schedule"
    CONFLICTING_SCHEDULES = "conflicting_schedules"
    BAD_ANNOTATION = "bad_annotation"
    EXCLUDED_BY_ANNOTATION = "excluded_by_annotation"
    EXCLUDED_BY_SCHEDULE = "excluded_by_schedule"
    SYSTEM_COMPONENT = "system_component"
    LABELLED_PRODUCTION = "labelled_production"
    WEBHOOK_BACKEND = "webhook_backend"
    DAEMONSET = "daemonset"
    JOB_RUNS_TO_ITS_END = "job_runs_to_its_end"
    MANAGED_BY_OPERATOR = "managed_by_operator"
    SCALED_BY_KEDA = "scaled_by_keda"
    AUTOSCALER_WOULD_UNDO = "autoscaler_would_undo"
    CLAIMS_WOULD_BE_DELETED = "claims_would_be_deleted"
    QUORUM_AT_RISK = "quorum_at_risk"
    MANUAL_WAKE = "manual_wake"
    AWAKE = "awake"
    ASLEEP = "asleep"
    ALREADY_SMALL = "already_small"
    WITHIN_GRACE = "within_grace"
    MADE_WHILE_CLOSED = "made_while_closed"
    CHANGED_BY_HAND = "changed_by_hand"
    REVERTED = "reverted"
    NOTHING_SAVED = "nothing_saved"
    GONE = "gone"
    UNREADABLE = "unreadable"


class NodeReason(StrEnum):
    """Why a node that loses pods to sleep stays."""

    HELD_BY_PODS = "held_by_pods"
    LEFT_TO_AUTOSCALER = "left_to_autoscaler"
    NODES_NOT_CHANGED = "nodes_not_changed"
    OTHERS_WAKE = "others_wake"
    UNKNOWN_INSTANCE = "unknown_instance"
    MANAGED_BY_AWS = "managed_by_aws"
    NOT_PAID_BY_THE_HOUR = "not_paid_by_the_hour"
    NODE_PROTECTED = "node_protected"
    KEPT_FOR_ENVIRONMENT = "kept_for_environment"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    BAD_SCHEDULE = "bad_schedule"
    NEVER_OPEN = "never_open"
    NAMESPACES_NOT_READ = "namespaces_not_read"
    AUTOSCALERS_NOT_READ = "autoscalers_not_read"
    WEBHOOKS_NOT_READ = "webhooks_not_read"
    NO_NODE_AUTOSCALER = "no_node_autoscaler"
    SAVINGS_UNKNOWN = "savings_unknown"
    MISSED_RUNS = "missed_runs"
    GITOPS = "gitops"
