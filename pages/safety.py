"""Safety: how each cluster stands, what its limits are, and who changed them."""

import streamlit as st

from ui.components.cards import show_heading
from ui.safety.audit import show_audit_log
from ui.safety.limits import show_limits
from ui.safety.verdicts import show_verdicts
from ui.session import require

user = require("viewer")

show_heading(
    "Safety", "Every plan is judged by five layers before anything may happen", level="title"
)
verdicts, limits, audit = st.tabs(
    ["Verdicts and violations", "Distribution and limits", "Audit log"],
    key="safety_tab",
    bind="query-params",
)
if verdicts.open:
    with verdicts:
        show_verdicts()
if limits.open:
    with limits:
        show_limits(user)
if audit.open:
    with audit:
        show_audit_log()
