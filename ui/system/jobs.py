"""The recurring jobs on the System page: how they went, when they run next, and their buttons."""

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.workflows.job_control import (
    JobRow,
    RunStatus,
    SchedulerState,
    pause,
    resume,
    run_now,
    scheduler_state,
)
from ui import session
from ui.components import data, formatting, tables, wording
from ui.components.cards import show_empty, show_heading, show_problem
from ui.system.facts import facts_in_words

REFRESH_SECONDS = 2
COLUMNS = (
    tables.Column(name="job", label="Job"),
    tables.Column(name="target", label="Of"),
    tables.Column(name="state", label="State"),
    tables.Column(name="progress", label="Progress", kind="bar"),
    tables.Column(name="last", label="Last run", kind="time"),
    tables.Column(name="seconds", label="Took, s", kind="decimal"),
    tables.Column(name="next", label="Next run", kind="time"),
    tables.Column(name="every", label="Every"),
    tables.Column(name="facts", label="Result", width="large"),
)
STATES = {
    RunStatus.RUNNING: "▶ running",
    RunStatus.SUCCEEDED: "✓ succeeded",
    RunStatus.FAILED: "✕ failed",
}


@st.fragment(run_every=REFRESH_SECONDS)
def show_jobs(user: Actor) -> None:
    """The jobs as they stand, refreshed every two seconds; a click on one shows its buttons."""
    try:
        state, rows = scheduler_state(session.database()), data.jobs()
    except CloudOptimError as error:
        show_problem(error)
        return
    show_heading("Jobs", _about(state, session.now()))
    if not rows:
        show_empty(
            "No scheduler ran on this database yet",
            "Start one with `make run`, or with `python -m scheduler`.",
            "schedule",
        )
        return
    chosen = tables.choose_from_table(
        [_row(one) for one in rows],
        COLUMNS,
        key="system_jobs",
        file_name="jobs",
        noun="job",
    )
    by_name = {(wording.in_words(one.name), one.target_name): one for one in rows}
    if chosen is not None and (chosen["job"], chosen["target"]) in by_name:
        _show_buttons(by_name[chosen["job"], chosen["target"]], user)
    else:
        st.caption("Click a job to run it now, pause or resume it.")


def _about(state: SchedulerState, now: datetime) -> str:
    if not state.is_running:
        return "No scheduler leads at present: nothing runs by itself"
    return f"Scheduler {state.holder} leads since {formatting.age(state.since, now)}"


def _row(one: JobRow) -> tables.Row:
    return {
        "job": wording.in_words(one.name),
        "target": one.target_name,
        "state": _state(one),
        "progress": one.progress,
        "last": one.last_started_at,
        "seconds": one.last_seconds,
        "next": one.next_run_at,
        "every": one.every,
        "facts": one.last_error or one.waits_for or facts_in_words(one.last_facts),
    }


def _state(one: JobRow) -> str:
    if one.is_paused:
        return "‖ paused"
    if one.waits_for:
        return "… waits"
    if one.last_status is None:
        return "not yet"
    return STATES.get(one.last_status, wording.in_words(one.last_status))


def _show_buttons(one: JobRow, user: Actor) -> None:
    """What can be done with a job; each is followed by the scheduler within a second."""
    with st.container(horizontal=True, vertical_alignment="center", key="system-job-buttons"):
        of = f" of {formatting.plain(one.target_name)}" if one.target_name else ""
        st.markdown(f"**{wording.in_words(one.name)}**{of} (`{one.name}`): {one.does}")
        denied = user.role < Role.OPERATOR
        st.button(
            "Run now",
            icon=":material/play_arrow:",
            key="system-job-run",
            disabled=denied or one.is_paused,
            on_click=_tell,
            args=(
                lambda now: run_now(
                    session.database(), one.name, target=one.target or None, actor=user, at=now
                ),
            ),
        )
        if one.is_paused:
            st.button(
                "Resume",
                icon=":material/resume:",
                key="system-job-resume",
                disabled=denied,
                on_click=_tell,
                args=(lambda now: resume(session.database(), one.name, actor=user, at=now),),
            )
        else:
            st.button(
                "Pause",
                icon=":material/pause:",
                key="system-job-pause",
                disabled=denied,
                on_click=_tell,
                args=(lambda now: pause(session.database(), one.name, actor=user, at=now),),
            )


def _tell(what: Callable[[datetime], object]) -> None:
    """Do it, and say so; a problem is shown where the button is."""
    try:
        what(session.now())
    except CloudOptimError as error:
        st.toast(f"{error.problem}: {error.next_step}", icon=":material/error:")
        return
    data.forget_versions()
    st.toast("Told the scheduler", icon=":material/check:")
