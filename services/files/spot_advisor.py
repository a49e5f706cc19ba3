"""Spot Advisor: AWS's public JSON, and the same facts as CSV.

AWS may change the shape or the meaning of its file at any time, and publishes an empty one now
and then. So the ranges must be the five that are known (their ``max`` is 5/11/16/22/100, not what
the labels say), every rate must name one of them, and a file without rates is refused. Negative
savings are AWS's own and are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import AdvisorRate, InterruptionBucket, OperatingSystem
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile, looks_like_json
from services.files.table import Chunk, Column, Parsed, TableKind, read_chunks, shown
from services.files.values import parse_instance_type, parse_region

KNOWN_RANGES = (
    (0, "<5%", 5),
    (1, "5-10%", 11),
    (2, "10-15%", 16),
    (3, "15-20%", 22),
    (4, ">20%", 100),
)
"""Index, label and max of the published ranges, the same since the file first appeared."""

LEAST_SAVINGS_PERCENT = -10_000  # far below any that AWS published (-62); beyond is no percentage

GET_THE_FILE = (
    "get spot-advisor-data.json from AWS again; the data that are stored stay as they are"
)

ADVISOR_RATES = TableKind(
    title="Spot Advisor rates",
    json_list="advisor",
    columns=(
        Column(name="region"),
        Column(name="operating_system", aliases=("os",)),
        Column(name="instance_type"),
        Column(name="savings_percent", aliases=("savings_pct", "savings")),
        Column(name="interruption_bucket", aliases=("bucket",)),
    ),
)


class AdvisorSize(msgspec.Struct, frozen=True):
    """What Spot Advisor says of a type's size; its other fields are not used."""

    cores: int
    ram_gb: float  # GiB, in spite of the name


class _Range(msgspec.Struct, frozen=True):
    index: int
    label: str
    max: int


class _Rate(msgspec.Struct, frozen=True):
    s: int  # savings over on-demand, per cent
    r: int  # index of the range


class _Document(msgspec.Struct, frozen=True):
    """The file as AWS publishes it: rates by region, operating system and instance type."""

    instance_types: dict[str, AdvisorSize]
    ranges: list[_Range]
    spot_advisor: dict[str, dict[str, dict[str, _Rate]]]


@dataclass(frozen=True, slots=True)
class AdvisorData:
    """Rates sorted by region, operating system and type; the sizes of the types, where given."""

    rates: tuple[AdvisorRate, ...]
    sizes: Mapping[str, AdvisorSize]


def read_spot_advisor(source: SourceFile) -> FileReading[AdvisorData]:
    """Read Spot Advisor; raises ``InvalidInputError`` for a changed shape or an empty file.

    The file does not say when it was published: ``as_of`` is None.
    """
    if not looks_like_json(source.head()):
        return _read_table(source)
    documents = source.json_documents()
    document = documents[0]
    if len(documents) == 1 and isinstance(document, dict) and "spot_advisor" in document:
        return _read_document(source, document)
    return _read_table(source)


def _read_document(source: SourceFile, content: Any) -> FileReading[AdvisorData]:
    try:
        document = msgspec.convert(content, _Document)
    except msgspec.ValidationError as error:
        raise _changed_shape(source, str(error)) from error
    published = tuple((one.index, one.label, one.max) for one in document.ranges)
    if published != KNOWN_RANGES:
        raise _changed_shape(source, f"the ranges are {published}, not {KNOWN_RANGES}")
    drops = DropCounter()
    rates = [
        rate
        for region, systems in document.spot_advisor.items()
        for name, types in systems.items()
        for rate in _rates_of(source, (region, name), types, drops)
    ]
    if not rates:
        raise _changed_shape(source, "it holds no rates")
    rows_read = len(rates) + sum(one.count for one in drops.dropped())
    return _reading(rates, document.instance_types, rows_read, drops)


