"""Two real processes on one database: one works, the other takes over, nothing is done twice."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.job_records import CommandStatus, RunStatus
from db.repositories import job_commands, job_runs, leases
from tests.scheduler.builders import TTL, subjects, until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
TAKEOVER_SECONDS = TTL.total_seconds() + 2


@contextmanager
def a_process(url, name):
    """A scheduler; it is killed at the end, whatever it does."""
    command = [sys.executable, "-m", "tests.scheduler.process", url, name]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def leader(database):
    with database.reader() as reader:
        lease = leases.load(reader, "scheduler")
        is_held = lease is not None and lease.expires_at > leases.database_time(reader)
        return lease.holder if is_held else None


def runs_of(database, job):
    with database.reader() as reader:
        return job_runs.list_runs(reader, job=job)


def command(database, job, *, claimed_by=None):
    now = datetime.now(UTC)
    with database.transaction() as tx:
        number = job_commands.add(tx, job, "run", arguments={}, requested_by="x", at=now)
        if claimed_by is not None:
            job_commands.claim(tx, claimed_by, at=now)
    return number


def status_of(database, number):
    with database.reader() as reader:
        return job_commands.get(reader, number).status


def test_one_works_and_when_it_is_killed_the_other_takes_over_and_does_again_what_was_lost(
    database, database_url
):
    with a_process(database_url, "first") as first:
        until(lambda: subjects(database, "begun") == ["first"])
        with a_process(database_url, "second"):
            time.sleep(1.5)
            assert set(subjects(database, "tick")) == {"first"}
            lost = command(database, "slow", claimed_by="first")  # it dies before it is done

            first.kill()
            first.wait(timeout=5)
            until(lambda: leader(database) == "second", seconds=TAKEOVER_SECONDS)

            until(lambda: "second" in subjects(database, "done"))
            until(lambda: status_of(database, lost) is CommandStatus.DONE)

    assert "first" not in subjects(database, "done")
    ticks = subjects(database, "tick")
    assert ticks == sorted(ticks)  # all of the first, then all of the second
    killed = [run for run in runs_of(database, "slow") if run.holder == "first"]
    assert [run.status for run in killed] == [RunStatus.FAILED]
    assert killed[0].error == "the scheduler that ran it stopped before its end"


def test_a_leader_that_was_stopped_for_a_while_notices_and_writes_nothing_more(
    database, database_url
):
    with a_process(database_url, "first") as first:
        until(lambda: subjects(database, "begun") == ["first"])
        with a_process(database_url, "second"):
            time.sleep(1)  # it must be there before the first is stopped, to wait for it
            first.send_signal(signal.SIGSTOP)
            until(lambda: leader(database) == "second", seconds=TAKEOVER_SECONDS + 3)
            ticks_before = subjects(database, "tick").count("first")

            first.send_signal(signal.SIGCONT)

            until(lambda: "second" in subjects(database, "done"))
            time.sleep(1)  # what it was in the middle of would have ended by now
            assert leader(database) == "second"
            assert first.poll() is None

    assert subjects(database, "done") == ["second"]
    assert subjects(database, "tick").count("first") == ticks_before
    assert [run.status for run in runs_of(database, "slow") if run.holder == "first"] == [
        RunStatus.FAILED
    ]


def test_a_stopped_leader_parks_its_work_and_the_other_takes_over_at_once(database, database_url):
    with a_process(database_url, "first") as first:
        until(lambda: subjects(database, "begun") == ["first"])
        with a_process(database_url, "second"):
            time.sleep(1)

            first.send_signal(signal.SIGTERM)

            assert first.wait(timeout=10) == 0
            until(lambda: leader(database) == "second", seconds=2)
            until(lambda: subjects(database, "done") == ["second"])

    parked = [run for run in runs_of(database, "slow") if run.holder == "first"]
    assert [run.status for run in parked] == [RunStatus.CANCELLED]
