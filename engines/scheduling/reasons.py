"""Why a pod cannot run on a node: reason codes, in the order of kube-scheduler's filters.

kube-scheduler stops at the first filter that refuses; here every filter is asked, and ``STEP``
tells which would have spoken first. The texts are those of kube-scheduler 1.36.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class RefusalReason(StrEnum):
    """One rule of the scheduler, or the fact that we cannot judge."""

    SCHEDULING_GATED = "scheduling_gated"
    RESOURCE_CLAIMS_NOT_JUDGED = "resource_claims_not_judged"
    CLAIMS_NOT_READ = "claims_not_read"
    CLAIM_MISSING = "claim_missing"
    CLAIM_LOST = "claim_lost"
    CLAIM_BEING_DELETED = "claim_being_deleted"
    CLAIM_OF_ANOTHER_POD = "claim_of_another_pod"
    CLAIM_UNBOUND = "claim_unbound"
    NODE_ABSENT = "node_absent"
    NODE_UNSCHEDULABLE = "node_unschedulable"
    OTHER_NODE_NAMED = "other_node_named"
    UNTOLERATED_TAINT = "untolerated_taint"
    NODE_AFFINITY = "node_affinity"
    HOST_PORT_TAKEN = "host_port_taken"
    TOO_MANY_PODS = "too_many_pods"
    INSUFFICIENT_RESOURCE = "insufficient_resource"
    DISK_IN_USE = "disk_in_use"
    EXCLUSIVE_CLAIM_IN_USE = "exclusive_claim_in_use"
    TOO_MANY_VOLUMES = "too_many_volumes"
    VOLUMES_NOT_READ = "volumes_not_read"
    VOLUME_MISSING = "volume_missing"
    VOLUME_NODE_AFFINITY = "volume_node_affinity"
    VOLUME_NOT_AVAILABLE = "volume_not_available"
    VOLUME_ZONE = "volume_zone"
    SPREAD_LABEL_MISSING = "spread_label_missing"
    SPREAD_SKEW = "spread_skew"
    POD_AFFINITY = "pod_affinity"
    POD_ANTI_AFFINITY = "pod_anti_affinity"
    EXISTING_ANTI_AFFINITY = "existing_anti_affinity"


class Refusal(NamedTuple):
    """One rule that keeps a pod off a node.

    ``subjects``: the taint, resource, claim, topology key ... that is to blame. ``is_resolvable``:
    the node could take the pod if other pods left it, so preemption may help.
    """

    reason: RefusalReason
    subjects: tuple[str, ...] = ()
    is_resolvable: bool = False


_R = RefusalReason

STEP: Mapping[RefusalReason, int] = {
    _R.SCHEDULING_GATED: 0,  # before the pod enters the queue
    _R.RESOURCE_CLAIMS_NOT_JUDGED: 1,  # from here on before any node is looked at
    _R.CLAIMS_NOT_READ: 1,
    _R.CLAIM_MISSING: 1,
    _R.CLAIM_LOST: 1,
    _R.CLAIM_BEING_DELETED: 1,
    _R.CLAIM_OF_ANOTHER_POD: 1,
    _R.CLAIM_UNBOUND: 1,
    _R.NODE_ABSENT: 2,  # from here on node by node
    _R.NODE_UNSCHEDULABLE: 3,
    _R.OTHER_NODE_NAMED: 4,
    _R.UNTOLERATED_TAINT: 5,
    _R.NODE_AFFINITY: 6,
    _R.HOST_PORT_TAKEN: 7,
    _R.TOO_MANY_PODS: 8,
    _R.INSUFFICIENT_RESOURCE: 8,
    _R.DISK_IN_USE: 9,
    _R.EXCLUSIVE_CLAIM_IN_USE: 9,
    _R.TOO_MANY_VOLUMES: 10,
    _R.VOLUMES_NOT_READ: 11,
    _R.VOLUME_MISSING: 11,
    _R.VOLUME_NODE_AFFINITY: 11,
    _R.VOLUME_NOT_AVAILABLE: 11,
    _R.VOLUME_ZONE: 12,
    _R.SPREAD_LABEL_MISSING: 13,
    _R.SPREAD_SKEW: 13,
    _R.POD_AFFINITY: 14,
    _R.POD_ANTI_AFFINITY: 14,
    _R.EXISTING_ANTI_AFFINITY: 14,
}
"""The order of the default plugins; reasons of one plugin share a step."""

_TEXTS: Mapping[RefusalReason, str] = {
    _R.SCHEDULING_GATED: "Scheduling is blocked due to non-empty scheduling gates",
    _R.RESOURCE_CLAIMS_NOT_JUDGED: "resource claims are not judged",
    _R.CLAIMS_NOT_READ: "PersistentVolumeClaims were not read",
    _R.CLAIM_MISSING: 'persistentvolumeclaim "{0}" not found',
    _R.CLAIM_LOST: 'persistentvolumeclaim "{0}" bound to non-existent persistentvolume "{1}"',
    _R.CLAIM_BEING_DELETED: 'persistentvolumeclaim "{0}" is being deleted',
    _R.CLAIM_OF_ANOTHER_POD: 'persistentvolumeclaim "{0}" was not created for the pod',
    _R.CLAIM_UNBOUND: "pod has unbound immediate PersistentVolumeClaims",
    _R.NODE_ABSENT: "node(s) were not there",
    _R.NODE_UNSCHEDULABLE: "node(s) were unschedulable",
    _R.OTHER_NODE_NAMED: "node(s) didn't match the requested node name",
    _R.UNTOLERATED_TAINT: "node(s) had untolerated taint(s)",
    _R.NODE_AFFINITY: "node(s) didn't match Pod's node affinity/selector",
    _R.HOST_PORT_TAKEN: "node(s) didn't have free ports for the requested pod ports",
    _R.TOO_MANY_PODS: "Too many pods",
    _R.INSUFFICIENT_RESOURCE: "Insufficient {0}",
    _R.DISK_IN_USE: "node(s) had no available disk",
    _R.EXCLUSIVE_CLAIM_IN_USE: (
        "node has pod using PersistentVolumeClaim with the same name and "
        "ReadWriteOncePod access mode"
    ),
    _R.TOO_MANY_VOLUMES: "node(s) exceed max volume count",
    _R.VOLUMES_NOT_READ: "PersistentVolumes were not read",
    _R.VOLUME_MISSING: (
        "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
    ),
    _R.VOLUME_NODE_AFFINITY: "node(s) didn't match PersistentVolume's node affinity",
    _R.VOLUME_NOT_AVAILABLE: "node(s) didn't find available persistent volumes to bind",
    _R.VOLUME_ZONE: "node(s) had no available volume zone",
    _R.SPREAD_LABEL_MISSING: (
        "node(s) didn't match pod topology spread constraints (missing required label)"
    ),
    _R.SPREAD_SKEW: "node(s) didn't match pod topology spread constraints",
    _R.POD_AFFINITY: "node(s) didn't match pod affinity rules",
    _R.POD_ANTI_AFFINITY: "node(s) didn't match pod anti-affinity rules",
    _R.EXISTING_ANTI_AFFINITY: "node(s) didn't satisfy existing pods anti-affinity rules",
}


def kubernetes_text(refusal: Refusal) -> str:
    """The refusal in kube-scheduler's own words."""
    return _TEXTS[refusal.reason].format(*refusal.subjects)


def first_words(refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """The refusals of the filter that kube-scheduler would have stopped at."""
    if not refusals:
        return ()
    step = STEP[refusals[0].reason]
    return tuple(refusal for refusal in refusals if STEP[refusal.reason] == step)


def is_resolvable(refusals: tuple[Refusal, ...]) -> bool:
    """Whether there are refusals, and all of them may end when other pods leave the node."""
    return bool(refusals) and all(one.is_resolvable for one in refusals)
