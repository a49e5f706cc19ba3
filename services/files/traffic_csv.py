"""Pod-to-pod traffic from CSV (or a JSON list of objects): one pair of pods a row."""

import re
from typing import Any

from engines.contracts.usage import TrafficRow, TrafficTable
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile
from services.files.table import Column, Parsed, TableKind, read_chunks
from services.files.usage_csv import parse_name

TRAFFIC = TableKind(
    title="pod-to-pod traffic",
    json_list="traffic",
    columns=tuple(
        Column(name=name)
        for name in ("from_namespace", "from_pod", "to_namespace", "to_pod", "bytes_per_day")
    ),
)
REASON_REPEATED = "the row repeats another one exactly"

_BYTES = re.compile(r"\+?[0-9]{1,16}(\.[0-9]*)?([eE]\+?[0-9]{1,2})?")
_MOST_BYTES = 2**53  # 9 PB a day between two pods is a slip of the unit


def read_traffic(source: SourceFile) -> FileReading[TrafficTable]:
    """Read traffic; raises ``InvalidInputError`` naming the file and line of the first bad row.

    A pair of pods may stand there once: two different values for it are refused.
    """
    cells: dict[tuple[str, str, str, str], int] = {}
    drops = DropCounter()
    rows_read = 0
    parsers = _parsers()
    for chunk in read_chunks(source, TRAFFIC):
        for index, (*pair, amount) in enumerate(zip(*chunk.parse(parsers), strict=True)):
            key = (pair[0], pair[1], pair[2], pair[3])
            if key not in cells:
                cells[key] = amount
            elif cells[key] == amount:
                drops.add(REASON_REPEATED, chunk.lines[index])
            else:
                reason = f"an earlier row says otherwise of {key[0]}/{key[1]} to {key[2]}/{key[3]}"
                raise chunk.refuse_row(index, reason)
        rows_read += len(chunk.lines)
    table = TrafficTable.from_rows(
        TrafficRow(
            from_namespace=key[0],
            from_pod=key[1],
            to_namespace=key[2],
            to_pod=key[3],
            bytes_per_day=amount,
        )
        for key, amount in cells.items()
    )
    return FileReading(data=table, rows_read=rows_read, dropped=drops.dropped())


def _parsers() -> dict[str | tuple[str, ...], Parsed[Any, Any]]:
    names: Parsed[str, str] = Parsed(parse_name)
    parsers: dict[str | tuple[str, ...], Parsed[Any, Any]] = {
        column.name: names for column in TRAFFIC.columns
    }
    return parsers | {"bytes_per_day": Parsed(parse_bytes)}


def parse_bytes(text: str) -> int:
    """Bytes a day, zero or more; averages may have decimal places, which are rounded."""
    text = text.strip()
    if text.startswith("-"):
        raise ValueError("is negative")
    if not _BYTES.fullmatch(text):
        raise ValueError("is not a number")
    value = round(float(text))
    if value > _MOST_BYTES:
        raise ValueError("is more than 9 PB a day: another unit?")
    return value
