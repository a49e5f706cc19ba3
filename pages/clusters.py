"""Overview."""

import streamlit as st

from ui.session import require

require("viewer")

st.write("hello")
