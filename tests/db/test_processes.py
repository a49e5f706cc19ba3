"""Real processes on one database: together at the same instant, and killed in the middle."""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from db import schema
from db.models.market import SpotPrice
from db.records import SeriesFilter, Stored
from db.repositories import region_hours, spot_prices
from db.session import Database
from tests.conftest import POOL
from tests.db.builders import NOW, a_large_history, points_of

ROOT = Path(__file__).resolve().parent.parent.parent
FAR_PAST, FAR_FUTURE = NOW.replace(year=2000), NOW.replace(year=2100)


@contextmanager
def a_process(command, url, *arguments):
    """A process that waits for its start; it is killed at the end, whatever it does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.db.process", command, url, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def start(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def stored_points(database):
    with database.reader() as reader:
        return points_of(
            spot_prices.load_history(
                reader, SeriesFilter(products=None), since=FAR_PAST, until=FAR_FUTURE
            )
        )


def counted_points(database):
    """How many points the region-hours know of."""
    with database.reader() as reader:
        hours = region_hours.load(reader, since=FAR_PAST, until=FAR_FUTURE)
    return int(hours.points.sum())


def test_four_programs_that_start_at_once_migrate_once(empty_database_url):
    with (
        a_process("upgrade", empty_database_url, "real") as first,
        a_process("upgrade", empty_database_url, "real") as second,
        a_process("upgrade", empty_database_url, "real") as third,
        a_process("upgrade", empty_database_url, "real") as fourth,
    ):
        together = (first, second, third, fourth)
        for process in together:
            start(process)
        codes = [process.wait(timeout=60) for process in together]

    with Database(empty_database_url, POOL) as database, database.reader() as reader:
        revisions = reader.connection.execute(text("SELECT version_num FROM alembic_version"))
        kinds = reader.connection.execute(text("SELECT kind FROM database_info"))
        assert revisions.scalars().all() == [schema._scripts().get_current_head()]
        assert kinds.scalars().all() == ["real"]
    assert codes == [0, 0, 0, 0]


def test_of_two_kinds_at_once_one_wins_and_the_other_is_refused(empty_database_url):
    with (
        a_process("upgrade", empty_database_url, "real") as first,
        a_process("upgrade", empty_database_url, "sandbox") as second,
    ):
        start(first)
        start(second)
        codes = sorted(process.wait(timeout=60) for process in (first, second))
        words = first.stdout.read() + second.stdout.read()

    assert codes == [0, 3]
    assert words == "WrongDatabaseKindError\n"


def test_two_loaders_at_once_store_each_point_once(database, database_url):
    """300 series; points 0-99 and 50-149: 30,000 each, 15,000 of them in both."""
    with (
        a_process("load", database_url, 300, 0) as first,
        a_process("load", database_url, 300, 50) as second,
    ):
        start(first)
        start(second)
        codes = [process.wait(timeout=60) for process in (first, second)]
        counts = [process.stdout.read().split() for process in (first, second)]

    assert codes == [0, 0]
    assert sorted(count[1:] for count in counts) == [["15000", "15000", "0"], ["30000", "0", "0"]]
    assert stored_points(database) == points_of(a_large_history(300, points=150))
    assert counted_points(database) == 45_000


def test_a_loader_killed_before_its_end_leaves_nothing_and_holds_nothing(database, database_url):
    with a_process("load_and_wait", database_url, 50, 0) as loader:
        start(loader)
        assert loader.stdout.readline() == "written\n"
        loader.kill()
        loader.wait(timeout=10)

    assert stored_points(database) == set()
    assert counted_points(database) == 0
    history = a_large_history(50)
    with database.transaction() as tx:
        assert spot_prices.save_history(tx, history) == Stored(new=5_000, known=0)
    assert counted_points(database) == 5_000


@pytest.mark.parametrize("delay_seconds", [0.02, 0.1, 0.3, 0.8])
def test_a_loader_killed_at_any_instant_leaves_all_or_nothing(
    database, database_url, delay_seconds
):
    """200,000 points take the loader about as long as the longest of the delays."""
    with a_process("load", database_url, 2000, 0) as loader:
        start(loader)
        assert loader.stdout.readline() == "begin\n"
        time.sleep(delay_seconds)
        loader.kill()
        loader.wait(timeout=10)

    with database.transaction() as tx:  # waits until the server has seen that the loader is dead
        stored = spot_prices.save_history(tx, a_large_history(2000))
    with database.reader() as reader:
        count = reader.connection.execute(select(func.count()).select_from(SpotPrice)).scalar_one()
    assert (stored.new, stored.known) in {(200_000, 0), (0, 200_000)}
    assert count == counted_points(database) == 200_000
