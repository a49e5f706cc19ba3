"""On-demand prices from CSV or a JSON list of objects.

Only dollars become prices: rows in another currency (AWS prices its regions in China in CNY) and
operating systems that no decision distinguishes are left out and counted. A row that cannot be
true refuses the whole file, and so do two different prices with one key.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from engines.contracts.pricing import OnDemandPrice, OperatingSystem, to_micro_usd
from services.files.price_band import OnDemandByType, bundled_on_demand, price_band
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile
from services.files.spot_prices import CLOCK_SKEW, Progress
from services.files.table import Chunk, Column, Parsed, TableKind, read_chunks, shown
from services.files.values import (
    is_in_dollars,
    parse_date_or_moment,
    parse_instance_type,
    parse_region,
    parse_usd,
)

ON_DEMAND_PRICES = TableKind(
    title="on-demand prices",
    json_list="on_demand",
    columns=(
        Column(name="region"),
        Column(name="instance_type"),
        Column(name="operating_system", aliases=("os",)),
        Column(name="hourly_price", aliases=("price", "price_usd")),
        Column(name="effective_date", aliases=("date", "generated_at")),
        Column(name="currency", is_required=False),
    ),
)

_Key = tuple[str, str, OperatingSystem, datetime]
_Row = tuple[str, str, str, Decimal, datetime, str]


def read_on_demand_prices(
    source: SourceFile,
    *,
    now: datetime,
    on_demand: OnDemandByType | None = None,
    on_progress: Progress | None = None,
) -> FileReading[tuple[OnDemandPrice, ...]]:
    """Read on-demand prices, sorted by region, type, operating system and date.

    ``now`` is the wall clock; a price list of the future is refused. ``on_demand`` are prices
    known before, for the band of believable prices; without it the bundled catalogue's.
    """
    known = bundled_on_demand() if on_demand is None else on_demand
    prices: dict[_Key, OnDemandPrice] = {}
    drops = DropCounter()
    parsers = _parsers()
    rows_read = 0
    for chunk in read_chunks(source, ON_DEMAND_PRICES):
        for index, row in enumerate(zip(*chunk.parse(parsers), strict=True)):
            reason = _why_unusable(row)
            if reason:
                drops.add(reason, chunk.lines[index])
                continue
            price = _believable(chunk, index, row, now, known)
            _add(prices, price, chunk, index, drops)
        rows_read += len(chunk.lines)
        if on_progress is not None:
            on_progress(rows_read)
    return _reading(source, prices, rows_read, drops)


def _parsers() -> dict[str | tuple[str, ...], Parsed[Any, Any]]:
    return {
        "region": Parsed(parse_region),
        "instance_type": Parsed(parse_instance_type),
        "operating_system": Parsed(_operating_system_name),
        "hourly_price": Parsed(parse_usd),
        "effective_date": Parsed(parse_date_or_moment),
        "currency": Parsed(str.strip),
    }


def _operating_system_name(text: str) -> str:
    """The product's own spelling where it is one of ours, else the text as it stands."""
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    names = {one.value.casefold(): one.value for one in OperatingSystem}
    return names.get(text.casefold(), text)


def _why_unusable(row: _Row) -> str:
    region, _, name, _, _, currency = row
    if not is_in_dollars(region, currency):
        return f"the price is not in US dollars but in {currency or 'CNY'}"
    if name not in tuple(OperatingSystem):
        return f"operating system {shown(name)} is not used"
    return ""


def _believable(
    chunk: Chunk, index: int, row: _Row, now: datetime, known: OnDemandByType
) -> OnDemandPrice:
    region, instance_type, name, hourly_price, effective_date, _ = row
    if hourly_price == 0:
        raise chunk.refuse_row(index, "hourly_price 0 is not a price")
    band = price_band(instance_type, name, known)
    if not band.low_micro_usd <= to_micro_usd(hourly_price) <= band.high_micro_usd:
        raise chunk.refuse_row(index, f"hourly_price {hourly_price.normalize():f} {band.reason}")
    if effective_date > now + CLOCK_SKEW:
        raise chunk.refuse_row(
            index, f"effective_date {effective_date.isoformat()} is in the future"
        )
    return OnDemandPrice(
        region=region,
        instance_type=instance_type,
        operating_system=OperatingSystem(name),
        hourly_price=hourly_price,
        effective_date=effective_date,
    )


def _add(
    prices: dict[_Key, OnDemandPrice],
    price: OnDemandPrice,
    chunk: Chunk,
    index: int,
    drops: DropCounter,
) -> None:
    key = (price.region, price.instance_type, price.operating_system, price.effective_date)
    if key not in prices:
        prices[key] = price
    elif prices[key] == price:
        drops.add("the row repeats another one exactly", chunk.lines[index])
    else:
        raise chunk.refuse_row(index, "an earlier row gives another price for the same date")


def _reading(
    source: SourceFile,
    prices: Mapping[_Key, OnDemandPrice],
    rows_read: int,
    drops: DropCounter,
) -> FileReading[tuple[OnDemandPrice, ...]]:
    dropped = drops.dropped()
    if not prices:
        reasons = "; ".join(one.reason for one in dropped)
        raise source.refuse(f"no row can be used: {reasons}", next_step="choose another file")
    ordered = tuple(prices[key] for key in sorted(prices))
    return FileReading(
        data=ordered,
        rows_read=rows_read,
        dropped=dropped,
        as_of=max(price.effective_date for price in ordered),
        regions=tuple(sorted({price.region for price in ordered})),
    )
