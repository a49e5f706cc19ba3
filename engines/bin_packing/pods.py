"""The pods by what becomes of them when their node is drained, and how much that disturbs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engines.bin_packing.kernels import Flags, Weights
from engines.contracts.kubernetes import Pod
from engines.contracts.snapshot import ClusterSnapshot
from engines.disruption import BudgetLedger, DisruptionReason, Disruptions, Mode
from engines.disruption import Finding as PodFinding

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_MOST_WEIGHT, _LEAST_WEIGHT = 10.0, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class PodFates:
    """By pod row. ``needs_room``: it, or its replacement, must run elsewhere if the node goes.
    ``is_evicted``: the drain evicts it. ``blockers``: why it may not be moved, for blocked ones.
    ``weight``: what moving it disturbs, 1.0 for an ordinary pod, 0.0 for one that is not moved."""

    needs_room: Flags
    is_evicted: Flags
    blockers: dict[int, tuple[PodFinding, ...]]
    weight: Weights
    ledger: BudgetLedger

    def evicted_on(self, snapshot: ClusterSnapshot, node: int) -> list[int]:
        """The pods of a node that its drain evicts."""
        pods = snapshot.pods.by_node.members(node)
        evicted: list[int] = pods[self.is_evicted[pods]].tolist()
        return evicted


def pod_fates(snapshot: ClusterSnapshot, now: datetime) -> PodFates:
    """Judge every pod that stands on a node, each as if it were the only one to move.

    Budgets that were not read are left to the Eviction API, which asks them again.
    """
    disruptions = Disruptions(snapshot, now)
    ledger = BudgetLedger(disruptions.budgets)
    pods = snapshot.pods
    count = len(pods)
    needs_room, is_evicted = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    weight = np.zeros(count)
    blockers: dict[int, tuple[PodFinding, ...]] = {}
    for row in np.flatnonzero((pods.node >= 0) & ~pods.is_finished).tolist():
        verdict = disruptions.judge(row, Mode.VOLUNTARY, ledger)
        serious = tuple(
            one for one in verdict.blockers if one.reason is not DisruptionReason.BUDGETS_NOT_READ
        )
        needs_room[row] = verdict.needs_room
        is_evicted[row] = verdict.is_waited_for
        if verdict.is_blocked and serious:
            blockers[row] = serious
        if verdict.needs_room:
            weight[row] = pod_weight(pods.items[row])
    return PodFates(needs_room, is_evicted, blockers, weight, ledger)


def spend_all(ledger: BudgetLedger, pods: Sequence[int]) -> bool:
    """Take all the pods from the budgets, or none of them where one budget would not allow it.

    Budgets that were not read do not count.
    """
    spent: list[int] = []
    for pod in pods:
        objections = ledger.objections(pod)
        if not objections:
            ledger.spend(pod)
            spent.append(pod)
        elif any(one.reason is not DisruptionReason.BUDGETS_NOT_READ for one in objections):
            for one in spent:
                ledger.refund(one)
            return False
    return True


def pod_weight(pod: Pod) -> float:
    """Karpenter's eviction cost: 1 + deletion cost / 2^27 + priority / 2^25, here 0.1 to 10.

    (Karpenter lets it fall to -10; a move that disturbs less than nothing makes no sense in a
    ratio.)
    """
    text = pod.metadata.annotations.get(DELETION_COST, "0")
    deletion_cost = int(text) if text.lstrip("+-").isdigit() else 0
    weight = 1.0 + deletion_cost / 2**27 + pod.spec.priority / 2**25
    return min(max(weight, _LEAST_WEIGHT), _MOST_WEIGHT)


def utilization(snapshot: ClusterSnapshot) -> Weights:
    """By node the larger of the shares of allocatable CPU and memory that pods ask for.

    Pods of DaemonSets, static pods and pods that have finished do not count.
    """
    nodes, pods = snapshot.nodes, snapshot.pods
    counts = (pods.node >= 0) & ~pods.is_finished & ~pods.is_daemonset & ~pods.is_mirror
    shares = []
    for requests, allocatable in (
        (pods.request_cpu_millicores, nodes.allocatable_cpu_millicores),
        (pods.request_memory_bytes, nodes.allocatable_memory_bytes),
    ):
        used = np.zeros(len(nodes), np.int64)
        np.add.at(used, pods.node[counts], requests[counts])
        shares.append(used / np.maximum(allocatable, 1))
    return np.maximum(*shares)
