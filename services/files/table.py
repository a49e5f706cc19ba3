"""Read a table of named columns from CSV or from a list of JSON objects, in chunks of texts.

Column names are matched without regard to case, each under the names the table allows. Every
distinct text of a column is parsed once, so a large file costs little more than its distinct
values. The first row that cannot be used is named with its line (CSV) or its number (JSON).
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from engines.contracts.errors import InvalidInputError
from services.files.source import SourceFile, looks_like_json

CHUNK_ROWS = 5_000
OTHER_DELIMITERS = ("\t", ";", "|")
SHOWN_CHARACTERS = 60
CORRECT_THE_ROW = "correct or remove it and import again; nothing was stored"

K = TypeVar("K")
T = TypeVar("T")

PageSeen = Callable[[Mapping[str, Any]], None]
"""Told each JSON object that holds records, so that its other fields can be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its documented name, the other names accepted for it, and whether it must be."""

    name: str
    aliases: tuple[str, ...] = ()
    is_required: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """All names a header may use."""
        return (self.name, *self.aliases)

    def accepts(self, header: str) -> bool:
        """Whether a header cell or JSON key names this column."""
        return header.strip().casefold() in {name.casefold() for name in self.names}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableKind:
    """What a file should hold: its name in messages, its columns, and the list in JSON pages."""

    title: str
    columns: tuple[Column, ...]
    json_list: str


class Parsed(dict[K, T]):
    """Texts of a column (or of several, joined) and what they mean, each parsed once.

    ``parse`` raises ValueError with the reason why a text cannot be used.
    """

    def __init__(self, parse: Callable[[K], T]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, key: K) -> T:
        value = self[key] = self._parse(key)
        return value


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive rows: their lines (or record numbers) and the texts of each column."""

    source: SourceFile
    lines: Sequence[int]
    columns: Mapping[str, Sequence[str]]

    def parse(self, parsers: Mapping[str | tuple[str, ...], Parsed[Any, T]]) -> list[list[T]]:
        """The values of each column, or of each group of columns taken together.

        Raises for the first row that has a text which cannot be used.
        """
        try:
            return [
                list(map(parsed.__getitem__, self._keys(name))) for name, parsed in parsers.items()
            ]
        except ValueError as error:
            raise self._first_bad_row(parsers) from error

    def refuse_row(self, index: int, reason: str) -> InvalidInputError:
        """The error that blames one row; the caller raises it."""
        return self.source.refuse(reason, next_step=CORRECT_THE_ROW, line=self.lines[index])

    def _keys(self, name: str | tuple[str, ...]) -> Iterable[Any]:
        if isinstance(name, str):
            return self.columns[name]
        return zip(*(self.columns[one] for one in name), strict=True)

    def _first_bad_row(
        self, parsers: Mapping[str | tuple[str, ...], Parsed[Any, T]]
    ) -> InvalidInputError:
        rows = zip(*(self._keys(name) for name in parsers), strict=True)
        for index, keys in enumerate(rows):
            for name, key in zip(parsers, keys, strict=True):
                try:
                    parsers[name][key]
                except ValueError as error:
                    about = f"{name} {shown(key)} " if isinstance(name, str) else ""
                    return self.refuse_row(index, f"{about}{error}")
        raise AssertionError("a column failed to parse but none of its texts did")


def read_chunks(
    source: SourceFile, kind: TableKind, on_page: PageSeen | None = None
) -> Iterator[Chunk]:
    """The table's rows in their order; ``on_page`` sees each JSON page that holds some.

    Raises ``InvalidInputError`` for a file that is not such a table, a row with too few or too
    many columns, and a table without rows.
    """
    is_json = looks_like_json(source.head())
    chunks = _json_chunks(source, kind, on_page) if is_json else _csv_chunks(source, kind)
    is_empty = True
    for chunk in chunks:
        is_empty = False
        yield chunk
    if is_empty:
        raise source.refuse(
            f"holds no {kind.title}: there is no row",
            next_step="export the data again, or choose another file",
        )


def json_records(source: SourceFile, kind: TableKind, on_page: PageSeen | None = None) -> list[Any]:
    """The records of JSON that is a list of objects, or pages that hold them as a list."""
    return [
        record
        for document in source.json_documents()
        for record in _records_of(source, document, kind, on_page)
    ]


