"""A scheduler at work: targets, failures, commands, pauses, runs that hang."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from db.errors import LeaseLostError
from db.job_records import CommandStatus, JobSchedule, JobScope, NewRun, RunStatus
from db.repositories import clusters, job_commands, job_runs, jobs, leases
from scheduler.runs import retry_after
from scheduler.work import RunStoppedError
from services.access import LOCAL_ADMIN
from services.errors import InvalidInputError
from services.workflows import job_control
from tests.scheduler.builders import (
    a_job,
    a_scheduler,
    an_event,
    register,
    running,
    subjects,
    until,
)


def write(work):
    an_event(work, "done")
    return {"rows": 3}


def runs(database, **wanted):
    with database.reader() as reader:
        return job_runs.list_runs(reader, **wanted)


def schedule(database, job="job", target=""):
    with database.reader() as reader:
        known = {(one.job, one.target): one for one in jobs.list_schedules(reader)}
    return known.get((job, target), JobSchedule(job=job, target=target))


def now():
    return datetime.now(UTC)


def run_now(database, job="job", **fields):
    return job_control.run_now(database, job, actor=LOCAL_ADMIN, at=now(), **fields)


def ended(database, command):
    def is_so():
        status = job_control.command_status(database, command).status
        return status in (CommandStatus.DONE, CommandStatus.FAILED)

    return is_so


class TestRuns:
    def test_a_job_is_due_at_once_and_its_run_is_recorded(self, database):
        with running(a_scheduler(database, [a_job(write)])):
            until(lambda: schedule(database).last_success_at)

        [run] = runs(database)
        assert (run.job, run.target, run.status) == ("job", "", RunStatus.SUCCEEDED)
        assert (run.progress, run.attempt, run.facts["rows"]) == (1.0, 1, 3)
        assert run.error is None
        assert run.started_at <= run.finished_at
        planned = schedule(database)
        assert timedelta(minutes=59) < planned.next_run_at - now() <= timedelta(hours=1)
        assert planned.last_run_id == run.id

    def test_a_job_that_ran_lately_waits_for_its_time_after_a_restart(self, database):
        with running(a_scheduler(database, [a_job(write)])):
            until(lambda: schedule(database).last_success_at)

        with running(a_scheduler(database, [a_job(write)])) as again:
            until(lambda: again.leadership.term == 2 and schedule(database).next_run_at)
            time.sleep(0.3)

        assert len(runs(database)) == 1

    def test_a_failure_is_recorded_counted_and_tried_again_with_back_off(self, database):
        def fail(work):
            raise InvalidInputError("the thing", "is broken", next_step="mend it")

        with running(a_scheduler(database, [a_job(fail)])):
            until(lambda: schedule(database).failures == 1)
            planned = schedule(database).next_run_at - now()
            second = run_now(database)
            until(ended(database, second))

        assert timedelta(seconds=10) < planned <= timedelta(seconds=15)
        last, first = runs(database)
        assert (first.status, first.attempt) == (RunStatus.FAILED, 1)
        assert first.error == "the thing: is broken; mend it"
        assert (last.attempt, schedule(database).failures) == (2, 2)
        assert "is broken" in job_control.command_status(database, second).error

    def test_a_fault_of_the_program_is_a_failure_like_any_other(self, database):
        def divide(work):
            return {"share": 1 / 0}

        with running(a_scheduler(database, [a_job(divide), a_job(write, "other")])):
            until(lambda: schedule(database, "other").last_success_at)
            until(lambda: schedule(database).failures == 1)

        [run] = runs(database, job="job")
        assert run.error == "internal error, ZeroDivisionError: division by zero"

    def test_success_after_failures_starts_the_count_again(self, database):
        broken = threading.Event()
        broken.set()

        def sometimes(work):
            if broken.is_set():
                raise InvalidInputError("x", "is broken", next_step="wait")
            return {}

        with running(a_scheduler(database, [a_job(sometimes)])):
            until(lambda: schedule(database).failures == 1)
            broken.clear()
            until(ended(database, run_now(database)))

        assert schedule(database).failures == 0

    @pytest.mark.parametrize(
        ("failures", "seconds"), [(1, 15), (2, 30), (3, 60), (4, 120), (8, 1800), (99, 1800)]
    )
    def test_back_off_doubles_up_to_the_interval(self, failures, seconds):
        """15 s x 2^7 would be 1,920 s, which is more than half an hour."""
        assert retry_after(failures, timedelta(minutes=30)) == timedelta(seconds=seconds)

    def test_a_job_waits_until_it_has_what_it_needs_and_says_for_what(self, database):
        missing = ["prices"]
        job = a_job(write, waits_for=lambda database, target: missing[0])

        with running(a_scheduler(database, [job])):
            until(lambda: schedule(database).waits_for == "prices")
            assert runs(database) == ()
            missing[0] = ""
            until(lambda: schedule(database).last_success_at)

        assert schedule(database).waits_for == ""

    def test_progress_of_a_long_run_can_be_seen(self, database):
        go_on = threading.Event()

        def long(work):
            work.report(0.25, {"rows": 10})
            assert go_on.wait(timeout=10)
            return {}

        with running(a_scheduler(database, [a_job(long)])):
            until(lambda: runs(database) and runs(database)[0].progress == 0.25)
            [row] = job_control.list_jobs(database)
            go_on.set()

        assert (row.last_status, row.progress) == (RunStatus.RUNNING, 0.25)
        assert row.last_facts == {"rows": 10}


class TestTargets:
    def test_a_job_runs_on_each_cluster_also_on_one_that_comes_later(self, database):
        register(database, "c1")

        with running(a_scheduler(database, [a_job(write, scope=JobScope.CLUSTER)])):
            until(lambda: subjects(database, "done") == ["c1"])
            register(database, "c2", customer="globex")
            until(lambda: subjects(database, "done") == ["c1", "c2"])

    def test_nothing_more_is_done_about_a_cluster_that_was_removed(self, database):
        """Its neighbour is worked on every half second meanwhile, five times more."""
        for name in ("gone", "kept"):
            register(database, name)
        often = a_job(write, scope=JobScope.CLUSTER, every=timedelta(seconds=0.5))

        def done(target):
            return subjects(database, "done").count(target)

        with running(a_scheduler(database, [often])):
            until(lambda: done("gone") and done("kept"))
            with database.transaction() as tx:
                clusters.archive(tx, "gone", at=now())
            until(lambda: all(row.target != "gone" for row in job_control.list_jobs(database)))
            before = {name: done(name) for name in ("gone", "kept")}
            until(lambda: done("kept") >= before["kept"] + 5)

            assert done("gone") == before["gone"]

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_cluster_that_is_removed_while_it_is_worked_on_leaves_a_finished_run(
        self, database, fails
    ):
        began, let_go = threading.Event(), threading.Event()

        def work_on(work):
            began.set()
            assert let_go.wait(timeout=20)
            if fails:
                raise InvalidInputError("the cluster", "is gone", next_step="nothing")
            return {}

        register(database, "c1")
        with running(a_scheduler(database, [a_job(work_on, scope=JobScope.CLUSTER)])):
            assert began.wait(timeout=20)
            with database.transaction() as tx:
                clusters.archive(tx, "c1", at=now())
            until(lambda: all(row.target != "c1" for row in job_control.list_jobs(database)))
            let_go.set()
            until(lambda: runs(database)[0].finished_at)

        [run] = runs(database)
        assert run.status is (RunStatus.FAILED if fails else RunStatus.SUCCEEDED)
        assert all(row.target != "c1" for row in job_control.list_jobs(database))

    def test_per_customer_work_is_done_once_for_each_customer(self, database):
        for cluster, customer in (("c1", "acme"), ("c2", "acme"), ("c3", "globex")):
            register(database, cluster, customer=customer)

        with running(a_scheduler(database, [a_job(write, scope=JobScope.CUSTOMER)])):
            until(lambda: len(subjects(database, "done")) == 2)

        assert sorted(subjects(database, "done")) == ["acme", "globex"]

    def test_a_customer_that_hangs_and_one_that_fails_delay_no_other(self, database):
        let_go = threading.Event()

        def work_on(work):
            if work.target.startswith("slow"):
                assert let_go.wait(timeout=20)
            if work.target == "broken":
                raise InvalidInputError("broken", "is broken", next_step="mend it")
            return write(work)

        for number in range(20):
            register(database, f"slow-{number}", customer="slow")
        register(database, "broken", customer="broken")
        register(database, "well", customer="well")

        with running(a_scheduler(database, [a_job(work_on, scope=JobScope.CLUSTER)])):
            until(lambda: subjects(database, "done") == ["well"], seconds=10)
            until(lambda: schedule(database, target="broken").failures == 1)
            let_go.set()


class TestCommands:
    def test_run_now_starts_within_a_second_and_tells_how_it_ended(self, database):
        with running(a_scheduler(database, [a_job(write)])):
            until(lambda: schedule(database).last_success_at)
            command = run_now(database)
            until(ended(database, command))

        status = job_control.command_status(database, command)
        assert status.status is CommandStatus.DONE
        [run] = job_control.runs_of_command(database, command)
        assert run.command_id == command
        assert (run.started_at - status.requested_at) < timedelta(seconds=1)
        assert len(runs(database)) == 2

    def test_a_command_for_a_cluster_runs_there_only(self, database):
        register(database, "c1")
        register(database, "c2")
        with running(a_scheduler(database, [a_job(write, scope=JobScope.CLUSTER)])):
            until(lambda: sorted(subjects(database, "done")) == ["c1", "c2"])
            until(ended(database, run_now(database, target="c2")))
            assert subjects(database, "done")[2:] == ["c2"]
            until(ended(database, run_now(database)))

        assert sorted(subjects(database, "done")[3:]) == ["c1", "c2"]

    def test_a_command_without_a_target_to_run_on_fails_and_says_so(self, database):
        with running(a_scheduler(database, [a_job(write, scope=JobScope.CLUSTER)])):
            until(lambda: job_control.list_jobs(database))
            command = run_now(database)
            until(ended(database, command))

        assert job_control.command_status(database, command).error == (
            "there is no cluster to run it on"
        )

    def test_a_command_of_a_newer_program_fails_and_says_so(self, database):
        with running(a_scheduler(database, [a_job(write)])):
            with database.transaction() as tx:
                command = job_commands.add(
                    tx, "new_job", "run", arguments={}, requested_by="x", at=now()
                )
            until(ended(database, command))

        assert "no job 'new_job'" in job_control.command_status(database, command).error

    def test_a_paused_job_does_not_run_by_itself_but_by_command_and_after_resuming(self, database):
        every_second = a_job(write, every=timedelta(seconds=1))
        with running(a_scheduler(database, [every_second])):
            until(lambda: subjects(database, "done"))
            job_control.pause(database, "job", actor=LOCAL_ADMIN, at=now())
            time.sleep(1)  # within a second
            before = len(subjects(database, "done"))
            time.sleep(1.5)
            assert len(subjects(database, "done")) == before

            until(ended(database, run_now(database)))
            assert len(subjects(database, "done")) == before + 1

            job_control.resume(database, "job", actor=LOCAL_ADMIN, at=now())
            until(lambda: len(subjects(database, "done")) > before + 1)


class TestRunsThatHang:
    def test_a_run_that_takes_too_long_is_failed_and_can_write_no_more(self, database):
        let_go, outcome = threading.Event(), []

        def hang(work):
            assert let_go.wait(timeout=20)
            try:
                an_event(work, "late")
            except RunStoppedError as error:
                outcome.append(error.problem)
                raise
            return {}

        job = a_job(hang, timeout=timedelta(seconds=0.5))
        with running(a_scheduler(database, [job, a_job(write, "other")])):
            until(lambda: schedule(database).failures == 1)
            let_go.set()
            until(lambda: outcome)

        [run] = runs(database, job="job")
        assert run.status is RunStatus.FAILED
        assert run.error == "it took longer than 0.5 s and was given up"
        assert subjects(database, "late") == []

    def test_a_stop_parks_what_does_not_end_by_itself(self, database):
        began = threading.Event()

        def patient(work):
            began.set()
            while True:
                work.report(0.1, {})
                time.sleep(0.05)

        with running(a_scheduler(database, [a_job(patient)])):
            assert began.wait(timeout=10)

        [run] = runs(database)
        assert (run.status, run.error) == (
            RunStatus.CANCELLED,
            "the scheduler was stopped; it begins anew at its next time",
        )
        assert schedule(database).failures == 0


def test_a_leader_that_was_replaced_before_it_began_leaves_the_other_s_work_alone(database):
    """The first got the lease, slept, and wakes when another has it and runs a job."""
    with database.transaction() as tx:
        leases.acquire(tx, "scheduler", "first", ttl=timedelta(0))
        leases.acquire(tx, "scheduler", "second", ttl=timedelta(seconds=60))
        job_runs.start(tx, NewRun(job="job", target="", holder="second"), at=now())
    first = a_scheduler(database, [a_job(write)], holder="first")
    first.leadership.term = 1

    with pytest.raises(LeaseLostError):
        first._tick()

    assert [run.status for run in runs(database)] == [RunStatus.RUNNING]
