"""Spot price history from CSV or from the API's JSON, as change points in columns.

The whole file is taken or none of it: the first row that cannot be true is named with its line.
Two things are put right and counted instead: exact repeats of a row, and isolated zeros, which
AWS itself publishes now and then (2 of 209,965 rows in a public history of sa-east-1) and which
mean that no price was known. Two different prices of one pool at one time contradict each other
and refuse the file: nothing tells which one is true.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import PriceSeries, SpotPriceHistory, to_usd
from services.files.price_band import OnDemandByType, bundled_on_demand, price_band
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile
from services.files.table import (
    CORRECT_THE_ROW,
    Column,
    PageSeen,
    Parsed,
    TableKind,
    read_chunks,
    shown,
)
from services.files.values import (
    is_in_dollars,
    parse_availability_zone,
    parse_instance_type,
    parse_micro_usd,
    parse_product,
    parse_region,
    parse_seconds,
    region_of_zone,
)

SPOT_PRICES = TableKind(
    title="Spot prices",
    json_list="SpotPriceHistory",
    columns=(
        Column(name="instance_type", aliases=("InstanceType",)),
        Column(name="availability_zone", aliases=("az", "AvailabilityZone")),
        Column(name="region", is_required=False),
        Column(name="product_description", aliases=("product", "ProductDescription")),
        Column(name="spot_price", aliases=("price", "price_usd", "SpotPrice")),
        Column(name="timestamp", aliases=("date", "generated_at")),
        Column(name="currency", is_required=False),
    ),
)

SERIES_COLUMNS = (
    "instance_type",
    "availability_zone",
    "region",
    "product_description",
    "currency",
)

ROWS_PER_ZERO = 50_000
"""A zero price is AWS's own slip where it is rarer than this; more of them refuse the file."""

MOST_TIMES_MEDIAN = 200
"""The widest spread seen in public histories is 80 times (us-east-1 in 2016, Spot by auction)."""

CLOCK_SKEW = timedelta(hours=1)
"""A row may be this much newer than our clock: clocks differ, but prices are not foretold."""

NOT_IN_DOLLARS = -1
REASON_NOT_IN_DOLLARS = "the price is not in US dollars"
REASON_ZERO = "the price is zero, which is how AWS publishes that there was none"
REASON_REPEATED = "the row repeats another one exactly"

Progress = Callable[[int], None]
"""Told the number of rows read so far."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows in columns; ``series_at`` indexes ``series``, or is NOT_IN_DOLLARS."""

    series: tuple[PriceSeries, ...]
    series_at: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    micro_usd: NDArray[np.int64]
    lines: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "_Rows":
        return _Rows(
            self.series,
            self.series_at[rows],
            self.timestamps[rows],
            self.micro_usd[rows],
            self.lines[rows],
        )


def read_spot_prices(
    source: SourceFile,
    *,
    now: datetime,
    on_demand: OnDemandByType | None = None,
    on_progress: Progress | None = None,
) -> FileReading[SpotPriceHistory]:
    """Read a Spot price file; raises ``InvalidInputError`` for the first row that cannot be true.

    ``now`` is the wall clock, which no price may be ahead of. ``on_demand`` are known on-demand
    prices by type for the band of believable prices; without it the bundled catalogue's.
    """
    pages: list[Mapping[str, Any]] = []
    rows = _read_rows(source, pages.append, on_progress)
    rows_read = len(rows.lines)
    drops = DropCounter()
    rows = _in_dollars(source, rows, drops)
    _refuse_the_future(source, rows, now)
    rows = _without_zeros(source, rows, drops)
    _refuse_unbelievable(source, rows, bundled_on_demand() if on_demand is None else on_demand)
    _refuse_outliers(source, rows)
    rows = _without_repeats(source, rows, drops)
    history = _to_history(rows)
    return FileReading(
        data=history,
        rows_read=rows_read,
        dropped=drops.dropped(),
        as_of=datetime.fromtimestamp(int(rows.timestamps.max()), UTC),
        regions=tuple(sorted({series.region for series in history.series})),
        warnings=_warn_of_missing_pages(pages),
    )


