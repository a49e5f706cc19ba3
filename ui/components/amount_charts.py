"""Charts of amounts side by side: bars, pairs of prices and heatmaps."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ui.components.formatting import money
from ui.components.plot_style import BLUE, GRAY, GREEN, KEPT_FIGURES, empty_figure

if TYPE_CHECKING:  # plotly takes a third of a second to import
    from plotly.graph_objects import Figure

# Buckets <5, 5-10, 10-15, 15-20, >20 %: green, two yellows, two reds, each darker than the last.
BUCKET_COLORS = ("#8fd3b9", "#f6dd8b", "#e2b23c", "#e08a6b", "#b9402a")
BUCKET_INK = ("#0c3b2e", "#4d3a00", "#3d2b00", "#3d1206", "#ffffff")

_ROOM_BESIDE = 1.4


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar with the text that stands beside it."""

    label: str
    value: float
    text: str
    color: str
    hover: str = ""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A heatmap: a value (NaN: none), a text and a hover for each cell, and the colour scale."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: NDArray[np.float64]
    texts: Sequence[Sequence[str]]
    hovers: Sequence[Sequence[str]]
    scale: Sequence[Sequence[Any]]
    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class Dumbbell:
    """Two prices of one thing, joined by a line, with the text between them."""

    label: str
    low: float
    high: float
    text: str


def paired_bars(labels: Sequence[str], sums: Mapping[str, Sequence[Decimal | None]]) -> "Figure":
    """Up to two sums of USD for each label, first label on top; None draws no bar."""
    figure = empty_figure(28 * len(labels) * len(sums) + 70)
    known = [float(one) for values in sums.values() for one in values if one is not None]
    for color, (name, values) in zip((BLUE, GREEN), sums.items(), strict=False):
        drawn = [None if one is None else float(one) for one in values]
        figure.add_bar(
            y=list(labels),
            x=drawn,
            name=name,
            text=[None if one is None else money(one, 0) for one in values],
            orientation="h",
            marker={"color": color, "cornerradius": 4},
            hovertemplate="%{y}: %{text}<extra>%{fullData.name}</extra>",
            **_text_places(drawn, max(known, default=1.0)),
        )
    figure.update_xaxes(rangemode="tozero", tickformat="$,.0f")
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", showgrid=False)
    figure.update_layout(bargap=0.3, legend={"traceorder": "normal"})
    return figure


def stacked_bars(
    labels: Sequence[str], parts: Mapping[str, Sequence[int]], colors: Mapping[str, str]
) -> "Figure":
    """Counts by label, split into named parts; each part tells its count where it has room."""
    figure = empty_figure(34 * len(labels) + 70)
    for name, counts in parts.items():
        figure.add_bar(
            y=list(labels),
            x=list(counts),
            name=name,
            text=[str(count) if count else "" for count in counts],
            orientation="h",
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont={"color": "#ffffff"},
            textangle=0,
            marker={"color": colors.get(name, GRAY), "cornerradius": 4},
            hovertemplate="%{y}: %{x} nodes<extra>" + name + "</extra>",
        )
    figure.update_xaxes(rangemode="tozero", tickformat=",d")
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", showgrid=False)
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    return figure


def bar_chart(
    bars: Sequence[Bar],
    *,
    value_format: str,
    limit: float | None = None,
    limit_text: str = "",
    text_room: float = 1.25,
) -> "Figure":
    """Horizontal bars, first on top, with a dashed line where a limit lies.

    ``text_room`` is how far the axis goes beyond the longest bar; from ``_ROOM_BESIDE`` on all
    texts stand beside their bars, below it they stand inside those that are long enough.
    """
    return _bar_chart(tuple(bars), value_format, limit, limit_text, text_room)


