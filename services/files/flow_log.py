"""Traffic between pods from VPC flow logs: text that names its fields, or of the default format.

A flow is logged at both of its ends. Where records tell their direction only the sender's side
counts; where they do not, each interface's records of a pair of addresses are summed up on their
own and the largest sum counts. Addresses are joined with pods by time: what was sent before a pod
had its address is not that pod's. (Amazon VPC user guide, "Flow log records".)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from engines.contracts.usage import TrafficRow, TrafficTable
from services.files.flow_fields import Fields, fields_of, is_header
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile
from services.files.spans import Spans
from services.files.table import CORRECT_THE_ROW, shown
from services.pod_addresses import PodAddress

LEAST_COVERED_SECONDS = 600  # the longest aggregation interval: less is no sample of a day
DAY_SECONDS = 86_400
MOST_BYTES_A_DAY = 2**53  # between two pods, as in a table of traffic

NO_DATA = "nothing was sent in the interval (NODATA)"
SKIPPED = "AWS itself left records out of the interval (SKIPDATA)"
REJECTED = "the traffic was rejected"
RECEIVED = "the receiver's side of the traffic; the sender's side counts"
NO_POD = "an address is of no pod"
OLDER_THAN_POD = "the pod that has the address now is younger"
WITHIN_POD = "a pod talks with itself"


class _Flow(NamedTuple):
    """From which address to which, and the interface that says so ("": only senders count)."""

    sender: str
    receiver: str
    interface: str


PodPair = tuple[tuple[str, str], tuple[str, str]]
"""Namespace and name of the pod that sends, and of the one that receives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowReading:
    """Traffic with the account of all records, and how long they cover."""

    reading: FileReading[TrafficTable]
    covered_seconds: int


def is_flow_log(head: bytes) -> bool:
    """Whether the first bytes of a file look like a flow log's: a header, or a default record."""
    first = head.split(b"\n", 1)[0].decode(errors="replace").split()
    return is_header(first) or fields_of(first) is not None


def read_flow_logs(sources: Sequence[SourceFile], addresses: Iterable[PodAddress]) -> FlowReading:
    """Bytes a day between pods, over the time that the logs cover together.

    Raises InvalidInputError naming the file and line of the first record that is none, and for
    logs that cover less than ten minutes.
    """
    log = _Log(addresses)
    for source in sources:
        log.read(source)
    return log.result(sources[0])


