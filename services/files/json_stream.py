"""Large JSON documents, cut into their list's items without holding the whole text.

What ``kubectl get -o json`` prints for a large cluster has gigabytes. It is one object whose member
``items`` holds all that matters, so the text is cut there: a few thousand items at a time, and
what is left of the document around them. Only brackets and quotes are looked at here; whether each
part is JSON is for its decoder to say. Several documents may follow each other in one file.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from engines.contracts.errors import InvalidInputError
from services.files.source import GET_A_GOOD_COPY, SourceFile

BLOCK_BYTES = 4 << 20
MOST_UNPACKED_BYTES = 64 << 30  # 150,000 pods take some 4 GB as kubectl prints them
MOST_PENDING_BYTES = 64 << 20  # no single Kubernetes object has more than a few MB
_ITEMS_KEY = re.compile(rb'"items"\s*:\s*\Z')
_LONGEST_KEY = 64  # bytes before a list in which its key is looked for

_QUOTE, _BACKSLASH, _OPENING = b'"\\['
_DEPTH_CHANGE = np.zeros(256, np.int8)
_DEPTH_CHANGE[[ord("{"), ord("[")]] = 1
_DEPTH_CHANGE[[ord("}"), ord("]")]] = -1
_IS_BRACKET = _DEPTH_CHANGE != 0


@dataclass(frozen=True, slots=True)
class Items:
    """Consecutive items of a list: ``json`` is an array of them, the first ``padding`` of which
    are not part of the list. ``head`` is the document up to the list, closed so that it is JSON.

    ``offset`` and ``line`` tell where the text of the items starts in the file, ``prefix`` how many
    bytes of ``json`` stand before it.
    """

    json: bytes
    padding: int
    prefix: int
    head: bytes
    offset: int
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A document without the items of its list, which were given before."""

    json: bytes
    offset: int
    line: int


def read_json_stream(source: SourceFile) -> Iterator[Items | Document]:
    """The parts of all documents in a file, in their order.

    Raises InvalidInputError where the file ends in the middle of a document, or holds an object
    too large to be one. Text that is no JSON at all comes out as a document, to be refused.
    """
    blocks = source.blocks(BLOCK_BYTES, MOST_UNPACKED_BYTES)
    first = next(blocks, b"")
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise source.refuse(
            "is UTF-16 text, not UTF-8",
            next_step="save it as UTF-8 (in PowerShell: | Out-File -Encoding utf8)",
        )
    cutter = _Cutter(source)
    for block in chain((first.removeprefix(codecs.BOM_UTF8),), blocks):
        yield from cutter.feed(block)
    yield from cutter.finish()


