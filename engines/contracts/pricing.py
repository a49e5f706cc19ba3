"""Prices, Spot Advisor rates and instance types.

Bulk tables are columnar (numpy); single facts are small frozen structs. Spot prices keep the
API's own nature: **change points**, where a price holds from its time until the next one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum, StrEnum
from operator import lt
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

HOURS_PER_MONTH = Decimal(730)  # 8,760 hours of a common year / 12; AWS's own calculator uses it
MICRO_USD_PER_USD = 1_000_000  # Spot prices have six decimal places, so micro-dollars are exact


class CapacityType(StrEnum):
    """How an instance is bought."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"
    RESERVED = "reserved"


class OperatingSystem(StrEnum):
    """The operating systems that Spot Advisor and the price list distinguish."""

    LINUX = "Linux"
    WINDOWS = "Windows"


LINUX_PRODUCT = "Linux/UNIX"  # the product description of plain Linux in Spot price history


class InterruptionBucket(IntEnum):
    """Spot Advisor's interruption rate of the past month, by its bucket number.

    The published ``max`` of the ranges is 5/11/16/22/100; the labels are what AWS shows.
    """

    UNDER_5 = 0
    FROM_5_TO_10 = 1
    FROM_10_TO_15 = 2
    FROM_15_TO_20 = 3
    OVER_20 = 4


class AdvisorRate(msgspec.Struct, frozen=True, kw_only=True):
    """One row of Spot Advisor. ``savings_percent`` may be negative: AWS publishes such rows."""

    region: str
    operating_system: OperatingSystem
    instance_type: str
    interruption_bucket: InterruptionBucket
    savings_percent: int


class OnDemandPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The on-demand list price of an instance type, in force since ``effective_date`` (UTC)."""

    region: str
    instance_type: str
    operating_system: OperatingSystem
    hourly_price: Decimal  # USD
    effective_date: datetime


class InstanceType(msgspec.Struct, frozen=True, kw_only=True):
    """What an EC2 instance type offers, before Kubernetes reserves its part."""

    instance_type: str
    vcpu: int
    memory_mib: int
    architecture: str  # "amd64" or "arm64", as in the node label kubernetes.io/arch
    family: str  # "m5", the part before the dot
    generation: int
    gpu_count: int = 0
    network_gbps: float | None = None  # None: not known
    max_enis: int | None = None
    ipv4_per_eni: int | None = None
    max_pods: int | None = None  # by the ENI formula of the VPC CNI, where known
    is_bare_metal: bool = False
    is_burstable: bool = False
    local_nvme: bool = False


class PriceSeries(NamedTuple):
    """The key of one Spot price series: a pool, its region and the product sold in it.

    ``availability_zone`` is the zone's name or, where known, its id (``use1-az2``).
    """

    region: str
    instance_type: str
    availability_zone: str
    product_description: str


class SpotPrice(NamedTuple):
    """One change point of a series: the price holds from ``timestamp`` on."""

    series: PriceSeries
    timestamp: int  # seconds since 1970-01-01 UTC
    micro_usd: int  # USD per hour x 1,000,000


@dataclass(frozen=True, slots=True)
class SpotPriceHistory:
    """Change points of many series, sorted by series and then by time, without repeats.

    The points of ``series[i]`` are ``timestamps[starts[i]:starts[i + 1]]`` and the same slice of
    ``micro_usd``. What a series cost before its first point is not known.
    """

    series: tuple[PriceSeries, ...]
    starts: NDArray[np.int64]  # len(series) + 1
    timestamps: NDArray[np.int64]  # seconds since 1970-01-01 UTC
    micro_usd: NDArray[np.int64]  # USD per hour x 1,000,000

    def __post_init__(self) -> None:
        ends = (int(self.starts[0]), int(self.starts[-1])) if len(self.starts) else ()
        if len(self.starts) != len(self.series) + 1 or ends != (0, len(self.timestamps)):
            raise ValueError("starts must delimit every series of the price history")
        if len(self.micro_usd) != len(self.timestamps):
            raise ValueError("each time of the price history needs one price")
        is_sorted = all(map(lt, self.series, self.series[1:]))
        if not is_sorted or np.any(np.diff(self.starts) < 0) or self._has_unsorted_times():
            raise ValueError("series and the times of each series must be sorted without repeats")
        if len(self.micro_usd) and int(self.micro_usd.min()) <= 0:
            raise ValueError("a Spot price must be positive")

    def _has_unsorted_times(self) -> bool:
        """Whether some series has a time that does not come after the one before it."""
        is_first = np.zeros(len(self.timestamps) + 1, dtype=np.bool_)
        is_first[self.starts] = True
        falls = np.diff(self.timestamps) <= 0
        return bool(np.any(falls & ~is_first[1 : len(falls) + 1]))

    @classmethod
    def from_points(cls, points: Iterable[SpotPrice]) -> "SpotPriceHistory":
        """Build the columns from points in any order; of two equal keys the dearer one stays.

        (Which one stays must not depend on the order of the input; the dearer one is cautious.)
        """
        latest: dict[tuple[PriceSeries, int], int] = {}
        for point in points:
            key = (point.series, point.timestamp)
            latest[key] = max(point.micro_usd, latest.get(key, 0))
        keys = sorted(latest)
        series = tuple(dict.fromkeys(key[0] for key in keys))
        position = {one: index for index, one in enumerate(series)}
        counts = np.bincount(
            np.fromiter((position[key[0]] for key in keys), np.int64, len(keys)),
            minlength=len(series),
        )
        return cls(
            series=series,
            starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            timestamps=np.fromiter((key[1] for key in keys), np.int64, len(keys)),
            micro_usd=np.fromiter((latest[key] for key in keys), np.int64, len(keys)),
        )

    @classmethod
    def empty(cls) -> "SpotPriceHistory":
        """A history that knows nothing."""
        return cls.from_points(())

    def within(
        self, *, regions: Collection[str], products: Collection[str], since: int, until: int
    ) -> "SpotPriceHistory":
        """The points of some series from ``since`` to ``until`` (Unix seconds, both included).

        The price in force at ``since`` keeps its own, earlier time. Series without any point left
        are gone.
        """
        rows: list[NDArray[np.int64]] = []
        series: list[PriceSeries] = []
        for key, start, end in zip(self.series, self.starts, self.starts[1:], strict=False):
            if key.region not in regions or key.product_description not in products:
                continue
            times = self.timestamps[start:end]
            first = max(0, int(np.searchsorted(times, since, "right")) - 1)
            last = int(np.searchsorted(times, until, "right"))
            if first < last:
                series.append(key)
                rows.append(np.arange(start + first, start + last))
        kept = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        ends = np.cumsum([0, *(len(one) for one in rows)])
        return SpotPriceHistory(
            series=tuple(series),
            starts=ends.astype(np.int64),
            timestamps=self.timestamps[kept],
            micro_usd=self.micro_usd[kept],
        )

    def latest_at(self, moment: int) -> Mapping[PriceSeries, SpotPrice]:
        """The price in force at ``moment`` (Unix seconds) of each series that had one by then."""
        return {
            key: SpotPrice(key, int(self.timestamps[last]), int(self.micro_usd[last]))
            for key, first, end in zip(self.series, self.starts, self.starts[1:], strict=False)
            if (
                last := first
                + int(np.searchsorted(self.timestamps[first:end], moment, "right"))
                - 1
            )
            >= first
        }


def to_micro_usd(price: Decimal) -> int:
    """USD to integer micro-dollars, rounded half to even where there are more than six places."""
    return int((price * MICRO_USD_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def to_usd(micro_usd: int) -> Decimal:
    """Integer micro-dollars to USD, exactly."""
    return Decimal(micro_usd).scaleb(-6)
