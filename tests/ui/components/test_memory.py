"""What lives as long as the process is put out of the garbage collector's way, once a page."""

import gc

import pytest

from ui.components.memory import settle


@pytest.fixture(autouse=True)
def _as_before():
    settle.clear()
    yield
    settle.clear()
    gc.unfreeze()


def test_what_is_alive_after_the_first_run_of_a_page_is_put_aside():
    gc.unfreeze()

    settle("Overview")

    assert gc.get_freeze_count() > 10_000


def test_later_runs_of_the_page_put_nothing_aside():
    settle("Overview")
    gc.unfreeze()

    settle("Overview")

    assert gc.get_freeze_count() == 0
