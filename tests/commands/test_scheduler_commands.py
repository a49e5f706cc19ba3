"""``jobs`` and ``scheduler`` on the command line."""

import json

import pytest

from db.job_records import JobScope
from db.session import Database
from services.workflows import job_control
from tests.conftest import POOL
from tests.scheduler.builders import a_job, a_scheduler, register, running, until


@pytest.fixture
def database(terminal, tmp_path):
    """The database that the commands of the terminal work on."""
    terminal("db", "upgrade")
    with Database(f"sqlite:///{tmp_path / 'cli.db'}", POOL) as opened:
        yield opened


def fail(work):
    raise ZeroDivisionError


def jobs_of(database, *more):
    return a_scheduler(database, [a_job(lambda work: {"rows": 3}, "collect"), *more])


def document_of(answer):
    """The JSON that a command printed, after the log of the scheduler in this process."""
    return json.loads(answer.stdout[answer.stdout.index("{\n") :])


def test_before_a_scheduler_ran_the_list_says_how_to_start_one(terminal, database):
    answer = terminal("jobs", "list")

    assert answer.code == 0
    assert "python -m scheduler" in answer.stderr


def test_jobs_are_listed_with_their_results(terminal, database):
    with running(jobs_of(database)):
        until(lambda: any(row.last_success_at for row in job_control.list_jobs(database)))
        table = terminal("jobs", "list")
        document = document_of(terminal("jobs", "list", "--format", "json"))

    assert "collect" in table.stdout
    assert "succeeded" in table.stdout
    assert table.stderr == ""
    assert document["scheduler"]["is_running"] is True
    [job] = document["jobs"]
    assert (job["name"], job["last_status"], job["every"]) == ("collect", "succeeded", "1 h")


def test_a_job_is_paused_and_resumed(terminal, database):
    with running(jobs_of(database)):
        until(lambda: job_control.list_jobs(database))

    assert terminal("jobs", "pause", "collect").code == 0
    assert "paused" in terminal("jobs", "list").stdout
    assert terminal("jobs", "resume", "collect").code == 0
    assert "paused" not in terminal("jobs", "list").stdout


def test_run_with_wait_tells_how_it_ended(terminal, database):
    with running(jobs_of(database, a_job(fail, "broken"))):
        until(lambda: len(job_control.list_jobs(database)) == 2)
        well = terminal("jobs", "run", "collect", "--wait", "--format", "json")
        broken = terminal("jobs", "run", "broken", "--wait")

    assert well.code == 0
    document = document_of(well)
    assert document["command"]["status"] == "done"
    assert document["runs"][0]["facts"]["rows"] == 3
    assert broken.code == 1
    assert "ZeroDivisionError" in broken.stdout


def test_without_a_scheduler_a_command_waits_and_wait_gives_up_in_time(terminal, database):
    with running(jobs_of(database)):
        until(lambda: job_control.list_jobs(database))

    answer = terminal("jobs", "run", "collect", "--wait", "--timeout", "0.1")

    assert answer.code == 1
    assert "waiting" in answer.stdout
    assert "no scheduler is running" in answer.stderr


def test_a_job_runs_on_a_cluster_that_is_named(terminal, database):
    register(database, "prod")
    job = a_job(lambda work: {}, "optimise", scope=JobScope.CLUSTER)
    with running(jobs_of(database, job)):
        until(lambda: any(row.target == "prod" for row in job_control.list_jobs(database)))
        answer = terminal("jobs", "run", "optimise", "--cluster", "prod", "--wait")

    assert answer.code == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("jobs", "run", "collet"), 3, "the jobs are collect"),
        (("jobs", "run", "collect", "--cluster", "nowhere"), 3, "cluster list"),
        (("jobs", "run", "collect", "--cluster", "a", "--customer", "b"), 2, "not both"),
        (("jobs", "pause", "collet"), 3, "the jobs are collect"),
    ],
)
def test_what_cannot_be_done_says_what_can(terminal, database, words, code, says):
    with running(jobs_of(database)):
        until(lambda: job_control.list_jobs(database))

    answer = terminal(*words)

    assert answer.code == code
    assert says in answer.stderr
