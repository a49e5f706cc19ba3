"""Stat cards, empty states, problems and the lines that say where a figure comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal

import streamlit as st

from engines.contracts.errors import CloudOptimError
from engines.contracts.state import DataSource
from ui.components import formatting, wording
from ui.components.formatting import plain

Tone = Literal["plain", "good", "info", "warning", "bad"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """One figure: what it is, how much, a remark, and where it comes from."""

    label: str
    value: str
    note: str = ""
    source: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, kw_only=True)
class FeedLine:
    """One thing that happened: a sign, about what, the sentence, how long ago."""

    sign: str
    subject: str
    text: str
    age: str
    hover: str


def show_cards(cards: Sequence[Card]) -> None:
    """A row of cards of equal height that wraps where the window is narrow."""
    least = {5: 190, 6: 176}.get(len(cards), 158)  # so that rows of a narrow window are even
    st.html(
        f'<div class="co-cards" style="--co-least:{least}px">{"".join(map(_card, cards))}</div>'
    )


def show_heading(title: str, about: str, *, level: Literal["title", "section"] = "section") -> None:
    """A heading with one quiet line that says what stands below it."""
    tag = "h1" if level == "title" else "h3"
    st.html(
        f'<div class="co-heading co-{level}"><{tag}>{escape(title)}</{tag}>'
        f"<p>{escape(about)}</p></div>"
    )


def show_empty(title: str, advice: str, icon: str = "inbox") -> None:
    """What a page shows where there is nothing yet: what is missing and what to do next."""
    with st.container(border=True, key=f"empty-{_slug(title)}", horizontal_alignment="center"):
        st.markdown(f"#### :material/{icon}: {title}", text_alignment="center")
        st.markdown(advice, text_alignment="center")


def show_feed(lines: Sequence[FeedLine]) -> None:
    """A list of what happened, each line with its age; the hover adds UTC."""
    items = "".join(
        f'<div class="co-line" title="{escape(line.hover)}">'
        f'<span class="co-sign">{escape(line.sign)}</span>'
        f"<div><b>{escape(line.subject)}</b> {escape(line.text)}<small>{escape(line.age)}</small>"
        "</div></div>"
        for line in lines
    )
    st.html(f'<div class="co-feed">{items}</div>')


def show_problem(error: CloudOptimError) -> None:
    """An error that a person can act on: what failed and the next step, never a traceback."""
    problem = formatting.sentence(error.problem)
    step = formatting.sentence(error.next_step)
    st.error(f"**{plain(problem)}**  \nNext step: {plain(step)}", icon=":material/error:")


def show_source(parts: Sequence[tuple[str, datetime | None]], now: datetime) -> None:
    """One quiet line: each source of the figures above with its age; its help adds UTC."""
    if not parts:
        return
    st.caption(
        "Sources: "
        + " · ".join(f"{plain(name)}, {formatting.age(as_of, now)}" for name, as_of in parts),
        help="  \n".join(f"{plain(name)}: {formatting.moment_utc(as_of)}" for name, as_of in parts),
    )


def source_parts(sources: Sequence[DataSource]) -> list[tuple[str, datetime | None]]:
    """What ``show_source`` wants: market data by kind, a dump's objects by their file."""
    parts: dict[str, datetime | None] = {}
    for source in sources:
        if source.is_ignored or not source.count:
            continue
        name = wording.source_name(source.kind, source.name)
        known = [one for one in (parts.get(name), source.as_of) if one is not None]
        parts[name] = max(known, default=None)
    return list(parts.items())


def _card(card: Card) -> str:
    note = f'<div class="co-note">{escape(card.note)}</div>' if card.note else ""
    source = f'<div class="co-source">{escape(card.source)}</div>' if card.source else ""
    return (
        f'<div class="co-card co-{card.tone}"><div class="co-label">{escape(card.label)}</div>'
        f'<div class="co-value">{escape(card.value)}</div>{note}{source}</div>'
    )


def _slug(title: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in title.lower())
