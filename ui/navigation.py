"""The pages of the workbench, in the order of the menu.

They are given by absolute path: ``pages/`` must not lie beside the script that Streamlit runs.
"""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

HOME = "overview"
PAGES = Path(__file__).resolve().parent.parent / "pages"


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One page: its file, its name in menu and address, and what one does there."""

    name: str
    title: str
    icon: str
    about: str


SECTIONS = {
    "": (
        Screen(
            name=HOME,
            title="Overview",
            icon="space_dashboard",
            about="What the clusters cost, what could be saved, and what to do next.",
        ),
    ),
    "Save": (
        Screen(
            name="clusters",
            title="Clusters",
            icon="hub",
            about="Register clusters, or open a dump; see nodes, pods, use and cost of each.",
        ),
        Screen(
            name="optimize",
            title="Optimize",
            icon="bolt",
            about="Dry-run any engine and read its plan, evidence and safety verdict.",
        ),
        Screen(
            name="waste",
            title="Waste",
            icon="delete_sweep",
            about="Instances without a node and volumes that nothing uses, with the evidence.",
        ),
        Screen(
            name="office_hours",
            title="Office hours",
            icon="bedtime",
            about="When environments sleep, on a week's calendar, and what that saves.",
        ),
    ),
    "Market": (
        Screen(
            name="pricing",
            title="Pricing",
            icon="show_chart",
            about="Spot and on-demand prices, Spot Advisor, risk scores, coverage and imports.",
        ),
    ),
    "Proof": (
        Screen(
            name="decision_stream",
            title="Decision stream",
            icon="timeline",
            about="Every decision with its inputs, its verdict and its savings.",
        ),
        Screen(
            name="safety",
            title="Safety",
            icon="verified_user",
            about="Verdicts, violations of the last 24 hours, limits and the audit log.",
        ),
        Screen(
            name="system",
            title="System",
            icon="settings",
            about="Health, jobs and their buttons, data ages, settings in force and versions.",
        ),
    ),
}


def pages() -> dict[str, list[st.Page]]:
    """The menu as Streamlit wants it; the first page is the one at the root address.

    That page has no address of its own for Streamlit, so ``/overview`` is a way to it.
    """
    menu = {section: [_page(screen) for screen in screens] for section, screens in SECTIONS.items()}
    menu[""].append(st.Page(_go_home, title=title(HOME), url_path=HOME, visibility="hidden"))
    return menu


def page(name: str) -> st.Page:
    """A page by its file's name, for links to it."""
    return _page(_screen(name))


def title(name: str) -> str:
    """The title of a page by its file's name."""
    return _screen(name).title


def _go_home() -> None:
    """From ``/overview`` to the root address, with what the address says besides."""
    st.switch_page(page(HOME), query_params=st.query_params.to_dict())


def _screen(name: str) -> Screen:
    return next(one for screens in SECTIONS.values() for one in screens if one.name == name)


def _page(screen: Screen) -> st.Page:
    return st.Page(
        PAGES / f"{screen.name}.py",
        title=screen.title,
        icon=f":material/{screen.icon}:",
        url_path="home" if screen.name == HOME else None,  # HOME itself is the way to it
        default=screen.name == HOME,
        help=screen.about,
    )