class _Log:
    """The sums while the files are read."""

    def __init__(self, addresses: Iterable[PodAddress]) -> None:
        self._pods = _by_address(addresses)
        self._drops = DropCounter()
        self._rows = 0
        self._spans = Spans()
        self._bytes: dict[_Flow, int] = {}
        self._no_pod_bytes = 0

    def read(self, source: SourceFile) -> None:
        fields: Fields | None = None
        for line, text in enumerate(source.lines(), start=1):
            cells = text.split()
            if not cells:
                continue
            if is_header(cells):
                fields = fields_of(cells)
                if fields is None:
                    raise source.refuse(
                        f"the header {shown(text.strip())} lacks fields that are needed",
                        next_step="log at least srcaddr and dstaddr (better pkt-srcaddr and"
                        " pkt-dstaddr), bytes, start, end and interface-id or flow-direction",
                        line=line,
                    )
                continue
            if fields is None:
                fields = fields_of(cells)
            if fields is None or len(cells) != fields.width:
                raise self._not_a_record(source, cells, line)
            self._rows += 1
            self._take(source, fields, cells, line)

    def result(self, first: SourceFile) -> FlowReading:
        covered = self._spans.covered_seconds()
        if covered < LEAST_COVERED_SECONDS:
            raise first.refuse(
                f"the records cover {covered} seconds, which tell nothing of a day",
                next_step="give the logs of a day or more, at least of ten minutes",
            )
        daily = self._daily(covered)
        if max(daily.values(), default=0) > MOST_BYTES_A_DAY:
            raise first.refuse(
                "two pods exchange more than 9 PB a day in it, which no network moves",
                next_step="get the logs again from AWS",
            )
        reading = FileReading(
            data=TrafficTable.from_rows(_rows(daily)),
            rows_read=self._rows,
            dropped=self._drops.dropped(),
            as_of=datetime.fromtimestamp(self._spans.last(), UTC),
            warnings=tuple(self._warnings(covered)),
        )
        return FlowReading(reading=reading, covered_seconds=covered)

    def _take(self, source: SourceFile, fields: Fields, cells: Sequence[str], line: int) -> None:
        try:
            start, end = fields.span(cells)
            reason = self._unusable(fields, cells)
            amount = 0 if reason else fields.amount(cells)
        except ValueError as error:
            raise source.refuse(str(error), next_step=CORRECT_THE_ROW, line=line) from error
        self._spans.add(start, end)
        if reason:
            self._drops.add(reason, line)
            return
        flow = _Flow(fields.sender(cells), fields.receiver(cells), fields.interface(cells))
        sender, receiver = self._pods.get(flow.sender), self._pods.get(flow.receiver)
        if sender is None or receiver is None:
            self._no_pod_bytes += amount
            self._drops.add(NO_POD, line)
        elif _name(sender) == _name(receiver):
            self._drops.add(WITHIN_POD, line)
        elif not (_had_address(sender, start) and _had_address(receiver, start)):
            self._drops.add(OLDER_THAN_POD, line)
        else:
            self._bytes[flow] = self._bytes.get(flow, 0) + amount

    def _unusable(self, fields: Fields, cells: Sequence[str]) -> str:
        """Why a record counts for nothing; "": it counts."""
        match fields.status(cells):
            case "NODATA":
                return NO_DATA
            case "SKIPDATA":
                return SKIPPED
        if fields.action(cells) == "REJECT":
            return REJECTED
        return "" if fields.is_sent(cells) else RECEIVED

    def _daily(self, covered_seconds: int) -> Mapping[PodPair, int]:
        """Bytes a day of each pair of pods."""
        return {
            pair: round(amount * DAY_SECONDS / covered_seconds)
            for pair, amount in self._pairs().items()
        }

    def _pairs(self) -> Mapping[PodPair, int]:
        """By pod: of several interfaces that saw the same addresses, the one that saw most."""
        most: dict[tuple[str, str], int] = {}
        for (sender, receiver, _), amount in self._bytes.items():
            most[sender, receiver] = max(amount, most.get((sender, receiver), 0))
        pairs: dict[PodPair, int] = {}
        for (sender, receiver), amount in most.items():
            pair = (_name(self._pods[sender]), _name(self._pods[receiver]))
            pairs[pair] = pairs.get(pair, 0) + amount
        return pairs

    def _warnings(self, covered_seconds: int) -> Iterator[str]:
        if covered_seconds < DAY_SECONDS - LEAST_COVERED_SECONDS:  # a quiet last interval is a day
            yield (
                f"the records cover {covered_seconds / 3600:.1f} hours; what they show was taken"
                " for the usual of a whole day"
            )
        by_reason = {one.reason: one.count for one in self._drops.dropped()}
        if SKIPPED in by_reason:
            yield "AWS left records out (SKIPDATA), so the sums are too small"
        known = sum(self._pairs().values())
        if self._no_pod_bytes > known:
            yield (
                f"{self._no_pod_bytes} of {self._no_pod_bytes + known} bytes go to or come from"
                " addresses of no pod; where pods should be among them, log pkt-srcaddr and"
                " pkt-dstaddr: the other fields show the address of the node's interface"
            )

    def _not_a_record(self, source: SourceFile, cells: Sequence[str], line: int) -> Exception:
        return source.refuse(
            f"the line is no record of the VPC flow log's format ({len(cells)} fields):"
            f" {shown(' '.join(cells))}",
            next_step="give flow logs as text with their header line, or in the default format",
            line=line,
        )


def _rows(daily: Mapping[PodPair, int]) -> Iterator[TrafficRow]:
    for (sender, receiver), amount in sorted(daily.items()):
        yield TrafficRow(
            from_namespace=sender[0],
            from_pod=sender[1],
            to_namespace=receiver[0],
            to_pod=receiver[1],
            bytes_per_day=amount,
        )


def _by_address(addresses: Iterable[PodAddress]) -> Mapping[str, PodAddress]:
    """The pod of each address; an address that two pods claim is nobody's."""
    found: dict[str, PodAddress | None] = {}
    for one in addresses:
        known = found.setdefault(one.address, one)
        if known is not None and _name(known) != _name(one):
            found[one.address] = None
    return {address: one for address, one in found.items() if one is not None}


def _name(pod: PodAddress) -> tuple[str, str]:
    return (pod.namespace, pod.name)


def _had_address(pod: PodAddress, start: int) -> bool:
    return pod.since is not None and start >= pod.since.timestamp()
