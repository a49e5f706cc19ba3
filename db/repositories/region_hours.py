"""The prices published in each region and hour: added up while prices are stored."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import Table, and_, case, delete, func, insert, literal, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import ColumnElement

from db.bulk import Columns, Integers, staged, upsert
from db.models.base import table_of
from db.models.market import RegionHourPrice, SpotPrice, SpotPriceSeries
from db.records import RegionHours
from db.session import Reader, Transaction
from engines.contracts.pricing import LINUX_PRODUCT, PriceSeries

HOUR_SECONDS = 3600

_COLUMNS = tuple(table_of(RegionHourPrice).columns.keys())


def load(
    reader: Reader,
    *,
    since: datetime,
    until: datetime,
    regions: Sequence[str] | None = None,
    product: str = LINUX_PRODUCT,
) -> RegionHours:
    """The hours that begin from ``since`` (inclusive) to ``until`` (exclusive)."""
    query = select(*table_of(RegionHourPrice).columns).where(
        RegionHourPrice.product_description == product,
        RegionHourPrice.hour >= int(since.timestamp()),
        RegionHourPrice.hour < int(until.timestamp()),
    )
    if regions is not None:
        query = query.where(RegionHourPrice.region.in_(regions))
    rows = sorted(reader.connection.execute(query).tuples())
    names = tuple(dict.fromkeys(row[0] for row in rows))
    position = {name: index for index, name in enumerate(names)}
    numbers = np.array([row[2:] for row in rows], dtype=np.int64).reshape(len(rows), 5)
    hour, points, total, lowest, highest = numbers.T
    return RegionHours(
        regions=names,
        region=np.fromiter((position[row[0]] for row in rows), np.int64, len(rows)),
        hour=hour,
        points=points,
        sum_micro_usd=total,
        min_micro_usd=lowest,
        max_micro_usd=highest,
    )


def add(
    tx: Transaction,
    series: Sequence[PriceSeries],
    series_index: Integers,
    timestamps: Integers,
    micro_usd: Integers,
) -> None:
    """Count new points in; the series of point ``i`` is ``series[series_index[i]]``."""
    places = [(one.region, one.product_description) for one in series]
    names = sorted(set(places))
    number = {name: index for index, name in enumerate(names)}
    place_of_series = np.fromiter((number[one] for one in places), np.int64, len(places))
    totals = _totals(place_of_series[series_index], timestamps, micro_usd)
    with staged(tx, "new_region_hours", totals) as new:
        for index in np.unique(totals["place"]).tolist():
            _add_place(tx, new, index, *names[index])


def _add_place(tx: Transaction, new: Table, place: int, region: str, product: str) -> None:
    numbers = (new.c.hour, new.c.points, new.c.total, new.c.lowest, new.c.highest)
    rows = select(literal(region), literal(product), *numbers).where(new.c.place == place)
    table = RegionHourPrice
    insert_new = upsert(tx, table).from_select(_COLUMNS, rows)
    given = insert_new.excluded
    summed = insert_new.on_conflict_do_update(
        index_elements=[table.region, table.product_description, table.hour],
        set_={
            "points": table.points + given.points,
            "sum_micro_usd": table.sum_micro_usd + given.sum_micro_usd,
            "min_micro_usd": _smaller(table.min_micro_usd, given.min_micro_usd),
            "max_micro_usd": _greater(table.max_micro_usd, given.max_micro_usd),
        },
    )
    tx.connection.execute(summed)


def recompute(tx: Transaction, hours: Integers) -> None:
    """Build these hours anew from the stored points, after some of them were corrected."""
    moments = np.unique(hours)
    with staged(tx, "stale_hours", {"hour": moments}) as stale:
        tx.connection.execute(
            delete(RegionHourPrice).where(RegionHourPrice.hour.in_(select(stale.c.hour)))
        )
        in_hour = and_(
            SpotPrice.timestamp >= stale.c.hour, SpotPrice.timestamp < stale.c.hour + HOUR_SECONDS
        )
        totals = (
            select(
                SpotPriceSeries.region,
                SpotPriceSeries.product_description,
                stale.c.hour,
                func.count(),
                func.sum(SpotPrice.micro_usd),
                func.min(SpotPrice.micro_usd),
                func.max(SpotPrice.micro_usd),
            )
            .select_from(stale)
            .join(SpotPrice, in_hour)
            .join(SpotPriceSeries, SpotPriceSeries.id == SpotPrice.series_id)
            .group_by(SpotPriceSeries.region, SpotPriceSeries.product_description, stale.c.hour)
        )
        tx.connection.execute(insert(RegionHourPrice).from_select(_COLUMNS, totals))


def _totals(place: Integers, timestamps: Integers, micro_usd: Integers) -> Columns:
    """The points added up by place and hour, sorted by these."""
    hours = timestamps // HOUR_SECONDS
    order = np.lexsort((hours, place))
    place, hours, prices = place[order], hours[order], micro_usd[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (place[1:] != place[:-1]) | (hours[1:] != hours[:-1])
    first = np.flatnonzero(is_first)
    return {
        "place": place[first],
        "hour": hours[first] * HOUR_SECONDS,
        "points": np.diff(np.append(first, len(order))),
        "total": np.add.reduceat(prices, first),
        "lowest": np.minimum.reduceat(prices, first),
        "highest": np.maximum.reduceat(prices, first),
    }


def _smaller(one: InstrumentedAttribute[int], other: ColumnElement[int]) -> ColumnElement[int]:
    """LEAST has two names; CASE has one."""
    return case((one < other, one), else_=other)


def _greater(one: InstrumentedAttribute[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)
