"""The use of a workload's container over all its pods, those of earlier revisions included."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engines.contracts.usage_summary import Integers, ResourceSummary, UsageSummary
from engines.resource_policy.attribution import PodOwners

MIN_SAMPLES = 100
MIN_SPAN_SECONDS = 24 * 3600


class History(NamedTuple):
    """One resource of one container of a workload. CPU in cores, memory in bytes.

    ``p95``: the largest of the pods' own 95th percentiles; ``peak``: the largest sample of all.
    Without samples the amounts are 0; ``p95`` of memory may be NaN.
    """

    pods: int = 0
    samples: int = 0
    span_seconds: int = 0
    last: int = 0
    p95: float = 0.0
    peak: float = 0.0
    average: float = 0.0

    @property
    def is_enough(self) -> bool:
        """At least 100 samples over at least 24 hours."""
        return self.samples >= MIN_SAMPLES and self.span_seconds >= MIN_SPAN_SECONDS


class ContainerHistory(NamedTuple):
    """Both resources."""

    cpu: History = History()
    memory: History = History()


NO_HISTORY = ContainerHistory()


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Histories by (row of the workload, container); what could not be attributed beside them.

    ``unattributed``: namespace/pod of pods that are gone and whose name tells no workload.
    """

    by_container: Mapping[tuple[int, str], ContainerHistory]
    unattributed: tuple[str, ...]

    def of(self, workload: int, container: str) -> ContainerHistory:
        """The history of a container; an empty one where there is none."""
        return self.by_container.get((workload, container), NO_HISTORY)


def gather(summary: UsageSummary, owners: PodOwners) -> Histories:
    """Group the containers of a summary by workload."""
    rows: dict[tuple[int, str], list[int]] = defaultdict(list)
    lost: set[str] = set()
    for position, key in enumerate(summary.containers):
        noted = summary.workloads.get(key)
        workload = owners.noted(key.namespace, *noted) if noted else -1
        if workload < 0:
            workload = owners.workload_of(key.namespace, key.pod)
        if workload >= 0:
            rows[workload, key.container].append(position)
        elif owners.pod_row(key.namespace, key.pod) is None:
            lost.add(f"{key.namespace}/{key.pod}")
    return Histories(
        {
            key: ContainerHistory(
                _history(summary.cpu, np.array(members, np.int64)),
                _history(summary.memory, np.array(members, np.int64)),
            )
            for key, members in rows.items()
        },
        tuple(sorted(lost)),
    )


def _history(resource: ResourceSummary, rows: Integers) -> History:
    rows = rows[resource.samples[rows] > 0]
    if not len(rows):
        return History()
    samples = resource.samples[rows]
    first, last = int(resource.first[rows].min()), int(resource.last[rows].max())
    return History(
        pods=len(rows),
        samples=int(samples.sum()),
        span_seconds=last - first,
        last=last,
        p95=float(resource.p95[rows].max()),
        peak=float(resource.peak[rows].max()),
        average=float((resource.average[rows] * samples).sum() / samples.sum()),
    )
