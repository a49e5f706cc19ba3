"""Evidence as a person reads it: each number with its unit, each time in the viewer's zone.

Engines name units in the keys of their evidence (``peak_bytes``, ``before_usd_per_hour``). Here
the unit goes from the name to the value, and the label keeps the rest of the name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from ui import session
from ui.components import formatting, wording
from ui.components.units import size, unit_of, write_number

NAMED_AT_MOST = 8
Values = Mapping[str, Any]


_NAME = re.compile(r"[a-z][a-z0-9_]*")  # of a field; others are names of objects
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
_REMARK = re.compile(r"\([^()]*\)")  # where sentences name codes
_BYTES = re.compile(r"\b(\d{4,}) bytes\b")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a mapping says: lines of label and value, and below them what is nested, by title."""

    lines: tuple[tuple[str, str], ...]
    lists: tuple[tuple[str, tuple[Mapping[str, str], ...]], ...]
    nested: tuple[tuple[str, "Facts"], ...]


def read_facts(values: Values, zone: ZoneInfo, *, owner: str = "") -> Facts:
    """All that a mapping says, in its order; nothing is left out. ``owner`` is the name that it
    stands under: it gives the unit where the names inside do not."""
    return Facts(
        lines=tuple(
            (label_of(name), write(name if unit_of(name) else f"{name}_{owner}", value, zone))
            for name, value in values.items()
            if not (_is_list_of_objects(value) or _is_object(value))
        ),
        lists=tuple(
            (label_of(name), tuple(_row(one, zone) for one in value))
            for name, value in values.items()
            if _is_list_of_objects(value)
        ),
        nested=tuple(
            (label_of(name), read_facts(value, zone, owner=name))
            for name, value in values.items()
            if _is_object(value)
        ),
    )


def in_short(values: Values, zone: ZoneInfo) -> str:
    """The plain values that are known in one line; what is nested stands in the evidence."""
    return ", ".join(
        f"{_small(label_of(name))} {write(name, value, zone)}"
        for name, value in values.items()
        if isinstance(value, str | int | float | Decimal) and value != ""
    )


def label_of(name: str) -> str:
    """What a value is, in words and without its unit."""
    known = wording.EVIDENCE.get(name)
    if known is not None or not _NAME.fullmatch(name):
        return known or name
    unit = unit_of(name)
    rest = name if unit is None else f"_{name}_".replace(f"_{unit.words}_", "_").strip("_")
    if not rest and unit is not None:
        return unit.label
    return wording.parameter(rest.removeprefix("is_").removeprefix("has_"))


def write(name: str, value: Any, zone: ZoneInfo) -> str:
    """A plain value, or a list of them, as text with the unit that its name says."""
    match value:
        case None:
            return formatting.UNKNOWN
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return write_number(name, value)
        case str():
            return in_prose(value, zone) or formatting.UNKNOWN
        case _:
            return listed([write(name, one, zone) for one in value])


def in_prose(text: str, zone: ZoneInfo) -> str:
    """A sentence of an engine with its times in the viewer's zone and its sizes in large units."""
    local = _TIME.sub(lambda found: formatting.moment(_when(found.group()), zone), text)
    large = _BYTES.sub(lambda found: size(int(found.group(1))), local)
    return _REMARK.sub(lambda found: found.group().replace("_", " "), large)


def show_facts(values: Values) -> None:
    """The facts of a mapping as lines and small tables."""
    st.html(_html(read_facts(values, session.viewer_zone())))


def _html(facts: Facts) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>'
        for label, value in facts.lines
    )
    parts = [f'<table class="co-facts">{lines}</table>' if lines else ""]
    parts += [f"<h5>{escape(title)}</h5>{_table(rows)}" for title, rows in facts.lists]
    parts += [f"<h5>{escape(title)}</h5>{_html(nested)}" for title, nested in facts.nested]
    return f'<div class="co-inner">{"".join(parts)}</div>'


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    labels = list(dict.fromkeys(label for row in rows for label in row))
    head = "".join(f"<th>{escape(label)}</th>" for label in labels)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(row.get(label, formatting.UNKNOWN))}</td>" for label in labels)
        + "</tr>"
        for row in rows
    )
    return f'<div class="co-scroll"><table class="co-small"><tr>{head}</tr>{body}</table></div>'


def _row(one: Values, zone: ZoneInfo) -> dict[str, str]:
    """An object as a row: what is nested in it is written in short."""
    return {
        label_of(name): in_short(value, zone) or formatting.UNKNOWN
        if isinstance(value, Mapping)
        else listed([in_short(each, zone) for each in value])
        if _is_list_of_objects(value)
        else write(name, value, zone)
        for name, value in one.items()
    }


def listed(texts: Sequence[str]) -> str:
    """Texts in one line, the first eight of them by name."""
    if not texts:
        return "none"
    more = len(texts) - NAMED_AT_MOST
    named = ", ".join(texts[:NAMED_AT_MOST])
    return f"{named} and {more:,} more" if more > 0 else named


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)


def _small(label: str) -> str:
    """A label inside a line: in small letters where it begins with a word."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text)
