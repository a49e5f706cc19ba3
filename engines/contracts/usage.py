"""What containers used and what pods sent each other: columns, built once, in a fixed order."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.errors import InvalidInputError
from engines.contracts.json_values import Time, refuse_absurd_time

LARGEST_AMOUNT = 2**48  # 256 TiB: more than any machine has, and sums of it stay within int64
LARGEST_TRAFFIC = 2**62  # bytes a day of all pods together: every sum of it stays within int64


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One reading of one container. None: the source had no value, which is not zero."""

    namespace: str
    pod: str
    container: str
    timestamp: Time
    cpu_cores: float | None = None
    memory_bytes: float | None = None

    def __post_init__(self) -> None:
        for name in ("cpu_cores", "memory_bytes"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= LARGEST_AMOUNT:
                raise ValueError(f"{name} must be a number between 0 and 2^48, not {value}")
        refuse_absurd_time("timestamp", self.timestamp)


class ContainerKey(NamedTuple):
    """One container of one pod."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True, eq=False)
class UsageTable:
    """Readings of many containers, sorted by container and then by time, without repeats.

    The readings of ``containers[i]`` are the slice ``starts[i]:starts[i + 1]`` of the columns.
    NaN is "no reading", never zero.
    """

    containers: tuple[ContainerKey, ...]
    starts: NDArray[np.int64]  # len(containers) + 1
    timestamps: NDArray[np.int64]  # seconds since 1970-01-01 UTC
    cpu_cores: NDArray[np.float64]
    memory_bytes: NDArray[np.float64]

    @classmethod
    def from_rows(cls, rows: Iterable[UsageRow]) -> "UsageTable":
        """Build the columns from rows in any order."""
        listed = tuple(rows)
        return cls.from_columns(
            [ContainerKey(row.namespace, row.pod, row.container) for row in listed],
            np.fromiter((int(row.timestamp.timestamp()) for row in listed), np.int64),
            np.fromiter((_or_nan(row.cpu_cores) for row in listed), np.float64),
            np.fromiter((_or_nan(row.memory_bytes) for row in listed), np.float64),
        )

    @classmethod
    def from_columns(
        cls,
        containers: Sequence[ContainerKey],
        timestamps: NDArray[np.int64],
        cpu_cores: NDArray[np.float64],
        memory_bytes: NDArray[np.float64],
    ) -> "UsageTable":
        """Build the table from columns in any order, one entry a reading.

        Of two readings of one second the larger counts: two scrapers of one container differ a
        little. A reading beats no reading.
        """
        keys = tuple(sorted(set(containers)))
        position = {key: index for index, key in enumerate(keys)}
        owner = np.fromiter((position[key] for key in containers), np.int64, len(containers))
        order = np.lexsort((timestamps, owner))
        owner, timestamps = owner[order], timestamps[order]
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (np.diff(owner) != 0) | (np.diff(timestamps) != 0)
        firsts = np.flatnonzero(is_first)
        counts = np.bincount(owner[firsts], minlength=len(keys))
        return cls(
            containers=keys,
            starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            timestamps=timestamps[firsts],
            cpu_cores=_largest_of_runs(cpu_cores[order], firsts),
            memory_bytes=_largest_of_runs(memory_bytes[order], firsts),
        )


def _largest_of_runs(values: NDArray[np.float64], firsts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The largest value of each run of repeats; NaN only where there is nothing else."""
    if not len(values):
        return values
    return np.asarray(np.fmax.reduceat(values, firsts), np.float64)


def to_usage_rows(table: UsageTable) -> tuple[UsageRow, ...]:
    """The readings as rows, in the table's order."""
    return tuple(
        UsageRow(
            namespace=key.namespace,
            pod=key.pod,
            container=key.container,
            timestamp=datetime.fromtimestamp(int(table.timestamps[row]), UTC),
            cpu_cores=_or_none(table.cpu_cores[row]),
            memory_bytes=_or_none(table.memory_bytes[row]),
        )
        for position, key in enumerate(table.containers)
        for row in range(int(table.starts[position]), int(table.starts[position + 1]))
    )


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


class TrafficRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What one pod sends another in a day, on average."""

    from_namespace: str
    from_pod: str
    to_namespace: str
    to_pod: str
    bytes_per_day: int

    def __post_init__(self) -> None:
        if not 0 <= self.bytes_per_day <= 2**53:
            raise ValueError(
                f"bytes_per_day must be a number between 0 and 2^53, not {self.bytes_per_day}"
            )


class PodKey(NamedTuple):
    """One pod by name."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TrafficTable:
    """A sparse pod-to-pod matrix, sorted by sender and receiver, one entry a pair."""

    pods: tuple[PodKey, ...]  # sorted; what the two index columns point into
    senders: NDArray[np.int32]
    receivers: NDArray[np.int32]
    bytes_per_day: NDArray[np.int64]

    @classmethod
    def from_rows(cls, rows: Iterable[TrafficRow]) -> "TrafficTable":
        """Build the matrix from rows in any order; equal repeats count once.

        Raises InvalidInputError where a pair is given twice with different values, and for a sum
        that no network moves.
        """
        cells: dict[tuple[PodKey, PodKey], int] = {}
        for row in rows:
            sender = PodKey(row.from_namespace, row.from_pod)
            receiver = PodKey(row.to_namespace, row.to_pod)
            if cells.setdefault((sender, receiver), row.bytes_per_day) != row.bytes_per_day:
                raise InvalidInputError(
                    f"traffic from {'/'.join(sender)} to {'/'.join(receiver)}",
                    "is given twice with different values",
                    next_step="give one row for each pair of pods",
                )
        if sum(cells.values()) > LARGEST_TRAFFIC:
            raise InvalidInputError(
                "traffic",
                "adds up to more than 4 exabytes a day",
                next_step="give bytes a day; is it another unit?",
            )
        pods = tuple(sorted({pod for pair in cells for pod in pair}))
        position = {pod: index for index, pod in enumerate(pods)}
        pairs = sorted(cells)
        return cls(
            pods=pods,
            senders=np.fromiter((position[pair[0]] for pair in pairs), np.int32, len(pairs)),
            receivers=np.fromiter((position[pair[1]] for pair in pairs), np.int32, len(pairs)),
            bytes_per_day=np.fromiter((cells[pair] for pair in pairs), np.int64, len(pairs)),
        )


def to_traffic_rows(table: TrafficTable) -> tuple[TrafficRow, ...]:
    """The matrix as rows, in its own order."""
    return tuple(
        TrafficRow(
            from_namespace=table.pods[sender].namespace,
            from_pod=table.pods[sender].name,
            to_namespace=table.pods[receiver].namespace,
            to_pod=table.pods[receiver].name,
            bytes_per_day=int(amount),
        )
        for sender, receiver, amount in zip(
            table.senders, table.receivers, table.bytes_per_day, strict=True
        )
    )
