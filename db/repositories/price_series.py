"""The keys of Spot price series: text outside, whole numbers inside."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, insert, select

from db.bulk import read_texts
from db.models.market import SpotPriceSeries
from db.records import PriceChoices, SeriesFilter
from db.session import Reader, Transaction
from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import PriceSeries

_Pool = tuple[str, str, str]  # what identifies a series: type, zone, product

KEY = (  # the columns of a PriceSeries, in its order
    SpotPriceSeries.region,
    SpotPriceSeries.instance_type,
    SpotPriceSeries.availability_zone,
    SpotPriceSeries.product_description,
)


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
    query = select(*KEY).where(*conditions(wanted))
    keys, (numbers,) = read_texts(reader, query, (SpotPriceSeries.id,))
    return dict(sorted(zip(map(PriceSeries, *keys), numbers.tolist(), strict=True)))


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
    new = [one._asdict() for one in series if _pool(one) not in known]
    if new:
        stored = tx.connection.execute(
            insert(SpotPriceSeries).returning(*KEY, SpotPriceSeries.id), new
        )
        known |= {
            (kind, zone, product): (region, id_) for region, kind, zone, product, id_ in stored
        }
    return np.fromiter((known[_pool(one)][1] for one in series), np.int64, len(series))


def _pool(series: PriceSeries) -> _Pool:
    return (series.instance_type, series.availability_zone, series.product_description)


def _known(tx: Transaction, series: Sequence[PriceSeries]) -> dict[_Pool, tuple[str, int]]:
    """Region and id of the stored series of the same instance types."""
    names = tuple({one.instance_type for one in series})
    query = select(*KEY).where(SpotPriceSeries.instance_type.in_(names))
    (regions, *pools), (numbers,) = read_texts(tx, query, (SpotPriceSeries.id,))
    values = zip(regions, numbers.tolist(), strict=True)
    return dict(zip(zip(*pools, strict=True), values, strict=True))


def _refuse_moved_zones(series: Sequence[PriceSeries], known: dict[_Pool, tuple[str, int]]) -> None:
    for one in series:
        region, _ = known.get(_pool(one), (one.region, 0))
        if region != one.region:
            raise InvalidInputError(
                f"price series {one.instance_type} in {one.availability_zone}",
                f"region is given as {one.region}, but stored prices have {region}",
                next_step="correct the region in the file",
            )
