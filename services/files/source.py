"""Open a file for the readers: plain or gz, bounded, every failure an ``InvalidInputError``.

Nothing here trusts the file: it may be missing, truncated, a decompression bomb, binary, in
another encoding or one endless line. A reader may go through the same source more than once.
"""

import codecs
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from engines.contracts.errors import InvalidInputError

BLOCK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
MAX_UNPACKED_BYTES = 4 << 30  # a 90-day history of one region is 70 MB; 4 GiB is a bomb
MAX_DOCUMENT_BYTES = 1 << 30  # JSON is held whole while it is decoded
MAX_LINE_CHARACTERS = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
GET_A_GOOD_COPY = "get a complete copy of the file and try again"


class SourceFile:
    """A named source of bytes, unpacked when it is gz."""

    def __init__(
        self,
        name: str,
        open_raw: Callable[[], io.BufferedIOBase],
        modified_at: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self.name = name
        self._open_raw = open_raw
        self._modified_at = modified_at

    @classmethod
    def at(cls, path: Path) -> "SourceFile":
        """A file on disk; that it exists and can be read is checked at the first read."""
        return cls(
            str(path),
            lambda: path.open("rb"),
            lambda: datetime.fromtimestamp(path.stat().st_mtime, UTC),
        )

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "SourceFile":
        """An upload that is already in memory."""
        return cls(name, lambda: io.BytesIO(content))

    def refuse(self, reason: str, *, next_step: str, line: int | None = None) -> InvalidInputError:
        """The error that blames this file; the caller raises it."""
        return InvalidInputError(self.name, reason, next_step=next_step, line=line)

    def digest(self) -> str:
        """SHA-256 of the file as it lies there, packed or not, in hexadecimal."""
        try:
            with self._open_raw() as raw:
                return hashlib.file_digest(raw, "sha256").hexdigest()
        except OSError as error:
            raise self._unreadable(error) from error

    def modified_at(self) -> datetime | None:
        """When the file was last written; None for an upload, which does not say."""
        try:
            return self._modified_at()
        except OSError as error:
            raise self._unreadable(error) from error

    def head(self) -> bytes:
        """The first 64 KiB, unpacked: enough to see what kind of file this is."""
        return next(self.blocks(HEAD_BYTES), b"")

    def blocks(self, size: int = BLOCK_BYTES, most: int = MAX_UNPACKED_BYTES) -> Iterator[bytes]:
        """The unpacked bytes, block by block; refused beyond ``most`` bytes."""
        try:
            with self._open_raw() as raw:
                is_gzip = raw.read(2) == GZIP_MAGIC
                raw.seek(0)
                stream = gzip.GzipFile(fileobj=raw) if is_gzip else raw
                yield from self._bounded(stream, size, most)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self.refuse(
                f"the gz file is damaged or cut off ({error})", next_step=GET_A_GOOD_COPY
            ) from error
        except OSError as error:
            raise self._unreadable(error) from error

    def lines(self) -> Iterator[str]:
        """The text's lines with their ends, decoded as UTF-8; a byte order mark is dropped."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        rest, count = "", 0
        for block in self._blocks_and_end():
            try:
                text = rest + decoder.decode(block or b"", final=block is None)
            except UnicodeDecodeError as error:  # the lines before it may hold an earlier fault
                good = error.object[: error.start].decode("utf-8-sig")
                *whole, _ = (rest + good).split("\n")
                yield from (line + "\n" for line in whole)
                raise self._not_utf8(count + len(whole) + 1) from error
            *whole, rest = text.split("\n")
            for line in whole:
                yield line + "\n"
            count += len(whole)
            if len(rest) > MAX_LINE_CHARACTERS:
                raise self.refuse(
                    f"the line is longer than {MAX_LINE_CHARACTERS:,} characters",
                    next_step="check that this is a text file with one row a line",
                    line=count + 1,
                )
        if rest:
            yield rest

    def text(self) -> str:
        """The whole text, for JSON."""
        content = bytearray()
        for block in self.blocks():
            content += block
            if len(content) > MAX_DOCUMENT_BYTES:
                raise self.refuse(
                    f"the document is larger than {MAX_DOCUMENT_BYTES >> 20} MiB",
                    next_step="split it, or use the CSV form, which is read as a stream",
                )
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._not_utf8(content[: error.start].count(b"\n") + 1) from error

    def json_documents(self) -> list[Any]:
        """The JSON documents of the file: one as a rule, or several written one after another."""
        text = self.text()
        if not text.strip():
            raise self.refuse("the file is empty", next_step=GET_A_GOOD_COPY)
        try:
            return [msgspec.json.decode(text)]
        except msgspec.DecodeError:
            return self._concatenated(text)
        except RecursionError as error:
            raise self._too_deep() from error

    def _concatenated(self, text: str) -> list[Any]:
        decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        documents: list[Any] = []
        position = _skip_space(text, 0)
        try:
            while position < len(text):
                document, end = decoder.raw_decode(text, position)
                documents.append(document)
                position = _skip_space(text, end)
        except json.JSONDecodeError as error:
            raise self.refuse(
                f"not valid JSON: {error.msg}", next_step=GET_A_GOOD_COPY, line=error.lineno
            ) from error
        except RecursionError as error:
            raise self._too_deep() from error
        except ValueError as error:  # a constant such as NaN, or a number of thousands of digits
            line = text.count("\n", 0, position) + 1
            raise self.refuse(
                f"not valid JSON: {error}", next_step=GET_A_GOOD_COPY, line=line
            ) from error
        return documents

    def _bounded(self, stream: io.BufferedIOBase, size: int, most: int) -> Iterator[bytes]:
        total = 0
        while block := stream.read(size):
            total += len(block)
            if total > most:
                raise self.refuse(
                    f"the file unpacks to more than {most >> 30} GiB",
                    next_step="split it into several files",
                )
            yield block

    def _blocks_and_end(self) -> Iterator[bytes | None]:
        yield from self.blocks()
        yield None

    def _unreadable(self, error: OSError) -> InvalidInputError:
        return self.refuse(
            f"cannot be read: {error.strerror or error}",
            next_step="check the path and its permissions",
        )

    def _not_utf8(self, line: int) -> InvalidInputError:
        return self.refuse(
            "not UTF-8 text", next_step="save it as UTF-8, or choose the right file", line=line
        )

    def _too_deep(self) -> InvalidInputError:
        return self.refuse("the JSON is nested too deeply", next_step="choose the right file")


def looks_like_json(head: bytes) -> bool:
    """Whether the first bytes of a file, after a byte order mark and blanks, open JSON."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
