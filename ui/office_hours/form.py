"""Add, edit and remove the office hours of an environment.

The form only gathers: what it may hold is judged by the engine's own reader when it is saved.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

import streamlit as st

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.workflows.browse_clusters import Cluster
from services.workflows.browse_office_hours import ScheduleRecord
from services.workflows.office_hours import remove_schedule, save_schedule
from ui import session
from ui.components import data
from ui.components.cards import show_heading, show_problem
from ui.components.formatting import plain

FORM = "hours-form"
NEW: Mapping[str, Any] = {
    "environment": "",
    "timezone": "UTC",
    "office_hours": {
        "weekdays": {"start": "08:00", "end": "18:00"},
        "weekends": {"enabled": False},
    },
    "scale_down_replicas": 0,
}


OTHER_DAYS = {False: "asleep all day", True: "awake at these hours"}


def show_editor(cluster: Cluster, records: Sequence[ScheduleRecord], user: Actor) -> None:
    """The choice of what is edited, its form, and the button that removes it."""
    show_heading("Edit", "A schedule by environment; saving leaves a line in the audit log")
    if user.role < Role.OPERATOR:
        st.caption("Changing office hours needs the role operator.")
        return
    by_name = {one.environment: one.schedule for one in records}
    with st.container(horizontal=True, vertical_alignment="bottom", key="hours-edit-tools"):
        name = st.selectbox(
            "Schedule",
            list(by_name),
            index=None,
            placeholder="A new one",
            key=f"hours-edit-{cluster.id}",
            width=320,
        )
        if name is not None:
            _show_removal(cluster, name, user)
    schedule = NEW if name is None else by_name[name]
    number = session.form_number(FORM)
    with st.form(f"hours-form-{cluster.id}-{name}-{number}", border=True):
        wanted = _ask(schedule, f"hours-{cluster.id}-{name}-{number}", is_new=name is None)
        if st.form_submit_button("Save", type="primary", icon=":material/save:"):
            _save(cluster, wanted, user)


def _ask(schedule: Mapping[str, Any], key: str, *, is_new: bool) -> dict[str, Any]:
    """The fields; what a schedule holds beyond them stays as it is."""
    hours = schedule.get("office_hours", {})
    weekdays, weekends = hours.get("weekdays", {}), hours.get("weekends", {})
    first, second, third = st.columns(3, gap="medium")
    with first:
        environment = st.text_input(
            "Environment",
            schedule.get("environment", ""),
            key=f"{key}-name",
            disabled=not is_new,
            placeholder="dev",
            help="As the label cloudoptim.io/environment of its namespaces says.",
        )
        timezone = _ask_zone(schedule.get("timezone", "UTC"), key)
        replicas = st.number_input(
            "Replicas while asleep",
            min_value=0,
            value=int(schedule.get("scale_down_replicas", 0)),
            key=f"{key}-replicas",
        )
    with second:
        days = {
            **_without_times(weekdays),
            **_ask_days(weekdays.get("days") or ("Mon-Fri",), key),
            **_ask_times("Weekdays", weekdays, f"{key}-weekdays"),
        }
    with third:
        others = {
            **_without_times(weekends),
            "enabled": st.selectbox(
                "Other days are",
                (False, True),
                index=int(bool(weekends.get("enabled", False))),
                format_func=OTHER_DAYS.__getitem__,
                key=f"{key}-weekends",
            ),
            **_ask_times("Other days", weekends, f"{key}-others", empty="as on weekdays"),
        }
    left, right = st.columns(2, gap="medium")
    with left:
        holidays = _ask_lines("Holidays", schedule.get("holidays", ()), f"{key}-holidays")
    with right:
        exclusions = _ask_lines("Exclusions", schedule.get("exclusions", ()), f"{key}-exclusions")
    return {
        **schedule,
        "environment": environment.strip(),
        "timezone": timezone,
        "office_hours": {**hours, "weekdays": days, "weekends": others},
        "scale_down_replicas": replicas,
        "holidays": holidays,
        "exclusions": exclusions,
    }


def _ask_zone(zone: str, key: str) -> str:
    zones = sorted(available_timezones() | {zone})
    return str(st.selectbox("Time zone", zones, index=zones.index(zone), key=f"{key}-zone"))


def _without_times(hours: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hours.items() if name not in {"start", "end"}}


def _ask_times(
    label: str, hours: Mapping[str, Any], key: str, *, empty: str = "08:00"
) -> dict[str, str]:
    """Start and end; what is left empty is not written, so other days take those of weekdays."""
    note = "00:00 to 24:00; an end before the start is on the next day."
    start = st.text_input(
        f"{label}: from", hours.get("start") or "", key=f"{key}-start", help=note, placeholder=empty
    )
    end = st.text_input(
        f"{label}: to", hours.get("end") or "", key=f"{key}-end", help=note, placeholder=empty
    )
    given = {"start": start.strip(), "end": end.strip()}
    return {name: text for name, text in given.items() if text}


def _ask_days(days: Sequence[str], key: str) -> dict[str, list[str]]:
    text = st.text_input(
        "Weekdays are", ", ".join(days), key=f"{key}-days", help="Mon-Fri, or Sun-Thu, or Mon, Wed."
    )
    return {"days": _parts(text, ",")}


def _ask_lines(label: str, values: Sequence[str], key: str) -> list[str]:
    notes = {
        "Holidays": "One date a line, as 2026-12-25: asleep all day.",
        "Exclusions": "One workload a line, as name or namespace/name: never sleeps.",
    }
    text = st.text_area(label, "\n".join(values), key=key, help=notes[label], height=90)
    return _parts(text, "\n")


def _parts(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


def _save(cluster: Cluster, schedule: Mapping[str, Any], user: Actor) -> None:
    try:
        is_changed = save_schedule(
            session.database(), cluster.id, schedule, actor=user, at=session.now()
        )
    except CloudOptimError as error:
        show_problem(error)
        return
    if not is_changed:
        st.info("It is stored like this already.", icon=":material/info:")
        return
    data.forget_versions()
    session.empty_form(FORM)
    st.toast(f"Saved the office hours of {schedule['environment']}", icon=":material/check:")
    st.rerun()


def _show_removal(cluster: Cluster, environment: str, user: Actor) -> None:
    with st.popover("Remove", icon=":material/delete:", key="hours-remove"):
        st.markdown(
            f"**{plain(environment)}** of {plain(cluster.name)} loses its office hours: nothing of"
            " it sleeps any more, and what sleeps is advised to wake."
        )
        if st.button("Remove the schedule", type="primary", key="hours-remove-confirm"):
            try:
                remove_schedule(
                    session.database(), cluster.id, environment, actor=user, at=session.now()
                )
            except CloudOptimError as error:
                show_problem(error)
                return
            data.forget_versions()
            st.toast(f"Removed the office hours of {environment}", icon=":material/check:")
            st.rerun()
