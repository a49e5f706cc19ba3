"""Charts over time: what is thinned keeps its shape, times stand in the viewer's zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ui.components import time_charts
from ui.components.time_charts import HourBlock, Line, Marker

BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_785_758_400  # 2026-08-03 12:00:00 UTC, 14:00 in Berlin


def a_line(points: int, name: str = "m5.large") -> Line:
    """Prices once a minute that never change, but for one peak in the middle."""
    values = np.full(points, 0.04)
    values[points // 2] = 0.4
    return Line(name=name, timestamps=NOON + 60 * np.arange(points), values=values)


def test_lines_of_ten_thousand_points_in_all_are_drawn_as_they_are():
    lines, is_thinned = time_charts.thin_all([a_line(4_000), a_line(6_000)])

    assert not is_thinned
    assert [len(line.timestamps) for line in lines] == [4_000, 6_000]


def test_one_point_more_and_all_are_thinned_to_two_thousand_with_their_peaks():
    lines, is_thinned = time_charts.thin_all([a_line(4_000), a_line(6_001)])

    assert is_thinned
    assert [len(line.timestamps) for line in lines] == [1_000, 1_000]
    assert [line.values.max() for line in lines] == [0.4, 0.4]


def test_a_thinned_line_keeps_its_first_and_last_point_and_its_order():
    whole = a_line(20_000)

    thinned = time_charts.thin(whole, 500)

    assert thinned.timestamps[0] == whole.timestamps[0]
    assert thinned.timestamps[-1] == whole.timestamps[-1]
    assert (np.diff(thinned.timestamps) > 0).all()


def test_a_line_is_drawn_in_the_viewers_zone_with_utc_in_the_hover():
    figure = time_charts.line_chart(
        [a_line(2)], zone=BERLIN, value_title="USD per hour", value_format="$.4f"
    )

    assert figure.data[0].x[0] == datetime(2026, 8, 3, 14, 0)  # noqa: DTZ001 - as drawn
    assert figure.data[0].customdata[0] == "2026-08-03 12:00:00 UTC"


def test_lines_beyond_the_palette_differ_by_their_dashes():
    lines = [a_line(2, f"line {number}") for number in range(9)]

    figure = time_charts.line_chart(lines, zone=BERLIN, value_title="", value_format="")

    assert figure.data[0].line.color == figure.data[8].line.color
    assert (figure.data[0].line.dash, figure.data[8].line.dash) == ("solid", "dash")


@pytest.mark.parametrize(("group", "symbol"), [("✓ Safe", "circle"), ("✕ Rejected", "x")])
def test_a_marker_differs_by_symbol_not_by_colour_alone(group, symbol):
    marker = Marker(when=datetime.fromtimestamp(NOON, UTC), value=1.0, group=group, hover="")

    figure = time_charts.marker_chart([marker], zone=BERLIN, value_title="USD/month")

    assert figure.data[0].marker.symbol == symbol


def test_hours_of_a_day_stand_from_their_start_and_as_long_as_they_are():
    block = {"day": "Mon 23 Nov", "color": "#000000", "hover": ""}
    figure = time_charts.hour_blocks(
        [
            HourBlock(start_hour=0, end_hour=8, name="Asleep", **block),
            HourBlock(start_hour=8, end_hour=9.5, name="Awake", **block),
            HourBlock(start_hour=9.5, end_hour=24, name="Asleep", **block),
        ]
    )

    asleep, awake = figure.data
    assert (list(asleep.base), list(asleep.x)) == ([0, 9.5], [8, 14.5])
    assert (list(awake.base), list(awake.x)) == ([8], [1.5])
    assert list(awake.text) == [""]  # too short for a word
