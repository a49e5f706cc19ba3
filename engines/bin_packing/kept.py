"""Why nodes that might have gone stay: what the search leaves has its reasons, too."""

from functools import cached_property

import numpy as np

from engines.bin_packing.cluster import ClusterPacker
from engines.bin_packing.decision import Decision
from engines.bin_packing.kernels import matches
from engines.bin_packing.problem import scarcity
from engines.bin_packing.reasons import Finding, NodeReason
from engines.scheduling import Occupancy, RefusalReason, feasible_nodes, why_not

MOST_SUBJECTS = 20
MOST_PLACED_AGAIN, MOST_COMPARED = 200, 100_000
"""Nodes for which the blocking pods are looked for, and those times all nodes; for the others the
reason stands alone."""

_R = NodeReason


def kept_findings(decision: Decision) -> dict[int, Finding]:
    """The finding of each node that is kept though nothing held it by itself."""
    problem = decision.cluster.problem
    rows = np.flatnonzero(problem.is_flexible & decision.packing.kept & ~problem.is_new)
    receivers = _receivers(decision)
    stuck_homes = _stuck_homes(decision)
    explain = _Explanation(decision)
    findings = {}
    for row in rows.tolist():
        if row in receivers:
            findings[row] = Finding(_R.RECEIVES_PODS, tuple(receivers[row][:MOST_SUBJECTS]))
        elif row in stuck_homes:
            findings[row] = Finding(_R.WOULD_LEAVE_PODS_PENDING, tuple(stuck_homes[row]))
        else:
            findings[row] = explain.limit(row) or explain.room(row)
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
        problem = decision.cluster.problem
        self._weights = scarcity(problem.requests, problem.room)
        self._tries_left = min(MOST_PLACED_AGAIN, MOST_COMPARED // len(problem.cost))

    @cached_property
    def _end(self) -> Occupancy:
        """The cluster as the plan leaves it."""
        return ClusterPacker(self._cluster).occupancy_with(self._decision.packing)

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

    def room(self, row: int) -> Finding:
        """The pods of the node that find no room beside what the plan has placed."""
        cluster = self._cluster
        own = np.flatnonzero(cluster.problem.home == row)
        if not len(own):
            return Finding(_R.SAVING_TOO_SMALL)
        if not self._tries_left:
            return Finding(_R.NO_ROOM)
        self._tries_left -= 1
        pods = cluster.pods[self._homeless(row, own.tolist()) or own.tolist()].tolist()
        items = cluster.context.snapshot.pods.items
        names = sorted(items[pod].key for pod in pods)
        return Finding(_R.NO_ROOM, tuple(names[:MOST_SUBJECTS]), self._why(row, pods[0]))

    def _homeless(self, row: int, own: list[int]) -> list[int]:
        """Those of the node's own pods that find no other place, one after the other."""
        problem, pods, end = self._cluster.problem, self._cluster.pods, self._end
        homeless = []
        for one in own:
            end.remove(int(pods[one]))
        for one in own:
            mask = feasible_nodes(int(pods[one]), end) & problem.allowed[problem.kind[one]]
            mask[row] = False
            nodes = np.flatnonzero(mask)
            if len(nodes):
                rooms = np.ascontiguousarray(end.free[:, nodes].T)
                best = np.argmax(matches(problem.requests[one], rooms, self._weights))
                end.place(int(pods[one]), int(nodes[best]))
            else:
                homeless.append(one)
        for one in own:
            if end.node_of[pods[one]] >= 0:
                end.remove(int(pods[one]))
            end.place(int(pods[one]), row)
        return homeless

    def _why(self, row: int, pod: int) -> str:
        """The rules that speak first against the pod, and on how many nodes."""
        end, home = self._end, self._end.remove(pod)
        counts: dict[RefusalReason, int] = {}
        for node in np.flatnonzero(end.present).tolist():
            for refusal in why_not(pod, node, end)[:1] if node != row else ():
                counts[refusal.reason] = counts.get(refusal.reason, 0) + 1
        end.place(pod, home)
        return ", ".join(f"{counts[one]} x {one}" for one in sorted(counts))
