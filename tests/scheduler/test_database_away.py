"""The database goes away for a while: nothing crashes, and the work goes on when it is back."""

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from db.session import Database, PoolSettings
from tests.postgresql_server import CARELESS, NoPostgresqlError, running_postgresql
from tests.scheduler.builders import a_job, a_scheduler, an_event, running, subjects, until

HASTY = PoolSettings(size=4, lock_wait_seconds=0.2, wait_seconds=2)


def tick(work):
    an_event(work, "tick")
    return {}


def test_a_server_that_is_stopped_and_started_again(postgresql_server):
    try:
        with running_postgresql(CARELESS) as server:
            name = server.create_database()
            with Database(server.url(name), HASTY) as database:
                database.upgrade("real")
                jobs = [a_job(tick, every=timedelta(seconds=1))]
                with running(a_scheduler(database, jobs)) as scheduler:
                    until(lambda: subjects(database, "tick"))

                    server.stop()
                    until(lambda: not scheduler.health()[0])
                    time.sleep(3)  # longer than the lease lives
                    assert not scheduler.leadership.is_certain
                    server.start()

                    until(lambda: scheduler.health()[0] and scheduler.leadership.is_certain)
                    before = len(subjects(database, "tick"))
                    until(lambda: len(subjects(database, "tick")) > before)
    except NoPostgresqlError as error:
        pytest.skip(f"no PostgreSQL can be started here: {error}")


def test_a_file_that_another_program_locks(sqlite_template, tmp_path):
    path = tmp_path / "locked.db"
    path.write_bytes(sqlite_template.read_bytes())
    with Database(f"sqlite:///{path}", HASTY) as database:
        jobs = [a_job(tick, every=timedelta(seconds=1))]
        with running(a_scheduler(database, jobs)) as scheduler:
            until(lambda: subjects(database, "tick"))

            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            until(lambda: not scheduler.leadership.is_certain)
            is_well, details = scheduler.health()
            assert (is_well, details["scheduler"]) == (False, "leader")
            assert "locked" in details["database"]
            other.execute("ROLLBACK")
            other.close()

            until(lambda: scheduler.health()[0] and scheduler.leadership.is_certain)
            before = len(subjects(database, "tick"))
            until(lambda: len(subjects(database, "tick")) > before)
            assert scheduler.leadership.term == 1


def test_the_end_of_a_run_is_noted_once_the_database_is_back(sqlite_template, tmp_path):
    path = tmp_path / "locked.db"
    path.write_bytes(sqlite_template.read_bytes())
    began, locked = threading.Event(), threading.Event()

    def long(work):
        began.set()
        assert locked.wait(timeout=10)
        return {"rows": 7}

    with Database(f"sqlite:///{path}", HASTY) as database:
        with running(a_scheduler(database, [a_job(long)])) as scheduler:
            assert began.wait(timeout=10)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            locked.set()
            time.sleep(1)
            assert scheduler.runner.last_runs == {}
            other.execute("ROLLBACK")
            other.close()

            until(lambda: scheduler.runner.last_runs)

        [last] = scheduler.runner.last_runs.values()
        assert last.error is None


def test_a_run_whose_time_came_while_the_database_was_away_is_made_up_for(
    sqlite_template, tmp_path
):
    """Its next time would be in an hour."""
    path = tmp_path / "locked.db"
    path.write_bytes(sqlite_template.read_bytes())
    with Database(f"sqlite:///{path}", HASTY) as database:
        scheduler = a_scheduler(database, [a_job(tick)])
        with running(scheduler):
            until(lambda: subjects(database, "tick"))
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            until(lambda: not scheduler.leadership.is_certain)
            scheduler._timetable.bring_forward(("job", ""), datetime.now(UTC))
            time.sleep(0.5)
            other.execute("ROLLBACK")
            other.close()

            until(lambda: len(subjects(database, "tick")) == 2)
