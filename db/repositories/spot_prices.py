"""Spot prices: change points in, price histories out.

Saving is idempotent. Points that are stored already are recognised before anything is inserted,
which costs less than letting the database trip over each of them; writers take turns, so that
what was recognised stays true.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import compress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Table, and_, case, cast, func, or_, select, update

from db.bulk import Integers, insert_columns, read_columns, read_texts, staged
from db.models.base import table_of
from db.models.market import SpotPrice, SpotPriceSeries
from db.records import DataKind, PriceChoices, RegionSpan, SeriesFilter, Stored
from db.repositories import data_versions, price_series, region_hours
from db.session import Reader, Transaction
from engines.contracts.pricing import PriceSeries, SpotPriceHistory

_TIMESTAMP_BITS = 33  # lasts until the year 2242; the series id takes the bits above
_EXPORT_SERIES = 500  # series at a time, so that an export never holds the whole table
_NO_POINT = -1  # before 1970: no price has that time
_END_OF_TIME = datetime(2242, 1, 1, tzinfo=UTC)


def save_history(tx: Transaction, history: SpotPriceHistory) -> Stored:
    """Store change points; a known point whose price differs takes the saved price."""
    data_versions.bump(tx, DataKind.SPOT_PRICES)  # first: writers of prices take turns here
    history = _without_empty_series(history)
    if not history.series:
        return Stored(new=0, known=0)
    ids = price_series.intern(tx, history.series)
    points = _in_key_order(history, ids)
    with staged(tx, "incoming_series", _spans(history, ids)) as incoming:
        is_new, is_changed = _compare(points, *_stored(tx, incoming))
        new, changed = points.only(is_new), points.only(is_changed)
        if len(new.keys):
            insert_columns(tx, table_of(SpotPrice), new.columns())
            region_hours.add(tx, history.series, new.series, new.timestamps(), new.micro_usd)
        if len(changed.keys):
            _correct(tx, changed)
        if len(new.keys) or len(changed.keys):
            _note_latest(tx, incoming)
    unchanged = len(points.keys) - len(new.keys) - len(changed.keys)
    return Stored(new=len(new.keys), known=unchanged, changed=len(changed.keys))


def load_history(
    reader: Reader, wanted: SeriesFilter, *, since: datetime, until: datetime
) -> SpotPriceHistory:
    """The points from ``since`` to ``until``, both inclusive, of the wanted series.

    Each series starts with the price in force at ``since``, under its own earlier time, where
    one is known. Series without any such point are left out.
    """
    series = price_series.load(reader, wanted)
    first, last = int(since.timestamp()), int(until.timestamp())
    in_force = _in_force(reader, wanted, first)
    later = read_columns(
        reader,
        select(SpotPrice.series_id, SpotPrice.timestamp, SpotPrice.micro_usd)
        .join(SpotPriceSeries, SpotPriceSeries.id == SpotPrice.series_id)
        .where(
            SpotPrice.timestamp > first,
            SpotPrice.timestamp <= last,
            *price_series.conditions(wanted),
        ),
    )
    return _history(series, *(np.concatenate(both) for both in zip(in_force, later, strict=True)))


def load_latest(
    reader: Reader, wanted: SeriesFilter, *, at: datetime | None = None
) -> SpotPriceHistory:
    """The price in force at ``at`` (None: the newest stored) of each wanted series, as one point.

    Series that had no price by then are left out.
    """
    moment, price = _last_by(None if at is None else int(at.timestamp()))
    wanted_series = select(*price_series.KEY).where(
        moment != _NO_POINT, *price_series.conditions(wanted)
    )
    keys, (moments, prices) = read_texts(reader, wanted_series, (moment, price))
    series = list(map(PriceSeries, *keys))
    order = sorted(range(len(series)), key=series.__getitem__)
    return SpotPriceHistory(
        series=tuple(map(series.__getitem__, order)),
        starts=np.arange(len(series) + 1, dtype=np.int64),
        timestamps=moments[order],
        micro_usd=prices[order],
    )


def choices(reader: Reader) -> PriceChoices:
    """What stored prices can be filtered by."""
    return price_series.choices(reader)


def spans(reader: Reader) -> tuple[RegionSpan, ...]:
    """What is stored, by region and product, from what is kept with series and region-hours."""
    place = (SpotPriceSeries.region, SpotPriceSeries.product_description)
    last = cast(func.max(SpotPriceSeries.last_timestamp), BigInteger)
    query = select(*place, func.count(), last).group_by(*place)
    points = region_hours.points_and_first_hour(reader)
    return tuple(
        RegionSpan(
            region=region,
            product_description=product,
            series=series,
            points=points[region, product][0],
            first_at=datetime.fromtimestamp(points[region, product][1], UTC),
            last_at=datetime.fromtimestamp(last_timestamp, UTC),
        )
        for region, product, series, last_timestamp in sorted(reader.connection.execute(query))
    )


def iter_export(
    reader: Reader,
    wanted: SeriesFilter,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[SpotPriceHistory]:
    """The stored points from ``since`` to ``until`` (inclusive), some series at a time, sorted."""
    series = price_series.load(reader, wanted)
    keys = list(series)
    first = 0 if since is None else int(since.timestamp())
    last = int((until or _END_OF_TIME).timestamp())
    for start in range(0, len(keys), _EXPORT_SERIES):
        part = {key: series[key] for key in keys[start : start + _EXPORT_SERIES]}
        points = read_columns(
            reader,
            select(SpotPrice.series_id, SpotPrice.timestamp, SpotPrice.micro_usd).where(
                SpotPrice.series_id.in_(part.values()),
                SpotPrice.timestamp >= first,
                SpotPrice.timestamp <= last,
            ),
        )
        yield _history(part, *points)


@dataclass(frozen=True, slots=True)
class _Points:
    """Points in the order of their keys. ``series`` is an index into the history's series."""

    series: Integers
    keys: Integers  # series id and timestamp in one number
    micro_usd: Integers

    def only(self, mask: NDArray[np.bool_]) -> Self:
        return type(self)(self.series[mask], self.keys[mask], self.micro_usd[mask])

    def timestamps(self) -> Integers:
        return self.keys & ((1 << _TIMESTAMP_BITS) - 1)

    def columns(self) -> Mapping[str, Integers]:
        return {
            "series_id": self.keys >> _TIMESTAMP_BITS,
            "timestamp": self.timestamps(),
            "micro_usd": self.micro_usd,
        }


