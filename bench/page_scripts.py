"""How long a page's script runs with warm caches, on the sandbox's data: the slowest page counts.

The pages run through the router in Streamlit's own test runner, which adds the reading back of
all elements; what a browser then draws is not in it.
"""

import os
import statistics
import tempfile
from pathlib import Path

import streamlit as st
from streamlit.logger import set_log_level
from streamlit.testing.v1 import AppTest

from bench.harness import Row, seconds
from tests.filled_sandbox import fill

ROWS = ("page_scripts",)
LIMIT_SECONDS = 0.3
TIMES = 5
ROOT = Path(__file__).resolve().parent.parent
# page: the parameters of its address, and the key of a table that only it has
PAGES = {
    "overview": ({}, "overview_clusters"),
    "clusters": ({}, "clusters_nodes"),
    "waste": ({}, "waste_waiting"),
    "office_hours": ({}, "hours_namespaces"),
    "optimize": ({"decision": "1"}, "optimize_pools"),
    "pricing": ({"pricing_tab": "Risk scores"}, "pricing_risk"),
    "decision_stream": ({"decision": "1"}, "stream_pools"),
    "safety": ({}, "safety_summary"),
    "system": ({}, "system_settings"),
}


def run() -> list[Row]:
    """Fill a database, run every page cold and warm, and report the slowest."""
    set_log_level("ERROR")  # it warns of each run outside its own server
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder, "pages.db"))
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/pages.db"
        os.environ["DATABASE_KIND"] = "sandbox"
        cold = {page: _open(page)[0] for page in PAGES}
        warm = {page: _warm(page) for page in PAGES}
    slowest = max(warm, key=lambda page: warm[page])
    return [
        Row(
            name="page_scripts",
            value=warm[slowest] * 1000,
            unit=f"ms ({slowest})",
            baseline_name="same page, cold caches",
            baseline=cold[slowest] * 1000,
            ratio=warm[slowest] / LIMIT_SECONDS,
            target="<= 1 of 300 ms",
            met=warm[slowest] < LIMIT_SECONDS,
        )
    ]


def _open(page: str) -> tuple[float, AppTest]:
    """The seconds of a first run with empty caches, and the page."""
    st.cache_data.clear()
    parameters, table = PAGES[page]
    at = AppTest.from_file(ROOT / "ui" / "main.py", default_timeout=60)
    at.query_params = dict(parameters)
    if page != "overview":
        at.switch_page(str(ROOT / "pages" / f"{page}.py"))
    taken = seconds(at.run)
    _check(at, table)
    return taken, at


def _warm(page: str) -> float:
    """The median of several runs of a page after its first."""
    _, at = _open(page)
    taken = [seconds(at.run) for _ in range(TIMES)]
    _check(at, PAGES[page][1])
    return statistics.median(taken)


def _check(at: AppTest, table: str) -> None:
    """The page really was drawn: no error, and its own table holds rows."""
    if at.exception or at.error:
        raise AssertionError([one.value for one in [*at.exception, *at.error]])
    if not len(at.get_by_key(f"{table}-table").dataframe[0].value):
        raise AssertionError(f"the table {table} is empty")