def _read_rows(source: SourceFile, on_page: PageSeen, on_progress: Progress | None) -> _Rows:
    numbers: dict[PriceSeries, int] = {}
    parsers: dict[str | tuple[str, ...], Parsed[Any, int]] = {
        SERIES_COLUMNS: Parsed(partial(_series_number, numbers)),
        "timestamp": Parsed(parse_seconds),
        "spot_price": Parsed(parse_micro_usd),
    }
    columns: list[list[NDArray[np.int64]]] = []
    rows_read = 0
    for chunk in read_chunks(source, SPOT_PRICES, on_page):
        values = (*chunk.parse(parsers), chunk.lines)
        columns.append([np.array(column, np.int64) for column in values])
        rows_read += len(chunk.lines)
        if on_progress is not None:
            on_progress(rows_read)
    series_at, timestamps, micro_usd, lines = map(np.concatenate, zip(*columns, strict=True))
    return _Rows(tuple(numbers), series_at, timestamps, micro_usd, lines)


def _series_number(numbers: dict[PriceSeries, int], texts: tuple[str, ...]) -> int:
    """The number of the series that these texts name; NOT_IN_DOLLARS where they price otherwise."""
    instance_type, zone, region, product, currency = texts
    zone = _checked("availability_zone", parse_availability_zone, zone)
    in_zone_name = region_of_zone(zone)
    region = _checked("region", parse_region, region or in_zone_name)
    if in_zone_name and in_zone_name != region:
        raise ValueError(f"availability_zone {zone!r} is not in the region {region!r}")
    series = PriceSeries(
        region,
        _checked("instance_type", parse_instance_type, instance_type),
        zone,
        _checked("product_description", parse_product, product),
    )
    if not is_in_dollars(region, currency):
        return NOT_IN_DOLLARS
    return numbers.setdefault(series, len(numbers))


