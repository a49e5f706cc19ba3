"""Why nodes that might have gone stay: what the search leaves has its reasons, too."""

import numpy as np

from engines.bin_packing.cluster import ClusterPacker
from engines.bin_packing.decision import Decision
from engines.bin_packing.kernels import Rows
from engines.bin_packing.reasons import Finding, NodeReason
from engines.scheduling import Occupancy, RefusalReason, why_not

MOST_SUBJECTS = 20
MOST_PLACED_AGAIN = 200
"""Nodes for which the blocking pods are looked for; for the others the reason stands alone."""

_R = NodeReason


def kept_findings(decision: Decision) -> dict[int, Finding]:
    """The finding of each node that is kept though nothing held it by itself."""
    problem = decision.cluster.problem
    rows = np.flatnonzero(problem.is_flexible & decision.packing.kept & ~problem.is_new)
    receivers = _receivers(decision)
    stuck_homes = _stuck_homes(decision)
    explain = _Explanation(decision)
    findings = {}
    for count, row in enumerate(rows.tolist()):
        if row in receivers:
            findings[row] = Finding(_R.RECEIVES_PODS, tuple(receivers[row][:MOST_SUBJECTS]))
        elif row in stuck_homes:
            findings[row] = Finding(_R.WOULD_LEAVE_PODS_PENDING, tuple(stuck_homes[row]))
        else:
            findings[row] = explain.limit(row) or explain.room(row, count < MOST_PLACED_AGAIN)
    return findings


def _receivers(decision: Decision) -> dict[int, list[str]]:
    """The pods that each node takes in."""
    found: dict[int, list[str]] = {}
    cluster, packing = decision.cluster, decision.packing
    items = cluster.context.snapshot.pods.items
    for pod, node in zip(
        cluster.pods[packing.movers].tolist(), packing.target.tolist(), strict=True
    ):
        found.setdefault(node, []).append(items[pod].key)
    return {node: sorted(pods) for node, pods in found.items()}


def _stuck_homes(decision: Decision) -> dict[int, list[str]]:
    cluster = decision.cluster
    found: dict[int, list[str]] = {}
    for pod in decision.stuck:
        home = int(cluster.problem.home[cluster.row_of_pod[pod]])
        found.setdefault(home, []).append(cluster.context.snapshot.pods.items[pod].key)
    return {home: sorted(pods) for home, pods in found.items()}


class _Explanation:
    """Looks for what keeps one node more from going."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision
        self._cluster = decision.cluster
        self._packer = ClusterPacker(decision.cluster)

    def limit(self, row: int) -> Finding | None:
        """The limit that would break without the node."""
        problem = self._cluster.problem
        kept = self._decision.packing.kept & (np.arange(len(problem.cost)) != row)
        broken = [at for at, one in enumerate(problem.limits) if not one.holds(kept)]
        budgets = [name for at, name in self._cluster.budget_limits.items() if at in broken]
        zones = [name for at, name in self._cluster.zone_limits.items() if at in broken]
        if budgets:
            return Finding(_R.BUDGET_EXHAUSTED, tuple(sorted(budgets)))
        if zones:
            return Finding(_R.WOULD_LOSE_ZONE, tuple(sorted(zones)))
        is_safety = any(at in self._cluster.safety_limits for at in broken)
        return Finding(_R.BREAKS_SAFETY_LIMIT) if is_safety else None

    def room(self, row: int, name_pods: bool) -> Finding:
        """The pods of the node that find no room beside what the plan has placed."""
        problem = self._cluster.problem
        own = np.flatnonzero(problem.home == row)
        if not name_pods or not len(own):
            reason = _R.NO_ROOM if len(own) else _R.SAVING_TOO_SMALL
            return Finding(reason)
        kept = self._decision.packing.kept & (np.arange(len(problem.cost)) != row)
        packing = self._packer.pack(kept)
        stuck = [pod for pod in packing.unplaced.tolist() if problem.home[pod] == row]
        return self._named(row, np.array(stuck or own.tolist(), np.int64))

    def _named(self, row: int, stuck: Rows) -> Finding:
        """Pods and the rule that speaks most often against one of them."""
        items = self._cluster.context.snapshot.pods.items
        pods = self._cluster.pods[stuck].tolist()
        names = sorted(items[pod].key for pod in pods)
        return Finding(_R.NO_ROOM, tuple(names[:MOST_SUBJECTS]), self._why(row, pods[0]))

    def _why(self, row: int, pod: int) -> str:
        occupancy: Occupancy = self._cluster.occupancy.copy()
        if occupancy.node_of[pod] >= 0:
            occupancy.remove(pod)
        others = [one for one in range(len(self._cluster.problem.cost)) if one != row]
        counts: dict[RefusalReason, int] = {}
        for node in others:
            for refusal in why_not(pod, node, occupancy)[:1] if occupancy.present[node] else ():
                counts[refusal.reason] = counts.get(refusal.reason, 0) + 1
        return ", ".join(f"{counts[one]} x {one}" for one in sorted(counts))
