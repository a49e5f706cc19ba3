"""What is kept of containers' use, as the summary that engines size by.

CPU: the hourly histograms of a container are added up, so its 95th percentile is that of all its
readings, at most 5 % (or 0.01 cores) too large. Memory: the largest of the hours' maxima. The
workload that was noted while a pod lived goes with it.

Of containers that were killed for memory the hours' maxima are given, too, as readings: their slope
tells a leak from load. Those of all containers would be hundreds of times as much.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np

from db.measurement_records import ContainerHour
from db.repositories import container_usage, oom_kills
from db.session import Reader
from engines.contracts.usage import UsageRow
from engines.contracts.usage_histogram import Counts, bucket_starts, percentile_cores
from engines.contracts.usage_summary import SummaryOfResource, UsageSummaryRow

WINDOW = timedelta(days=7)
HOUR_SECONDS = 3600
KILLED_WITHIN = timedelta(hours=24)
MOST_KILLED = 500  # containers whose hours are given; of more the last that were killed
UNOWNED = "Pod"  # what is noted of a pod that no workload makes


def load_usage_summary(
    reader: Reader, cluster_id: str, *, at: datetime
) -> tuple[UsageSummaryRow, ...]:
    """The use of the seven days before ``at``, a row a container, sorted by container."""
    hours = container_usage.load(reader, cluster_id, since=at - WINDOW, until=at)
    return tuple(
        summarise_hours(tuple(some))
        for _, some in groupby(hours, lambda one: (one.namespace, one.pod, one.container))
    )


def load_memory_of_killed(reader: Reader, cluster_id: str, *, at: datetime) -> tuple[UsageRow, ...]:
    """The largest memory of each of the last seven days' hours, of the containers that were killed
    for memory in the last 24 hours.

    An hour's maximum stands at its beginning, so that in the hour of a kill it precedes the kill.
    """
    kills = oom_kills.load(reader, cluster_id, since=at - KILLED_WITHIN)
    last = {
        (one.namespace, one.pod, one.container): one.killed_at
        for one in kills
        if one.killed_at <= at
    }
    killed = sorted(last, key=lambda one: last[one])[-MOST_KILLED:]
    hours = (
        container_usage.load(reader, cluster_id, since=at - WINDOW, until=at, containers=killed)
        if killed
        else ()
    )
    return tuple(
        UsageRow(
            namespace=one.namespace,
            pod=one.pod,
            container=one.container,
            timestamp=datetime.fromtimestamp(one.hour, UTC),
            memory_bytes=one.memory_max_bytes,
        )
        for one in hours
        if one.memory_max_bytes
    )


def summarise_hours(hours: Sequence[ContainerHour]) -> UsageSummaryRow:
    """The summary of one container's hours, at least one, in the order of time."""
    one = hours[0]
    is_owned = one.workload_kind != UNOWNED
    return UsageSummaryRow(
        namespace=one.namespace,
        pod=one.pod,
        container=one.container,
        cpu=_cpu(hours),
        memory=_memory(hours),
        workload_kind=one.workload_kind if is_owned else "",
        workload=one.workload if is_owned else "",
    )


def _cpu(hours: Sequence[ContainerHour]) -> SummaryOfResource | None:
    counts: Counts = np.sum([one.cpu for one in hours], axis=0, dtype=np.int64)
    p95, peak = percentile_cores(counts, 0.95), percentile_cores(counts, 1.0)
    if p95 is None or peak is None:
        return None
    starts = bucket_starts()
    middles = np.append((starts[:-1] + starts[1:]) / 2, starts[-1])
    return SummaryOfResource(
        samples=int(counts.sum()),
        first=_begin(hours),
        last=_end(hours),
        p95=p95,
        peak=peak,
        average=float((counts * middles).sum() / counts.sum()),
    )


def _memory(hours: Sequence[ContainerHour]) -> SummaryOfResource | None:
    """The average is that of the hours' maxima: memory between two maxima is not kept."""
    read = [one for one in hours if one.memory_max_bytes and one.samples]
    if not read:
        return None
    samples = sum(one.samples for one in read)
    weighed = sum((one.memory_max_bytes or 0) * one.samples for one in read)
    return SummaryOfResource(
        samples=samples,
        first=_begin(read),
        last=_end(read),
        peak=max(one.memory_max_bytes or 0 for one in read),
        average=weighed / samples,
    )


def _begin(hours: Sequence[ContainerHour]) -> datetime:
    """The end of the first hour, so that no span comes out longer than it was."""
    return datetime.fromtimestamp(min(hours[0].hour + HOUR_SECONDS, hours[-1].last_sample_at), UTC)


def _end(hours: Sequence[ContainerHour]) -> datetime:
    return datetime.fromtimestamp(hours[-1].last_sample_at, UTC)
