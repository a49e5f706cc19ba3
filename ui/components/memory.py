"""What lives as long as the process is put out of the garbage collector's way.

Streamlit collects garbage after every run of a page, and that takes as long as there are objects
alive: some 50 ms for modules, Plotly's classes and cached reads, during which no other session is
served. All that the first run of a page has brought along stays anyway.
"""

import gc

import streamlit as st


@st.cache_resource(show_spinner=False)
def settle(page: str) -> None:
    """After the first run of that page in this process: what is alive now is looked at no more."""
    gc.collect()
    gc.freeze()
