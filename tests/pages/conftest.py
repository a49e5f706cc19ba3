"""Pages are run by Streamlit's own test runner, through the router, on a database of their own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db.session import Database
from tests.conftest import POOL, ROOT
from ui import session

OpenPage = Callable[..., AppTest]


@pytest.fixture
def database(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """The database that the pages of this test see. (Repositories are tested on both kinds.)"""
    path = tmp_path / "pages.db"
    shutil.copyfile(sqlite_template, path)
    use_database(monkeypatch, f"sqlite:///{path}")
    with Database(f"sqlite:///{path}", POOL) as opened:
        yield opened


def use_database(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make pages use another database: settings are read once in a process."""
    monkeypatch.setenv("DATABASE_URL", url)
    session.settings.clear()


@pytest.fixture
def open_page() -> OpenPage:
    """Open a page by its name, with the parameters of its address, for a viewer in Berlin.

    The test chooses the database, by the fixture above as a rule.
    """

    def go(page: str, **parameters: str | list[str]) -> AppTest:
        at = AppTest.from_file(ROOT / "ui" / "main.py", default_timeout=60)
        at.context = {"timezone": "Europe/Berlin"}
        at.query_params = dict(parameters)
        if page != "overview":
            at.switch_page(str(ROOT / "pages" / f"{page}.py"))
        at.run()
        assert not at.exception
        return at

    return go


def html_of(at: AppTest) -> str:
    """All raw HTML of a page: headings, cards and the verdict's layers."""
    return " ".join(str(element.proto.body) for element in at.get("html"))
