"""Ask a logged decision again, with what was stored of it, and compare the answers."""

import streamlit as st

from engines.contracts.results import DecisionResponse
from services.errors import CloudOptimError
from services.workflows.browse_decisions import LoggedDecision
from services.workflows.recommend import Replay, replay
from ui import session
from ui.components import formatting, tables, wording
from ui.components.cards import show_heading, show_problem

ANSWERED = "stream-replayed"
COLUMNS = (
    tables.Column(name="what", label="What"),
    tables.Column(name="logged", label="As logged"),
    tables.Column(name="today", label="Asked again"),
    tables.Column(name="differs", label="Differs", kind="flag"),
)


def show_replay(logged: LoggedDecision) -> None:
    """A button that replays; the same engine on the same inputs must give the same bytes."""
    show_heading("Replay", "The same inputs, asked again of the engine of today")
    if st.button("Replay this decision", icon=":material/replay:", key="stream-replay"):
        try:
            with st.spinner("Asking again"):
                again = replay(session.database(), logged.summary.id)
        except CloudOptimError as error:
            show_problem(error)
            return
        session.remember(ANSWERED, again)
    answered: Replay | None = session.remembered(ANSWERED)
    if answered is not None and answered.logged.summary.id == logged.summary.id:
        _show_answer(answered)


def _show_answer(again: Replay) -> None:
    """Kept and drawn anew at every refresh of the page, so that it stays to be read."""
    if again.is_identical:
        st.success("The answer is the same, byte for byte.", icon=":material/check_circle:")
        return
    st.warning("The engine of today answers differently.", icon=":material/difference:")
    tables.show_table(
        _compared(again.logged.response, again.answer),
        COLUMNS,
        key="stream_replay",
        file_name=f"replay-{again.logged.summary.id}",
        noun="line",
    )


def _compared(logged: DecisionResponse, today: DecisionResponse) -> list[tables.Row]:
    before, after = _facts(logged), _facts(today)
    return [
        {"what": name, "logged": text, "today": after[name], "differs": text != after[name]}
        for name, text in before.items()
    ]


def _facts(response: DecisionResponse) -> dict[str, str]:
    verdict = response.safety
    return {
        "Engine": f"{response.engine.name} {response.engine.version}",
        "Status": response.status,
        "Saving a month": formatting.money(response.estimated_savings),
        "Recommendations": str(len(response.recommendations)),
        "Steps": str(len(response.execution_plan)),
        "Skipped": str(len(response.skipped)),
        "Verdict": "none" if verdict is None else wording.verdict(verdict.action_taken),
        "Confidence": formatting.percent(response.confidence_score, 1),
    }
