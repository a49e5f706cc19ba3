"""Commands are claimed once each; runs, schedules and the catalogue are kept."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.errors import RecordNotFoundError
from db.job_records import CommandStatus, Job, JobScope, NewRun, RunStatus
from db.records import DataKind
from db.repositories import data_versions, job_commands, job_control, job_runs, jobs
from tests.db.builders import NOW

LATER = NOW + timedelta(minutes=5)


def add(database, job="optimise", **arguments):
    with database.transaction() as tx:
        return job_commands.add(tx, job, "run", arguments=arguments, requested_by="ann", at=NOW)


def claim(database, holder="a", limit=20):
    with database.transaction() as tx:
        return job_commands.claim(tx, holder, at=LATER, limit=limit)


def get(database, number):
    with database.reader() as reader:
        return job_commands.get(reader, number)


def are_waiting(database):
    with database.reader() as reader:
        return job_commands.are_waiting(reader)


class TestCommands:
    def test_a_command_is_claimed_with_its_arguments_and_ends(self, database):
        number = add(database, target="c1")
        assert are_waiting(database)

        [command] = claim(database)
        assert not are_waiting(database)
        with database.transaction() as tx:
            assert job_commands.finish(tx, number, claimed_by="a", error=None, at=LATER)

        assert (command.id, command.job, command.command) == (number, "optimise", "run")
        assert (command.arguments, command.requested_by) == ({"target": "c1"}, "ann")
        assert (command.status, command.claimed_by) == (CommandStatus.CLAIMED, "a")
        done = get(database, number)
        assert (done.status, done.finished_at, done.error) == (CommandStatus.DONE, LATER, None)

    def test_the_oldest_are_claimed_first_and_no_more_than_asked_for(self, database):
        numbers = [add(database) for _ in range(3)]

        assert [one.id for one in claim(database, limit=2)] == numbers[:2]
        assert [one.id for one in claim(database, limit=2)] == numbers[2:]
        assert claim(database) == ()

    def test_only_its_holder_ends_a_command(self, database):
        number = add(database)
        claim(database, "a")
        with database.transaction() as tx:
            assert not job_commands.finish(tx, number, claimed_by="b", error="no", at=LATER)

        assert get(database, number).status is CommandStatus.CLAIMED

    def test_commands_of_a_dead_holder_wait_again_and_others_do_not(self, database):
        lost, own, done = (add(database) for _ in range(3))
        claim(database, "dead", limit=1)
        claim(database, "a", limit=1)
        claim(database, "dead")
        with database.transaction() as tx:
            job_commands.finish(tx, done, claimed_by="dead", error="it failed", at=LATER)
            assert job_commands.give_back_claims(tx, but="a") == 1

        assert get(database, lost).status is CommandStatus.WAITING
        assert get(database, own).status is CommandStatus.CLAIMED
        assert (get(database, done).status, get(database, done).error) == (
            CommandStatus.FAILED,
            "it failed",
        )

    def test_a_command_that_is_gone_is_an_error_with_a_next_step(self, database):
        number = add(database)
        claim(database)
        with database.transaction() as tx:
            job_commands.finish(tx, number, claimed_by="a", error=None, at=NOW)
            assert job_commands.purge(tx, before=LATER) == 1

        with pytest.raises(RecordNotFoundError) as refusal:
            get(database, number)

        assert "job's runs" in refusal.value.next_step

    @given(workers=st.integers(1, 6), commands=st.integers(0, 25), limit=st.integers(1, 5))
    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_however_many_claim_at_once_each_command_goes_to_one(
        self, database, workers, commands, limit
    ):
        expected = {add(database) for _ in range(commands)}
        claimed = [[] for _ in range(workers)]
        start = threading.Barrier(workers)

        def work(number):
            start.wait()
            while found := claim(database, f"worker-{number}", limit):
                claimed[number] += [one.id for one in found]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        everything = [number for part in claimed for number in part]
        assert len(everything) == len(expected)
        assert set(everything) == expected


class TestRuns:
    def start(self, database, job="optimise", target="c1", holder="a", at=NOW, **fields):
        new = NewRun(job=job, target=target, holder=holder, **fields)
        with database.transaction() as tx:
            return job_runs.start(tx, new, at=at)

    def list(self, database, **wanted):
        with database.reader() as reader:
            return job_runs.list_runs(reader, **wanted)

    def test_a_run_is_followed_from_its_beginning_to_its_end(self, database):
        number = self.start(database, attempt=3, command_id=9)
        with database.transaction() as tx:
            job_runs.report(tx, number, progress=0.5, facts={"rows": 5})
        [running] = self.list(database)
        with database.transaction() as tx:
            assert job_runs.finish(
                tx, number, RunStatus.SUCCEEDED, facts={"rows": 9}, error=None, at=LATER
            )

        assert (running.status, running.progress) == (RunStatus.RUNNING, 0.5)
        assert (running.facts, running.finished_at) == ({"rows": 5}, None)
        [done] = self.list(database)
        assert (done.status, done.progress, done.facts) == (RunStatus.SUCCEEDED, 1.0, {"rows": 9})
        assert (done.attempt, done.command_id, done.target) == (3, 9, "c1")
        assert (done.started_at, done.finished_at) == (NOW, LATER)

    def test_the_first_end_of_a_run_stands(self, database):
        number = self.start(database)
        with database.transaction() as tx:
            job_runs.finish(tx, number, RunStatus.FAILED, facts={}, error="late", at=LATER)
            assert not job_runs.finish(
                tx, number, RunStatus.SUCCEEDED, facts={}, error=None, at=LATER
            )
            job_runs.report(tx, number, progress=0.9, facts={})

        [run] = self.list(database)
        assert (run.status, run.error, run.progress) == (RunStatus.FAILED, "late", 0.0)

    def test_runs_of_dead_holders_are_closed(self, database):
        self.start(database, holder="dead")
        self.start(database, holder="a")
        with database.transaction() as tx:
            assert job_runs.close_left_behind(tx, but="a", at=LATER) == 1

        statuses = {run.holder: run.status for run in self.list(database)}
        assert statuses == {"dead": RunStatus.FAILED, "a": RunStatus.RUNNING}

    def test_runs_are_found_by_job_target_and_command(self, database):
        first = self.start(database, command_id=1)
        second = self.start(database, target="c2", at=LATER)
        third = self.start(database, job="retain", target="", at=NOW - timedelta(days=1))

        def ids(**wanted):
            return [one.id for one in self.list(database, **wanted)]

        assert ids() == [second, first, third]
        assert ids(job="optimise") == [second, first]
        assert ids(target="c2") == [second]
        assert ids(command_id=1) == [first]
        assert ids(limit=1) == [second]

    def test_old_runs_are_deleted_a_batch_at_a_time(self, database):
        for _ in range(3):
            self.start(database)
        kept = self.start(database, at=LATER)

        with database.transaction() as tx:
            assert job_runs.purge(tx, before=LATER, limit=2) == 2
            assert job_runs.purge(tx, before=LATER, limit=2) == 1
            assert job_runs.purge(tx, before=LATER, limit=2) == 0

        assert [one.id for one in self.list(database)] == [kept]


class TestSchedules:
    def test_the_catalogue_is_replaced_whole_and_keeps_its_order(self, database):
        def a_job(name):
            return Job(name=name, does="x", every="60 s", scope=JobScope.GLOBAL)

        with database.transaction() as tx:
            jobs.save_catalogue(tx, [a_job("b"), a_job("old")])
            jobs.save_catalogue(tx, [a_job("b"), a_job("a")])

        with database.reader() as reader:
            assert [one.name for one in jobs.list_catalogue(reader)] == ["b", "a"]

    def test_a_schedule_counts_failures_until_a_success(self, database):
        with database.transaction() as tx:
            jobs.plan(tx, "optimise", "c1", next_run_at=LATER, waits_for="prices")
            assert jobs.note_failure(tx, "optimise", "c1") == 1
            assert jobs.note_failure(tx, "optimise", "c1") == 2
            assert jobs.count_failing(tx) == 1
            jobs.note_success(tx, "optimise", "c1", at=LATER)
            assert jobs.count_failing(tx) == 0

        with database.reader() as reader:
            [schedule] = jobs.list_schedules(reader)
        assert (schedule.next_run_at, schedule.waits_for) == (LATER, "prices")
        assert (schedule.failures, schedule.last_success_at) == (0, LATER)

    def test_the_latest_run_is_found_and_a_forgotten_target_is_gone(self, database):
        with database.transaction() as tx:
            for target in ("c1", "c2"):
                for _ in range(2):
                    run = job_runs.start(
                        tx, NewRun(job="optimise", target=target, holder="a"), at=NOW
                    )
                    jobs.note_start(tx, "optimise", target, run_id=run)
            jobs.forget(tx, [("optimise", "c1")])

        with database.reader() as reader:
            latest = jobs.latest_runs(reader)
        assert {key: one.id for key, one in latest.items()} == {("optimise", "c2"): run}


def test_paused_jobs_are_those_paused_last(database):
    def pause(job, paused):
        with database.transaction() as tx:
            job_control.set_paused(tx, job, paused=paused, changed_by="ann", at=NOW)

    pause("a", True)
    pause("b", True)
    pause("a", False)

    with database.reader() as reader:
        assert job_control.paused_jobs(reader) == {"b"}


def test_whatever_happens_to_jobs_changes_their_data_version(database):
    def version():
        with database.reader() as reader:
            return data_versions.current(reader)[DataKind.JOBS]

    def changes(act):
        before = version()
        with database.transaction() as tx:
            act(tx)
        return version() > before

    run = NewRun(job="a", target="", holder="a")
    add(database)
    assert changes(lambda tx: job_commands.claim(tx, "a", at=NOW))
    assert not changes(lambda tx: job_commands.claim(tx, "a", at=NOW))  # there was none
    assert changes(lambda tx: job_runs.start(tx, run, at=NOW))
    assert changes(lambda tx: job_runs.report(tx, 1, progress=0.1, facts={}))
    assert changes(lambda tx: jobs.plan(tx, "a", "", next_run_at=None))
    assert changes(lambda tx: job_control.set_paused(tx, "a", paused=True, changed_by="x", at=NOW))
