"""Every page opens on an empty database and says what to do next."""

import pytest

from tests.pages.conftest import html_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize(
    ("page", "parameters", "title", "advice"),
    [
        ("overview", {}, "Overview", "**Open a cluster** from what kubectl prints"),
        ("clusters", {}, "Clusters", "Open a dump above."),
        ("optimize", {}, "Optimize", "Open a dump on **Clusters**"),
        ("pricing", {}, "Pricing", "Import a Spot price history on the **Import** tab"),
        (
            "pricing",
            {"pricing_tab": "Spot Advisor"},
            "Pricing",
            "Import AWS's `spot-advisor-data.json`",
        ),
        ("pricing", {"pricing_tab": "Import"}, "Pricing", "Start with AWS's"),
        ("decision_stream", {}, "Decision stream", "press **Dry run** on **Optimize**"),
        ("safety", {}, "Safety", "press **Dry run** on **Optimize**"),
        ("safety", {"safety_tab": "Distribution and limits"}, "Safety", "open a dump, on"),
        ("safety", {"safety_tab": "Audit log"}, "Safety", "leave their traces here"),
    ],
)
def test_an_empty_page_says_what_to_do_next(open_page, page, parameters, title, advice):
    at = open_page(page, **parameters)

    assert f"<h1>{title}</h1>" in html_of(at)
    assert advice in " ".join(element.value for element in at.markdown)


def test_the_system_page_shows_the_database_and_the_settings(open_page):
    at = open_page("system")

    assert "SQLite" in html_of(at)
    assert any("DATABASE_URL" in list(table.value.iloc[:, 0]) for table in at.dataframe)


def test_an_unknown_address_shows_no_page_of_ours(open_page):
    at = open_page("overview", decision="not-a-number")

    assert "<h1>Overview</h1>" in html_of(at)
