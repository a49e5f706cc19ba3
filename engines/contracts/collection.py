"""Objects of a cluster on their way into a snapshot, in any order, in pages or one by one.

A reader (of files, of the network) puts in what it gets; memory holds each equal part once.
What cannot be read is kept as a problem about that one object, never dropped in silence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from engines.contracts.decoding import DECODING_ERRORS, JsonFailure, decode_tolerant, explain
from engines.contracts.errors import InvalidInputError
from engines.contracts.interning import Interner, in_one_order
from engines.contracts.kubernetes import KubernetesObject
from engines.contracts.kubernetes.kinds import KINDS, Kind
from engines.contracts.problems import in_order
from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import ProblemReason

T = TypeVar("T")


class PageMetadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a page stands in its list; an empty ``continue_token`` ends it."""

    continue_token: str = msgspec.field(default="", name="continue")
    resource_version: str = ""
    remaining_item_count: int | None = None


class _Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a typed list, as the API sends it. No items may be null or absent."""

    kind: str = ""  # "PodList"; empty is taken on trust
    metadata: PageMetadata = PageMetadata()
    items: tuple[T, ...] = ()


class _Name(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an unreadable object as tells which one it is."""

    name: Any = ""
    namespace: Any = ""


class _Binding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As much of an unreadable pod's spec as tells where it runs."""

    node_name: Any = ""


class _Outline(msgspec.Struct, frozen=True, kw_only=True):
    metadata: _Name = _Name()
    spec: _Binding = _Binding()


class ObjectCollection:
    """Kubernetes objects by the field of ``CurrentState`` that they belong to."""

    def __init__(self) -> None:
        self._objects: dict[str, list[KubernetesObject]] = {}
        self._unread: list[Skipped] = []
        self._interner = Interner()
        self._shared: Mapping[str, Callable[[Any], KubernetesObject]] = {
            "pods": self._interner.share_pod,
            "workloads": self._interner.share_workload,
        }

    def add(self, field: str, objects: Iterable[KubernetesObject]) -> None:
        """Put in objects that are decoded already; ``field`` counts as listed from now on."""
        share = self._shared.get(field, in_one_order)
        self._objects.setdefault(field, []).extend(share(one) for one in objects)

    def add_page(self, kind: Kind, page: bytes) -> PageMetadata:
        """Put in one page of a list, as the API server sends it.

        An object that does not fit its type becomes a problem; a page that is no list at all
        raises InvalidInputError.
        """
        try:
            decoded = decode_tolerant(page, _page_decoder(kind.type))
        except msgspec.ValidationError:
            return self._add_one_by_one(kind, page)
        except DECODING_ERRORS as error:
            raise _no_list(kind, explain(error, page)) from error
        _check_kind(kind, decoded.kind)
        self.add(kind.field, decoded.items)
        return decoded.metadata

    def _add_one_by_one(self, kind: Kind, page: bytes) -> PageMetadata:
        """A page in which some object does not fit: keep the others."""
        try:
            decoded = decode_tolerant(page, _raw_page_decoder)
        except DECODING_ERRORS as error:
            raise _no_list(kind, explain(error, page)) from error
        _check_kind(kind, decoded.kind)
        self.list_nothing(kind.field)
        for raw in decoded.items:
            self.add_json(kind, raw)
        return decoded.metadata

    def add_json(self, kind: Kind, raw: bytes | msgspec.Raw) -> KubernetesObject | None:
        """Put in one object of a kind from its JSON. None: it did not fit, and is a problem now."""
        try:
            one = decode_tolerant(raw, _decoder(kind.type))
        except DECODING_ERRORS as error:
            self.add_unread(_unreadable(kind, raw, explain(error, bytes(raw))))
            return None
        self.add(kind.field, (one,))
        return one

    def add_unread(self, problem: Skipped) -> None:
        """Put in a problem with an object that could not be read."""
        self._unread.append(problem)

    def list_nothing(self, field: str) -> None:
        """Say that a field was listed, though it may turn out to be empty."""
        self._objects.setdefault(field, [])

    @property
    def listed(self) -> frozenset[str]:
        """The fields that were given at all."""
        return frozenset(self._objects)

    @property
    def unread(self) -> tuple[Skipped, ...]:
        """The objects that could not be read, sorted, each once."""
        return in_order(self._unread)

    def objects(self, field: str) -> Sequence[KubernetesObject]:
        """What was put in for a field, in no order."""
        return self._objects.get(field, ())


@lru_cache(maxsize=len(KINDS))
def _decoder(type_: type[KubernetesObject]) -> msgspec.json.Decoder[KubernetesObject]:
    return msgspec.json.Decoder(type_)


@lru_cache(maxsize=len(KINDS))
def _page_decoder(
    type_: type[KubernetesObject],
) -> "msgspec.json.Decoder[_Page[KubernetesObject]]":
    return msgspec.json.Decoder(_Page[type_])  # type: ignore[valid-type]  # made at run time


_raw_page_decoder = msgspec.json.Decoder(_Page[msgspec.Raw])
_outline_decoder = msgspec.json.Decoder(_Outline)


def _check_kind(kind: Kind, told: str) -> None:
    if told not in ("", kind.list_name):
        raise _no_list(kind, JsonFailure(f"is a {told}"))


def _no_list(kind: Kind, failure: JsonFailure) -> InvalidInputError:
    place = f" at {failure.path}" if failure.path else ""
    return InvalidInputError(
        f"a page of {kind.list_name}",
        f"{failure.reason}{place}",
        next_step="check that the API server, not a proxy, sent it",
    )


def _unreadable(kind: Kind, raw: bytes | msgspec.Raw, failure: JsonFailure) -> Skipped:
    """The problem with an object that does not fit its type, naming it as well as can be."""
    try:
        outline = _outline_decoder.decode(raw)
    except DECODING_ERRORS:
        outline = _Outline()
    place = f" at {failure.path}" if failure.path else ""
    return Skipped(
        subject=Subject(
            kind=kind.name,
            namespace=_text(outline.metadata.namespace),
            name=_text(outline.metadata.name),
            node=_text(outline.spec.node_name),
        ),
        reason=ProblemReason.UNREADABLE_OBJECT,
        message=f"{failure.reason}{place}; check what made this object",
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
