"""The router: page settings, navigation, and the one place where a page's error is shown."""

from pathlib import Path

import streamlit as st

from engines.contracts.errors import CloudOptimError
from ui import navigation, session
from ui.components.cards import show_problem
from ui.components.memory import settle
from ui.components.trouble import show_trouble

HERE = Path(__file__).resolve().parent

st.set_page_config(
    page_title="CloudOptim",
    page_icon=str(HERE / "assets" / "favicon.png"),
    layout="wide",
    initial_sidebar_state=220,
)
with st.container(key="stylesheet"):
    # A style alone would lie where toasts lie, and be replaced by the toast of a fragment.
    css = (HERE / "components" / "style.css").read_text(encoding="utf-8")
    st.html(f"<span></span><style>{css}</style>")
st.logo(str(HERE / "assets" / "favicon.png"), size="large")

page = st.navigation(navigation.pages())
if session.is_sandbox():
    with st.sidebar:
        st.badge("Sandbox", icon=":material/science:", color="orange")
        st.caption("Cluster, AWS account and prices are pretended; try every button.")
banner = st.container()
try:
    page.run()
except CloudOptimError as error:
    show_problem(error)
with banner:
    show_trouble()
settle(page.title)
