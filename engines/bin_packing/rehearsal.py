"""What kube-scheduler would do with the pods of a plan: it does not know our targets.

A drain evicts, and the scheduler puts the new pods where its own scores say. It spreads where we
pack, so a pod that is placed late may find the room gone that our plan had kept for it. The
rehearsal plays the plan node by node with the scheduler's rules and scores.
"""

from collections.abc import Sequence

import numpy as np

from engines.bin_packing.cluster import ClusterProblem
from engines.bin_packing.kernels import Flags
from engines.scheduling import Scorer

MOST_COMPARISONS = 8_000_000
"""Moving pods x all pods beyond which nothing is rehearsed: the answer would take minutes."""


class Rehearsal:
    """Plays plans of one problem."""

    def __init__(self, cluster: ClusterProblem) -> None:
        self._cluster = cluster
        self._scorer = Scorer(cluster.context)

    def stuck_pods(self, kept: Flags, removals: Sequence[Sequence[int]]) -> tuple[int, ...]:
        """The snapshot rows of pods that would stay pending, if nodes are drained batch by batch.

        All nodes that go are cordoned before the first drain, so no pod moves twice.
        """
        cluster = self._cluster
        occupancy = cluster.occupancy.copy()
        for node in np.flatnonzero(kept & cluster.problem.is_new).tolist():
            occupancy.add(node)
        order = [node for batch in removals for node in batch]
        for node in order:
            occupancy.cordon(node)
        stuck = []
        for node in order:
            movers = [pod for pod in occupancy.pods_on(node) if pod in cluster.row_of_pod]
            for pod in sorted(movers, key=self._turn):
                occupancy.remove(pod)
                target = self._scorer.choose(pod, occupancy)
                if target is None:
                    stuck.append(pod)
                else:
                    occupancy.place(pod, target)
            occupancy.take_away(node)
        return tuple(stuck)

    def _turn(self, pod: int) -> tuple[int, str]:
        """The scheduler's queue: higher priority first; then we assume the order of names."""
        item = self._cluster.context.snapshot.pods.items[pod]
        return (-item.spec.priority, item.key)
