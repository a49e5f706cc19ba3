"""Container usage from CSV (or a JSON list of objects): one reading a row.

An empty cell, or NaN as Prometheus and pandas write it, means that nothing was measured, which is
not zero. Times are ISO 8601 with a zone, or Unix seconds.
"""

import math
import re
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engines.contracts.usage import LARGEST_AMOUNT, ContainerKey, UsageTable
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile
from services.files.table import Chunk, Column, Parsed, TableKind, read_chunks
from services.files.values import parse_seconds

USAGE = TableKind(
    title="container usage",
    json_list="usage",
    columns=tuple(
        Column(name=name)
        for name in ("namespace", "pod", "container", "timestamp", "cpu_cores", "memory_bytes")
    ),
)
REASON_NOT_MEASURED = "neither cpu_cores nor memory_bytes was measured"

_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_UNIX_SECONDS = re.compile(r"[0-9]{9,10}(\.[0-9]*)?")


def read_usage(source: SourceFile) -> FileReading[UsageTable]:
    """Read usage; raises ``InvalidInputError`` naming the file and line of the first bad row."""
    parts: list[_Columns] = []
    drops = DropCounter()
    rows_read = 0
    names: Parsed[str, str] = Parsed(parse_name)
    times: Parsed[str, int] = Parsed(parse_time)
    for chunk in read_chunks(source, USAGE):
        parts.append(_Columns(chunk, names, times, drops))
        rows_read += len(chunk.lines)
    table = UsageTable.from_columns(
        [key for part in parts for key in part.containers],
        np.concatenate([part.timestamps for part in parts]),
        np.concatenate([part.cpu_cores for part in parts]),
        np.concatenate([part.memory_bytes for part in parts]),
    )
    newest = int(table.timestamps.max()) if len(table.timestamps) else None
    return FileReading(
        data=table,
        rows_read=rows_read,
        dropped=drops.dropped(),
        as_of=None if newest is None else datetime.fromtimestamp(newest, UTC),
    )


class _Columns:
    """The readings of one chunk; rows without any measurement are left out and counted."""

    def __init__(
        self,
        chunk: Chunk,
        names: Parsed[str, str],
        times: Parsed[str, int],
        drops: DropCounter,
    ) -> None:
        amounts = Parsed(parse_amount)
        texts = chunk.parse(dict.fromkeys(("namespace", "pod", "container"), names))
        (moments,) = chunk.parse({"timestamp": times})
        cpu, memory = chunk.parse({"cpu_cores": amounts, "memory_bytes": amounts})
        self.timestamps: NDArray[np.int64] = np.array(moments, np.int64)
        self.cpu_cores: NDArray[np.float64] = np.array(cpu, np.float64)
        self.memory_bytes: NDArray[np.float64] = np.array(memory, np.float64)
        self.containers = [ContainerKey(*key) for key in zip(*texts, strict=True)]
        self._leave_out_unmeasured(chunk, drops)

    def _leave_out_unmeasured(self, chunk: Chunk, drops: DropCounter) -> None:
        is_measured = ~(np.isnan(self.cpu_cores) & np.isnan(self.memory_bytes))
        if is_measured.all():
            return
        for row in np.flatnonzero(~is_measured):
            drops.add(REASON_NOT_MEASURED, chunk.lines[int(row)])
        self.timestamps = self.timestamps[is_measured]
        self.cpu_cores = self.cpu_cores[is_measured]
        self.memory_bytes = self.memory_bytes[is_measured]
        self.containers = [
            key for key, keep in zip(self.containers, is_measured, strict=True) if keep
        ]


def parse_name(text: str) -> str:
    """The name of a Kubernetes object; it may not be empty."""
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


def parse_time(text: str) -> int:
    """A time with its zone, or Unix seconds, as seconds since 1970 UTC."""
    if _UNIX_SECONDS.fullmatch(text):
        return parse_seconds(datetime.fromtimestamp(int(float(text)), UTC).isoformat())
    return parse_seconds(text)


def parse_amount(text: str) -> float:
    """A measured amount, zero or more; NaN where nothing was measured."""
    text = text.strip()
    if text.casefold() in ("", "nan", "none", "null"):
        return math.nan
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    value = float(text)
    if value < 0:
        raise ValueError("is negative")
    if value > LARGEST_AMOUNT:
        raise ValueError("is larger than any machine has")
    return value
