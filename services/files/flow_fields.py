"""Which field of a VPC flow log's record stands where, and what it says."""

from collections.abc import Sequence
from typing import NamedTuple

DEFAULT_FORMAT = (
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
)
"""The order of records without a header (version 2)."""

_LONGEST_SPAN_SECONDS = 3_600  # the aggregation interval is 1 or 10 minutes
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 4_102_444_800  # the years 2000 to 2099
_MOST_BYTES = 2**48  # 281 TB in ten minutes are 3.7 Tbit/s


class Fields(NamedTuple):
    """Positions in a record; None: the format has no such field."""

    width: int
    sender_at: int
    receiver_at: int
    bytes_at: int
    start_at: int
    end_at: int
    interface_at: int | None
    direction_at: int | None
    action_at: int | None
    status_at: int | None

    def span(self, cells: Sequence[str]) -> tuple[int, int]:
        """The interval of a record in Unix seconds. Raises ValueError for what is none."""
        start, end = (_seconds(cells[at]) for at in (self.start_at, self.end_at))
        if end < start:
            raise ValueError(f"the interval ends at {end} before it starts at {start}")
        if end - start > _LONGEST_SPAN_SECONDS:
            raise ValueError(f"the interval is {end - start} seconds long; AWS's are 600 at most")
        return start, end

    def amount(self, cells: Sequence[str]) -> int:
        """The bytes of a record. Raises ValueError for what is no amount."""
        text = cells[self.bytes_at]
        if not (text.isascii() and text.isdecimal() and len(text) <= 16):
            raise ValueError(f"bytes {text[:40]!r} is not a number")
        if (value := int(text)) > _MOST_BYTES:
            raise ValueError(f"{value} bytes in one interval are more than any network moves")
        return value

    def sender(self, cells: Sequence[str]) -> str:
        """The address that sent."""
        return cells[self.sender_at]

    def receiver(self, cells: Sequence[str]) -> str:
        """The address that received."""
        return cells[self.receiver_at]

    def interface(self, cells: Sequence[str]) -> str:
        """The interface that logged; "" where the direction tells all that matters."""
        if self.direction_at is not None or self.interface_at is None:
            return ""
        return cells[self.interface_at]

    def is_sent(self, cells: Sequence[str]) -> bool:
        """Whether a record is the sender's; without a direction it may be."""
        return self.direction_at is None or cells[self.direction_at] == "egress"

    def action(self, cells: Sequence[str]) -> str:
        """ACCEPT or REJECT."""
        return "ACCEPT" if self.action_at is None else cells[self.action_at]

    def status(self, cells: Sequence[str]) -> str:
        """OK, NODATA or SKIPDATA."""
        return "OK" if self.status_at is None else cells[self.status_at]


def is_header(cells: Sequence[str]) -> bool:
    """Whether a line names fields instead of having them."""
    return "srcaddr" in cells or "pkt-srcaddr" in cells


def fields_of(cells: Sequence[str]) -> Fields | None:
    """The fields that a header names, or those of a first record without one; None: it is neither.

    CloudWatch Logs exports put the time of each record before the default format.
    """
    if is_header(cells):
        return _named(cells)
    if len(cells) == len(DEFAULT_FORMAT) and cells[0].isdecimal():
        return _named(DEFAULT_FORMAT)
    if len(cells) == len(DEFAULT_FORMAT) + 1 and cells[0][4:5] == "-" and cells[1].isdecimal():
        return _named(["exported-at", *DEFAULT_FORMAT])
    return None


def _named(names: Sequence[str]) -> Fields | None:
    """The address of a pod stands in pkt-srcaddr: srcaddr is that of the interface."""
    at = {name: position for position, name in enumerate(names)}
    sender = at.get("pkt-srcaddr", at.get("srcaddr"))
    receiver = at.get("pkt-dstaddr", at.get("dstaddr"))
    amount, start, end = at.get("bytes"), at.get("start"), at.get("end")
    interface, direction = at.get("interface-id"), at.get("flow-direction")
    if sender is None or receiver is None or amount is None or start is None or end is None:
        return None
    if interface is None and direction is None:
        return None
    return Fields(
        width=len(names),
        sender_at=sender,
        receiver_at=receiver,
        bytes_at=amount,
        start_at=start,
        end_at=end,
        interface_at=interface,
        direction_at=direction,
        action_at=at.get("action"),
        status_at=at.get("log-status"),
    )


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ValueError(f"time {text[:40]!r} is not a number of seconds since 1970")
    value = int(text)
    if not _FIRST_SECOND <= value <= _LAST_SECOND:
        raise ValueError(f"time {value} is not between the years 2000 and 2099")
    return value
