"""Prices as rows of a JSON document, and as the types that engines compute with."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

import msgspec

from engines.contracts.json_values import Time, refuse_absurd_time
from engines.contracts.pricing import (
    AdvisorRate,
    InstanceType,
    OnDemandPrice,
    OperatingSystem,
    PriceSeries,
    SpotPrice,
    SpotPriceHistory,
    to_micro_usd,
    to_usd,
)
from engines.contracts.results import Skipped, Subject

HIGHEST_USD_PER_HOUR = Decimal(100_000)  # the dearest instance type costs some hundreds


class PriceRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One change point of a Spot price, in USD per hour."""

    instance_type: str
    availability_zone: str
    region: str
    product_description: str
    spot_price: Decimal
    timestamp: Time

    def __post_init__(self) -> None:
        _refuse_bad_price("spot_price", self.spot_price)
        refuse_absurd_time("timestamp", self.timestamp)


class OnDemandRow(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An on-demand list price, in USD per hour, in force since a day or a moment in UTC."""

    region: str
    instance_type: str
    operating_system: OperatingSystem
    hourly_price: Decimal
    effective_date: str

    def __post_init__(self) -> None:
        _refuse_bad_price("hourly_price", self.hourly_price)
        refuse_absurd_time("effective_date", parse_effective_date(self.effective_date))


def _refuse_bad_price(name: str, price: Decimal) -> None:
    """A zero, negative, infinite or absent price would make a pool look free."""
    if not (price.is_finite() and 0 < price <= HIGHEST_USD_PER_HOUR and to_micro_usd(price) > 0):
        raise ValueError(
            f"{name} must be between 0.000001 and {HIGHEST_USD_PER_HOUR} USD per hour, not {price}"
        )


def parse_effective_date(text: str) -> datetime:
    """A day ("2026-07-20", from midnight UTC) or a moment with a time zone, in UTC."""
    try:
        if len(text) == len("2026-07-20"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f'effective_date "{text}" is neither a day nor a moment') from None
    if moment.tzinfo is None:
        raise ValueError(f'effective_date "{text}" must carry a time zone')
    return in_utc


def to_price_history(rows: Iterable[PriceRow]) -> SpotPriceHistory:
    """Rows in any order -> the history; of two prices of one moment the dearer one counts."""
    return SpotPriceHistory.from_points(
        SpotPrice(
            PriceSeries(
                row.region, row.instance_type, row.availability_zone, row.product_description
            ),
            int(row.timestamp.timestamp()),
            to_micro_usd(row.spot_price),
        )
        for row in rows
    )


def to_price_rows(history: SpotPriceHistory) -> tuple[PriceRow, ...]:
    """The history as rows, in its own order."""
    return tuple(
        PriceRow(
            instance_type=series.instance_type,
            availability_zone=series.availability_zone,
            region=series.region,
            product_description=series.product_description,
            spot_price=to_usd(int(history.micro_usd[point])),
            timestamp=datetime.fromtimestamp(int(history.timestamps[point]), UTC),
        )
        for row, series in enumerate(history.series)
        for point in range(int(history.starts[row]), int(history.starts[row + 1]))
    )


OnDemandKey = tuple[str, str, str, datetime]


def to_on_demand(
    rows: Iterable[OnDemandRow],
) -> tuple[tuple[OnDemandPrice, ...], tuple[Skipped, ...]]:
    """Sorted prices, one a type, region, system and date; where rows contradict each other the
    cheaper one counts, so that no saving is overstated, and it is a problem."""
    prices: dict[OnDemandKey, Decimal] = {}
    contradicted: set[OnDemandKey] = set()
    for row in rows:
        key = (
            row.region,
            row.instance_type,
            row.operating_system.value,
            parse_effective_date(row.effective_date),
        )
        before = prices.setdefault(key, row.hourly_price)
        if before != row.hourly_price:
            contradicted.add(key)
            prices[key] = min(before, row.hourly_price)
    compiled = tuple(
        OnDemandPrice(
            region=key[0],
            instance_type=key[1],
            operating_system=OperatingSystem(key[2]),
            hourly_price=_plain(prices[key]),
            effective_date=key[3],
        )
        for key in sorted(prices)
    )
    return compiled, tuple(
        _contradiction("OnDemandPrice", f"{key[1]} in {key[0]}", key[1], "the cheaper price")
        for key in sorted(contradicted)
    )


def _plain(price: Decimal) -> Decimal:
    """The same amount in one way of writing it: 0.10 and 0.1 must give one digest."""
    bare = price.normalize()
    return bare.quantize(Decimal(1)) if bare.as_tuple().exponent > 0 else bare  # type: ignore[operator]  # finite


def to_on_demand_rows(prices: Iterable[OnDemandPrice]) -> tuple[OnDemandRow, ...]:
    """The prices as rows, in the same order."""
    return tuple(
        OnDemandRow(
            region=price.region,
            instance_type=price.instance_type,
            operating_system=price.operating_system,
            hourly_price=price.hourly_price,
            effective_date=price.effective_date.isoformat(),
        )
        for price in prices
    )


def to_advisor(
    rates: Iterable[AdvisorRate],
) -> tuple[tuple[AdvisorRate, ...], tuple[Skipped, ...]]:
    """Sorted rates, one a type, region and system; of several the worst bucket counts."""
    worst: dict[tuple[str, str, str], AdvisorRate] = {}
    contradicted: set[tuple[str, str, str]] = set()
    for rate in rates:
        key = (rate.region, rate.operating_system.value, rate.instance_type)
        before = worst.setdefault(key, rate)
        if before != rate:
            contradicted.add(key)
            worst[key] = max(before, rate, key=_badness)
    return tuple(worst[key] for key in sorted(worst)), tuple(
        _contradiction("AdvisorRate", f"{key[2]} in {key[0]}", key[2], "the worse rate")
        for key in sorted(contradicted)
    )


def _badness(rate: AdvisorRate) -> tuple[int, int]:
    return (int(rate.interruption_bucket), -rate.savings_percent)


def to_instance_types(
    types: Iterable[InstanceType],
) -> tuple[Mapping[str, InstanceType], tuple[Skipped, ...]]:
    """Types by name, sorted; a type that is described in two ways is left out, and a problem."""
    by_name: dict[str, InstanceType] = {}
    contradicted: set[str] = set()
    for one in types:
        if by_name.setdefault(one.instance_type, one) != one:
            contradicted.add(one.instance_type)
    return {name: by_name[name] for name in sorted(by_name.keys() - contradicted)}, tuple(
        _contradiction("InstanceType", name, name, "none of the descriptions")
        for name in sorted(contradicted)
    )


def _contradiction(kind: str, name: str, instance_type: str, kept: str) -> Skipped:
    return Skipped(
        subject=Subject(kind=kind, name=name, instance_type=instance_type),
        reason="contradictory_duplicate",
        message=f"it was given in versions that differ, {kept} counts; give it once",
    )
