"""May this pod be moved now, and may this node be emptied: every row of the blocking table.

Voluntary moves respect everything that can block. Involuntary ones (the node is lost soon) get
the pod off in time and turn what would have blocked into warnings; only the eviction API itself
can still say no. Nothing here looks for room: engines/scheduling does.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from engines.contracts.kubernetes import PersistentVolume, Pod, Taint
from engines.contracts.snapshot import ClusterSnapshot
from engines.disruption.budgets import BudgetLedger, Budgets
from engines.disruption.reasons import (
    DisruptionReason,
    EvictionTier,
    Finding,
    Mode,
    PodVerdict,
    Treatment,
)
from engines.scheduling.taints import UNSCHEDULABLE, is_tolerated
from engines.scheduling.volumes import claim_names

DRAIN_TAINT = Taint(key="cloudoptim.io/drain", effect="NoSchedule")
"""What keeps new pods off a node that is emptied; who tolerates it would come straight back."""

STUCK_AFTER = timedelta(minutes=1)  # past the end of the pod's grace, as Karpenter counts
CRITICAL_PRIORITY = 2_000_000_000  # system-cluster-critical; node-critical is 1,000 above
CRITICAL_CLASSES = ("system-cluster-critical", "system-node-critical")
SYSTEM_NAMESPACE = "kube-system"

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
SAFE_LOCAL_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
POD_PROTECTIONS = (
    "karpenter.sh/do-not-disrupt",
    "karpenter.sh/do-not-evict",
    "descheduler.alpha.kubernetes.io/prefer-no-eviction",
    "autoscaling.cast.ai/removal-disabled",
)
"""Annotations (CAST AI's may also be a label) that keep a pod, unless their value is "false"."""

NODE_PROTECTIONS = (
    "karpenter.sh/do-not-disrupt",
    "karpenter.sh/do-not-evict",
    "karpenter.sh/do-not-consolidate",
    "cluster-autoscaler.kubernetes.io/scale-down-disabled",
    "autoscaling.cast.ai/removal-disabled",
)
"""Annotations or labels that keep a node, unless their value is "false"."""

_R = DisruptionReason
_UNBLOCKED_BY_SAFE_TO_EVICT = (_R.BARE_POD, _R.SYSTEM_POD, _R.LOCAL_STORAGE)
_SILENT_WHEN_INVOLUNTARY = (_R.ORPHAN, _R.SYSTEM_POD, _R.LOCAL_STORAGE)


class Disruptions:
    """Judges the pods and nodes of one snapshot at one moment."""

    def __init__(self, snapshot: ClusterSnapshot, now: datetime) -> None:
        self.budgets = Budgets(snapshot)
        self._snapshot = snapshot
        self._now = now
        self._claims = {(one.metadata.namespace, one.metadata.name): one for one in snapshot.pvcs}
        self._volumes = {one.metadata.name: one for one in snapshot.pvs}
        self._as_read = BudgetLedger(self.budgets)
        self._standing_of: dict[int, tuple[Finding, ...]] = {}

    def judge(self, pod: int, mode: Mode, ledger: BudgetLedger | None = None) -> PodVerdict:
        """What may become of a pod, by its row in the snapshot.

        ``ledger`` knows what a plan has spent of the budgets so far; without one the budgets
        stand as they were read.
        """
        passive = self._passive(pod)
        if passive is not None:
            return passive
        objections = (ledger or self._as_read).objections(pod)
        if mode is Mode.VOLUNTARY:
            return self._voluntary(pod, (*self._standing(pod), *objections))
        return self._involuntary(pod, self._standing(pod), objections)

    def judge_node(self, node: int) -> tuple[Finding, ...]:
        """What keeps a node from being emptied voluntarily, whatever runs on it."""
        table = self._snapshot.nodes
        metadata = table.items[node].metadata
        findings = [
            Finding(_R.NODE_DO_NOT_DISRUPT, (key,))
            for key in NODE_PROTECTIONS
            if _is_set(metadata.annotations.get(key)) or _is_set(metadata.labels.get(key))
        ]
        if not table.fully_read[node]:
            findings.append(Finding(_R.NODE_NOT_FULLY_READ, (table.names[node],)))
        if table.deleting[node]:
            findings.append(Finding(_R.NODE_DELETING, (table.names[node],)))
        return tuple(findings)

    def tier(self, pod: int) -> EvictionTier:
        """When the pod's turn comes in a drain."""
        is_daemonset = bool(self._snapshot.pods.is_daemonset[pod])
        if _is_critical(self._snapshot.pods.items[pod]):
            return EvictionTier.CRITICAL_DAEMONSET if is_daemonset else EvictionTier.CRITICAL
        return EvictionTier.ORDINARY_DAEMONSET if is_daemonset else EvictionTier.ORDINARY

    def _passive(self, pod: int) -> PodVerdict | None:
        """The verdict on a pod that a drain leaves alone in either mode, or None."""
        table = self._snapshot.pods
        one = table.items[pod]
        if table.is_mirror[pod]:
            return self._left(pod, _R.MIRROR)
        if table.is_finished[pod]:
            return self._left(pod, _R.FINISHED)
        if one.metadata.deletion_timestamp is not None:
            controller = one.metadata.controller
            is_stateful = controller is not None and controller.kind == "StatefulSet"
            is_stuck = self._now > one.metadata.deletion_timestamp + STUCK_AFTER
            reason = _R.STUCK_TERMINATING if is_stuck else _R.TERMINATING
            left = self._left(pod, reason, needs_room=is_stateful)
            return left._replace(is_waited_for=not is_stuck)
        if table.is_daemonset[pod] and not any(_marks(one)):
            return self._left(pod, _R.DAEMONSET)
        return None

    def _left(self, pod: int, reason: DisruptionReason, *, needs_room: bool = False) -> PodVerdict:
        findings = (Finding(reason),)
        return PodVerdict(Treatment.LEAVE, findings, (), needs_room, False, self.tier(pod))

    def _voluntary(self, pod: int, blockers: tuple[Finding, ...]) -> PodVerdict:
        if not blockers:
            return self._going(pod, ())
        room = self._needs_room(pod)
        return PodVerdict(Treatment.BLOCKED, blockers, (), room, True, self.tier(pod))

    def _involuntary(
        self, pod: int, standing: tuple[Finding, ...], objections: tuple[Finding, ...]
    ) -> PodVerdict:
        """Warn of what would have blocked; only what the API itself refuses still counts."""
        if self._snapshot.pods.is_daemonset[pod]:
            return self._left(pod, _R.DAEMONSET)._replace(warnings=standing)
        unknown = tuple(one for one in objections if one.reason is _R.BUDGETS_NOT_READ)
        heard = tuple(one for one in standing if one.reason not in _SILENT_WHEN_INVOLUNTARY)
        going = self._going(pod, (*heard, *unknown))
        if going.treatment is Treatment.LEAVE or unknown or not objections:
            return going
        for_good = any(one.reason is _R.SEVERAL_BUDGETS for one in objections)
        treatment = Treatment.WAIT_FOR_DEADLINE if for_good else Treatment.RETRY_UNTIL_DEADLINE
        return going._replace(treatment=treatment, blockers=objections)

    def _going(self, pod: int, warnings: tuple[Finding, ...]) -> PodVerdict:
        """A pod that nothing holds: evicted, unless it would come straight back."""
        room = self._needs_room(pod)
        tolerations = self._snapshot.pods.items[pod].spec.tolerations
        if all(is_tolerated(taint, tolerations) for taint in (DRAIN_TAINT, UNSCHEDULABLE)):
            left = self._left(pod, _R.TOLERATES_DRAIN, needs_room=room)
            return left._replace(warnings=warnings)
        return PodVerdict(Treatment.EVICT, (), warnings, room, True, self.tier(pod))

    def _needs_room(self, pod: int) -> bool:
        """Whether somebody will make a replacement that has to run elsewhere."""
        table = self._snapshot.pods
        is_replaced = table.has_controller[pod] and not table.is_orphan[pod]
        return bool(is_replaced and not table.is_daemonset[pod])

    def _standing(self, pod: int) -> tuple[Finding, ...]:
        """What speaks against moving the pod whatever the budgets say; worked out once."""
        found = self._standing_of.get(pod)
        if found is None:
            found = self._standing_of[pod] = tuple(self._find_standing(pod))
        return found

    def _find_standing(self, pod: int) -> Iterator[Finding]:
        one = self._snapshot.pods.items[pod]
        says_safe = one.metadata.annotations.get(SAFE_TO_EVICT, "").lower() == "true"
        for finding in self._circumstances(pod, one):
            if not (says_safe and finding.reason in _UNBLOCKED_BY_SAFE_TO_EVICT):
                yield finding
        yield from _marks(one)

    def _circumstances(self, pod: int, one: Pod) -> Iterator[Finding]:
        """What speaks against the move before the pod's own word is heard."""
        table = self._snapshot.pods
        if table.is_daemonset[pod]:
            return  # its volumes and its namespace do not matter: it is not moved
        if not table.has_controller[pod]:
            yield Finding(_R.BARE_POD)
        if table.is_orphan[pod]:
            controller = one.metadata.controller
            yield Finding(_R.ORPHAN, () if controller is None else (controller.name,))
        local = _local_volumes(one)
        if local:
            yield Finding(_R.LOCAL_STORAGE, local)
        volumes = tuple(self._node_bound_volumes(one))
        if volumes:
            yield Finding(_R.LOCAL_VOLUME, volumes)
        if one.metadata.namespace == SYSTEM_NAMESPACE and not self.budgets.of(pod):
            yield Finding(_R.SYSTEM_POD)

    def _node_bound_volumes(self, pod: Pod) -> Iterator[str]:
        """Persistent volumes of the pod that only one node can reach."""
        for name, _ in claim_names(pod):
            claim = self._claims.get((pod.metadata.namespace, name))
            volume = None if claim is None else self._volumes.get(claim.spec.volume_name)
            if volume is not None and _is_bound_to_a_node(volume):
                yield volume.metadata.name


def _marks(pod: Pod) -> Iterator[Finding]:
    """The marks by which the pod's owner asked to leave it alone."""
    annotations = pod.metadata.annotations
    if annotations.get(SAFE_TO_EVICT, "").lower() == "false":
        yield Finding(_R.NOT_SAFE_TO_EVICT, (SAFE_TO_EVICT,))
    for key in POD_PROTECTIONS:
        label = pod.metadata.labels.get(key) if key.startswith("autoscaling.cast.ai/") else None
        if _is_set(annotations.get(key)) or _is_set(label):
            yield Finding(_R.DO_NOT_DISRUPT, (key,))


def _is_set(value: str | None) -> bool:
    """Any value but "false" counts: a mark that we misread must not cost a pod its peace."""
    return value is not None and value.lower() != "false"


def _local_volumes(pod: Pod) -> tuple[str, ...]:
    """The volumes whose data stays behind, less those that the pod's annotation gives up.

    Cluster Autoscaler's rule: the annotation counts only where it lists all of them.
    """
    local = {volume.name for volume in pod.spec.volumes if volume.is_local}
    listed = pod.metadata.annotations.get(SAFE_LOCAL_VOLUMES, "")
    given_up = {name.strip() for name in listed.split(",")}
    return () if local <= given_up else tuple(sorted(local))


def _is_critical(pod: Pod) -> bool:
    return (
        pod.spec.priority >= CRITICAL_PRIORITY or pod.spec.priority_class_name in CRITICAL_CLASSES
    )


def _is_bound_to_a_node(volume: PersistentVolume) -> bool:
    """Whether the volume lives on one machine."""
    if volume.spec.local is not None or volume.spec.host_path is not None:
        return True
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return False
    return any(
        one.key == "kubernetes.io/hostname"
        for term in affinity.required.node_selector_terms
        for one in term.match_expressions
    )
