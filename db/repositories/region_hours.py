"""The prices published in each region and hour: added up while prices are stored."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import and_, case, delete, func, insert, select, true
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import ColumnElement

from db.bulk import Columns, Integers, read_columns, staged, upsert
from db.models.base import table_of
from db.models.market import PricePlace, RegionHourPrice, SpotPrice, SpotPriceSeries
from db.records import RegionHours
from db.session import Reader, Transaction
from engines.contracts.pricing import LINUX_PRODUCT, PriceSeries

HOUR_SECONDS = 3600
_HOUR_BITS = 32  # of the number of a place and hour; the place takes the bits above

_Place = tuple[str, str]  # region, product
_COLUMNS = tuple(table_of(RegionHourPrice).columns)


def load(
    reader: Reader,
    *,
    since: datetime,
    until: datetime,
    regions: Sequence[str] | None = None,
    product: str = LINUX_PRODUCT,
) -> RegionHours:
    """The hours that begin from ``since`` (inclusive) to ``until`` (exclusive)."""
    wanted = {
        region: number
        for (region, one_product), number in sorted(_places(reader).items())
        if one_product == product and (regions is None or region in regions)
    }
    place, hour, points, total, lowest, highest = read_columns(
        reader,
        select(*_COLUMNS).where(
            RegionHourPrice.place_id.in_(wanted.values()),
            RegionHourPrice.hour >= int(since.timestamp()),
            RegionHourPrice.hour < int(until.timestamp()),
        ),
    )
    region = _index_of(np.array(list(wanted.values()), dtype=np.int64), place)
    order = np.lexsort((hour, region))
    return RegionHours(
        regions=tuple(wanted),
        region=region[order],
        hour=hour[order],
        points=points[order],
        sum_micro_usd=total[order],
        min_micro_usd=lowest[order],
        max_micro_usd=highest[order],
    )


def points_and_first_hour(reader: Reader) -> dict[_Place, tuple[int, int]]:
    """How many points each region and product has, and the hour of the first (Unix seconds)."""
    place = (PricePlace.region, PricePlace.product_description)
    query = (
        select(*place, func.sum(RegionHourPrice.points), func.min(RegionHourPrice.hour))
        .join(RegionHourPrice, RegionHourPrice.place_id == PricePlace.id)
        .group_by(*place)
    )
    rows = reader.connection.execute(query)
    return {(region, product): (int(points), hour) for region, product, points, hour in rows}


def add(
    tx: Transaction,
    series: Sequence[PriceSeries],
    series_index: Integers,
    timestamps: Integers,
    micro_usd: Integers,
) -> None:
    """Count new points in; the series of point ``i`` is ``series[series_index[i]]``."""
    places = [(one.region, one.product_description) for one in series]
    ids = _intern(tx, set(places))
    place_of_series = np.fromiter((ids[place] for place in places), np.int64, len(places))
    totals = _totals(place_of_series[series_index], timestamps, micro_usd)
    with staged(tx, "new_region_hours", totals) as new:
        rows = select(new).where(true())  # SQLite wants a WHERE before ON CONFLICT
        add_new = upsert(tx, RegionHourPrice).from_select(
            [column.name for column in _COLUMNS], rows
        )
        kept, given = RegionHourPrice, add_new.excluded
        summed = add_new.on_conflict_do_update(
            index_elements=[kept.place_id, kept.hour],
            set_={
                "points": kept.points + given.points,
                "sum_micro_usd": kept.sum_micro_usd + given.sum_micro_usd,
                "min_micro_usd": _smaller(kept.min_micro_usd, given.min_micro_usd),
                "max_micro_usd": _greater(kept.max_micro_usd, given.max_micro_usd),
            },
        )
        tx.connection.execute(summed)


def recompute(tx: Transaction, timestamps: Integers) -> None:
    """Build the hours of these moments anew from the stored points, after some were corrected."""
    hours = np.unique(timestamps // HOUR_SECONDS) * HOUR_SECONDS
    hour = SpotPrice.timestamp - SpotPrice.timestamp % HOUR_SECONDS
    price = SpotPrice.micro_usd
    in_place = and_(
        PricePlace.region == SpotPriceSeries.region,
        PricePlace.product_description == SpotPriceSeries.product_description,
    )
    with staged(tx, "stale_hours", {"hour": hours}) as stale:
        tx.connection.execute(
            delete(RegionHourPrice).where(RegionHourPrice.hour.in_(select(stale.c.hour)))
        )
        key = (PricePlace.id, stale.c.hour)
        totals = (
            select(*key, func.count(), func.sum(price), func.min(price), func.max(price))
            .select_from(SpotPrice)
            .join(stale, stale.c.hour == hour)
            .join(SpotPriceSeries, SpotPriceSeries.id == SpotPrice.series_id)
            .join(PricePlace, in_place)
            .where(
                SpotPrice.timestamp >= int(hours[0]),
                SpotPrice.timestamp < int(hours[-1]) + HOUR_SECONDS,
            )
            .group_by(*key)
        )
        tx.connection.execute(insert(RegionHourPrice).from_select(_COLUMNS, totals))


def _places(reader: Reader) -> dict[_Place, int]:
    query = select(PricePlace.region, PricePlace.product_description, PricePlace.id)
    rows = reader.connection.execute(query)
    return {(region, product): number for region, product, number in rows}


def _intern(tx: Transaction, places: set[_Place]) -> dict[_Place, int]:
    """The id of each place; new ones are stored."""
    new = [
        {"region": region, "product_description": product}
        for region, product in sorted(places - _places(tx).keys())
    ]
    if new:
        tx.connection.execute(insert(PricePlace), new)
    return _places(tx)


def _index_of(values: Integers, wanted: Integers) -> Integers:
    """Where in ``values`` each wanted one stands."""
    order = np.argsort(values)
    return order[np.searchsorted(values[order], wanted)]


def _totals(place: Integers, timestamps: Integers, micro_usd: Integers) -> Columns:
    """The points added up by place and hour, sorted by these, under the table's column names."""
    cells = (place << _HOUR_BITS) | (timestamps // HOUR_SECONDS)
    order = np.argsort(cells)
    cells, prices = cells[order], micro_usd[order]
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    return {
        "place_id": cells[first] >> _HOUR_BITS,
        "hour": (cells[first] & ((1 << _HOUR_BITS) - 1)) * HOUR_SECONDS,
        "points": np.diff(first, append=len(cells)),
        "sum_micro_usd": np.add.reduceat(prices, first),
        "min_micro_usd": np.minimum.reduceat(prices, first),
        "max_micro_usd": np.maximum.reduceat(prices, first),
    }


def _smaller(one: InstrumentedAttribute[int], other: ColumnElement[int]) -> ColumnElement[int]:
    """LEAST has two names; CASE has one."""
    return case((one < other, one), else_=other)


def _greater(one: InstrumentedAttribute[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)
