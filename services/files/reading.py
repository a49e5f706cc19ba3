"""What reading a market file yields: its data, and an account of every row."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedRows:
    """Rows that were read but cannot be used, why, and where the first of them stands."""

    reason: str
    count: int
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading(Generic[T]):
    """``data`` and the account: ``rows_read`` = rows in ``data`` + the dropped ones.

    ``as_of`` is the newest moment the data speak of (None: the file does not say), ``regions``
    those the data cover. ``warnings`` are sentences for the person who imports.
    """

    data: T
    rows_read: int
    dropped: tuple[DroppedRows, ...] = ()
    as_of: datetime | None = None
    regions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows_dropped(self) -> int:
        """How many rows were read but not used."""
        return sum(rows.count for rows in self.dropped)


class DropCounter:
    """Counts rows that are left out, by reason, in the order the reasons first came up."""

    def __init__(self) -> None:
        self._by_reason: dict[str, DroppedRows] = {}

    def add(self, reason: str, line: int, count: int = 1) -> None:
        """Leave out ``count`` rows, the first of them at ``line``."""
        before = self._by_reason.get(reason)
        self._by_reason[reason] = (
            DroppedRows(reason=reason, count=count, first_line=line)
            if before is None
            else replace(before, count=before.count + count)
        )

    def dropped(self) -> tuple[DroppedRows, ...]:
        """All that was left out."""
        return tuple(self._by_reason.values())
