"""A pretend outside world, and a database that may speak to it."""

from collections.abc import Iterator

import pytest

from db.session import Database
from tests.conftest import POOL
from tests.services.workflows.live import Live, a_live_world


@pytest.fixture
def live() -> Iterator[Live]:
    """Three nodes of the pretend account in a pretend cluster, with four pods."""
    with a_live_world() as world:
        yield world


@pytest.fixture
def sandbox_database(empty_database_url: str) -> Iterator[Database]:
    """A fresh sandbox database: SQLite and PostgreSQL in turn."""
    with Database(empty_database_url, POOL) as opened:
        opened.upgrade("sandbox")
        yield opened