def _without_empty_series(history: SpotPriceHistory) -> SpotPriceHistory:
    has_points = np.diff(history.starts) > 0
    if has_points.all():
        return history
    return replace(
        history,
        series=tuple(compress(history.series, has_points)),
        starts=history.starts[np.append(has_points, True)],
    )


def _in_key_order(history: SpotPriceHistory, ids: Integers) -> _Points:
    series = np.repeat(np.arange(len(ids)), np.diff(history.starts))
    keys = _keys(ids[series], history.timestamps)
    order = np.argsort(keys, kind="stable")
    return _Points(series[order], keys[order], history.micro_usd[order])


def _keys(series_ids: Integers, timestamps: Integers) -> Integers:
    if len(timestamps) and not 0 <= timestamps.min() <= timestamps.max() < 1 << _TIMESTAMP_BITS:
        raise ValueError("times of Spot prices must lie between 1970 and 2242")
    return (series_ids << _TIMESTAMP_BITS) | timestamps


def _spans(history: SpotPriceHistory, ids: Integers) -> Mapping[str, Integers]:
    """For each series, when its first and last points were, and the last price."""
    first, last = history.starts[:-1], history.starts[1:] - 1
    return {
        "series_id": ids,
        "first": history.timestamps[first],
        "last": history.timestamps[last],
        "last_micro_usd": history.micro_usd[last],
    }


def _stored(tx: Transaction, incoming: Table) -> tuple[Integers, Integers]:
    """Keys, sorted, and prices of the stored points that incoming points might repeat.

    Those are the points of the same series in the same span of time.
    """
    same = and_(
        SpotPrice.series_id == incoming.c.series_id,
        SpotPrice.timestamp >= incoming.c.first,
        SpotPrice.timestamp <= incoming.c.last,
    )
    key = incoming.c.series_id * (1 << _TIMESTAMP_BITS) + SpotPrice.timestamp
    keys, prices = read_columns(
        tx, select(key, SpotPrice.micro_usd).select_from(incoming).join(SpotPrice, same)
    )
    order = np.argsort(keys, kind="stable")
    return keys[order], prices[order]


