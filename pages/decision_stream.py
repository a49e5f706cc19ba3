"""Decision stream: every decision with its inputs, its verdict and its savings."""

import streamlit as st

from ui.components import data
from ui.components.cards import show_heading
from ui.decisions.details import show_decision
from ui.decisions.replaying import show_replay
from ui.decisions.stream import choose_decision
from ui.session import require

require("viewer")

show_heading("Decision stream", "Every decision, with what it was made of", level="title")
chosen = choose_decision()
if chosen is not None:
    st.divider()
    logged = data.decision(chosen)
    show_decision(logged, key="stream")
    show_replay(logged)
