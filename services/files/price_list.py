"""AWS's price list of EC2 (a bulk offer file, ``index.csv``), read as a stream.

Real files have hundreds of megabytes, most of them reserved terms; a row is looked at and let go.
What is kept is what a node costs on demand: shared tenancy, in use (not a capacity reservation),
nothing pre-installed, Linux or Windows with its licence, by the hour, in dollars. Every other row
is counted with the first reason that leaves it out.

Format: five lines of name and value, a header, a row per rate
(https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/bulk-api-reading-price-list-files.html).
"""

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import OnDemandPrice, OperatingSystem, to_micro_usd
from services.files.price_band import OnDemandByType, bundled_on_demand, price_band
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile, looks_like_json
from services.files.spot_prices import CLOCK_SKEW, Progress
from services.files.table import shown
from services.files.values import (
    parse_date_or_moment,
    parse_instance_type,
    parse_region,
    parse_usd,
)

FIRST_CELL = "FormatVersion"
KNOWN_FORMAT = "v1.0"
MOST_PREFACE_ROWS = 20
ROWS_PER_PROGRESS = 50_000
MOST_UNBELIEVABLE = Decimal("0.01")
"""Beyond this share of prices that cannot be true the file is in another unit, and is refused."""

OPERATIONS = {
    "RunInstances": OperatingSystem.LINUX,
    "RunInstances:0002": OperatingSystem.WINDOWS,
}
"""AWS's billing codes (platform details): others carry a licence or are brought along."""

WANTED = (
    ("TermType", ("OnDemand",), "it is not an on-demand price"),
    ("Tenancy", ("Shared",), "it is for a dedicated instance or host"),
    ("CapacityStatus", ("Used",), "it is for a capacity reservation"),
    ("Pre Installed S/W", ("NA", ""), "it has software pre-installed"),
    ("operation", tuple(OPERATIONS), "its operating system or licence is not used"),
    ("Unit", ("Hrs",), "it is not by the hour"),
    ("Currency", ("USD",), "it is not in US dollars"),
    ("Location Type", ("AWS Region", ""), "it is not of a region but of a zone beside it"),
    ("MarketOption", ("OnDemand", ""), "it is of capacity blocks"),
)
"""Column, the values that are kept, and why all others are left out; in this order."""

OPTIONAL = ("Location Type", "MarketOption")
VALUES = ("Instance Type", "Region Code", "operation", "PricePerUnit", "EffectiveDate")

REASON_FREE = "the price is zero"
REASON_FUTURE = "the price takes effect in the future"
REASON_UNBELIEVABLE = "the price cannot be that of its instance type"
REASON_CONTRADICTION = "the list gives its instance type two prices for one date"
REASON_REPEATED = "the row repeats another one exactly"

GET_THE_FILE = (
    "get AmazonEC2/current/REGION/index.csv from AWS's price list again; what is stored stays"
)

_Key = tuple[str, str, OperatingSystem, datetime]


class _Row(NamedTuple):
    instance_type: str
    region: str
    operation: str
    price: str
    effective_date: str


def is_price_list(head: bytes) -> bool:
    """Whether the first bytes of a file, unpacked, open an offer file, in CSV or in JSON."""
    if looks_like_json(head):
        return b'"offerCode"' in head
    return head.removeprefix(codecs.BOM_UTF8).lstrip(b'"').startswith(FIRST_CELL.encode())


def read_price_list(
    source: SourceFile,
    *,
    now: datetime,
    on_demand: OnDemandByType | None = None,
    on_progress: Progress | None = None,
) -> FileReading[tuple[OnDemandPrice, ...]]:
    """The on-demand prices of an offer file, sorted by region, type, system and date.

    ``now`` is the wall clock; prices of the future wait for a later file. ``on_demand`` are prices
    known before, for the band of believable prices. Raises InvalidInputError for a changed shape.
    """
    if looks_like_json(source.head()):
        raise source.refuse(
            "is the price list as JSON, of which all must be held at once",
            next_step="give the same list as index.csv, which lies beside index.json",
        )
    rows = _numbered_rows(source)
    header = _header(source, rows)
    kept = _Kept(source, now, bundled_on_demand() if on_demand is None else on_demand)
    filters = _filters(header)
    values = itemgetter(*(header.index(name) for name in VALUES))
    rows_read = 0
    for line, row in rows:
        rows_read += 1
        reason = next((why for at, wanted, why in filters if row[at] not in wanted), None)
        if reason is not None:
            kept.drops.add(reason, line)
        else:
            kept.add(line, _Row._make(values(row)))
        if on_progress is not None and rows_read % ROWS_PER_PROGRESS == 0:
            on_progress(rows_read)
    if on_progress is not None and rows_read % ROWS_PER_PROGRESS:
        on_progress(rows_read)
    return kept.reading(rows_read)


