"""Whether some node would hold a pod of another size, with the DaemonSets beside it."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engines.contracts.effective_requests import PodRequests
from engines.contracts.kubernetes import PodSpec
from engines.contracts.snapshot import ClusterSnapshot
from engines.scheduling import ClusterContext, build_context, daemon_overhead
from engines.scheduling.nodes import tolerance_of


class NodeFit:
    """Answers for one snapshot; what is costly is worked out at the first question."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._snapshot = snapshot

    def holds(self, spec: PodSpec, requests: PodRequests) -> bool:
        """Whether an empty node that the pod may run on has room for it and the DaemonSets.

        Pods that run there now do not count: they can move. Selectors, node affinity, taints and
        cordons do.
        """
        nodes = self._may_run(spec) & self._snapshot.nodes.schedulable
        cpu, memory = self._free_of_daemons
        fits = (cpu >= requests.cpu_millicores) & (memory >= requests.memory_bytes)
        return bool(np.any(nodes & fits))

    def most_memory(self, spec: PodSpec) -> int:
        """The memory that the largest node which the pod may run on has beside the DaemonSets."""
        nodes = self._may_run(spec) & self._snapshot.nodes.schedulable
        return int(self._free_of_daemons[1][nodes].max(initial=0))

    def nodes_without_room(self, spec: PodSpec, more_cpu: int, more_memory: int) -> tuple[str, ...]:
        """Of the nodes that a DaemonSet's pods run on, those without room for so much more."""
        cpu, memory = self._free_now
        lacks = ((cpu < more_cpu) & (more_cpu > 0)) | ((memory < more_memory) & (more_memory > 0))
        rows = np.flatnonzero(self._may_run(spec) & lacks)
        return tuple(self._snapshot.nodes.names[row] for row in rows.tolist())

    @cached_property
    def _context(self) -> ClusterContext:
        return build_context(self._snapshot)

    @cached_property
    def _free_of_daemons(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        free = self._context.allocatable - daemon_overhead(self._context)
        names = self._context.resources
        return free[names.index("cpu")], free[names.index("memory")]

    @cached_property
    def _free_now(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        nodes, pods = self._snapshot.nodes, self._snapshot.pods
        rows = np.flatnonzero((pods.node >= 0) & ~pods.is_finished)
        free = []
        for allocatable, requests in (
            (nodes.allocatable_cpu_millicores, pods.request_cpu_millicores),
            (nodes.allocatable_memory_bytes, pods.request_memory_bytes),
        ):
            taken = np.zeros(len(nodes), np.int64)
            np.add.at(taken, pods.node[rows], requests[rows])
            free.append(allocatable - taken)
        return free[0], free[1]

    def _may_run(self, spec: PodSpec) -> NDArray[np.bool_]:
        nodes = self._context.nodes
        mask: NDArray[np.bool_] = nodes.matching(spec) & tolerance_of(spec.tolerations, nodes).mask
        return mask
