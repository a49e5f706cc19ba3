"""Read what kubectl prints: lists of one kind or of many, single objects, in files or folders.

Every object is accounted for: those of kinds that are read, those of kinds that are not (counted
as ignored, their content never looked at), and those that do not fit their type (``unread``).
A file that is no such output at all is refused as a whole, with what to do instead.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from engines.contracts.collection import ObjectCollection
from engines.contracts.decoding import DECODING_ERRORS, explain
from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import (
    Event,
    KubernetesObject,
    Node,
    NodeMetrics,
    PodMetrics,
    Time,
)
from engines.contracts.kubernetes.kinds import find_kind
from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import ProblemReason
from engines.contracts.state import CurrentState, DataSource
from services.files.json_stream import Document, Items, read_json_stream
from services.files.recognise import MarketKind, recognise
from services.files.source import GET_A_GOOD_COPY, SourceFile, looks_like_json

FROM_CONTENT = "newest time in the file"
FROM_FILE_TIME = "time of the file"

_ASK_KUBECTL = "give what `kubectl get ... -A -o json` printed"
_UNKNOWN = "Unknown"
_FOREIGN = "not Kubernetes"
_OPTION_OF_MARKET_FILE = {
    MarketKind.SPOT_PRICES: "Spot prices (--prices)",
    MarketKind.SPOT_ADVISOR: "Spot Advisor rates (--advisor)",
    MarketKind.ON_DEMAND_PRICES: "on-demand prices (--on-demand)",
    MarketKind.INSTANCE_TYPES: "instance types",
}
_OPTION_OF_KEY = {
    b"Reservations": "EC2 instances (--instances)",
    b"Volumes": "EBS volumes (--volumes)",
    b"Snapshots": "EBS snapshots",
    b"current_state": "a decision request (`cli.py decide`)",
}
_FIRST_KEYS = 12  # of a file, in which one that tells what it is must stand


class _Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As much of an object, or of what stands around a list, as tells what it is."""

    kind: str = ""
    api_version: str = ""
    message: str = ""  # of a Status: why the API refused
    items: tuple[msgspec.Raw, ...] | None = None