@functools.lru_cache(maxsize=KEPT_FIGURES)
def _bar_chart(
    bars: tuple[Bar, ...],
    value_format: str,
    limit: float | None,
    limit_text: str,
    text_room: float,
) -> "Figure":
    figure = empty_figure(34 * len(bars) + 60)
    top = max([bar.value for bar in bars] + [limit or 0.0])
    figure.add_bar(
        y=[bar.label for bar in bars],
        x=[bar.value for bar in bars],
        text=[bar.text for bar in bars],
        orientation="h",
        marker={"color": [bar.color for bar in bars], "cornerradius": 4},
        customdata=[bar.hover or bar.text for bar in bars],
        hovertemplate="%{customdata}<extra>%{y}</extra>",
        **_text_places([bar.value for bar in bars], top if text_room < _ROOM_BESIDE else math.inf),
    )
    figure.update_xaxes(range=[0, top * text_room or 1], tickformat=value_format)
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", showgrid=False)
    figure.update_layout(showlegend=False, bargap=0.35)
    if limit is None:
        figure.update_layout(margin={"t": 4})
    else:
        figure.add_vline(
            x=limit,
            line={"color": GRAY, "dash": "dash", "width": 1.5},
            annotation={"text": limit_text, "font": {"size": 11}, "yanchor": "bottom", "y": 1},
        )
    return figure


def _text_places(values: Sequence[float | None], longest: float) -> dict[str, Any]:
    """Text inside bars that are long enough for it, else beside them."""
    return {
        "textposition": [
            "inside" if (value or 0.0) > longest * 0.35 else "outside" for value in values
        ],
        "insidetextanchor": "end",
        "insidetextfont": {"color": "#ffffff"},
        "constraintext": "none",
        "cliponaxis": False,
    }


def dumbbell_chart(rows: Sequence[Dumbbell], *, low_name: str, high_name: str) -> "Figure":
    """Pairs of prices in USD per hour, first row on top."""
    figure = empty_figure(max(160, 26 * len(rows) + 80))
    labels = [row.label for row in rows]
    for row in rows:
        figure.add_shape(
            type="line",
            x0=row.low,
            x1=row.high,
            y0=row.label,
            y1=row.label,
            line={"color": GRAY, "width": 2},
            layer="below",
        )
    for name, color, symbol, values in (
        (low_name, GREEN, "circle", [row.low for row in rows]),
        (high_name, BLUE, "diamond", [row.high for row in rows]),
    ):
        figure.add_scatter(
            x=values,
            y=labels,
            name=name,
            mode="markers+text" if name == high_name else "markers",
            text=[f"  {row.text}" for row in rows],
            textposition="middle right",
            cliponaxis=False,
            marker={"color": color, "symbol": symbol, "size": 11},
            hovertemplate="%{y}: $%{x:.4f}/h<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title="USD per hour", rangemode="tozero", tickformat="$.2f")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix="  ")
    figure.update_layout(margin={"r": 60})
    return figure


def heatmap(cells: Cells) -> "Figure":
    """Rows from the top down, columns named above; the height follows the number of rows."""
    figure = empty_figure(22 * len(cells.rows) + 110)
    figure.add_heatmap(
        z=cells.values,
        x=list(cells.columns),
        y=list(cells.rows),
        text=cells.texts,
        customdata=cells.hovers,
        texttemplate="%{text}",
        textfont={"size": 9.5},
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=list(cells.scale),
        zmin=cells.lowest,
        zmax=cells.highest,
        showscale=False,
        xgap=1,
        ygap=1,
        hoverongaps=False,
    )
    figure.update_xaxes(side="top", tickangle=-55, showgrid=False, tickfont={"size": 10})
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 11})
    figure.update_layout(margin={"l": 110, "r": 8, "t": 92, "b": 8})
    return figure


def stepped_scale(colors: Sequence[str]) -> list[list[Any]]:
    """A colour scale of equal flat steps, for values 0..n-1 on the range -0.5..n-0.5."""
    count = len(colors)
    return [
        [edge / count, color]
        for position, color in enumerate(colors)
        for edge in (position, position + 1)
    ]