def _rates_of(
    source: SourceFile,
    place: tuple[str, str],
    types: Mapping[str, _Rate],
    drops: DropCounter,
) -> list[AdvisorRate]:
    region, name = place
    if name not in tuple(OperatingSystem):
        if types:
            drops.add(f"operating system {shown(name)} is not known", 1, len(types))
        return []
    try:
        parse_region(region)
        return [
            AdvisorRate(
                region=region,
                operating_system=OperatingSystem(name),
                instance_type=parse_instance_type(instance_type),
                interruption_bucket=_bucket(rate.r),
                savings_percent=_savings(rate.s),
            )
            for instance_type, rate in types.items()
        ]
    except ValueError as error:
        raise _changed_shape(source, f"a rate of {shown(region)}, {name}: {error}") from error


def _bucket(index: int) -> InterruptionBucket:
    if not 0 <= index < len(KNOWN_RANGES):
        raise ValueError(f"range {index} is none of the five")
    return InterruptionBucket(index)


def _savings(percent: int) -> int:
    if not LEAST_SAVINGS_PERCENT <= percent <= 100:
        raise ValueError(f"savings of {percent} % cannot be")
    return percent


def _changed_shape(source: SourceFile, reason: str) -> InvalidInputError:
    return source.refuse(
        f"not the Spot Advisor file as it is known: {reason}", next_step=GET_THE_FILE
    )


def _read_table(source: SourceFile) -> FileReading[AdvisorData]:
    rates: dict[tuple[str, str, str], AdvisorRate] = {}
    drops = DropCounter()
    parsers = _parsers()
    rows_read = 0
    for chunk in read_chunks(source, ADVISOR_RATES):
        rows_read += len(chunk.lines)
        columns = zip(*chunk.parse(parsers), strict=True)
        for index, (region, name, instance_type, savings, bucket) in enumerate(columns):
            rate = AdvisorRate(
                region=region,
                operating_system=name,
                instance_type=instance_type,
                interruption_bucket=bucket,
                savings_percent=savings,
            )
            _add(rates, rate, chunk, index, drops)
    return _reading(list(rates.values()), {}, rows_read, drops)


def _add(
    rates: dict[tuple[str, str, str], AdvisorRate],
    rate: AdvisorRate,
    chunk: Chunk,
    index: int,
    drops: DropCounter,
) -> None:
    key = (rate.region, rate.operating_system, rate.instance_type)
    if key not in rates:
        rates[key] = rate
    elif rates[key] == rate:
        drops.add("the row repeats another one exactly", chunk.lines[index])
    else:
        raise chunk.refuse_row(index, "an earlier row says otherwise of the same type and region")


def _parsers() -> dict[str | tuple[str, ...], Parsed[Any, Any]]:
    return {
        "region": Parsed(parse_region),
        "operating_system": Parsed(_operating_system),
        "instance_type": Parsed(parse_instance_type),
        "savings_percent": Parsed(lambda text: _savings(_whole_number(text))),
        "interruption_bucket": Parsed(lambda text: _bucket(_whole_number(text))),
    }


def _operating_system(text: str) -> OperatingSystem:
    for one in OperatingSystem:
        if text.strip().casefold() == one.value.casefold():
            return one
    raise ValueError(f"is none of {', '.join(OperatingSystem)}")


def _whole_number(text: str) -> int:
    if not text.strip().removeprefix("-").isdecimal() or len(text) > 9:
        raise ValueError("is not a whole number")
    return int(text)


def _reading(
    rates: list[AdvisorRate],
    sizes: Mapping[str, AdvisorSize],
    rows_read: int,
    drops: DropCounter,
) -> FileReading[AdvisorData]:
    ordered = sorted(rates, key=lambda one: (one.region, one.operating_system, one.instance_type))
    return FileReading(
        data=AdvisorData(tuple(ordered), sizes),
        rows_read=rows_read,
        dropped=drops.dropped(),
        regions=tuple(sorted({rate.region for rate in ordered})),
    )
