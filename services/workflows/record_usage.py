"""Keep what containers used: hourly CPU histograms and memory maxima, from each reading.

metrics-server tells one point of each container at a time and forgets it. Every reading is added to
the hour in which it was taken, under the container's pod and the workload that owns it: a deploy
replaces pods, and what the workload needs must not be forgotten with them.

Absent is not zero: a container that is not in a reading has no sample of it, and neither has one
whose memory reads as zero, for no running container uses none.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np

from db.measurement_records import ContainerHour
from db.repositories import clusters, container_usage
from db.repositories.container_usage import ContainerName
from db.session import Database
from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import ContainerMetrics, Pod, PodMetrics, Workload
from engines.contracts.ownership import Owners
from engines.contracts.quantities import NANO, parse_quantity
from engines.contracts.snapshot import WorkloadKey
from engines.contracts.state import CurrentState
from engines.contracts.usage_histogram import count_cores
from services.workflows.open_cluster import load_latest_document

HOUR_SECONDS = 3600
OLDEST = timedelta(hours=6)
"""A reading that claims to be older was taken by a clock that is wrong."""

Key = tuple[ContainerName, int]  # of an hour of a container


class RecordedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reading. ``repeated`` samples were counted before."""

    samples: int
    repeated: int
    unreadable: int
    containers: int


class Sample(NamedTuple):
    """One container at one moment; None: the reading has no value."""

    container: ContainerName
    workload: WorkloadKey
    taken_at: int  # Unix seconds
    cpu_cores: float
    memory_bytes: int | None


def record_usage(database: Database, cluster_id: str, *, at: datetime) -> RecordedUsage:
    """Add the latest reading of a cluster to its history; the same reading again adds nothing."""
    with database.reader() as reader:
        document = load_latest_document(reader, clusters.get(reader, cluster_id))
    unreadable: list[ContainerName] = []
    samples = [
        one
        for one in samples_of(document, unreadable)
        if at - OLDEST <= datetime.fromtimestamp(one.taken_at, at.tzinfo) <= at + OLDEST
    ]
    if not samples:
        return RecordedUsage(samples=0, repeated=0, unreadable=len(unreadable), containers=0)
    with database.transaction() as tx:
        since = min(_hour_of(one) for one in samples)
        known = container_usage.load(
            tx,
            cluster_id,
            since=datetime.fromtimestamp(since, at.tzinfo),
            until=at + OLDEST + timedelta(hours=1),
        )
        hours, new = add_samples({_key_of(one): one for one in known}, samples)
        container_usage.save(tx, cluster_id, hours)
    return RecordedUsage(
        samples=new,
        repeated=len(samples) - new,
        unreadable=len(unreadable),
        containers=len({one.container for one in samples}),
    )


def samples_of(document: CurrentState, unreadable: list[ContainerName]) -> Iterator[Sample]:
    """The samples of a state's pod metrics; containers whose amounts are none go to
    ``unreadable``. Pods that were not listed have no known owner and stand for themselves."""
    workloads = document.workloads or ()
    owners = Owners(workloads)
    pods = {(pod.metadata.namespace, pod.metadata.name): pod for pod in document.pods or ()}
    for metrics in document.pod_metrics or ():
        if metrics.timestamp is None:
            continue
        key = (metrics.metadata.namespace, metrics.metadata.name)
        workload = _workload_of(pods.get(key), metrics, owners, workloads)
        for container in metrics.containers:
            name = (*key, container.name)
            try:
                sample = _sample(name, workload, metrics.timestamp, container)
            except InvalidInputError:
                unreadable.append(name)
                continue
            if sample is not None:
                yield sample


def add_samples(
    known: Mapping[Key, ContainerHour], samples: Iterable[Sample]
) -> tuple[tuple[ContainerHour, ...], int]:
    """The hours that change by the samples, and how many samples were new."""
    changed: dict[Key, ContainerHour] = {}
    new = 0
    for sample in sorted(samples, key=lambda one: one.taken_at):
        key = (sample.container, _hour_of(sample))
        before = changed.get(key) or known.get(key)
        if before is not None and sample.taken_at <= before.last_sample_at:
            continue
        changed[key] = _with(before, sample)
        new += 1
    return tuple(changed.values()), new


def _with(before: ContainerHour | None, sample: Sample) -> ContainerHour:
    counts = count_cores(np.array([sample.cpu_cores]))
    memory = [one for one in (sample.memory_bytes, before and before.memory_max_bytes) if one]
    namespace, pod, container = sample.container
    return ContainerHour(
        namespace=namespace,
        pod=pod,
        container=container,
        workload_kind=sample.workload.kind,
        workload=sample.workload.name,
        hour=_hour_of(sample),
        cpu=counts if before is None else before.cpu + counts,
        memory_max_bytes=max(memory, default=None),
        last_sample_at=sample.taken_at,
    )


def _sample(
    name: ContainerName, workload: WorkloadKey, taken_at: datetime, container: ContainerMetrics
) -> Sample | None:
    """None: the reading does not say what CPU the container used, or it was not running."""
    if "cpu" not in container.usage:
        return None
    memory = container.usage.get("memory")
    memory_bytes = None if memory is None else parse_quantity(memory) // NANO
    if memory_bytes == 0:
        return None
    return Sample(
        container=name,
        workload=workload,
        taken_at=int(taken_at.timestamp()),
        cpu_cores=parse_quantity(container.usage["cpu"]) / NANO,
        memory_bytes=memory_bytes,
    )


def _workload_of(
    pod: Pod | None, metrics: PodMetrics, owners: Owners, workloads: tuple[Workload, ...]
) -> WorkloadKey:
    """The topmost owner, by name also where it was not read (a Rollout, say); else the pod."""
    namespace = metrics.metadata.namespace
    alone = WorkloadKey("Pod", namespace, metrics.metadata.name)
    if pod is None:
        return alone
    row = owners.of(pod).row
    controller = (workloads[row] if row >= 0 else pod).metadata.controller
    if controller is not None:
        return WorkloadKey(controller.kind, namespace, controller.name)
    if row < 0:
        return alone
    return WorkloadKey(workloads[row].kind, namespace, workloads[row].metadata.name)


def _hour_of(sample: Sample) -> int:
    return sample.taken_at - sample.taken_at % HOUR_SECONDS


def _key_of(hour: ContainerHour) -> Key:
    return ((hour.namespace, hour.pod, hour.container), hour.hour)
