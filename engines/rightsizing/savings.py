"""What changed requests are worth, and how much of that is money only after nodes go."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.results import Json
from engines.contracts.snapshot import ClusterSnapshot, NodeTable
from engines.resource_policy.acceptance import freed_of_each_pod
from engines.resource_policy.request_value import Rates, usd_per_month
from engines.rightsizing.workloads import WorkloadAdvice


class Saving(NamedTuple):
    """What changing one container frees of each pod (negative: takes), and USD per month."""

    cpu_millicores: int
    memory_bytes: int
    usd_month: Decimal


def savings_of(advice: WorkloadAdvice, rates: Rates) -> tuple[Saving, ...]:
    """The saving of each container's change, in their order; together that of the whole patch."""
    names = [one.container.name for one in advice.containers]
    return tuple(
        Saving(cpu, memory, usd_per_month(cpu, memory, float(rates[advice.row])))
        for cpu, memory in freed_of_each_pod(advice.change, names)
    )


def freed_evidence(
    snapshot: ClusterSnapshot,
    freed: Sequence[tuple[WorkloadAdvice, Sequence[Saving]]],
    micro_usd_per_hour: NDArray[np.int64],
) -> Mapping[str, Json]:
    """The cluster's requests before and after, how many nodes could go for it, and what those cost.

    Nodes needed are those of the cluster's average size whose sum holds the requests, by the
    scarcer resource: arithmetic, not a placement, which is bin packing's business.
    """
    nodes, pods = snapshot.nodes, snapshot.pods
    runs = (pods.node >= 0) & ~pods.is_finished
    cpu = int(pods.request_cpu_millicores[runs].sum())
    memory = int(pods.request_memory_bytes[runs].sum())
    freed_cpu = sum(
        one.cpu_millicores * advice.change.pods for advice, some in freed for one in some
    )
    freed_memory = sum(
        one.memory_bytes * advice.change.pods for advice, some in freed for one in some
    )

    before = _nodes_needed(nodes, cpu, memory)
    after = _nodes_needed(nodes, cpu - freed_cpu, memory - freed_memory)
    that_could_go = max(0, before - after)
    known = micro_usd_per_hour[micro_usd_per_hour >= 0]
    mean = round(float(known.mean())) if len(known) else 0
    return {
        "requests_now": {"cpu_millicores": cpu, "memory_bytes": memory},
        "requests_freed": {"cpu_millicores": freed_cpu, "memory_bytes": freed_memory},
        "nodes_now": len(nodes),
        "nodes_that_could_go": that_could_go,
        "usd_month_of_nodes_that_could_go": to_usd(that_could_go * mean) * HOURS_PER_MONTH,
        "usd_month_realisable_now": Decimal(0),
    }


def _nodes_needed(nodes: NodeTable, cpu_millicores: int, memory_bytes: int) -> int:
    totals = (
        (cpu_millicores, int(nodes.allocatable_cpu_millicores.sum())),
        (memory_bytes, int(nodes.allocatable_memory_bytes.sum())),
    )
    counts = (-(-asked * len(nodes) // offered) for asked, offered in totals if offered)
    return max(counts, default=0)
