"""Tables: each has a key, a filter, sortable columns and a CSV export that no spreadsheet executes.

Rows are plain mappings. The screen shows rounded values in the viewer's zone; the export carries
the values themselves and UTC.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from ui import session
from ui.components import facts
from ui.components.formatting import count_of, sentence, zone_name

Kind = Literal[
    "text",
    "prose",
    "number",
    "decimal",
    "money",
    "price",
    "percent",
    "score",
    "time",
    "flag",
    "bar",
]
Row = Mapping[str, Any]

PAGE_ROWS = 200
ONE_LINE = 50  # characters that a wide column shows
WRAPPED_PIXELS = 66  # Streamlit wraps text in rows of more than 64 pixels; they hold three lines
LINE_PIXELS = 20
MOST_LINES = 6
CHARACTER_PIXELS = 6.3  # on average, with what is lost where lines break
PADDING_PIXELS = 16
WIDTHS = {"small": 75, "medium": 200, "large": 400}  # of Streamlit's columns, in pixels
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_FORMATS = {
    "number": "%,d",
    "decimal": "%,.1f",
    "money": "dollar",
    "price": "$%.4f",
    "percent": "%.1f%%",
    "score": "%.3f",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: the key in the rows, its heading, and what kind of value it holds.

    ``percent`` and ``bar`` values are shares of one. ``price`` is USD an hour, ``money`` USD.
    ``prose`` is a sentence: the rows grow where one would be cut off.
    """

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    width: Literal["small", "medium", "large"] | int | None = None  # a number: pixels


def show_table(
    rows: Sequence[Row], columns: Sequence[Column], *, key: str, file_name: str, noun: str = "row"
) -> None:
    """A table with filter, paging above ``PAGE_ROWS`` rows, and export of what the filter leaves.

    ``key`` is unique in the app; the filter's text stands in the address under it.
    """
    kept = _page(_tools(rows, columns, key=key, file_name=file_name, noun=noun), key)
    with st.container(key=f"{key}-table"):
        st.dataframe(
            _displayed(kept, columns),
            key=key,
            hide_index=True,
            column_config={column.label: _config(column) for column in columns},
            placeholder="-",
            row_height=row_height(kept, columns),
        )


def choose_from_table(
    rows: Sequence[Row], columns: Sequence[Column], *, key: str, file_name: str, noun: str = "row"
) -> Row | None:
    """The same table with rows to click: the clicked one, or None."""
    kept = _page(_tools(rows, columns, key=key, file_name=file_name, noun=noun), key)
    with st.container(key=f"{key}-table"):
        state = st.dataframe(
            _displayed(kept, columns),
            key=key,
            hide_index=True,
            column_config={column.label: _config(column) for column in columns},
            placeholder="-",
            row_height=row_height(kept, columns),
            on_select="rerun",
            selection_mode="single-row",
        )
    chosen = state.selection.rows
    return kept[chosen[0]] if chosen and chosen[0] < len(kept) else None


def _tools(
    rows: Sequence[Row], columns: Sequence[Column], *, key: str, file_name: str, noun: str
) -> list[Row]:
    """Filter, count and export above a table; the rows that the filter leaves."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-tools"):
        words = st.text_input(
            f"Filter {noun}s",
            key=f"{key}_filter",
            placeholder=f"Filter {noun}s",
            label_visibility="collapsed",
            bind="query-params",
            width=260,
            icon=":material/search:",
        )
        kept = matching(rows, words or "")
        st.caption(_counted(len(kept), len(rows), noun), width="stretch")
        st.download_button(
            "CSV",
            data=lambda: to_csv(kept, columns).encode(),
            file_name=f"{file_name}.csv",
            mime="text/csv",
            key=f"{key}-csv",
            icon=":material/download:",
            on_click="ignore",
            disabled=not kept,
        )
    return kept


def matching(rows: Sequence[Row], words: str) -> list[Row]:
    """The rows that hold each of the words in some cell, whatever the case."""
    wanted = words.casefold().split()
    if not wanted:
        return list(rows)
    return [row for row in rows if _holds(row, wanted)]


def to_csv(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """The rows as CSV: exact values, times in UTC, formulas defused."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in columns])
    writer.writerows([_cell(row.get(column.name)) for column in columns] for row in rows)
    return text.getvalue()


def defused(text: str) -> str:
    """Text that a spreadsheet shows instead of executing (OWASP: CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def _counted(kept: int, total: int, noun: str) -> str:
    if kept == total:
        return count_of(total, noun)
    return f"{kept:,} of {count_of(total, noun)}"


def _holds(row: Row, wanted: Sequence[str]) -> bool:
    text = " ".join(str(value) for value in row.values()).casefold()
    return all(word in text for word in wanted)


def _page(rows: list[Row], key: str) -> list[Row]:
    """The rows of the chosen page; short tables have one and show no choice."""
    pages = -(-len(rows) // PAGE_ROWS)
    if pages <= 1:
        return rows
    number = st.pagination(pages, key=f"{key}-page")
    return rows[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]


def row_height(rows: Sequence[Row], columns: Sequence[Column]) -> int | None:
    """As many lines as the longest sentence takes, at least three; None: one line for all."""
    prose = [column for column in columns if column.kind == "prose"]
    longest = {
        one: max((len(str(row.get(one.name) or "")) for row in rows), default=0) for one in prose
    }
    if max(longest.values(), default=0) <= ONE_LINE:
        return None
    lines = max(_lines(length, one) for one, length in longest.items())
    return WRAPPED_PIXELS + LINE_PIXELS * max(0, min(lines, MOST_LINES) - 3)


def _lines(characters: int, column: Column) -> int:
    """How many lines a sentence takes in its column."""
    width = column.width if isinstance(column.width, int) else WIDTHS[column.width or "large"]
    return math.ceil(characters * CHARACTER_PIXELS / (width - PADDING_PIXELS))


def _displayed(rows: Sequence[Row], columns: Sequence[Column]) -> dict[str, list[Any]]:
    """Columns by heading, in the types that the table widget draws."""
    return {
        column.label: [_shown(row.get(column.name), column) for row in rows] for column in columns
    }


def _shown(value: Any, column: Column) -> Any:
    if value is None:
        return None
    if column.kind in {"percent", "bar"}:
        return float(value) * 100
    if isinstance(value, Decimal):
        return float(value)
    if column.kind == "prose":
        return sentence(facts.in_prose(str(value), session.viewer_zone()))
    return value


def _config(column: Column) -> ColumnConfig:
    """The widget's description of a column."""
    kinds, note, width = st.column_config, column.help or None, column.width
    match column.kind:
        case "time":
            zone = session.viewer_zone()
            label = f"{column.label} ({zone_name(zone, session.now())})"
            return kinds.DatetimeColumn(
                label, format="DD MMM YYYY, HH:mm", timezone=zone.key, help=note, width=width
            )
        case "flag":
            return kinds.CheckboxColumn(column.label, help=note, width=width)
        case "bar":
            return kinds.ProgressColumn(
                column.label, format="%.1f%%", min_value=0, max_value=100, help=note, width=width
            )
        case "text" | "prose":
            return kinds.TextColumn(column.label, help=note, width=width)
        case _:
            return kinds.NumberColumn(
                column.label, format=_FORMATS[column.kind], help=note, width=width
            )


def _cell(value: Any) -> Any:
    """A value as CSV carries it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return defused(value) if isinstance(value, str) else value
