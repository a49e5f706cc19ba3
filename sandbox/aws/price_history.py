"""DescribeSpotPriceHistory: filters, the price in force at the start, pages, newest first."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class Series(NamedTuple):
    """What a price is the price of."""

    instance_type: str
    zone: str
    product: str


class Rows(NamedTuple):
    """Records in columns, newest first: Unix seconds, index into ``series``, micro-dollars."""

    series: tuple[Series, ...]
    at: NDArray[np.int64]
    which: NDArray[np.int32]
    micro_usd: NDArray[np.int64]


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
    if after < len(rows.at):
        token = write_token(call, {"offset": after, "now": place.get("now", now)})
    ids = zone_ids(call.region)
    page = list(_page(rows, slice(offset, after), ids))
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


@lru_cache(maxsize=16)  # of at most 7 MB each
def _rows(market: Market, question: Question) -> Rows:
    """All records, newest first; a start before the retention begins at the price in force then."""
    series: list[Series] = []
    columns: list[NDArray[np.int64]] = [np.empty((3, 0), np.int64)]
    if is_priced(question.region) and question.end >= question.start:
        for pool in sorted(_pools(question)):
            points = market.history(pool, question.start, question.end)
            linux = np.array([(one.at, 0, one.micro_usd) for one in points], np.int64).T
            for product, surcharge in _surcharges(question, pool.instance_type):
                columns.append(linux + np.array([[0], [len(series)], [surcharge]]))
                series.append(Series(pool.instance_type, pool.zone, product))
    at, which, micro_usd = np.concatenate(columns, axis=1)
    order = np.lexsort((which, -at))
    return Rows(tuple(series), at[order], which[order].astype(np.int32), micro_usd[order])


def _pools(question: Question) -> Iterator[Pool]:
    is_wanted = _chooser(question.instance_types)
    is_zone = _chooser(question.zones)
    for name in offered_types():
        if is_wanted(name):
            for zone in zones_of_type(name, question.region):
                if is_zone(zone):
                    yield Pool(name, zone)


def _surcharges(question: Question, instance_type: str) -> Iterator[tuple[str, int]]:
    """The products that are asked for, and what each costs above Linux."""
    offered = offered_types()[instance_type]
    is_wanted = _chooser(question.products)
    for product in products_of(offered):
        if is_wanted(product):
            yield product, product_micro_usd(offered, product, 0)


def _chooser(wanted: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a value is among the wanted ones; ``*`` and ``?`` are wildcards in EC2's filters."""
    return lambda value: not wanted or any(fnmatchcase(value, one) for one in wanted)


def _page(rows: Rows, page: slice, ids: dict[str, str]) -> Iterator[dict[str, str]]:
    columns = (column[page].tolist() for column in (rows.at, rows.which, rows.micro_usd))
    for at, which, micro_usd in zip(*columns, strict=True):
        series = rows.series[which]
        yield {
            "instanceType": series.instance_type,
            "productDescription": series.product,
            "spotPrice": f"{micro_usd // 1_000_000}.{micro_usd % 1_000_000:06d}",
            "timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "availabilityZone": series.zone,
            "availabilityZoneId": ids.get(series.zone, ""),
        }
