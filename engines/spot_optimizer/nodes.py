"""The nodes of a cluster by what a plan may do with them.

**Replaceable** nodes can be kept or exchanged. **Staying** ones are capacity that a plan leaves
alone: they are *open* where other pods may come, else *closed*. **Lost** ones are no capacity:
their pods need room elsewhere. Of each node that is not replaceable the reason is told.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import NodeTable
from engines.contracts.state import ClusterState
from engines.cost import UNKNOWN_COST, node_cost_per_hour, region_of_node
from engines.disruption import BudgetLedger, DisruptionReason, Disruptions, Mode
from engines.spot_optimizer.candidates import is_special_zone
from engines.spot_optimizer.demand import Flags, PodNeeds

NOTICE_TAINTS = (
    "aws-node-termination-handler/spot-itn",
    "aws-node-termination-handler/rebalance-recommendation",
    "cloudoptim.io/interruption",
)
"""Taints that tell of an interruption warning."""

KARPENTER_LABELS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")
AUTO_MODE_LABEL = ("eks.amazonaws.com/compute-type", "auto")


class NodeReason(StrEnum):
    """Why a plan leaves a node alone."""

    UNDER_NOTICE = "under_notice"
    DELETING = "node_deleting"
    NOT_READY = "node_not_ready"
    NO_INSTANCE_ID = "no_instance_id"
    MANAGED = "managed_by_another_controller"
    UNKNOWN_INSTANCE_TYPE = "unknown_instance_type"
    UNKNOWN_ZONE = "unknown_zone"
    UNKNOWN_CAPACITY_TYPE = "unknown_capacity_type"
    RESERVED = "reserved_capacity"
    PRICE_UNKNOWN = "price_unknown"
    CORDONED = "node_cordoned"
    TAINTED = "node_tainted"
    OTHER_REGION = "other_region"
    SPECIAL_ZONE = "special_zone"
    OTHER_SYSTEM = "other_operating_system"
    OTHER_ARCHITECTURE = "other_architecture"
    PODS_NOT_READ = "pods_not_read"
    PODS_NEED_IT = "pods_need_this_node"
    PODS_CANNOT_MOVE = "pods_cannot_move"
    PROTECTED = "node_protected"
    NO_OTHER_PLACE = "pods_find_no_place"


_MESSAGES = {
    NodeReason.UNDER_NOTICE: "AWS is about to take this node: it is neither capacity nor target",
    NodeReason.DELETING: "another controller is removing this node; wait until it is gone",
    NodeReason.NOT_READY: "the node is not Ready, so it is no capacity; look at its conditions",
    NodeReason.NO_INSTANCE_ID: "its providerID names no EC2 instance that could be terminated",
    NodeReason.MANAGED: "Karpenter or EKS Auto Mode would replace it; change their settings, or"
    " set replace_managed_nodes",
    NodeReason.UNKNOWN_INSTANCE_TYPE: "nothing tells its instance type; give the instances file",
    NodeReason.UNKNOWN_ZONE: "nothing tells its zone; give the instances file",
    NodeReason.UNKNOWN_CAPACITY_TYPE: "nothing tells how it was bought; give the instances file",
    NodeReason.RESERVED: "it is paid for by a reservation, so removing it saves nothing",
    NodeReason.PRICE_UNKNOWN: "its price is not known; import prices of its region and type",
    NodeReason.CORDONED: "somebody cordoned it; uncordon it if it may be used",
    NodeReason.TAINTED: "a taint keeps other pods off it, so it is made for some of them",
    NodeReason.OTHER_REGION: "it stands in another region than the one looked at",
    NodeReason.SPECIAL_ZONE: "it stands in a Local or Wavelength Zone, chosen for the place, with"
    " types and prices of its own",
    NodeReason.OTHER_SYSTEM: "it does not run Linux",
    NodeReason.OTHER_ARCHITECTURE: "its architecture is not the one that is bought; set the"
    " parameter architecture to look at these nodes",
    NodeReason.PODS_NOT_READ: "its pods are not known; add the pods to the dump",
    NodeReason.PODS_NEED_IT: "its pods ask for labels or devices that a new node is not known to"
    " have",
    NodeReason.PODS_CANNOT_MOVE: "pods on it may not be moved",
    NodeReason.PROTECTED: "it is marked as not to be disrupted",
    NodeReason.NO_OTHER_PLACE: "pods on it find no place on the capacity that would be bought",
}

_LOST = (NodeReason.UNDER_NOTICE, NodeReason.DELETING, NodeReason.NOT_READY)
_CLOSED = (
    NodeReason.CORDONED,
    NodeReason.TAINTED,
    NodeReason.OTHER_SYSTEM,
    NodeReason.OTHER_ARCHITECTURE,
)


@dataclass(frozen=True, slots=True, eq=False)
class NodeRoles:
    """What may be done with each node, by its row; ``skipped`` has those left alone."""

    micro_usd_per_hour: tuple[int, ...]  # UNKNOWN_COST: not known
    replaceable: Flags
    open_staying: Flags
    closed_staying: Flags
    skipped: tuple[Skipped, ...]

    @property
    def staying(self) -> Flags:
        """Capacity that the plan leaves alone."""
        both: Flags = self.open_staying | self.closed_staying
        return both

    @property
    def has_lost(self) -> bool:
        """Whether some node is no capacity, so that its pods need room elsewhere."""
        return not np.all(self.replaceable | self.staying)

    def without(self, nodes: NodeTable, pods_by_node: Mapping[int, Sequence[str]]) -> "NodeRoles":
        """The same with more nodes left alone, because their pods find no other place."""
        pinned = np.zeros(len(self.replaceable), np.bool_)
        pinned[list(pods_by_node)] = True
        pinned &= self.replaceable
        findings = tuple(
            _skipped(nodes, row, _Finding(NodeReason.NO_OTHER_PLACE, tuple(pods_by_node[row])))
            for row in np.flatnonzero(pinned).tolist()
        )
        return replace(
            self,
            replaceable=self.replaceable & ~pinned,
            open_staying=self.open_staying | pinned,
            skipped=(*self.skipped, *findings),
        )


class Neighbours(NamedTuple):
    """What decides about a node besides the node itself."""

    region: str
    architecture: str
    under_notice: Collection[str]
    may_replace_managed: bool


class _Finding(NamedTuple):
    reason: NodeReason
    subjects: tuple[str, ...] = ()
    detail: str = ""


def node_roles(
    state: ClusterState, needs: PodNeeds, around: Neighbours, now: datetime
) -> NodeRoles:
    """Sort the nodes into their roles."""
    nodes = state.cluster.nodes
    costs = node_cost_per_hour(state, now)
    judge = _Judge(state, needs, around, now)
    findings = [judge.finding(row, int(costs[row])) for row in range(len(nodes))]
    reasons = [one and one.reason for one in findings]
    is_closed = np.array([judge.is_closed(row) for row in range(len(nodes))], np.bool_)
    is_lost = np.array([one in _LOST for one in reasons], np.bool_)
    stays = np.array([one is not None for one in reasons], np.bool_) & ~is_lost
    return NodeRoles(
        micro_usd_per_hour=tuple(costs.tolist()),
        replaceable=~stays & ~is_lost,
        open_staying=stays & ~is_closed,
        closed_staying=stays & is_closed,
        skipped=tuple(
            _skipped(nodes, row, one) for row, one in enumerate(findings) if one is not None
        ),
    )


def _skipped(nodes: NodeTable, row: int, finding: _Finding) -> Skipped:
    return Skipped(
        subject=Subject(
            kind="Node",
            name=nodes.names[row],
            node=nodes.names[row],
            instance_id=nodes.instance_ids[row] or "",
        ),
        reason=finding.reason,
        message=_MESSAGES[finding.reason] + (f" ({finding.detail})" if finding.detail else ""),
        subjects=finding.subjects,
    )


class _Judge:
    """Finds the first reason to leave a node alone, the most telling ones first."""

    def __init__(
        self, state: ClusterState, needs: PodNeeds, around: Neighbours, now: datetime
    ) -> None:
        self._state = state
        self._nodes = state.cluster.nodes
        self._pods = state.cluster.pods
        self._needs = needs
        self._around = around
        self._disruptions = Disruptions(state.cluster, now)
        self._ledger = BudgetLedger(self._disruptions.budgets)
        self._managed = {
            one.instance_id
            for one in state.instances or ()
            if one.operator is not None and one.operator.managed
        }

    def finding(self, row: int, micro_usd: int) -> _Finding | None:
        """Why the node is left alone; None: it may be replaced."""
        for candidate in self._findings(row, micro_usd):
            return candidate
        return None

    def is_closed(self, row: int) -> bool:
        """Whether other pods may not come to the node."""
        return any(
            (
                not self._nodes.schedulable[row],
                bool(self._closing_taints(row)),
                (self._nodes.operating_systems[row] or "linux") != "linux",
                self._has_another_architecture(row),
            )
        )

    def _findings(self, row: int, micro_usd: int) -> Iterator[_Finding]:
        yield from self._lost(row)
        yield from self._unknown(row)
        if micro_usd == UNKNOWN_COST:
            yield _Finding(NodeReason.PRICE_UNKNOWN)
        yield from self._closed(row)
        yield from self._held_by_pods(row)

    def _lost(self, row: int) -> Iterator[_Finding]:
        nodes = self._nodes
        taints = [one.key for one in nodes.items[row].spec.taints]
        if nodes.names[row] in self._around.under_notice or any(
            one.startswith(NOTICE_TAINTS) for one in taints
        ):
            yield _Finding(NodeReason.UNDER_NOTICE)
        if nodes.deleting[row]:
            yield _Finding(NodeReason.DELETING)
        if not nodes.ready[row]:
            yield _Finding(NodeReason.NOT_READY)

    def _unknown(self, row: int) -> Iterator[_Finding]:
        nodes = self._nodes
        if nodes.instance_ids[row] is None:
            yield _Finding(NodeReason.NO_INSTANCE_ID)
        if not self._around.may_replace_managed and self._is_managed(row):
            yield _Finding(NodeReason.MANAGED)
        if nodes.instance_types[row] is None:
            yield _Finding(NodeReason.UNKNOWN_INSTANCE_TYPE)
        region = region_of_node(nodes, row)
        if nodes.zones[row] is None or region is None:
            yield _Finding(NodeReason.UNKNOWN_ZONE)
        if region is not None and region != self._around.region:
            yield _Finding(NodeReason.OTHER_REGION)
        if is_special_zone(nodes.zones[row] or "", self._around.region):
            yield _Finding(NodeReason.SPECIAL_ZONE)
        match nodes.capacity_types[row]:
            case None:
                yield _Finding(NodeReason.UNKNOWN_CAPACITY_TYPE)
            case "reserved":
                yield _Finding(NodeReason.RESERVED)

    def _is_managed(self, row: int) -> bool:
        labels = self._nodes.items[row].metadata.labels
        name, value = AUTO_MODE_LABEL
        return (
            any(one in labels for one in KARPENTER_LABELS)
            or labels.get(name) == value
            or self._nodes.instance_ids[row] in self._managed
        )

    def _closed(self, row: int) -> Iterator[_Finding]:
        if not self._nodes.schedulable[row]:
            yield _Finding(NodeReason.CORDONED)
        if taints := self._closing_taints(row):
            yield _Finding(NodeReason.TAINTED, taints)
        if (self._nodes.operating_systems[row] or "linux") != "linux":
            yield _Finding(NodeReason.OTHER_SYSTEM)
        if self._has_another_architecture(row):
            yield _Finding(NodeReason.OTHER_ARCHITECTURE)

    def _closing_taints(self, row: int) -> tuple[str, ...]:
        return tuple(
            one.key
            for one in self._nodes.items[row].spec.taints
            if one.effect in ("NoSchedule", "NoExecute")
        )

    def _has_another_architecture(self, row: int) -> bool:
        return self._nodes.architectures[row] not in (None, self._around.architecture)

    def _held_by_pods(self, row: int) -> Iterator[_Finding]:
        if "pods" not in self._state.cluster.listed:
            yield _Finding(NodeReason.PODS_NOT_READ)
        if protections := self._disruptions.judge_node(row):
            names = tuple(name for one in protections for name in one.subjects)
            yield _Finding(NodeReason.PROTECTED, names)
        pods = self._pods.by_node.members(row).tolist()
        if special := [pod for pod in pods if self._is_special(pod)]:
            yield _Finding(NodeReason.PODS_NEED_IT, self._named(special))
        blockers = {pod: found for pod in pods if (found := self._blockers(pod))}
        if blockers:
            why = sorted({reason for found in blockers.values() for reason in found})
            yield _Finding(NodeReason.PODS_CANNOT_MOVE, self._named(blockers), ", ".join(why))

    def _is_special(self, pod: int) -> bool:
        return bool(self._needs.moves[pod] and self._needs.needs_its_node[pod])

    def _blockers(self, pod: int) -> tuple[str, ...]:
        """Why the pod may not be moved. Budgets that were not read do not count here: the
        Eviction API asks them again when the plan is carried out."""
        verdict = self._disruptions.judge(pod, Mode.VOLUNTARY, self._ledger)
        if not verdict.is_blocked:
            return ()
        return tuple(
            one.reason
            for one in verdict.blockers
            if one.reason is not DisruptionReason.BUDGETS_NOT_READ
        )

    def _named(self, pods: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._pods.items[pod].key for pod in pods)
