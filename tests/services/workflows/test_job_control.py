"""Jobs as screens and commands see them, and who may do what about them."""

from datetime import UTC, datetime, timedelta

import pytest

from db.job_records import CommandStatus, Job, JobScope, NewRun, RunStatus
from db.repositories import audit, events, job_runs, jobs, leases
from db.repositories import job_control as controls
from services.access import Actor, Role
from services.errors import AccessDeniedError, InvalidInputError
from services.workflows import job_control
from tests.scheduler.builders import register

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
OPERATOR = Actor(name="olga", role=Role.OPERATOR)
VIEWER = Actor(name="victor", role=Role.VIEWER)


@pytest.fixture
def known(database):
    """A database on which a scheduler has run: one cluster, two jobs, one of which ran."""
    register(database, "c1")
    with database.transaction() as tx:
        jobs.save_catalogue(
            tx,
            [
                Job(name="collect", does="reads", every="60 s", scope=JobScope.CLUSTER),
                Job(name="retain", does="deletes", every="daily", scope=JobScope.GLOBAL),
            ],
        )
        run = job_runs.start(tx, NewRun(job="collect", target="c1", holder="a"), at=AT)
        jobs.note_start(tx, "collect", "c1", run_id=run)
        job_runs.finish(
            tx,
            run,
            RunStatus.FAILED,
            facts={"seconds": 3},
            error="no answer",
            at=AT + timedelta(seconds=3),
        )
        jobs.note_failure(tx, "collect", "c1")
        jobs.plan(tx, "collect", "c1", next_run_at=AT + timedelta(seconds=18))
    return database


def test_each_job_is_shown_with_its_last_run_and_its_next(known):
    collect, retain = job_control.list_jobs(known)

    assert (collect.name, collect.does, collect.every) == ("collect", "reads", "60 s")
    assert (collect.target, collect.target_name) == ("c1", "c1")
    assert (collect.last_status, collect.last_error) == (RunStatus.FAILED, "no answer")
    assert (collect.last_seconds, collect.failures) == (3.0, 1)
    assert collect.next_run_at == AT + timedelta(seconds=18)
    assert (collect.progress, collect.last_success_at) == (None, None)
    assert (retain.name, retain.target, retain.last_status) == ("retain", "", None)


def test_before_a_scheduler_ran_there_are_no_jobs_and_the_message_says_how_to_start_one(database):
    assert job_control.list_jobs(database) == ()
    with pytest.raises(InvalidInputError, match="no scheduler has run") as refusal:
        job_control.pause(database, "collect", actor=OPERATOR, at=AT)
    assert "python -m scheduler" in refusal.value.next_step


def test_pausing_is_shown_audited_and_told_and_again_changes_nothing(known):
    for _ in range(2):
        job_control.pause(known, "collect", actor=OPERATOR, at=AT)

    assert job_control.list_jobs(known)[0].is_paused
    with known.reader() as reader:
        [entry] = audit.list_entries(reader)
        [event] = events.list_events(reader)
    assert (entry.actor, entry.action, entry.object_name) == ("olga", "job.paused", "collect")
    assert event.type == "job.paused"

    job_control.resume(known, "collect", actor=OPERATOR, at=AT)

    assert not job_control.list_jobs(known)[0].is_paused
    with known.reader() as reader:
        assert audit.list_entries(reader)[0].action == "job.resumed"


@pytest.mark.parametrize("act", [job_control.pause, job_control.resume, job_control.run_now])
def test_a_viewer_may_only_look(known, act):
    with pytest.raises(AccessDeniedError, match="victor may not"):
        act(known, "collect", actor=VIEWER, at=AT)

    with known.reader() as reader:
        assert controls.paused_jobs(reader) == frozenset()
        assert audit.list_entries(reader) == ()


def test_run_now_is_a_command_that_waits_for_a_scheduler(known):
    number = job_control.run_now(known, "collect", target="c1", actor=OPERATOR, at=AT)

    command = job_control.command_status(known, number)
    assert (command.job, command.command) == ("collect", "run")
    assert (command.arguments, command.status) == ({"target": "c1"}, CommandStatus.WAITING)
    assert command.requested_by == "olga"
    assert job_control.runs_of_command(known, number) == ()
    with known.reader() as reader:
        assert audit.list_entries(reader)[0].action == "job.run"


@pytest.mark.parametrize(
    ("job", "target", "says"),
    [
        ("collet", None, "the jobs are collect, retain"),
        ("collect", "c2", "it runs on c1"),
        ("retain", "c1", "it has no targets"),
    ],
)
def test_a_job_or_target_that_is_not_there_is_refused_with_those_that_are(known, job, target, says):
    with pytest.raises(InvalidInputError) as refusal:
        job_control.run_now(known, job, target=target, actor=OPERATOR, at=AT)

    assert says in refusal.value.next_step


def test_whether_a_scheduler_works_follows_from_its_lease(known):
    assert not job_control.scheduler_state(known).is_running
    with known.transaction() as tx:
        fence = leases.acquire(tx, "scheduler", "host:1", ttl=timedelta(seconds=10))

    state = job_control.scheduler_state(known)
    assert (state.is_running, state.holder) == (True, "host:1")

    with known.transaction() as tx:
        leases.release(tx, "scheduler", fence)
    assert not job_control.scheduler_state(known).is_running
