"""Spot price history from EC2: one page at a time, checked row by row.

A page is up to 1,000 records, newest first over the whole window; the last ones are the prices
that were in force at its start. A record that cannot be true is left out and counted, so that one
slip of AWS's (it publishes a zero now and then) does not hold up a region.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engines.contracts.pricing import LINUX_PRODUCT, PriceSeries, SpotPrice, SpotPriceHistory
from services.aws.errors import BadAnswerError, RequestRefusedError
from services.aws.session import AwsAccount
from services.files.price_band import OnDemandByType, PriceBand, price_band
from services.files.reading import DropCounter
from services.files.spot_prices import CLOCK_SKEW, REASON_NOT_IN_DOLLARS, REASON_ZERO
from services.files.values import (
    is_in_dollars,
    parse_availability_zone,
    parse_instance_type,
    parse_micro_usd,
    parse_product,
    region_of_zone,
)

KEPT_BY_AWS = timedelta(days=90)
"""How far back DescribeSpotPriceHistory goes."""

PAGE_ROWS = 1000  # the most that EC2 gives in one answer
REASON_OUTSIDE_BAND = "the price cannot be that of its instance type"
REASON_FUTURE = "the time is in the future"
REASON_UNREADABLE = "the row does not name a pool of the region and its price"

_TOKEN_CODES = ("InvalidNextToken", "InvalidPaginationToken")


class PriceWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one region; the same window and a page's token give the next page."""

    region: str
    since: datetime
    until: datetime
    products: tuple[str, ...] = (LINUX_PRODUCT,)


class PricePage(msgspec.Struct, frozen=True, kw_only=True):
    """Records as boto3 gives them. ``next_token`` empty: this was the last page."""

    rows: Sequence[Mapping[str, Any]]
    next_token: str


class TokenRefusedError(RequestRefusedError):
    """AWS no longer knows the token of a page; the window must be read from its first page."""


def read_price_page(account: AwsAccount, window: PriceWindow, token: str = "") -> PricePage:
    """The page of a window that ``token`` names; empty: the first."""
    more = {"NextToken": token} if token else {}
    try:
        answer = account.call(
            "ec2",
            "describe_spot_price_history",
            region=window.region,
            StartTime=window.since,
            EndTime=window.until,
            ProductDescriptions=list(window.products),
            MaxResults=PAGE_ROWS,
            **more,
        )
    except RequestRefusedError as error:
        if token and error.code in _TOKEN_CODES:
            raise TokenRefusedError(
                error.problem, next_step="read the window again", code=error.code
            ) from error
        raise
    following = str(answer.get("NextToken") or "")
    if token and following == token:
        raise BadAnswerError(
            f"cannot read Spot prices of {window.region}: AWS gives the same page again and again",
            next_step="try again later; what was stored before stays in use",
        )
    return PricePage(rows=answer["SpotPriceHistory"], next_token=following)


@dataclass(slots=True)
class PriceChecker:
    """Turns records of one region into change points; counts what is left out in ``drops``.

    ``now`` is the wall clock, which no price may be ahead of; ``on_demand`` judges what is
    believable.
    """

    region: str
    now: datetime
    on_demand: OnDemandByType
    drops: DropCounter = field(default_factory=DropCounter)
    rows: int = 0
    rows_dropped: int = 0
    _known: dict[tuple[str, str, str], tuple[PriceSeries, PriceBand] | None] = field(
        default_factory=dict
    )

    def check(self, rows: Iterable[Mapping[str, Any]]) -> SpotPriceHistory:
        """The points that can be true. A point that comes twice is one."""
        points: list[SpotPrice] = []
        for row in rows:
            self.rows += 1
            point = self._point(row)
            if isinstance(point, SpotPrice):
                points.append(point)
            else:
                self.drops.add(point, self.rows)
                self.rows_dropped += 1
        return SpotPriceHistory.from_points(points)

    def _point(self, row: Mapping[str, Any]) -> SpotPrice | str:
        """The point, or why there is none."""
        try:
            key = (row["InstanceType"], row["AvailabilityZone"], row["ProductDescription"])
            if key not in self._known:
                self._known[key] = self._series(*key)
            micro_usd = parse_micro_usd(row["SpotPrice"])
            moment: datetime = row["Timestamp"]
        except (KeyError, ValueError):
            return REASON_UNREADABLE
        known = self._known[key]
        if known is None:
            return REASON_UNREADABLE
        series, band = known
        if not is_in_dollars(self.region, ""):
            return REASON_NOT_IN_DOLLARS
        if micro_usd == 0:
            return REASON_ZERO
        if not band.low_micro_usd <= micro_usd <= band.high_micro_usd:
            return REASON_OUTSIDE_BAND
        if moment > self.now + CLOCK_SKEW:
            return REASON_FUTURE
        return SpotPrice(series, int(moment.astimezone(UTC).timestamp()), micro_usd)

    def _series(
        self, instance_type: str, zone: str, product: str
    ) -> tuple[PriceSeries, PriceBand] | None:
        try:
            series = PriceSeries(
                self.region,
                parse_instance_type(instance_type),
                parse_availability_zone(zone),
                parse_product(product),
            )
        except ValueError:
            return None
        if region_of_zone(zone) not in ("", self.region):
            return None
        return series, price_band(instance_type, product, self.on_demand)
