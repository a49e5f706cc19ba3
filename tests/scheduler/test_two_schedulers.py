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
from services.access import LOCAL_ADMIN
from services.workflows.job_control import list_jobs, run_now
from tests.scheduler.builders import subjects, until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def a_process(url, name):
    """A scheduler; it is killed at the end, whatever it does."""
    command = [sys.executable, "-m", "tests.scheduler.process", url, name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
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


@contextmanager
def two_schedulers(database, url):
    """The first leads and is in the middle of the slow job; the second stands by."""
    with a_process(url, "first") as first:
        until(lambda: leader(database) == "first" and list_jobs(database))
        with a_process(url, "second") as second:
            command = run_now(database, "slow", actor=LOCAL_ADMIN, at=datetime.now(UTC))
            until(lambda: subjects(database, "begun") == ["first"])
            yield first, second, command


def status_of(database, number):
    with database.reader() as reader:
        return job_commands.get(reader, number).status


def stop_until_replaced(process, database):
    """Suspend it. One that is stopped in the middle of a write holds SQLite's lock: try again."""
    for _ in range(10):
        process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            if leader(database) == "second":
                return
            time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    raise AssertionError("the second never took over")


def test_when_the_leader_is_killed_the_other_does_again_what_was_lost(database, database_url):
    with two_schedulers(database, database_url) as (first, _, command):
        assert set(subjects(database, "tick")) == {"first"}

        first.kill()

        until(lambda: leader(database) == "second")
        until(lambda: status_of(database, command) is CommandStatus.DONE)

    assert subjects(database, "done") == ["second"]
    ticks = subjects(database, "tick")
    assert ticks == sorted(ticks)  # all of the first, then all of the second
    [killed] = [run for run in runs_of(database, "slow") if run.holder == "first"]
    assert (killed.status, killed.error) == (
        RunStatus.FAILED,
        "the scheduler that ran it stopped before its end",
    )


def test_a_leader_that_was_suspended_notices_and_writes_nothing_more(database, database_url):
    with two_schedulers(database, database_url) as (first, _, command):
        stop_until_replaced(first, database)
        ticks_before = subjects(database, "tick").count("first")

        first.send_signal(signal.SIGCONT)

        until(lambda: status_of(database, command) is CommandStatus.DONE)
        time.sleep(1)  # what it was in the middle of would have ended by now
        assert leader(database) == "second"
        assert first.poll() is None

    assert subjects(database, "done") == ["second"]
    assert subjects(database, "tick").count("first") == ticks_before
    [lost] = [run for run in runs_of(database, "slow") if run.holder == "first"]
    assert lost.status is RunStatus.FAILED


def test_a_leader_that_is_stopped_parks_its_work_and_the_other_goes_on(database, database_url):
    with two_schedulers(database, database_url) as (first, _, command):
        first.send_signal(signal.SIGTERM)

        assert first.wait(timeout=30) == 0
        until(lambda: status_of(database, command) is CommandStatus.DONE)

    assert subjects(database, "done") == ["second"]
    [parked] = [run for run in runs_of(database, "slow") if run.holder == "first"]
    assert parked.status is RunStatus.CANCELLED
