"""What a volume costs a month, and what a snapshot of it would.

List prices of us-east-1 in USD, Amazon EBS pricing page (aws.amazon.com/ebs/pricing), as of early
2026. Other regions, Local Zones and Outposts differ; there nothing is claimed unless it is given.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from engines.contracts.aws import Volume
from engines.cost import region_of_zone

PRICED_REGION = "us-east-1"

_USD_PER_GIB: Mapping[str, Decimal] = {
    "gp3": Decimal("0.08"),
    "gp2": Decimal("0.10"),
    "io1": Decimal("0.125"),
    "io2": Decimal("0.125"),
    "st1": Decimal("0.045"),
    "sc1": Decimal("0.015"),
    "standard": Decimal("0.05"),
}
_SNAPSHOT_USD_PER_GIB = Decimal("0.05")

_GP3_FREE_IOPS = 3_000
_GP3_FREE_THROUGHPUT = 125  # MiB/s
_GP3_USD_PER_IOPS = Decimal("0.005")
_GP3_USD_PER_THROUGHPUT = Decimal("0.04")
_IOPS_TIERS: Mapping[str, tuple[tuple[int | None, Decimal], ...]] = {
    "io1": ((None, Decimal("0.065")),),
    "io2": (
        (32_000, Decimal("0.065")),
        (64_000, Decimal("0.046")),
        (None, Decimal("0.032")),
    ),
}
"""USD per provisioned IOPS up to each bound; None: without bound."""


class VolumeCost(NamedTuple):
    """USD a month; None: not known. ``performance`` is what IOPS and throughput add."""

    storage: Decimal | None
    performance: Decimal | None
    snapshot: Decimal | None

    @property
    def volume(self) -> Decimal | None:
        """All that the volume costs; performance without a known price is left out."""
        return None if self.storage is None else self.storage + (self.performance or 0)


class PriceTable(NamedTuple):
    """The built-in prices with what a request puts over them."""

    volume_prices: Mapping[str, Decimal]
    snapshot_price: Decimal | None

    def cost_of(self, volume: Volume) -> VolumeCost:
        """What the volume costs, and what a snapshot of all of it would at most.

        A snapshot holds used blocks only, and nobody tells how many those are.
        """
        is_listed = region_of_zone(volume.availability_zone) == PRICED_REGION
        is_priced = is_listed and not volume.outpost_arn
        per_gib = self.volume_prices.get(volume.volume_type)
        if per_gib is None and is_priced:
            per_gib = _USD_PER_GIB.get(volume.volume_type)
        snapshot = self.snapshot_price
        if snapshot is None and is_priced:
            snapshot = _SNAPSHOT_USD_PER_GIB
        return VolumeCost(
            storage=None if per_gib is None else per_gib * volume.size_gib,
            performance=_performance(volume) if is_priced else None,
            snapshot=None if snapshot is None else snapshot * volume.size_gib,
        )


def _performance(volume: Volume) -> Decimal:
    """USD a month for provisioned IOPS and throughput beyond what is included."""
    iops, throughput = volume.iops or 0, volume.throughput or 0
    if volume.volume_type == "gp3":
        extra_iops = max(0, iops - _GP3_FREE_IOPS) * _GP3_USD_PER_IOPS
        return extra_iops + max(0, throughput - _GP3_FREE_THROUGHPUT) * _GP3_USD_PER_THROUGHPUT
    total, start = Decimal(0), 0
    for bound, usd in _IOPS_TIERS.get(volume.volume_type, ()):
        end = iops if bound is None else min(iops, bound)
        total += max(0, end - start) * usd
        start = end
    return total
