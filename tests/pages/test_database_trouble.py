"""A database that is away: a message with the next step, and the last good data with their age."""

import time

from db.session import Database
from tests.believable_market import import_market
from tests.conftest import POOL
from tests.pages.conftest import html_of, use_database
from ui.components.data import VERSION_TTL_SECONDS


def test_a_database_that_was_never_there_is_told_with_the_next_step(open_page, monkeypatch):
    use_database(monkeypatch, "postgresql://nobody@127.0.0.1:1/none")

    at = open_page("pricing")

    assert "cannot be reached" in at.error[0].value
    assert "Next step: Check that it runs and that DATABASE\\_URL is right" in at.error[0].value


def test_what_was_read_before_stays_on_screen_with_its_age(
    open_page, monkeypatch, postgresql_server, postgresql_template
):
    name = postgresql_server.create_database(postgresql_template)
    url = postgresql_server.url(name)
    with Database(url, POOL) as opened:
        import_market(opened)
    use_database(monkeypatch, url)
    at = open_page("pricing", pricing_types="m5.xlarge")
    before = at.get_by_key("pricing_lines-table").dataframe[0].value

    postgresql_server.drop_database(name)
    time.sleep(VERSION_TTL_SECONDS + 0.1)
    at.run()

    assert not at.exception
    assert at.get_by_key("pricing_lines-table").dataframe[0].value.equals(before)
    assert "The figures below are those of" in at.warning[0].value
    assert "<h1>Pricing</h1>" in html_of(at)
