"""What containers used over a week, in a few numbers each: all that sizing looks at.

A summary stands in for readings: of 150,000 pods it is a row a container instead of thousands.
Whoever keeps hourly histograms makes rows from those; an engine makes them from readings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan, nan
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.json_values import Time
from engines.contracts.usage import LARGEST_AMOUNT, ContainerKey

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Amount = Annotated[float, msgspec.Meta(ge=0, le=LARGEST_AMOUNT)]


class SummaryOfResource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resource of one container over the seven days before ``usage_summary`` was made.

    Cores or bytes. ``samples`` counts readings, not hours; times when it slept or was gone have
    none. ``p95`` None: not known (memory is sized by its peak).
    """

    samples: Annotated[int, msgspec.Meta(ge=1)]
    first: Time
    last: Time
    peak: Amount
    average: Amount
    p95: Amount | None = None

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("last must not be before first")


class UsageSummaryRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one container of one pod used; None: nothing was measured of that resource.

    ``workload_kind`` and ``workload`` name the pod's topmost workload where that was noted while
    the pod lived; empty: its name has to tell.
    """

    namespace: str
    pod: str
    container: str
    cpu: SummaryOfResource | None = None
    memory: SummaryOfResource | None = None
    workload_kind: str = ""
    workload: str = ""

    def __post_init__(self) -> None:
        if self.cpu is not None and self.cpu.p95 is None:
            raise ValueError("cpu needs a p95")


@dataclass(frozen=True, slots=True, eq=False)
class ResourceSummary:
    """One resource of many containers, a row each; amounts are NaN where they are not known.

    ``first`` and ``last`` are Unix seconds of the samples that count, 0 where there are none.
    """

    samples: Integers
    first: Integers
    last: Integers
    p95: Floats
    peak: Floats
    average: Floats


@dataclass(frozen=True, slots=True, eq=False)
class UsageSummary:
    """What containers used, sorted by container: CPU in cores, memory in bytes.

    ``workloads`` has the (kind, name) of those whose workload was noted.
    """

    containers: tuple[ContainerKey, ...]
    cpu: ResourceSummary
    memory: ResourceSummary
    workloads: Mapping[ContainerKey, tuple[str, str]]

    @classmethod
    def from_rows(cls, rows: Iterable[UsageSummaryRow]) -> "UsageSummary":
        """Build the columns from rows in any order. Of two rows about one container one counts,
        the same in any order."""
        by_key = {
            ContainerKey(row.namespace, row.pod, row.container): row
            for row in sorted(rows, key=msgspec.json.encode)
        }
        listed = [by_key[key] for key in sorted(by_key)]
        return cls(
            containers=tuple(sorted(by_key)),
            cpu=_columns([row.cpu for row in listed]),
            memory=_columns([row.memory for row in listed]),
            workloads={
                key: (row.workload_kind, row.workload)
                for key, row in by_key.items()
                if row.workload_kind and row.workload
            },
        )


def to_summary_rows(summary: UsageSummary) -> tuple[UsageSummaryRow, ...]:
    """The summary as rows, in its own order."""
    return tuple(
        UsageSummaryRow(
            namespace=key.namespace,
            pod=key.pod,
            container=key.container,
            cpu=_of_row(summary.cpu, row),
            memory=_of_row(summary.memory, row),
            workload_kind=summary.workloads.get(key, ("", ""))[0],
            workload=summary.workloads.get(key, ("", ""))[1],
        )
        for row, key in enumerate(summary.containers)
    )


def _columns(rows: list[SummaryOfResource | None]) -> ResourceSummary:
    def integers(values: Iterable[int]) -> Integers:
        return np.fromiter(values, np.int64, len(rows))

    def floats(values: Iterable[float]) -> Floats:
        return np.fromiter(values, np.float64, len(rows))

    return ResourceSummary(
        samples=integers(one.samples if one else 0 for one in rows),
        first=integers(int(one.first.timestamp()) if one else 0 for one in rows),
        last=integers(int(one.last.timestamp()) if one else 0 for one in rows),
        p95=floats(one.p95 if one and one.p95 is not None else nan for one in rows),
        peak=floats(one.peak if one else nan for one in rows),
        average=floats(one.average if one else nan for one in rows),
    )


def _of_row(resource: ResourceSummary, row: int) -> SummaryOfResource | None:
    if not resource.samples[row]:
        return None
    p95 = float(resource.p95[row])
    return SummaryOfResource(
        samples=int(resource.samples[row]),
        first=datetime.fromtimestamp(int(resource.first[row]), UTC),
        last=datetime.fromtimestamp(int(resource.last[row]), UTC),
        peak=float(resource.peak[row]),
        average=float(resource.average[row]),
        p95=None if isnan(p95) else p95,
    )