def shown(text: str) -> str:
    """A text of the file for a message: quoted, never longer than a line."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


def csv_header(source: SourceFile) -> list[str]:
    """The cells of the first line, for telling one kind of file from another."""
    return next(_numbered_rows(source), (1, []))[1]


def _csv_chunks(source: SourceFile, kind: TableKind) -> Iterator[Chunk]:
    numbered = _numbered_rows(source)
    line_and_header = next(numbered, None)
    if line_and_header is None:
        raise source.refuse("the file is empty", next_step=f"choose the file of {kind.title}")
    positions = _positions(source, line_and_header[1], kind)
    while True:
        part: list[tuple[int, list[str]]] = []
        try:
            for row in islice(numbered, CHUNK_ROWS):
                part.append(row)  # noqa: PERF402 - what came before a failure must be kept
        except InvalidInputError:
            if part:  # one of these rows may hold a bad value: then that line is the first to name
                yield _csv_chunk(source, part, positions)
            raise
        if not part:
            return
        yield _csv_chunk(source, part, positions)


def _numbered_rows(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """Rows, the header first, with the line each ends on; blank lines are passed over."""
    reader = csv.reader(source.lines(), strict=True)
    width = 0
    try:
        for row in reader:
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                raise source.refuse(
                    f"the row has {len(row)} columns where the header has {width}",
                    next_step=CORRECT_THE_ROW,
                    line=reader.line_num,
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise source.refuse(
            f"not valid CSV: {error}",
            next_step="export the file again as CSV",
            line=reader.line_num,
        ) from error


def _csv_chunk(
    source: SourceFile, part: list[tuple[int, list[str]]], positions: Mapping[str, int | None]
) -> Chunk:
    by_position = list(zip(*(row for _, row in part), strict=True))
    absent = ("",) * len(part)
    columns = {name: absent if at is None else by_position[at] for name, at in positions.items()}
    return Chunk(source, [line for line, _ in part], columns)


def _positions(
    source: SourceFile, header: Sequence[str], kind: TableKind
) -> Mapping[str, int | None]:
    """Where each column stands in the header, None for an optional one that is not there."""
    positions: dict[str, int | None] = {}
    for column in kind.columns:
        found = [at for at, cell in enumerate(header) if column.accepts(cell)]
        if len(found) > 1:
            names = " and ".join(shown(header[at]) for at in found)
            raise source.refuse(
                f"two columns could be {column.name}: {names}",
                next_step="keep one of them",
                line=1,
            )
        if not found and column.is_required:
            raise _missing_column(source, header, column, kind)
        positions[column.name] = found[0] if found else None
    return positions


def _missing_column(
    source: SourceFile, header: Sequence[str], column: Column, kind: TableKind
) -> InvalidInputError:
    for delimiter in OTHER_DELIMITERS:
        if len(header) == 1 and delimiter in header[0]:
            return source.refuse(
                f"the columns are separated by {delimiter!r}",
                next_step="save the file with commas between the columns",
                line=1,
            )
    return source.refuse(
        f"this is not a table of {kind.title}: it has no column {' or '.join(column.names)} "
        f"(found {shown(', '.join(header))})",
        next_step=f"choose the file of {kind.title}, or name its columns as documented",
        line=1,
    )


def _json_chunks(source: SourceFile, kind: TableKind, on_page: PageSeen | None) -> Iterator[Chunk]:
    records = json_records(source, kind, on_page)
    names = [column.name for column in kind.columns]
    for first in range(0, len(records), CHUNK_ROWS):
        part = records[first : first + CHUNK_ROWS]
        lines = range(first + 1, first + len(part) + 1)
        rows = [_texts_of(source, record, kind, at) for at, record in zip(lines, part, strict=True)]
        yield Chunk(source, lines, dict(zip(names, zip(*rows, strict=True), strict=True)))


def _records_of(
    source: SourceFile, document: Any, kind: TableKind, on_page: PageSeen | None
) -> Iterator[Any]:
    """The records of a document: its own, those of a page, or those of a list of pages."""
    if isinstance(document, dict) and on_page is not None:
        on_page(document)
    items = document.get(kind.json_list) if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise source.refuse(
            f"this JSON holds no {kind.title}: it has no list {kind.json_list}",
            next_step=f"choose the file of {kind.title}",
        )
    for item in items:
        if isinstance(item, list) or (isinstance(item, dict) and kind.json_list in item):
            yield from _records_of(source, item, kind, on_page)
        else:
            yield item


def _texts_of(source: SourceFile, record: Any, kind: TableKind, number: int) -> list[str]:
    if not isinstance(record, dict):
        raise source.refuse(
            f"the record is not an object but {shown(str(record))}",
            next_step=f"choose the file of {kind.title}",
            line=number,
        )
    folded = {key.casefold(): value for key, value in record.items()}
    return [_text_of(source, folded, column, number) for column in kind.columns]


def _text_of(source: SourceFile, folded: Mapping[str, Any], column: Column, number: int) -> str:
    for name in column.names:
        value = folded.get(name.casefold())
        if isinstance(value, list | dict):
            raise source.refuse(
                f"{name} is not a text or a number", next_step=CORRECT_THE_ROW, line=number
            )
        if value is not None:
            return str(value).lower() if isinstance(value, bool) else str(value)
    if column.is_required:
        raise source.refuse(
            f"the record has no {' or '.join(column.names)}", next_step=CORRECT_THE_ROW, line=number
        )
    return ""
