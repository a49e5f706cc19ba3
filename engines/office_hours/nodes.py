"""Nodes that go to sleep with what ran on them, and come back with it.

Only where nothing else scales nodes: Cluster Autoscaler and Karpenter take empty nodes by
themselves. A node goes when sleep leaves nothing on it but DaemonSets, no rule for voluntary moves
speaks against it, and each environment that used it keeps ``scale_down_instance_count`` nodes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    WaitForNode,
)
from engines.contracts.pricing import CapacityType
from engines.contracts.requests import DecisionRequest
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.wording import counted
from engines.disruption import Disruptions, Mode, Treatment
from engines.office_hours.calendar import is_open
from engines.office_hours.parameters import SavedNode, ScheduleParameters
from engines.office_hours.reasons import NodeReason
from engines.office_hours.reckoning import Changed, Reckoning
from engines.office_hours.recognition import scales_nodes
from engines.office_hours.savings import NodeEffect
from engines.office_hours.selection import Schedules

_MANAGED_LABELS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")
_AUTO_MODE_LABEL = ("eks.amazonaws.com/compute-type", "auto")
_BOUGHT_BY_THE_HOUR = (CapacityType.SPOT, CapacityType.ON_DEMAND)


class KeptNode(NamedTuple):
    """A node that loses pods to sleep and stays; ``subjects`` are what holds it."""

    node: str
    reason: NodeReason
    message: str
    subjects: tuple[str, ...] = ()


class RemovedNode(NamedTuple):
    """A node that goes, and what brings it back."""

    saved: SavedNode
    instance_id: str
    usd_per_hour: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """What becomes of nodes: those that go, those that stay though they lose pods, those of an
    earlier night that are launched again, and those of them that never went."""

    removed: tuple[RemovedNode, ...]
    kept: tuple[KeptNode, ...]
    launched: tuple[SavedNode, ...]
    still_there: tuple[str, ...]


def has_node_autoscaler(snapshot: ClusterSnapshot) -> bool:
    """Whether something else takes empty nodes away and brings new ones."""
    name, value = _AUTO_MODE_LABEL
    labels = [one.metadata.labels for one in snapshot.nodes.items]
    return any(map(scales_nodes, snapshot.workloads)) or any(
        found.get(name) == value or any(label in found for label in _MANAGED_LABELS)
        for found in labels
    )


def plan_nodes(
    request: DecisionRequest,
    parameters: ScheduleParameters,
    schedules: Schedules,
    changes: Sequence[Changed],
    reckoning: Reckoning,
) -> NodePlan:
    """Decide about every node that loses pods, and every node of the ledger."""
    wanted = tuple(_wanted_back(parameters, schedules, changes, request))
    there = request.current_state.cluster.nodes.index
    launched = tuple(one for one in wanted if one.node not in there)
    chooser = _Chooser(request, parameters, changes, brings_back=bool(launched))
    removed, kept = chooser.choose(reckoning.effects(changes))
    return NodePlan(
        removed=removed,
        kept=kept,
        launched=launched,
        still_there=tuple(one.node for one in wanted if one.node in there),
    )


def node_steps(plan: NodePlan) -> tuple[tuple[PlanStep, ...], tuple[PlanStep, ...]]:
    """The steps that launch nodes, and those that wait for them or take nodes away."""
    launches, after = [], []
    for saved in plan.launched:
        launch = LaunchInstance(
            id=f"launch-{saved.node}",
            instance_type=saved.instance_type,
            availability_zone=saved.availability_zone,
            capacity_type=saved.capacity_type,
        )
        launches.append(launch)
        after.append(WaitForNode(id=f"wait-{saved.node}", launch_step=launch.id))
    return tuple(launches), (*after, *_removals(plan.removed))


def _removals(removed: Sequence[RemovedNode]) -> Iterator[PlanStep]:
    for one in removed:
        yield CordonNode(id=f"cordon-{one.saved.node}", node=one.saved.node)
    for one in removed:
        name = one.saved.node
        yield DrainNode(id=f"drain-{name}", node=name)
        yield TerminateInstance(id=f"terminate-{name}", instance_id=one.instance_id, node=name)


def _wanted_back(
    parameters: ScheduleParameters,
    schedules: Schedules,
    changes: Sequence[Changed],
    request: DecisionRequest,
) -> Iterator[SavedNode]:
    """Nodes of environments that are open, wake in part, or have no schedule any more."""
    known = {one.document.environment: one for one in schedules.environments}
    waking = {
        one.verdict.environment.document.environment
        for one in changes
        if not one.is_sleep and one.verdict.environment is not None
    }
    for saved in sorted(parameters.saved_nodes, key=lambda one: one.node):
        environments = [known[name] for name in saved.environments if name in known]
        if (
            len(environments) < len(saved.environments)
            or waking & set(saved.environments)
            or any(is_open(one.schedule, request.now) for one in environments)
        ):
            yield saved


class _Chooser:
    """Chooses among the nodes that lose pods."""

    def __init__(
        self,
        request: DecisionRequest,
        parameters: ScheduleParameters,
        changes: Sequence[Changed],
        *,
        brings_back: bool,
    ) -> None:
        self._state = request.current_state
        self._snapshot = self._state.cluster
        self._disruptions = Disruptions(self._snapshot, request.now)
        self._is_on = parameters.change_nodes
        self._wakes = brings_back or any(not one.is_sleep for one in changes)
        self._is_scaled = has_node_autoscaler(self._snapshot)
        self._operated = {
            one.instance_id
            for one in self._state.instances or ()
            if one.operator is not None and one.operator.managed
        }
        self._keep, self._users = _users(self._snapshot, changes)

    def choose(
        self, effects: Sequence[NodeEffect]
    ) -> tuple[tuple[RemovedNode, ...], tuple[KeptNode, ...]]:
        """The dearest first, as long as each environment keeps its nodes."""
        left = dict.fromkeys(self._keep, 0)
        for one in effects:
            for name in self._users.get(one.node, ()):
                left[name] += 1
        removed, kept = [], []
        for one in sorted(effects, key=lambda one: (-(one.usd_per_hour or Decimal(0)), one.node)):
            objection = self._objection(one)
            users = self._users.get(one.node, ())
            short = [name for name in users if left[name] <= self._keep[name]]
            if objection is None and short:
                objection = KeptNode(
                    one.node,
                    NodeReason.KEPT_FOR_ENVIRONMENT,
                    f"is one of the nodes that environment {short[0]} keeps while it sleeps"
                    " (scale_down_instance_count)",
                )
            if objection is not None:
                kept.append(objection)
                continue
            for name in users:
                left[name] -= 1
            removed.append(self._removed(one, users))
        return (
            tuple(sorted(removed, key=lambda one: one.saved.node)),
            tuple(sorted(kept)),
        )

    def _removed(self, effect: NodeEffect, users: Sequence[str]) -> RemovedNode:
        nodes = self._snapshot.nodes
        row = nodes.index[effect.node]
        saved = SavedNode(
            node=effect.node,
            environments=tuple(users),
            instance_type=nodes.instance_types[row] or "",
            availability_zone=nodes.zones[row] or "",
            capacity_type=nodes.capacity_types[row] or CapacityType.ON_DEMAND,
        )
        return RemovedNode(saved, nodes.instance_ids[row] or "", effect.usd_per_hour)

    def _objection(self, effect: NodeEffect) -> KeptNode | None:
        """Why the node stays; the first reason counts."""
        name = effect.node
        if effect.pod_count:
            return KeptNode(
                name,
                NodeReason.HELD_BY_PODS,
                "still runs"
                f" {counted(effect.pod_count, 'pod that does', 'pods that do')} not sleep",
                effect.pods,
            )
        if self._is_scaled:
            return KeptNode(
                name,
                NodeReason.LEFT_TO_AUTOSCALER,
                "stands empty; the cluster's autoscaler takes it away",
            )
        if not self._is_on:
            return KeptNode(
                name,
                NodeReason.NODES_NOT_CHANGED,
                "stands empty and stays, because change_nodes is off",
            )
        if self._wakes:
            return KeptNode(
                name,
                NodeReason.OTHERS_WAKE,
                "stands empty, but others wake at the same time, which must not be held up",
            )
        return self._unsuitable(self._snapshot.nodes.index[name]) or self._protected(name)

    def _unsuitable(self, row: int) -> KeptNode | None:
        nodes = self._snapshot.nodes
        name, known = nodes.names[row], nodes.instance_ids[row]
        if known is None or None in (nodes.instance_types[row], nodes.zones[row]):
            return KeptNode(
                name, NodeReason.UNKNOWN_INSTANCE, "has an instance, type or zone that is not known"
            )
        if known in self._operated:
            return KeptNode(
                name, NodeReason.MANAGED_BY_AWS, "is run by AWS, which scales it itself"
            )
        if nodes.capacity_types[row] not in _BOUGHT_BY_THE_HOUR:
            return KeptNode(
                name, NodeReason.NOT_PAID_BY_THE_HOUR, "is reserved or bought in an unknown way"
            )
        return None

    def _protected(self, name: str) -> KeptNode | None:
        """By the rules for voluntary moves, those of the DaemonSets' own pods included."""
        row = self._snapshot.nodes.index[name]
        findings = [*self._disruptions.judge_node(row)]
        for pod in self._snapshot.pods.by_node.members(row).tolist():
            if self._snapshot.pods.is_daemonset[pod]:
                verdict = self._disruptions.judge(pod, Mode.VOLUNTARY)
                if verdict.treatment is Treatment.BLOCKED:
                    findings += verdict.blockers
        if not findings:
            return None
        return KeptNode(
            name,
            NodeReason.NODE_PROTECTED,
            "stands empty, but is protected from being taken away",
            tuple(sorted({str(one.reason) for one in findings})),
        )


def _users(
    snapshot: ClusterSnapshot, changes: Sequence[Changed]
) -> tuple[Mapping[str, int], Mapping[str, tuple[str, ...]]]:
    """How many nodes each environment keeps, and by node the environments that sleep there."""
    keep: dict[str, int] = {}
    users: dict[str, set[str]] = {}
    pods = snapshot.pods
    for one in changes:
        environment = one.verdict.environment
        if not one.is_sleep or environment is None:
            continue
        name = environment.document.environment
        keep[name] = max(keep.get(name, 0), environment.document.scale_down_instance_count)
        for pod in pods.by_workload.members(one.verdict.row).tolist():
            if pods.node[pod] >= 0 and not pods.is_finished[pod]:
                users.setdefault(snapshot.nodes.names[pods.node[pod]], set()).add(name)
    return keep, {node: tuple(sorted(names)) for node, names in users.items()}
