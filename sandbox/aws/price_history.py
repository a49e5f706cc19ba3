"""DescribeSpotPriceHistory: filters, the price in force at the start, pages, newest first."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from sandbox.aws.calls import Answer, ApiError, Call
from sandbox.aws.catalogue import offered_types
from sandbox.aws.cloud import Cloud
from sandbox.aws.spot_prices import (
    RETENTION_SECONDS,
    Market,
    Pool,
    is_priced,
    product_micro_usd,
    products_of,
)
from sandbox.aws.tokens import page_size, read_token, write_token
from sandbox.aws.zones import zone_ids, zones_of_type

LARGEST_PAGE = 1000
_ANSWERS_KEPT_SECONDS = 60  # a question of the same minute is not worked out anew
_OF_VPC = " (Amazon VPC)"  # the old suffix of products; the answers no longer have it


class Row(NamedTuple):
    """One record of the answer."""

    at: int
    instance_type: str
    zone: str
    product: str
    micro_usd: int


class Question(NamedTuple):
    """What is asked for; empty: all."""

    region: str
    instance_types: tuple[str, ...]
    zones: tuple[str, ...]
    products: tuple[str, ...]
    start: int
    end: int


def describe_spot_price_history(cloud: Cloud, call: Call) -> Answer:
    """One page of the change points of all pools that are asked for."""
    size = min(page_size(call, least=1, most=100_000, usual=LARGEST_PAGE), LARGEST_PAGE)
    place = read_token(call)
    now = int(cloud.clock.now()) // _ANSWERS_KEPT_SECONDS * _ANSWERS_KEPT_SECONDS
    question = _question(call, place.get("now", now))
    rows = _rows(cloud.market, question)
    offset = place.get("offset", 0)
    after = offset + size
    token = ""
    if after < len(rows):
        token = write_token(call, {"offset": after, "now": place.get("now", now)})
    ids = zone_ids(call.region)
    page = [_record(row, ids) for row in rows[offset:after]]
    return cloud.answer(call, {"spotPriceHistorySet": page, "nextToken": token})


def _question(call: Call, now: int) -> Question:
    filters = call.filters()
    unknown = set(filters) - {
        "availability-zone",
        "availability-zone-id",
        "instance-type",
        "product-description",
    }
    if unknown:
        raise ApiError("InvalidParameterValue", f"The filter '{sorted(unknown)[0]}' is invalid")
    products = call.listed("ProductDescription") or filters.get("product-description", ())
    end = min(_moment(call, "EndTime") or now, now)
    start = max(_moment(call, "StartTime") or 0, now - RETENTION_SECONDS)
    return Question(
        region=call.region,
        instance_types=call.listed("InstanceType") or filters.get("instance-type", ()),
        zones=_zones(call),
        products=tuple(one.removesuffix(_OF_VPC) for one in products),
        start=min(start, now),
        end=end,
    )


def _zones(call: Call) -> tuple[str, ...]:
    filters = call.filters()
    names = filters.get("availability-zone", ())
    if call.get("AvailabilityZone"):
        names = (call.get("AvailabilityZone"),)
    wanted = filters.get("availability-zone-id", ())
    if call.get("AvailabilityZoneId"):
        wanted = (call.get("AvailabilityZoneId"),)
    if not wanted:
        return names
    return tuple(name for name, one in zone_ids(call.region).items() if one in wanted) or ("none",)


def _moment(call: Call, name: str) -> int | None:
    text = call.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError("InvalidParameterValue", f"Value ({text}) for {name} is invalid") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@lru_cache(maxsize=16)
def _rows(market: Market, question: Question) -> list[Row]:
    """All records, newest first; a start before the retention begins at the price in force then."""
    if not is_priced(question.region) or question.end < question.start:
        return []
    rows = [row for pool in _pools(question) for row in _pool_rows(market, question, pool)]
    rows.sort(key=lambda row: (-row.at, *row[1:4]))
    return rows


def _pools(question: Question) -> Iterator[Pool]:
    is_wanted = _chooser(question.instance_types)
    is_zone = _chooser(question.zones)
    for name in offered_types():
        if is_wanted(name):
            for zone in zones_of_type(name, question.region):
                if is_zone(zone):
                    yield Pool(name, zone)


def _pool_rows(market: Market, question: Question, pool: Pool) -> Iterator[Row]:
    offered = offered_types()[pool.instance_type]
    is_wanted = _chooser(question.products)
    products = [one for one in products_of(offered) if is_wanted(one)]
    points = market.history(pool, question.start, question.end)
    for product in products:
        surcharge = product_micro_usd(offered, product, 0)
        for point in points:
            yield Row(point.at, pool.instance_type, pool.zone, product, point.micro_usd + surcharge)


def _chooser(wanted: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a value is among the wanted ones; ``*`` and ``?`` are wildcards in EC2's filters."""
    return lambda value: not wanted or any(fnmatchcase(value, one) for one in wanted)


def _record(row: Row, ids: dict[str, str]) -> dict[str, str]:
    moment = datetime.fromtimestamp(row.at, UTC)
    return {
        "instanceType": row.instance_type,
        "productDescription": row.product,
        "spotPrice": f"{row.micro_usd // 1_000_000}.{row.micro_usd % 1_000_000:06d}",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "availabilityZone": row.zone,
        "availabilityZoneId": ids.get(row.zone, ""),
    }
