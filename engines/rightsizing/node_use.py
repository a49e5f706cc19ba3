"""What runs on each node: what its pods ask for, and what they used on average."""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engines.contracts.kubernetes import PodSpec
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.usage_summary import ResourceSummary, UsageSummary
from engines.resource_policy.attribution import PodOwners
from engines.rightsizing.histories import MIN_SAMPLES, MIN_SPAN_SECONDS

MEASURED_SHARE = 0.8
"""Of the requests on a node this part must belong to pods that were measured, or nothing is known
of its use."""


class Basis(StrEnum):
    """What advice about a node rests on."""

    USAGE = "usage"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True, eq=False)
class NodeUse:
    """By row of the node table: millicores, bytes, counts.

    ``used_*`` are averages over 7 days, where a pod that was not measured long enough counts with
    its requests. ``is_measured`` tells where they may be relied on.
    """

    requested_cpu: NDArray[np.int64]
    requested_memory: NDArray[np.int64]
    pods: NDArray[np.int64]
    used_cpu: NDArray[np.float64]
    used_memory: NDArray[np.float64]
    is_measured: NDArray[np.bool_]


def node_use(snapshot: ClusterSnapshot, summary: UsageSummary, owners: PodOwners) -> NodeUse:
    """Sum the running pods of each node; finished and terminating ones take no part."""
    pods, count = snapshot.pods, len(snapshot.nodes)
    cpu, memory = _averages(snapshot, summary, owners)
    rows = np.flatnonzero((pods.node >= 0) & ~pods.is_finished & ~pods.is_terminating)
    nodes = pods.node[rows]

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(nodes, weights=values, minlength=count), np.float64)

    asked_cpu = pods.request_cpu_millicores[rows].astype(np.float64)
    asked_memory = pods.request_memory_bytes[rows].astype(np.float64)
    known = ~np.isnan(cpu[rows]) & ~np.isnan(memory[rows])
    requested_cpu, requested_memory = summed(asked_cpu), summed(asked_memory)
    return NodeUse(
        requested_cpu=requested_cpu.astype(np.int64),
        requested_memory=requested_memory.astype(np.int64),
        pods=np.bincount(nodes, minlength=count).astype(np.int64),
        used_cpu=summed(np.where(known, cpu[rows], asked_cpu)),
        used_memory=summed(np.where(known, memory[rows], asked_memory)),
        is_measured=(summed(known.astype(np.float64)) > 0)
        & (summed(asked_cpu * known) >= MEASURED_SHARE * requested_cpu)
        & (summed(asked_memory * known) >= MEASURED_SHARE * requested_memory),
    )


def _averages(
    snapshot: ClusterSnapshot, summary: UsageSummary, owners: PodOwners
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average millicores and bytes of each pod; NaN where one of its containers is not known.

    Containers that the pod no longer has do not count: a StatefulSet's pods keep their names.
    """
    containers: dict[int, dict[str, int]] = defaultdict(dict)
    for position, key in enumerate(summary.containers):
        row = owners.pod_row(key.namespace, key.pod)
        if row is not None:
            containers[row][key.container] = position
    is_enough = _enough(summary.cpu) & _enough(summary.memory)
    cpu, memory = (np.full(len(snapshot.pods), np.nan) for _ in range(2))
    for row, measured in containers.items():
        running = _running_containers(snapshot.pods.items[row].spec)
        positions = [measured[name] for name in running if name in measured]
        if len(positions) == len(running) and is_enough[positions].all():
            cpu[row] = 1000 * summary.cpu.average[positions].sum()
            memory[row] = summary.memory.average[positions].sum()
    return cpu, memory


def _running_containers(spec: PodSpec) -> list[str]:
    """The names of containers and sidecars."""
    sidecars = [one.name for one in spec.init_containers if one.is_sidecar]
    return [*(one.name for one in spec.containers), *sidecars]


def _enough(resource: ResourceSummary) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = (resource.samples >= MIN_SAMPLES) & (
        resource.last - resource.first >= MIN_SPAN_SECONDS
    )
    return flags