def _numbered_rows(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each ends on; after the header all must be as wide as it is."""
    reader = csv.reader(source.lines(), strict=True)
    width = 0
    try:
        for row in reader:
            if width and len(row) != width:
                raise source.refuse(
                    f"the row has {len(row)} columns where the header has {width}",
                    next_step=GET_THE_FILE,
                    line=reader.line_num,
                )
            if "TermType" in row:
                width = len(row)
            yield reader.line_num, row
    except csv.Error as error:
        raise source.refuse(
            f"not valid CSV: {error}", next_step=GET_THE_FILE, line=reader.line_num
        ) from error


def _header(source: SourceFile, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    """The names of the columns, after the lines that describe the file."""
    for number, (_, row) in enumerate(rows):
        if number == 0 and row != [FIRST_CELL, KNOWN_FORMAT]:
            raise _changed_shape(source, f"its first line is {shown(', '.join(row))}")
        if row[:1] == ["OfferCode"] and row != ["OfferCode", "AmazonEC2"]:
            raise _changed_shape(source, f"it lists {shown(', '.join(row[1:]))}, not AmazonEC2")
        if "TermType" in row:
            needed = {name for name, _, _ in WANTED if name not in OPTIONAL} | set(VALUES)
            if missing := sorted(needed - set(row)):
                raise _changed_shape(source, f"it has no column {', '.join(missing)}")
            return row
        if number == MOST_PREFACE_ROWS:
            break
    raise _changed_shape(source, "it has no row with the names of its columns")


def _filters(header: Sequence[str]) -> list[tuple[int, tuple[str, ...], str]]:
    return [(header.index(name), wanted, why) for name, wanted, why in WANTED if name in header]


def _changed_shape(source: SourceFile, reason: str) -> InvalidInputError:
    return source.refuse(
        f"not the price list of EC2 as it is known: {reason}", next_step=GET_THE_FILE
    )


@dataclass(slots=True)
class _Kept:
    """The prices so far. Of contradicting ones none is believed."""

    source: SourceFile
    now: datetime
    known: OnDemandByType
    drops: DropCounter = field(default_factory=DropCounter)
    prices: dict[_Key, Decimal] = field(default_factory=dict)
    contradicted: dict[_Key, int] = field(default_factory=dict)
    unbelievable: int = 0

    def add(self, line: int, row: _Row) -> None:
        """Take one row of those that are wanted."""
        try:
            system = OPERATIONS[row.operation]
            key = (
                parse_region(row.region),
                parse_instance_type(row.instance_type),
                system,
                parse_date_or_moment(row.effective_date),
            )
            price = parse_usd(row.price)
        except ValueError as error:
            raise self.source.refuse(
                f"a rate of {shown(row.instance_type)}: {error}", next_step=GET_THE_FILE, line=line
            ) from error
        reason = self._why_unusable(key, price)
        if reason:
            self.drops.add(reason, line)
        elif key in self.prices and self.prices[key] != price:
            self.contradicted.setdefault(key, line)
            self.drops.add(REASON_CONTRADICTION, line)
        elif key in self.prices:
            self.drops.add(REASON_REPEATED, line)
        else:
            self.prices[key] = price

    def reading(self, rows_read: int) -> FileReading[tuple[OnDemandPrice, ...]]:
        """All prices that can be believed, with the account of the rows."""
        for key, line in self.contradicted.items():
            del self.prices[key]
            self.drops.add(REASON_CONTRADICTION, line)
        if self.unbelievable > MOST_UNBELIEVABLE * (self.unbelievable + len(self.prices)):
            raise _changed_shape(
                self.source,
                f"{self.unbelievable} prices cannot be those of their instance types: another unit "
                "or currency?",
            )
        if not self.prices:
            raise _changed_shape(self.source, "no row of it is an on-demand price that is used")
        prices = tuple(
            OnDemandPrice(
                region=region,
                instance_type=instance_type,
                operating_system=system,
                hourly_price=self.prices[region, instance_type, system, date],
                effective_date=date,
            )
            for region, instance_type, system, date in sorted(self.prices)
        )
        return FileReading(
            data=prices,
            rows_read=rows_read,
            dropped=self.drops.dropped(),
            as_of=max(price.effective_date for price in prices),
            regions=tuple(sorted({price.region for price in prices})),
        )

    def _why_unusable(self, key: _Key, price: Decimal) -> str:
        _, instance_type, system, effective_date = key
        if price == 0:
            return REASON_FREE
        if effective_date > self.now + CLOCK_SKEW:
            return REASON_FUTURE
        band = price_band(instance_type, system.value, self.known)
        if not band.low_micro_usd <= to_micro_usd(price) <= band.high_micro_usd:
            self.unbelievable += 1
            return REASON_UNBELIEVABLE
        return ""
