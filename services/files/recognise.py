"""Tell what kind of market file this is, by its columns or keys; names of files do not count."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from engines.contracts.errors import InvalidInputError
from services.files.price_list import is_price_list
from services.files.source import SourceFile, looks_like_json
from services.files.table import csv_header, shown


class MarketKind(StrEnum):
    """The kinds of market data that can be read from files."""

    SPOT_PRICES = "spot_prices"
    SPOT_ADVISOR = "spot_advisor"
    ON_DEMAND_PRICES = "on_demand_prices"
    INSTANCE_TYPES = "instance_types"


# The first rule whose names are all there decides.
_RULES: tuple[tuple[MarketKind, frozenset[str]], ...] = (
    (MarketKind.SPOT_PRICES, frozenset({"spotpricehistory"})),
    (MarketKind.SPOT_PRICES, frozenset({"spotprice", "availabilityzone"})),
    (MarketKind.SPOT_ADVISOR, frozenset({"spot_advisor", "ranges"})),
    (MarketKind.INSTANCE_TYPES, frozenset({"instancetypes"})),
    (MarketKind.INSTANCE_TYPES, frozenset({"instancetype", "vcpuinfo"})),
    (MarketKind.SPOT_PRICES, frozenset({"spot_price"})),
    (MarketKind.SPOT_PRICES, frozenset({"price", "az"})),
    (MarketKind.SPOT_PRICES, frozenset({"price_usd", "az"})),
    (MarketKind.SPOT_PRICES, frozenset({"price", "availability_zone"})),
    (MarketKind.SPOT_PRICES, frozenset({"price_usd", "availability_zone"})),
    (MarketKind.SPOT_ADVISOR, frozenset({"interruption_bucket"})),
    (MarketKind.ON_DEMAND_PRICES, frozenset({"hourly_price"})),
    (MarketKind.ON_DEMAND_PRICES, frozenset({"price", "os"})),
    (MarketKind.ON_DEMAND_PRICES, frozenset({"price_usd", "os"})),
    (MarketKind.ON_DEMAND_PRICES, frozenset({"price", "operating_system"})),
    (MarketKind.ON_DEMAND_PRICES, frozenset({"price_usd", "operating_system"})),
    (MarketKind.INSTANCE_TYPES, frozenset({"instance_type", "vcpu", "memory_mib"})),
)


def recognise(source: SourceFile) -> MarketKind:
    """The kind of a file; raises ``InvalidInputError`` for one that is none of them."""
    head = source.head()
    if is_price_list(head):
        return MarketKind.ON_DEMAND_PRICES
    is_json = looks_like_json(head)
    names = _json_keys(source) if is_json else csv_header(source)
    found = frozenset(name.strip().casefold() for name in names)
    for kind, wanted in _RULES:
        if wanted <= found:
            return kind
    raise _unknown(source, names)


def _json_keys(source: SourceFile) -> list[str]:
    """The keys of the first object: the document, its first page or its first record."""
    content: Any = source.json_documents()[0]
    while isinstance(content, list) and content:
        content = content[0]
    return list(content) if isinstance(content, dict) else []


def _unknown(source: SourceFile, names: Iterable[str]) -> InvalidInputError:
    found = shown(", ".join(names))
    return source.refuse(
        f"none of the kinds of market data has such columns or keys: {found}",
        next_step="choose Spot prices, Spot Advisor, on-demand prices or instance types, "
        "as CSV or JSON",
    )
