"""The decision stream as it grows: new decisions appear by themselves, the chosen one stays."""

import streamlit as st

from services.errors import CloudOptimError
from ui.components import data
from ui.components.cards import show_problem
from ui.decisions.details import show_decision
from ui.decisions.replaying import show_replay
from ui.decisions.stream import choose_decision

REFRESH_SECONDS = 5


@st.fragment(run_every=REFRESH_SECONDS)
def show_stream() -> None:
    """Filters, timeline and table, and below them the decision that was clicked."""
    try:
        chosen = choose_decision()
        logged = None if chosen is None else data.decision(chosen)
    except CloudOptimError as error:
        show_problem(error)
        return
    if logged is not None:
        st.divider()
        show_decision(logged, key="stream")
        show_replay(logged)
