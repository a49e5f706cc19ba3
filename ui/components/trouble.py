"""The banner that stands above every page while the database cannot be asked."""

import streamlit as st

from ui import session
from ui.components import data, formatting
from ui.components.formatting import plain


def show_trouble() -> None:
    """A banner while the database is away: why, and of when the figures below are."""
    found = data.trouble()
    if found is None:
        return
    error, seen_at = found
    seen = formatting.moment(seen_at, session.viewer_zone())
    zone = formatting.zone_name(session.viewer_zone(), seen_at)
    st.warning(
        f"**{plain(formatting.sentence(error.problem))}**  \n"
        f"Next step: {plain(error.next_step)}. The figures below are those of {seen} ({zone}).",
        icon=":material/cloud_off:",
    )
