"""Why a node stays, why nothing is advised at all, and what a reader should know."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class NodeReason(StrEnum):
    """Why a node is kept."""

    UNDER_NOTICE = "under_notice"
    DELETING = "node_deleting"
    NOT_READY = "node_not_ready"
    NO_INSTANCE_ID = "no_instance_id"
    MANAGED = "managed_by_another_controller"
    OTHER_REGION = "other_region"
    PRICE_UNKNOWN = "price_unknown"
    RESERVED = "reserved_capacity"
    CORDONED = "node_cordoned"
    NODE_DO_NOT_DISRUPT = "node_do_not_disrupt"
    NODE_NOT_FULLY_READ = "node_not_fully_read"
    BARE_POD = "bare_pod"
    ORPHAN = "orphan"
    LOCAL_STORAGE = "local_storage"
    LOCAL_VOLUME = "local_volume"
    DO_NOT_DISRUPT = "do_not_disrupt"
    NOT_SAFE_TO_EVICT = "not_safe_to_evict"
    SYSTEM_POD = "system_pod"
    BUDGET_EXHAUSTED = "budget_exhausted"
    BUDGET_NOT_OBSERVED = "budget_not_observed"
    SEVERAL_BUDGETS = "several_budgets"
    NOT_UNDERUSED = "not_underused"
    BELOW_DISRUPTION_THRESHOLD = "below_disruption_threshold"
    WOULD_LOSE_ZONE = "would_lose_zone"
    RECEIVES_PODS = "receives_pods"
    NO_ROOM = "no_room"
    WOULD_LEAVE_PODS_PENDING = "would_leave_pods_pending"
    SAVING_TOO_SMALL = "saving_too_small"
    BREAKS_SAFETY_LIMIT = "breaks_safety_limit"


class RefusalReason(StrEnum):
    """Why the engine would not judge at all, or does not stand by what it found."""

    NO_NODES = "no_nodes"
    PODS_NOT_READ = "pods_not_read"
    NO_INSTANCE_TYPES = "no_instance_types"
    PLACEMENT_NOT_VERIFIED = "placement_not_verified"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    BUDGETS_NOT_READ = "budgets_not_read"
    UNPRICED_NODES = "unpriced_nodes"
    UNREAD_OBJECTS = "unread_objects"
    NOT_REHEARSED = "not_rehearsed"
    NO_OFFERS = "no_offers"
    BREAKS_SAFETY_LIMITS = "breaks_safety_limits"


MESSAGES: Mapping[NodeReason, str] = {
    NodeReason.UNDER_NOTICE: "AWS is about to take this node: it is neither drained nor a target",
    NodeReason.DELETING: "another controller is removing this node; wait until it is gone",
    NodeReason.NOT_READY: "the node is not Ready; look at its conditions first",
    NodeReason.NO_INSTANCE_ID: "its providerID names no EC2 instance that could be terminated",
    NodeReason.MANAGED: "Karpenter or EKS Auto Mode manages it; change their settings, or set"
    " replace_managed_nodes",
    NodeReason.OTHER_REGION: "it stands in another region than the one looked at",
    NodeReason.PRICE_UNKNOWN: "its price is not known, so nothing tells what its going saves;"
    " import prices of its type, region and capacity type",
    NodeReason.RESERVED: "it is paid for by a reservation, so removing it saves nothing",
    NodeReason.CORDONED: "somebody cordoned it; uncordon it, or let them finish",
    NodeReason.NODE_DO_NOT_DISRUPT: "it is marked as not to be disrupted; remove the mark if it"
    " may go",
    NodeReason.NODE_NOT_FULLY_READ: "a pod on it could not be read; see the unread objects",
    NodeReason.BARE_POD: "pods on it have no controller: nobody would make them anew; give them"
    " one, or annotate them as safe to evict",
    NodeReason.ORPHAN: "the controller of pods on it is gone; delete the pods or restore it",
    NodeReason.LOCAL_STORAGE: "pods on it keep data on its disk; move the data, or list the volumes"
    " in the annotation safe-to-evict-local-volumes",
    NodeReason.LOCAL_VOLUME: "pods on it use volumes that only this node can reach",
    NodeReason.DO_NOT_DISRUPT: "pods on it are marked as not to be disrupted; remove the mark if"
    " they may move",
    NodeReason.NOT_SAFE_TO_EVICT: "pods on it are marked as not safe to evict; remove the mark if"
    " they may move",
    NodeReason.SYSTEM_POD: "pods of kube-system on it have no disruption budget; give them one",
    NodeReason.BUDGET_EXHAUSTED: "disruption budgets do not let all its pods go in this plan; ask"
    " again when more of them are healthy",
    NodeReason.BUDGET_NOT_OBSERVED: "a disruption budget was changed and not worked out yet; ask"
    " again in a minute",
    NodeReason.SEVERAL_BUDGETS: "pods on it are under several disruption budgets, which the"
    " Eviction API refuses; leave one of them",
    NodeReason.NOT_UNDERUSED: "it is used well enough; raise utilization_threshold to drain it",
    NodeReason.BELOW_DISRUPTION_THRESHOLD: "its going saves too little for the pods that it would"
    " disturb; lower disruption_threshold to accept that",
    NodeReason.WOULD_LOSE_ZONE: "it is the last node of its zone that could stay",
    NodeReason.RECEIVES_PODS: "it takes in pods of nodes that go",
    NodeReason.NO_ROOM: "its pods find no room on the other nodes",
    NodeReason.WOULD_LEAVE_PODS_PENDING: "there would be room for its pods, but the scheduler"
    " spreads pods in a way that would not find it",
    NodeReason.SAVING_TOO_SMALL: "exchanging it would save too little",
    NodeReason.BREAKS_SAFETY_LIMIT: "without it the cluster would break a safety limit",
}


class Finding(NamedTuple):
    """Why one node stays; ``detail`` goes behind the message in brackets."""

    reason: NodeReason
    subjects: tuple[str, ...] = ()
    detail: str = ""

    @property
    def message(self) -> str:
        """The sentence."""
        return MESSAGES[self.reason] + (f" ({self.detail})" if self.detail else "")
