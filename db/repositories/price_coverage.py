"""Which days of Spot prices are known, type by type.

Spot price history repeats an unchanged price about once a day: in the complete history of
us-east-1 of March and April 2021 (604,944 points) no series is silent for more than 35.1 hours.
A longer silence is therefore a gap in the data and not a steady price.
"""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from db.records import Coverage, DayCoverage, SeriesFilter
from db.repositories import price_series, spot_prices
from db.session import Reader
from engines.contracts.pricing import LINUX_PRODUCT, PriceSeries, SpotPriceHistory

LONGEST_SILENCE_SECONDS = 36 * 3600
_DAY_SECONDS = 86_400


def load(
    reader: Reader,
    *,
    region: str,
    first_day: date,
    last_day: date,
    product: str = LINUX_PRODUCT,
    instance_types: tuple[str, ...] | None = None,
) -> Coverage:
    """How each UTC day from ``first_day`` to ``last_day`` (inclusive) is known.

    A day of a type is present when in each zone where the type was ever seen its price is known
    throughout, missing when it is known nowhere, and partial otherwise.
    """
    days = tuple(
        first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)
    )
    opening = int(datetime.combine(first_day, time(), UTC).timestamp())
    closing = opening + len(days) * _DAY_SECONDS
    wanted = SeriesFilter(regions=(region,), products=(product,), instance_types=instance_types)
    series = tuple(price_series.load(reader, wanted))
    history = spot_prices.load_history(
        reader,
        wanted,
        since=datetime.fromtimestamp(opening, UTC),
        until=datetime.fromtimestamp(closing + LONGEST_SILENCE_SECONDS, UTC),
    )
    known = np.zeros((len(series), len(days)), dtype=np.int64)
    known[_positions(series, history.series)] = _known_seconds(history, opening, len(days))
    types = tuple(dict.fromkeys(one.instance_type for one in series))
    return Coverage(
        region=region,
        product_description=product,
        instance_types=types,
        days=days,
        status=_status(series, types, known),
    )


def _positions(series: tuple[PriceSeries, ...], some: tuple[PriceSeries, ...]) -> list[int]:
    position = {one: index for index, one in enumerate(series)}
    return [position[one] for one in some]


def _known_seconds(history: SpotPriceHistory, opening: int, days: int) -> NDArray[np.int64]:
    """For each series of the history, how many seconds of each day its price is known."""
    owner = np.repeat(np.arange(len(history.series)), np.diff(history.starts))
    begins, ends = history.timestamps[:-1], history.timestamps[1:]
    is_known = (owner[:-1] == owner[1:]) & (ends - begins <= LONGEST_SILENCE_SECONDS)
    owner, begins, ends = owner[:-1][is_known], begins[is_known], ends[is_known]
    known = np.zeros((len(history.series), days), dtype=np.int64)
    first = (begins - opening) // _DAY_SECONDS
    for offset in range(LONGEST_SILENCE_SECONDS // _DAY_SECONDS + 2):  # days one silence touches
        day = first + offset
        day_begins = opening + day * _DAY_SECONDS
        seconds = np.minimum(ends, day_begins + _DAY_SECONDS) - np.maximum(begins, day_begins)
        counts = (seconds > 0) & (day >= 0) & (day < days)
        np.add.at(known, (owner[counts], day[counts]), seconds[counts])
    return known


def _status(
    series: tuple[PriceSeries, ...], types: tuple[str, ...], known: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Series come sorted, so that those of one type lie together."""
    if not types:
        return np.zeros((0, known.shape[1]), dtype=np.int8)
    names = [one.instance_type for one in series]
    first = [names.index(name) for name in types]
    is_present = np.minimum.reduceat(known, first, axis=0) == _DAY_SECONDS
    is_missing = np.maximum.reduceat(known, first, axis=0) == 0
    status = np.full(is_present.shape, DayCoverage.PARTIAL, dtype=np.int8)
    status[is_present] = DayCoverage.PRESENT
    status[is_missing] = DayCoverage.MISSING
    return status
