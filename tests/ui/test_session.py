"""Who is looking, in which time zone, with which role."""

import pytest
from streamlit.testing.v1 import AppTest

from ui.session import require

ZONE_SCRIPT = "import streamlit as st; from ui import session; st.text(session.viewer_zone().key)"


@pytest.mark.parametrize(
    ("told", "zone"),
    [("Europe/Berlin", "Europe/Berlin"), (None, "UTC"), ("Not/AZone", "UTC"), ("../x", "UTC")],
)
def test_the_zone_is_that_of_the_browser_and_utc_where_it_is_not_known(told, zone):
    at = AppTest.from_string(ZONE_SCRIPT, default_timeout=30)
    if told is not None:
        at.context = {"timezone": told}

    assert at.run().text[0].value == zone


def test_the_local_viewer_is_an_admin_and_may_see_what_a_viewer_may():
    assert require("viewer").name == "local admin"
    assert require("admin").name == "local admin"


def test_a_role_that_does_not_exist_is_a_mistake_of_the_page():
    with pytest.raises(KeyError):
        require("owner")
