"""Charts: Plotly figures in the product's colours, legible in the light and the dark theme.

Colours differ in lightness as well as in hue, and what a colour says is also said by text. Lines
of more than 10,000 points are thinned to about 2,000 by LTTB, which keeps their peaks: the browser
then takes 0.16 s instead of 4.9 s for 100,000 points.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ui.components.formatting import money

if TYPE_CHECKING:  # plotly takes a third of a second to import
    from plotly.graph_objects import Figure

GREEN, BLUE, YELLOW, RED, GRAY = "#0d8a68", "#2f6fe4", "#d99a00", "#d0432a", "#8492a6"
SERIES_COLORS = (BLUE, GREEN, YELLOW, "#9b6bd3", RED, "#2aa6c9", GRAY, "#c06a9b")
SERIES_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

# Buckets <5, 5-10, 10-15, 15-20, >20 %: green, two yellows, two reds, each darker than the last.
BUCKET_COLORS = ("#8fd3b9", "#f6dd8b", "#e2b23c", "#e08a6b", "#b9402a")
BUCKET_INK = ("#0c3b2e", "#4d3a00", "#3d2b00", "#3d1206", "#ffffff")

_MARKER_LOOKS = {
    "✓": (GREEN, "circle"),
    "⇄": (YELLOW, "diamond"),
    "✕": (RED, "x"),
}

_ROOM_BESIDE = 1.4

LEAST_SPAN = timedelta(hours=1)
KEPT_FIGURES = 128  # making one takes Plotly about 10 ms; they are drawn, and never changed
MAX_POINTS = 10_000
THINNED_POINTS = 2_000
PLOT_CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart: values over time. ``is_step`` holds each value until the next one."""

    name: str
    timestamps: NDArray[np.int64]  # Unix seconds
    values: NDArray[np.float64]
    is_step: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar with the text that stands beside it."""

    label: str
    value: float
    text: str
    color: str
    hover: str = ""


@dataclass(frozen=True, kw_only=True)
class HourBlock:
    """A stretch of one day, in hours of the clock on the wall (0 to 24)."""

    day: str
    start_hour: float
    end_hour: float
    name: str
    color: str
    hover: str


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


@dataclass(frozen=True, kw_only=True)
class Marker:
    """One event on a timeline; markers of a group share colour and symbol."""

    when: datetime
    value: float
    group: str
    hover: str


def thin(line: Line, points: int) -> Line:
    """At most ``points`` points of a line, chosen so that its shape and extremes stay."""
    if len(line.timestamps) <= points or points < 3:
        return line
    from tsdownsample import LTTBDownsampler

    thinning = LTTBDownsampler()  # type: ignore[no-untyped-call]
    kept = thinning.downsample(line.timestamps, line.values, n_out=points)
    return Line(
        name=line.name,
        timestamps=line.timestamps[kept],
        values=line.values[kept],
        is_step=line.is_step,
    )


def thin_all(lines: Sequence[Line]) -> tuple[list[Line], bool]:
    """The lines with at most ``MAX_POINTS`` points in all, and whether any was thinned."""
    total = sum(len(line.timestamps) for line in lines)
    if total <= MAX_POINTS:
        return list(lines), False
    share = max(3, THINNED_POINTS // max(1, len(lines)))
    return [thin(line, share) for line in lines], True


def paired_bars(labels: Sequence[str], sums: Mapping[str, Sequence[Decimal | None]]) -> "Figure":
    """Up to two sums of USD for each label, first label on top; None draws no bar."""
    figure = _figure(28 * len(labels) * len(sums) + 70)
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
    figure = _figure(34 * len(labels) + 70)
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


def line_chart(
    lines: Sequence[Line], *, zone: ZoneInfo, value_title: str, value_format: str, height: int = 380
) -> "Figure":
    """Values over time in the viewer's zone; the hover adds UTC."""
    figure = _figure(height)
    for position, line in enumerate(lines):
        figure.add_scatter(
            x=_local(line.timestamps, zone),
            y=line.values,
            customdata=_utc_texts(line.timestamps),
            name=line.name,
            mode="lines" if len(line.timestamps) > 1 else "markers",
            line={
                "color": SERIES_COLORS[position % len(SERIES_COLORS)],
                "dash": SERIES_DASHES[position // len(SERIES_COLORS) % len(SERIES_DASHES)],
                "width": 1.8,
                "shape": "hv" if line.is_step else "linear",
            },
            hovertemplate=f"%{{y:{value_format}}}<br>%{{x|%d %b %H:%M}}<br>%{{customdata}}"
            "<extra>%{fullData.name}</extra>",
        )
    figure.update_yaxes(title=value_title, rangemode="tozero", tickformat=value_format)
    figure.update_layout(hovermode="closest", showlegend=len(lines) > 1)
    _widen_times(
        figure,
        [one for line in lines for one in _local(line.timestamps[:1], zone)]
        + [one for line in lines for one in _local(line.timestamps[-1:], zone)],
    )
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
    figure = _figure(34 * len(bars) + 60)
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


def dumbbell_chart(rows: Sequence[Dumbbell], *, low_name: str, high_name: str) -> "Figure":
    """Pairs of prices in USD per hour, first row on top."""
    figure = _figure(max(160, 26 * len(rows) + 80))
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


def marker_chart(markers: Sequence[Marker], *, zone: ZoneInfo, value_title: str) -> "Figure":
    """Events over time in the viewer's zone; the first sign of a group chooses its look."""
    return _marker_chart(tuple(markers), zone, value_title)


@functools.lru_cache(maxsize=KEPT_FIGURES)
def _marker_chart(markers: tuple[Marker, ...], zone: ZoneInfo, value_title: str) -> "Figure":
    figure = _figure(240)
    for group in sorted({marker.group for marker in markers}):
        of_group = [marker for marker in markers if marker.group == group]
        color, symbol = _MARKER_LOOKS.get(group[:1], (GRAY, "circle-open"))
        figure.add_scatter(
            x=[marker.when.astimezone(zone).replace(tzinfo=None) for marker in of_group],
            y=[marker.value for marker in of_group],
            customdata=[marker.hover for marker in of_group],
            name=group,
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 12},
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.update_yaxes(title=value_title, rangemode="tozero", tickformat="$,.0f")
    figure.update_layout(showlegend=True)
    _widen_times(figure, [one.when.astimezone(zone).replace(tzinfo=None) for one in markers])
    return figure


def hour_blocks(blocks: Sequence[HourBlock]) -> "Figure":
    """Days from top to bottom, hours from left to right; blocks of one name have one colour."""
    days = list(dict.fromkeys(one.day for one in blocks))
    figure = _figure(34 * len(days) + 70)
    for name in dict.fromkeys(one.name for one in blocks):
        mine = [one for one in blocks if one.name == name]
        figure.add_bar(
            y=[one.day for one in mine],
            base=[one.start_hour for one in mine],
            x=[one.end_hour - one.start_hour for one in mine],
            name=name,
            orientation="h",
            marker={"color": mine[0].color, "cornerradius": 3},
            text=[one.name if one.end_hour - one.start_hour >= 2 else "" for one in mine],
            textposition="inside",
            insidetextanchor="middle",
            textfont={"color": "#ffffff"},
            customdata=[one.hover for one in mine],
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    hours = list(range(0, 25, 3))
    labels = [f"{hour:02d}:00" for hour in hours]
    figure.update_xaxes(range=[0, 24], tickvals=hours, ticktext=labels)
    figure.update_yaxes(categoryorder="array", categoryarray=days, autorange="reversed")
    figure.update_yaxes(ticksuffix="  ", showgrid=False)
    figure.update_layout(barmode="overlay", bargap=0.2)
    return figure


def heatmap(cells: Cells) -> "Figure":
    """Rows from the top down, columns named above; the height follows the number of rows."""
    figure = _figure(22 * len(cells.rows) + 110)
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


def _figure(height: int) -> "Figure":
    """An empty figure with the layout that all charts share."""
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 26, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def _widen_times(figure: "Figure", times: Sequence[datetime]) -> None:
    """An axis of at least an hour: of one moment Plotly would show milliseconds."""
    if times and max(times) - min(times) < LEAST_SPAN:
        first = max(times) - LEAST_SPAN
        figure.update_xaxes(range=[first, max(times) + LEAST_SPAN / 20])


def _local(timestamps: NDArray[np.int64], zone: ZoneInfo) -> list[datetime]:
    """Wall-clock times of the viewer's zone, which is how Plotly wants its axis."""
    return [
        datetime.fromtimestamp(seconds, zone).replace(tzinfo=None)
        for seconds in timestamps.tolist()
    ]


def _utc_texts(timestamps: NDArray[np.int64]) -> list[str]:
    return [
        f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
        for seconds in timestamps.tolist()
    ]
