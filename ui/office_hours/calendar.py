"""The week of an environment: awake and asleep by day and hour, in a zone that is named."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from services.workflows.browse_office_hours import Block, ScheduleRecord, outlook, week
from ui import session
from ui.components import formatting, plot_style, time_charts
from ui.components.cards import show_heading
from ui.components.formatting import plain

ASLEEP = "#56637a"  # dark enough for white text on it, in both themes


def show_week(records: Sequence[ScheduleRecord], now: datetime) -> None:
    """The next seven days of the chosen environment, from today on."""
    show_heading("Week", "The next seven days; holidays are asleep all day")
    with st.container(horizontal=True, vertical_alignment="bottom", key="hours-week-tools"):
        by_name = {one.environment: one for one in records}
        name = st.segmented_control(
            "Environment",
            list(by_name),
            default=records[0].environment,
            required=True,
            key="hours_environment",
        )
        record = by_name.get(name or "", records[0])
        problem = outlook(record, now).problem
        zone = session.viewer_zone() if problem else _choose_zone(record.schedule, now)
    if problem:
        st.warning(f"Stays awake: {plain(problem)}", icon=":material/warning:")
        return
    blocks = week(record.schedule, zone, now)
    st.plotly_chart(
        time_charts.hour_blocks([_hour_block(one) for one in blocks]),
        key="hours-week",
        config=plot_style.PLOT_CONFIG,
    )


def _choose_zone(schedule: Mapping[str, object], now: datetime) -> ZoneInfo:
    """The schedule's own zone or the viewer's, each by its name."""
    own, viewer = ZoneInfo(str(schedule["timezone"])), session.viewer_zone()
    named = {"Schedule's": own, "Yours": viewer}
    chosen = st.segmented_control(
        "Time zone",
        list(named),
        default="Schedule's",
        required=True,
        format_func=lambda kind: f"{kind}: {formatting.zone_name(named[kind], now)}",
        key="hours_zone",
    )
    return named[chosen or "Schedule's"]


def _hour_block(block: Block) -> time_charts.HourBlock:
    word = "Awake" if block.is_awake else "Asleep"
    return time_charts.HourBlock(
        day=f"{block.day:%a %d %b}",
        start_hour=block.start_hour,
        end_hour=block.end_hour,
        name=word,
        color=plot_style.GREEN if block.is_awake else ASLEEP,
        hover=f"{word} {_clock(block.start_hour)}-{_clock(block.end_hour)}",
    )


def _clock(hour: float) -> str:
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
