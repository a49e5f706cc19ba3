"""A real Chromium drives the running app; where there is no browser, these tests skip visibly."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.prepare import find_browser
from tests.web_server import running

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium was found; python -m tests.prepare looks for one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[str]:
    """The address of an app with an empty database of its own."""
    with running("python app.py", f"sqlite:///{tmp_path / 'app.db'}") as base:
        yield base


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh viewer in Berlin."""
    viewer = browser.new_context(
        timezone_id="Europe/Berlin", viewport={"width": 1440, "height": 1000}
    )
    viewer.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    yield viewer
    viewer.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A blank tab of that viewer."""
    return context.new_page()
