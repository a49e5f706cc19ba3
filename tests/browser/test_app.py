"""The app as a browser sees it: every page opens, nothing leaves the machine, nothing bypasses."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from services.settings import Settings
from tests.web_server import running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One app for all tests of this file: they only look."""
    folder = tmp_path_factory.mktemp("looked-at")
    with running("python app.py", f"sqlite:///{folder / 'app.db'}") as base:
        yield base


TITLES = {
    "": "Overview",
    "clusters": "Clusters",
    "optimize": "Optimize",
    "waste": "Waste",
    "office_hours": "Office hours",
    "pricing": "Pricing",
    "decision_stream": "Decision stream",
    "safety": "Safety",
    "system": "System",
}


def test_every_page_opens_and_asks_nobody_but_this_machine(app: str, page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    for path, title in TITLES.items():
        page.goto(f"{app}/{path}")
        expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)

    hosts = {urlsplit(one).hostname for one in asked if one.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}


def test_the_menu_leads_to_every_page(app: str, page: Page):
    page.goto(app)

    links = page.get_by_test_id("stSidebarNavLink")
    expect(links).to_have_count(len(TITLES))
    links.filter(has_text="Safety").click()
    expect(page.get_by_role("heading", name="Safety", exact=True, level=1)).to_be_visible()


@pytest.mark.parametrize("path", ["pages/safety", "pages/safety.py", "ui/main"])
def test_a_deep_link_to_a_script_runs_nothing(app: str, page: Page, path: str):
    """Only the router runs pages. Streamlit knows no nested address, so no session even opens."""
    sessions: list[str] = []
    page.on("websocket", lambda socket: sessions.append(socket.url))

    page.goto(f"{app}/{path}", wait_until="networkidle")

    assert sessions == []
    expect(page.get_by_role("heading", level=1)).to_have_count(0)


def test_an_address_that_is_no_page_shows_the_first_one(app: str, page: Page):
    page.goto(f"{app}/nothing")

    expect(page.get_by_role("heading", name="Overview", exact=True, level=1)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_are_ours(app: str, browser, scheme: str):
    """#ffffff and #0f1521 are the backgrounds of .streamlit/config.toml."""
    viewer = browser.new_context(color_scheme=scheme)
    tab = viewer.new_page()
    tab.goto(app)
    expect(tab.get_by_role("heading", name="Overview", exact=True, level=1)).to_be_visible()

    background = tab.evaluate(
        "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    )

    viewer.close()
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 21, 33)"}[scheme]


def test_the_favicon_is_our_own_file(app: str, page: Page):
    page.goto(app)
    expect(page.get_by_role("heading", name="Overview", exact=True, level=1)).to_be_visible()

    icon = page.evaluate("() => document.querySelector('link[rel*=icon]').href")

    assert icon.startswith(f"{app}/media/")
    assert icon.endswith(".png")


def test_a_table_is_exported_as_csv(app: str, page: Page):
    page.goto(f"{app}/system")

    with page.expect_download() as download:
        page.locator(".st-key-system_settings-csv button").click()

    text = download.value.path().read_text()
    assert download.value.suggested_filename == "settings.csv"
    assert text.splitlines()[0] == "variable,value,origin,meaning"
    assert "DATABASE_URL,sqlite:///" in text


def test_a_filter_stands_in_the_address_and_a_pasted_link_applies_it(app: str, page: Page):
    page.goto(f"{app}/system?system_settings_filter=loopback")

    expect(page.locator(".st-key-system_settings-tools")).to_contain_text(
        f"1 of {len(Settings.model_fields)} settings"
    )
    expect(page.get_by_label("Filter settings")).to_have_value("loopback")


def test_the_keyboard_reaches_the_menu_and_every_control_has_a_name(app: str, page: Page):
    page.goto(f"{app}/optimize")
    expect(page.get_by_role("heading", name="Optimize", exact=True, level=1)).to_be_visible()

    nameless = page.evaluate(
        """() => [...document.querySelectorAll('main button, main input, main a')]
            .filter(one => one.offsetParent !== null)
            .filter(one => !(one.innerText || one.ariaLabel || one.title
                || one.labels?.length || one.getAttribute('aria-labelledby')))
            .map(one => one.outerHTML.slice(0, 120))"""
    )

    assert nameless == []