def _checked(name: str, parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{name} {shown(text)} {error}") from error


def _in_dollars(source: SourceFile, rows: _Rows, drops: DropCounter) -> _Rows:
    return _dropped(source, rows, rows.series_at == NOT_IN_DOLLARS, REASON_NOT_IN_DOLLARS, drops)


def _refuse_the_future(source: SourceFile, rows: _Rows, now: datetime) -> None:
    is_ahead = rows.timestamps > int((now + CLOCK_SKEW).timestamp())
    if is_ahead.any():
        at = int(is_ahead.argmax())
        moment = datetime.fromtimestamp(int(rows.timestamps[at]), UTC)
        raise _bad_row(source, rows, at, f"timestamp {moment:%Y-%m-%dT%H:%M:%SZ} is in the future")


def _without_zeros(source: SourceFile, rows: _Rows, drops: DropCounter) -> _Rows:
    is_zero = rows.micro_usd == 0
    if int(is_zero.sum()) * ROWS_PER_ZERO > len(is_zero):
        raise _bad_row(source, rows, int(is_zero.argmax()), "spot_price 0 is not a price")
    return _dropped(source, rows, is_zero, REASON_ZERO, drops)


def _refuse_unbelievable(source: SourceFile, rows: _Rows, on_demand: OnDemandByType) -> None:
    bands = [
        price_band(one.instance_type, one.product_description, on_demand) for one in rows.series
    ]
    low = np.array([band.low_micro_usd for band in bands], np.int64)[rows.series_at]
    high = np.array([band.high_micro_usd for band in bands], np.int64)[rows.series_at]
    is_outside = (rows.micro_usd < low) | (rows.micro_usd > high)
    if is_outside.any():
        at = int(is_outside.argmax())
        price = to_usd(int(rows.micro_usd[at])).normalize()
        reason = bands[int(rows.series_at[at])].reason
        raise _bad_row(source, rows, at, f"spot_price {price:f} {reason}")


def _refuse_outliers(source: SourceFile, rows: _Rows) -> None:
    """Refuse a price far above the median of its type and product in this very file."""
    kinds: dict[tuple[str, str], int] = {}
    kind_of_series = [
        kinds.setdefault((one.instance_type, one.product_description), len(kinds))
        for one in rows.series
    ]
    kind_at = np.array(kind_of_series, np.int64)[rows.series_at]
    by_kind_and_price = np.lexsort((rows.micro_usd, kind_at))
    counts = np.bincount(kind_at, minlength=len(kinds))
    middles = np.cumsum(counts) - counts + np.maximum(counts - 1, 0) // 2
    in_order = rows.micro_usd[by_kind_and_price]
    medians = in_order[np.minimum(middles, len(in_order) - 1)][kind_at]
    is_outlier = rows.micro_usd > MOST_TIMES_MEDIAN * medians
    if is_outlier.any():
        at = int(is_outlier.argmax())
        price, median = (to_usd(int(one[at])).normalize() for one in (rows.micro_usd, medians))
        name = rows.series[int(rows.series_at[at])].instance_type
        raise _bad_row(
            source,
            rows,
            at,
            f"spot_price {price:f} is more than {MOST_TIMES_MEDIAN} times the median of {name} "
            f"in this file, {median:f}: a slip of digits?",
        )


def _without_repeats(source: SourceFile, rows: _Rows, drops: DropCounter) -> _Rows:
    """The rows in order of series, then time, without exact repeats."""
    position = {series: at for at, series in enumerate(sorted(rows.series))}
    rank = np.array([position[series] for series in rows.series], np.int64)[rows.series_at]
    rows = rows.take(np.lexsort((rows.timestamps, rank)).astype(np.int64))
    is_repeat = np.zeros(len(rows.lines), np.bool_)
    is_repeat[1:] = (rows.series_at[1:] == rows.series_at[:-1]) & (
        rows.timestamps[1:] == rows.timestamps[:-1]
    )
    contradicts = is_repeat.copy()
    contradicts[1:] &= rows.micro_usd[1:] != rows.micro_usd[:-1]
    if contradicts.any():
        places = np.flatnonzero(contradicts)
        at = int(places[rows.lines[places].argmin()])
        raise _bad_row(
            source, rows, at, f"line {rows.lines[at - 1]} gives the pool another price at that time"
        )
    return _dropped(source, rows, is_repeat, REASON_REPEATED, drops)


def _dropped(
    source: SourceFile, rows: _Rows, is_out: NDArray[np.bool_], reason: str, drops: DropCounter
) -> _Rows:
    count = int(is_out.sum())
    if not count:
        return rows
    drops.add(reason, int(rows.lines[is_out].min()), count)
    if count == len(is_out):
        raise source.refuse(f"no row can be used: {reason}", next_step="choose another file")
    return rows.take(~is_out)


def _bad_row(source: SourceFile, rows: _Rows, at: int, reason: str) -> InvalidInputError:
    return source.refuse(reason, next_step=CORRECT_THE_ROW, line=int(rows.lines[at]))


def _to_history(rows: _Rows) -> SpotPriceHistory:
    """Rows that lie in order of series and time, as the contract's columns."""
    firsts = np.flatnonzero(np.diff(rows.series_at, prepend=-1))
    return SpotPriceHistory(
        series=tuple(rows.series[at] for at in rows.series_at[firsts]),
        starts=np.append(firsts, len(rows.lines)).astype(np.int64),
        timestamps=rows.timestamps,
        micro_usd=rows.micro_usd,
    )


def _warn_of_missing_pages(pages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if pages and pages[-1].get("NextToken"):
        return ("the last page has a NextToken: the history goes on after it",)
    return ()
