"""The keys of Spot price series: text outside, whole numbers inside."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, insert, select

from db.models.market import SpotPriceSeries
from db.records import PriceChoices, SeriesFilter
from db.session import Reader, Transaction
from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import PriceSeries

_Pool = tuple[str, str, str]  # what identifies a series: type, zone, product


def conditions(wanted: SeriesFilter) -> list[ColumnElement[bool]]:
    """What a query over series must ask for, to find the wanted ones only."""
    narrowed = (
        (SpotPriceSeries.region, wanted.regions),
        (SpotPriceSeries.product_description, wanted.products),
        (SpotPriceSeries.instance_type, wanted.instance_types),
        (SpotPriceSeries.availability_zone, wanted.availability_zones),
    )
    return [column.in_(values) for column, values in narrowed if values is not None]


def load(reader: Reader, wanted: SeriesFilter) -> dict[PriceSeries, int]:
    """The wanted series and their ids, sorted by series (as Python sorts, whatever the locale)."""
    query = select(
        SpotPriceSeries.region,
        SpotPriceSeries.instance_type,
        SpotPriceSeries.availability_zone,
        SpotPriceSeries.product_description,
        SpotPriceSeries.id,
    ).where(*conditions(wanted))
    rows = sorted(reader.connection.execute(query).tuples())
    return {PriceSeries(*key): number for *key, number in rows}


def choices(reader: Reader) -> PriceChoices:
    """What the stored series can be filtered by."""

    def values(column: ColumnElement[str]) -> tuple[str, ...]:
        return tuple(sorted(reader.connection.execute(select(column).distinct()).scalars()))

    return PriceChoices(
        regions=values(SpotPriceSeries.region.expression),
        products=values(SpotPriceSeries.product_description.expression),
        instance_types=values(SpotPriceSeries.instance_type.expression),
        availability_zones=values(SpotPriceSeries.availability_zone.expression),
    )


def intern(tx: Transaction, series: Sequence[PriceSeries]) -> NDArray[np.int64]:
    """The id of each series; new ones are stored. The caller holds the right to write prices.

    Raises ``InvalidInputError`` for a zone that is stored under another region.
    """
    known = _known(tx, series)
    _refuse_moved_zones(series, known)
    ids = {pool: number for pool, (_, number) in known.items()}
    new = [one for one in series if _pool(one) not in ids]
    if new:
        stored = insert(SpotPriceSeries).returning(SpotPriceSeries.id, sort_by_parameter_order=True)
        numbers = tx.connection.execute(stored, [one._asdict() for one in new]).scalars()
        ids |= dict(zip(map(_pool, new), numbers, strict=True))
    return np.fromiter((ids[_pool(one)] for one in series), np.int64, len(series))


def _pool(series: PriceSeries) -> _Pool:
    return (series.instance_type, series.availability_zone, series.product_description)


def _known(tx: Transaction, series: Sequence[PriceSeries]) -> dict[_Pool, tuple[str, int]]:
    """Region and id of the stored series of the same instance types."""
    types = tuple({one.instance_type for one in series})
    stored = load(tx, SeriesFilter(instance_types=types, products=None))
    return {_pool(one): (one.region, number) for one, number in stored.items()}


def _refuse_moved_zones(series: Sequence[PriceSeries], known: dict[_Pool, tuple[str, int]]) -> None:
    for one in series:
        region, _ = known.get(_pool(one), (one.region, 0))
        if region != one.region:
            raise InvalidInputError(
                f"price series {one.instance_type} in {one.availability_zone}",
                f"region is given as {one.region}, but stored prices have {region}",
                next_step="correct the region in the file",
            )
