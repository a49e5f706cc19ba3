"""True coverage of Spot prices: per instance type, region and day what is known and what is not."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec
import numpy as np

from db.records import Coverage, DayCoverage
from db.repositories import price_coverage, spot_prices
from db.session import Database
from engines.contracts.pricing import LINUX_PRODUCT
from services.errors import InvalidInputError, NotFoundError
from services.workflows.name_patterns import matching

DEFAULT_DAYS = 15  # GAP_FILLER_DEFAULT_LOOKBACK_DAYS
MOST_DAYS = 366
API_KEEPS_DAYS = 90  # DescribeSpotPriceHistory answers for the last 90 days


class DayStatus(StrEnum):
    """How a day of a type is known; ``unfillable``: not known and older than the API keeps."""

    PRESENT = "present"
    PARTIAL = "partial"
    MISSING = "missing"
    UNFILLABLE = "unfillable"


class TypeCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """The days of one instance type, in the order of ``MarketCoverage.days``."""

    instance_type: str
    days: tuple[DayStatus, ...]

    def count(self, status: DayStatus) -> int:
        """How many days have the status."""
        return self.days.count(status)


class MarketCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a region's Spot prices, day by day (UTC) and type by type."""

    region: str
    product_description: str
    days: tuple[date, ...]
    instance_types: tuple[TypeCoverage, ...]

    def totals(self) -> Mapping[DayStatus, int]:
        """Days of all types by status."""
        return {
            status: sum(one.count(status) for one in self.instance_types) for status in DayStatus
        }


class CoverageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which days and types are asked for. None: the last 15 full days; all types ever seen.

    ``instance_types`` are names or patterns such as ``m5.*``; both days count.
    """

    region: str
    product: str = LINUX_PRODUCT
    instance_types: tuple[str, ...] | None = None
    first_day: date | None = None
    last_day: date | None = None


def load_market_coverage(
    database: Database, query: CoverageQuery, *, now: datetime
) -> MarketCoverage:
    """What is known of a region's Spot prices; ``NotFoundError`` where no such type is stored."""
    last = query.last_day or (now.date() - timedelta(days=1))
    first = query.first_day or (last - timedelta(days=DEFAULT_DAYS - 1))
    _check_days(first, last)
    with database.reader() as reader:
        known = spot_prices.choices(reader).instance_types
        coverage = price_coverage.load(
            reader,
            region=query.region,
            first_day=first,
            last_day=last,
            product=query.product,
            instance_types=matching(known, query.instance_types),
        )
    if not coverage.instance_types:
        raise NotFoundError(
            f"no Spot price of {query.product} in {query.region!r} is stored for these types",
            next_step="import a price history, or ask for what 'prices coverage' lists",
        )
    return _to_coverage(coverage, oldest_fillable=now.date() - timedelta(days=API_KEEPS_DAYS))


def _check_days(first: date, last: date) -> None:
    days = (last - first).days + 1
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInputError(
            "days",
            f"{first} to {last} is not a span of 1 to {MOST_DAYS} days",
            next_step="give a first day that is not after the last one",
        )


def _to_coverage(coverage: Coverage, *, oldest_fillable: date) -> MarketCoverage:
    is_old = np.array([day < oldest_fillable for day in coverage.days])
    return MarketCoverage(
        region=coverage.region,
        product_description=coverage.product_description,
        days=coverage.days,
        instance_types=tuple(
            TypeCoverage(
                instance_type=name,
                days=tuple(
                    _status(DayCoverage(value), bool(old))
                    for value, old in zip(row.tolist(), is_old, strict=True)
                ),
            )
            for name, row in zip(coverage.instance_types, coverage.status, strict=True)
        ),
    )


def _status(known: DayCoverage, is_old: bool) -> DayStatus:
    match known:
        case DayCoverage.PRESENT:
            return DayStatus.PRESENT
        case DayCoverage.PARTIAL:
            return DayStatus.PARTIAL
        case DayCoverage.MISSING:
            return DayStatus.UNFILLABLE if is_old else DayStatus.MISSING