class _Heartbeat(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    last_heartbeat_time: Time | None = None


class _HeartbeatStatus(msgspec.Struct, frozen=True, kw_only=True):
    conditions: tuple[_Heartbeat, ...] = ()


class _BeatingNode(msgspec.Struct, frozen=True, kw_only=True):
    """When the kubelet last reported: the best sign of a dump's age, and of nothing else."""

    status: _HeartbeatStatus = _HeartbeatStatus()


_raw_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_header_decoder = msgspec.json.Decoder(_Header)
_heartbeat_decoder = msgspec.json.Decoder(_BeatingNode)


def read_dump(paths: Iterable[Path]) -> CurrentState:
    """The Kubernetes part of a state from files and folders, in any order and with any overlap.

    ``sources`` counts the objects of each file by kind. Raises InvalidInputError naming the file.
    """
    files: dict[Path, tuple[Path, bool]] = {}
    for path in sorted(set(paths)):
        is_folder = path.is_dir()
        for one in _files_in(path) if is_folder else (path,):
            known = files.get(one.resolve(), (one, False))
            files[one.resolve()] = (known[0], known[1] or not is_folder)
    return read_dump_files((SourceFile.at(path), is_named) for path, is_named in files.values())


def _files_in(folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    if not inside:
        raise InvalidInputError(str(folder), "the folder holds no files", next_step=_ASK_KUBECTL)
    return inside


def read_dump_files(files: Iterable[tuple[SourceFile, bool]]) -> CurrentState:
    """The same from opened files. Each says whether it was named: a file that only lies in a
    named folder and holds something else is counted as ignored, not refused."""
    collection = ObjectCollection()
    sources: list[DataSource] = []
    for source, is_named in files:
        reader = _FileReader(source, collection, is_named=is_named)
        reader.read()
        sources += reader.report()
    objects: dict[str, Any] = {
        field: tuple(collection.objects(field)) for field in collection.listed
    }
    return CurrentState(**objects, unread=collection.unread or None, sources=tuple(sources))


class _FileReader:
    """Reads one file into a collection, and counts what it finds."""

    def __init__(self, source: SourceFile, collection: ObjectCollection, *, is_named: bool) -> None:
        self._source = source
        self._is_named = is_named
        self._collection = collection
        self._counts: Counter[tuple[str, bool]] = Counter()  # by kind, and whether it is ignored
        self._kindless: list[msgspec.Raw] = []  # items met before their list told its kind
        self._newest: datetime | None = None

    def read(self) -> None:
        """Read the whole file."""
        if not looks_like_json(self._source.head()):
            self._refuse_or_ignore(_no_json)
            return
        for part in read_json_stream(self._source):
            if isinstance(part, Items):
                self._take_items(part)
            else:
                self._take_document(part)
        if {kind for kind, _ in self._counts} == {_UNKNOWN}:
            raise self._source.refuse("holds no Kubernetes objects", next_step=_ASK_KUBECTL)

    def report(self) -> Iterator[DataSource]:
        """One row for each kind in the file, with the age of the file's content."""
        as_of, basis = self._age()
        for (kind, is_ignored), count in sorted(self._counts.items()):
            yield DataSource(
                kind=kind,
                name=self._source.name,
                count=count,
                as_of=as_of,
                as_of_basis=basis,
                is_ignored=is_ignored,
            )

    def _age(self) -> tuple[datetime | None, str]:
        """The newest time that the objects tell, but none after the file was written."""
        modified_at = self._source.modified_at()
        if self._newest and (modified_at is None or self._newest <= modified_at):
            return self._newest, FROM_CONTENT
        return modified_at, FROM_FILE_TIME if modified_at else ""

    def _take_items(self, part: Items) -> None:
        try:
            around = _header_decoder.decode(part.head)
        except DECODING_ERRORS:  # the whole document is judged at its end
            around = _Header()
        try:
            items = _raw_list_decoder.decode(part.json)[part.padding :]
        except DECODING_ERRORS as error:
            failure = explain(error, part.json)
            raise self._refuse_json(part, failure.reason, failure.offset, part.prefix) from error
        for item in items:
            self._take_item(item, around)

    def _take_document(self, part: Document) -> None:
        if part.json.lstrip()[:1] == b"[":
            self._end_list(_Header(kind="List"))
            return
        try:
            header = _header_decoder.decode(part.json)
        except DECODING_ERRORS as error:
            failure = explain(error, part.json)
            if failure.path:
                raise self._refuse_document(part, failure.reason) from error
            raise self._refuse_json(part, failure.reason, failure.offset, 0) from error
        if header.kind == "Status":
            raise self._refuse_document(part, f"holds an error of the API server: {header.message}")
        if not header.kind:
            self._refuse_or_ignore(_no_object)
        elif header.items is None:
            self._add(header.kind, header.api_version, part.json)
        else:
            self._end_list(header)

    def _end_list(self, header: _Header) -> None:
        """All items of a list were given; now its kind is known, and whether it was empty."""
        kindless, self._kindless = self._kindless, []
        for item in (*kindless, *(header.items or ())):
            self._take_item(item, header)
        if self._kindless:
            self._kindless = []
            self._refuse_or_ignore(_no_object)
        else:
            self._count_empty(header)

    def _count_empty(self, header: _Header) -> None:
        """An empty list of one kind says that there are none of it."""
        kind = find_kind(_item_kind(header), header.api_version)
        if kind is not None:
            self._collection.list_nothing(kind.field)
        key = (kind.name, False) if kind else (header.kind, True)
        if kind is not None or not self._counts:
            self._counts[key] += 0

    def _take_item(self, item: msgspec.Raw, around: _Header) -> None:
        try:
            header = _header_decoder.decode(item)
        except DECODING_ERRORS as error:
            self._counts[_UNKNOWN, False] += 1
            self._collection.add_unread(
                Skipped(
                    subject=Subject(kind=_UNKNOWN, name=self._source.name),
                    reason=ProblemReason.UNREADABLE_OBJECT,
                    message=f"an item of a list {explain(error, bytes(item)).reason}; "
                    "check what made this file",
                )
            )
            return
        kind = header.kind or _item_kind(around)
        if not kind:
            self._kindless.append(item)
        elif header.items is not None and kind.endswith("List"):
            self._end_list(header)
        else:
            self._add(kind, header.api_version or around.api_version, item)

    def _add(self, kind_name: str, api_version: str, json: bytes | msgspec.Raw) -> None:
        kind = find_kind(kind_name, api_version)
        self._counts[kind_name, kind is None] += 1
        if kind is None:
            return
        one = self._collection.add_json(kind, json)
        if one is not None:
            moments = [self._newest, _newest_time(one), _heartbeat(one, json)]
            self._newest = max((moment for moment in moments if moment), default=None)

    def _refuse_json(
        self, part: Items | Document, reason: str, offset: int | None, prefix: int
    ) -> InvalidInputError:
        """The error for text that is no JSON, at ``offset`` of the part where it is known."""
        within = max((offset or 0) - prefix, 0)
        line = part.line + part.json[prefix : prefix + within].count(b"\n")
        return self._source.refuse(
            f"is not valid JSON: {reason} (byte {part.offset + within})",
            next_step=GET_A_GOOD_COPY,
            line=line,
        )

    def _refuse_or_ignore(self, error: Callable[[SourceFile], InvalidInputError]) -> None:
        """A file of something else: refused if it was named, counted if it only lay there."""
        if self._is_named:
            raise error(self._source)
        self._counts[_FOREIGN, True] += 1

    def _refuse_document(self, part: Document, reason: str) -> InvalidInputError:
        return self._source.refuse(reason, next_step=_ASK_KUBECTL, line=part.line)


def _item_kind(around: _Header) -> str:
    """The kind of the items of a typed list ("PodList" -> "Pod"); empty for a plain "List"."""
    return around.kind.removesuffix("List") if around.kind.endswith("List") else ""


def _newest_time(one: KubernetesObject) -> datetime | None:
    """The newest time that an object tells about its past."""
    if isinstance(one, Event):
        return one.last_seen_at
    if isinstance(one, NodeMetrics | PodMetrics):
        return one.timestamp
    return one.metadata.creation_timestamp


def _heartbeat(one: KubernetesObject, json: bytes | msgspec.Raw) -> datetime | None:
    """When the node's kubelet last reported."""
    if not isinstance(one, Node):
        return None
    try:
        conditions = _heartbeat_decoder.decode(json).status.conditions
    except DECODING_ERRORS:  # the node itself was read; its age is only a hint
        return None
    beats = (condition.last_heartbeat_time for condition in conditions)
    return max((beat for beat in beats if beat), default=None)


def _no_json(source: SourceFile) -> InvalidInputError:
    """The error for a file that does not start as JSON does."""
    head = source.head()
    if not head.strip():
        return source.refuse("the file is empty", next_step=_ASK_KUBECTL)
    if re.match(rb"\s*(---|apiVersion:|kind:|items:)", head):
        return source.refuse("is YAML, not JSON", next_step="print it with `-o json`", line=1)
    return _another_kind(source) or source.refuse("is not JSON", next_step=_ASK_KUBECTL, line=1)


def _no_object(source: SourceFile) -> InvalidInputError:
    """The error for JSON that is no Kubernetes object."""
    keys = re.findall(rb'"(\w+)"\s*:', source.head())
    for key, what in _OPTION_OF_KEY.items():
        if key in keys[:_FIRST_KEYS]:
            return source.refuse(f"holds {what}", next_step="give it by that option instead")
    return _another_kind(source) or source.refuse(
        "is JSON, but holds no Kubernetes objects: nothing in it has a kind",
        next_step=_ASK_KUBECTL,
    )


def _another_kind(source: SourceFile) -> InvalidInputError | None:
    """The error that tells which kind of market data the file holds, if it holds some."""
    try:
        what = _OPTION_OF_MARKET_FILE[recognise(source)]
    except InvalidInputError:
        return None
    return source.refuse(f"holds {what}", next_step="give it by that option instead")