def _compare(
    points: _Points, stored_keys: Integers, stored_prices: Integers
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which points are new, and which are stored with another price."""
    if not len(stored_keys):
        return np.ones(len(points.keys), dtype=bool), np.zeros(len(points.keys), dtype=bool)
    nearest = np.minimum(np.searchsorted(stored_keys, points.keys), len(stored_keys) - 1)
    is_known = stored_keys[nearest] == points.keys
    return ~is_known, is_known & (stored_prices[nearest] != points.micro_usd)


def _correct(tx: Transaction, changed: _Points) -> None:
    with staged(tx, "corrections", changed.columns()) as corrections:
        tx.connection.execute(
            update(SpotPrice)
            .where(
                SpotPrice.series_id == corrections.c.series_id,
                SpotPrice.timestamp == corrections.c.timestamp,
            )
            .values(micro_usd=corrections.c.micro_usd)
        )
    region_hours.recompute(tx, changed.timestamps())


def _note_latest(tx: Transaction, incoming: Table) -> None:
    """Repeat the newest point of each series in the series itself, where it has become newer."""
    last = SpotPriceSeries.last_timestamp
    tx.connection.execute(
        update(SpotPriceSeries)
        .where(
            SpotPriceSeries.id == incoming.c.series_id,
            or_(last.is_(None), last <= incoming.c.last),
        )
        .values(last_timestamp=incoming.c.last, last_micro_usd=incoming.c.last_micro_usd)
    )


def _last_by(moment: int | None) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Time and price of a series' last point by ``moment`` (None: of all), or ``_NO_POINT``.

    Where the newest point is too new, the one before is a seek in the primary key: cheaper than
    any grouping of the points.
    """
    newest = SpotPriceSeries.last_timestamp, SpotPriceSeries.last_micro_usd
    if moment is None:
        return func.coalesce(newest[0], _NO_POINT), func.coalesce(newest[1], _NO_POINT)
    before = (
        select(SpotPrice.timestamp)
        .where(SpotPrice.series_id == SpotPriceSeries.id, SpotPrice.timestamp <= moment)
        .order_by(SpotPrice.timestamp.desc())
        .limit(1)
    )

    def by_then(newest: Any, column: Any) -> Any:
        found = before.with_only_columns(column).scalar_subquery()
        is_newest = SpotPriceSeries.last_timestamp <= moment
        return case((is_newest, newest), else_=func.coalesce(found, _NO_POINT))

    return by_then(newest[0], SpotPrice.timestamp), by_then(newest[1], SpotPrice.micro_usd)


def _in_force(
    reader: Reader, wanted: SeriesFilter, moment: int
) -> tuple[Integers, Integers, Integers]:
    """Series id, time and price of the last point by ``moment`` of each series that has one."""
    query = select(SpotPriceSeries.id, *_last_by(moment))
    rows = read_columns(reader, query.where(*price_series.conditions(wanted)))
    exists = rows[1] != _NO_POINT
    return rows[0][exists], rows[1][exists], rows[2][exists]


def _history(
    series: Mapping[PriceSeries, int],
    series_ids: Integers,
    timestamps: Integers,
    micro_usd: Integers,
) -> SpotPriceHistory:
    """Columns in any order, as a history of those series that have a point."""
    keys: Sequence[PriceSeries] = list(series)
    ids = np.fromiter(series.values(), np.int64, len(series))
    by_id = np.argsort(ids)
    position = by_id[np.searchsorted(ids[by_id], series_ids)] if len(ids) else series_ids
    order = np.lexsort((timestamps, position))
    present, counts = np.unique(position, return_counts=True)
    return SpotPriceHistory(
        series=tuple(keys[index] for index in present.tolist()),
        starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        timestamps=timestamps[order],
        micro_usd=micro_usd[order],
    )
