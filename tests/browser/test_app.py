"""The app as a browser sees it: every page opens, nothing leaves the machine, nothing bypasses."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

TITLES = {
    "": "Overview",
    "clusters": "Clusters",
    "optimize": "Optimize",
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


@pytest.mark.parametrize("path", ["pages/safety", "pages/safety.py", "pages/system", "ui/main"])
def test_a_deep_link_to_a_script_does_not_run_it(app: str, page: Page, path: str):
    """Only the router runs pages: a path of the file system shows the first page at most."""
    page.goto(f"{app}/{path}")

    expect(page.get_by_test_id("stSidebarNavLink").first).to_be_visible()
    expect(page.get_by_role("heading", name="Safety", exact=True, level=1)).to_have_count(0)
    expect(page.get_by_role("heading", name="System", exact=True, level=1)).to_have_count(0)


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
