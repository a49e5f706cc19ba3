"""What belongs to one viewer: who it is, which role, which time zone; and the running program.

The only module that touches ``st.session_state``.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from services.access import LOCAL_ADMIN, Actor, Role, authorise
from services.bootstrap import open_database
from services.settings import Settings, load_settings
from services.workflows.browse_system import Database

UTC_ZONE = ZoneInfo("UTC")
DECISION_PARAMETER = "decision"
PAGE_KEYS = {"decisions": "stream_page"}


def current_user() -> Actor:
    """Who is looking. Without an identity provider the app serves loopback, to a local admin."""
    return LOCAL_ADMIN


def require(role: str) -> Actor:
    """The first line of every page: the viewer, or an AccessDeniedError where the role is less."""
    user = current_user()
    authorise(user, Role[role.upper()], "see this page")
    return user


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings, read once in this process."""
    return load_settings()


def database() -> Database:
    """The database of the settings, opened once in this process and shared by all viewers."""
    return _database(settings().sqlalchemy_url())


@st.cache_resource(show_spinner=False)
def _database(url: str) -> Database:
    """Opened and migrated; ``url`` is that of the settings, and the key."""
    return open_database(settings())


def is_sandbox() -> bool:
    """Whether the database is one of pretended data; it was refused if it were of another kind."""
    return settings().database_kind == "sandbox"


def viewer_zone() -> ZoneInfo:
    """The time zone of the viewer's browser; UTC where the browser does not tell a known one."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC_ZONE


def now() -> datetime:
    """The time at which a page is drawn."""
    return datetime.now(UTC)


def page_number(of: str) -> int:
    """The page that a pagination below its list was left on: it is needed before it is drawn."""
    number = st.session_state.get(PAGE_KEYS[of]) or st.query_params.get(PAGE_KEYS[of]) or 1
    return max(1, int(number)) if str(number).isdigit() else 1


def named_decision() -> int | None:
    """The decision that the address names, so that a reload or a pasted link shows it again."""
    named = st.query_params.get(DECISION_PARAMETER, "")
    return int(named) if named.isdigit() else None


def name_decision(decision_id: int | None) -> None:
    """Write a decision into the address; None takes it out."""
    if decision_id is None:
        st.query_params.pop(DECISION_PARAMETER, None)
    else:
        st.query_params[DECISION_PARAMETER] = str(decision_id)


def preselect(key: str, value: str) -> None:
    """Choose a value of a widget that is drawn further down in this run."""
    st.session_state[key] = value


def remember(key: str, value: Any) -> None:
    """Keep something for this viewer until the tab is closed."""
    st.session_state[key] = value


def remembered(key: str) -> Any:
    """What was kept under that key; None: nothing."""
    return st.session_state.get(key)


def form_number(form: str) -> int:
    """The number of a form, for the keys of its fields: a new number empties them all."""
    return int(st.session_state.get(f"{form}-number", 0))


def empty_form(form: str) -> None:
    """Let the form be drawn empty in the next run; what was typed, secrets too, is gone then."""
    st.session_state[f"{form}-number"] = form_number(form) + 1