class _Cutter:
    """Takes blocks of text, gives the parts that are complete, and keeps the rest."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text = b""
        self._taken = 0  # bytes of the text that were given; what follows is outside of strings
        self._depth = 0  # of brackets there
        self._offset = 0  # of that place in the file
        self._line = 1
        self._skeleton = b""  # the document so far, without the items of its list
        self._document_offset = 0
        self._document_line = 1
        self._had_list = False  # in this document: only one is cut
        self._list_depth: int | None = None  # of brackets inside the list that is being cut
        self._item_end = 0  # in the text: where the last complete item ends
        self._is_first_part = True  # of the list

    def feed(self, block: bytes) -> Iterator[Items | Document]:
        """The parts that are complete with this block."""
        self._refuse_other_than_utf8(block)
        self._text, self._taken = self._text[self._taken :] + block, 0
        self._item_end = 0
        for position, before, after in _shallow_brackets(self._text, self._depth):
            if self._list_depth is not None:
                yield from self._inside_list(position, before, after)
            elif after > before:
                self._open(position, before, after)
            elif after <= 0:
                yield self._end_document(position + 1)
        if self._list_depth is not None and self._item_end > self._taken:
            yield self._items(self._item_end)
        if len(self._text) - self._taken > MOST_PENDING_BYTES:
            raise self._refuse(
                f"one object is larger than {MOST_PENDING_BYTES >> 20} MiB",
                "check that this is what kubectl printed",
            )

    def finish(self) -> Iterator[Document]:
        """What is left at the end of the file: nothing, or text that is no JSON."""
        rest = self._text[self._taken :]
        if self._skeleton or rest.lstrip()[:1] in (b"{", b"["):
            self._take(len(self._text))
            raise self._refuse("the file ends in the middle of the JSON", GET_A_GOOD_COPY)
        if rest.strip():
            yield self._end_document(len(self._text))

    def _refuse_other_than_utf8(self, block: bytes) -> None:
        try:
            self._utf8.decode(block)
        except UnicodeDecodeError as error:
            before = max(error.start, 0)
            self._text += block[:before]
            self._take(len(self._text))
            raise self._refuse("is not UTF-8 text", GET_A_GOOD_COPY) from error

    def _open(self, position: int, before: int, after: int) -> None:
        """An object or array begins: perhaps the list of this document."""
        if self._had_list or self._text[position] != _OPENING:
            return
        nearby = self._text[max(self._taken, position - _LONGEST_KEY) : position]
        if before == 0 or (before == 1 and _ITEMS_KEY.search(nearby)):
            self._skeleton = self._take(position + 1)
            self._depth = self._list_depth = after
            self._had_list = self._is_first_part = True
            self._item_end = position + 1

    def _inside_list(self, position: int, before: int, after: int) -> Iterator[Items | Document]:
        """An item ends, or the list itself."""
        if after == self._list_depth:
            self._item_end = position + 1
        elif after == before - 1 and before == self._list_depth:
            if self._text[self._taken : position].strip():
                yield self._items(position)
            self._skeleton += self._take(position)
            self._list_depth = None
            if after == 0:
                yield self._end_document(position + 1)

    def _items(self, end: int) -> Items:
        """The items up to ``end``; every part but the first of a list starts with a comma."""
        prefix = b"[" if self._is_first_part else b"[0"
        offset, line = self._offset, self._line
        text = self._take(end)
        padding = 0 if self._is_first_part else 1
        self._is_first_part = False
        return Items(
            json=prefix + text + b"]",
            padding=padding,
            prefix=len(prefix),
            head=self._skeleton + (b"]}" if self._list_depth == 2 else b"]"),
            offset=offset,
            line=line,
        )

    def _end_document(self, end: int) -> Document:
        document = Document(
            json=self._skeleton + self._take(end),
            offset=self._document_offset,
            line=self._document_line,
        )
        self._skeleton, self._had_list, self._depth = b"", False, 0
        self._document_offset, self._document_line = self._offset, self._line
        return document

    def _take(self, end: int) -> bytes:
        """The text up to ``end``, which from now on counts as given."""
        text = self._text[self._taken : end]
        self._taken = end
        self._offset += len(text)
        self._line += text.count(b"\n")
        return text

    def _refuse(self, reason: str, next_step: str) -> InvalidInputError:
        return self._source.refuse(
            f"{reason} (byte {self._offset})", next_step=next_step, line=self._line
        )


def _shallow_brackets(text: bytes, depth: int) -> Iterator[tuple[int, int, int]]:
    """The brackets outside strings that matter for cutting, with the depth before and after.

    ``text`` starts outside of strings at ``depth``; items of a list lie at depth 2 at most.
    """
    data = np.frombuffer(text, np.uint8)
    positions = np.flatnonzero(_IS_BRACKET[data])
    quotes = _string_quotes(data)
    is_outside = np.searchsorted(quotes, positions) % 2 == 0
    positions = positions[is_outside]
    steps = _DEPTH_CHANGE[data[positions]]
    after = depth + np.cumsum(steps, dtype=np.int64)
    is_shallow = after <= 2
    for position, step, level in zip(
        positions[is_shallow], steps[is_shallow], after[is_shallow], strict=True
    ):
        yield int(position), int(level - step), int(level)


def _string_quotes(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The positions of the quotes that open or close a string: those that are not escaped."""
    quotes = np.flatnonzero(data == _QUOTE)
    slashes = np.flatnonzero(data == _BACKSLASH)
    if not len(slashes):
        return quotes
    is_run_start = np.diff(slashes, prepend=-2) > 1
    run_starts = slashes[is_run_start]
    run_lengths = np.diff(np.append(np.flatnonzero(is_run_start), len(slashes)))
    escaped = (run_starts + run_lengths)[run_lengths % 2 == 1]
    return quotes[~np.isin(quotes, escaped, assume_unique=True)]
