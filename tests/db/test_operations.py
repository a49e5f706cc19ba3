"""Imports, events, the audit log and the counters of data."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from db.errors import DatabaseConstraintError, RecordNotFoundError
from db.records import DataKind, ImportStatus, Stored
from db.repositories import audit, data_versions, events, imports
from engines.contracts.verdict import SafetyLimits
from tests.db.builders import NOW

LATER = NOW + timedelta(minutes=5)


def start(database, source="prices.csv", kind=DataKind.SPOT_PRICES, at=NOW):
    with database.transaction() as tx:
        return imports.start(tx, kind, source_name=source, digest="d", at=at)


class TestImports:
    def test_a_finished_run_has_its_counts(self, database):
        """4 new + 3 known + 2 changed + 1 refused = 10 read."""
        run = start(database)
        with database.transaction() as tx:
            stored = Stored(new=4, known=3, changed=2)
            imports.finish(tx, run, stored, rows_refused=1, at=LATER)

        with database.reader() as reader:
            (found,) = imports.list_runs(reader)
            assert imports.latest_success(reader, DataKind.SPOT_PRICES) == found
            assert imports.latest_success(reader, DataKind.SPOT_ADVISOR) is None
        assert (found.rows_read, found.rows_new, found.rows_known) == (10, 4, 3)
        assert (found.rows_changed, found.rows_refused) == (2, 1)
        assert (found.status, found.error) == (ImportStatus.SUCCEEDED, None)
        assert (found.started_at, found.finished_at) == (NOW, LATER)

    def test_a_failed_run_says_why_and_is_no_success(self, database):
        run = start(database)
        with database.transaction() as tx:
            imports.fail(tx, run, "line 3: no price", at=LATER)

        with database.reader() as reader:
            (found,) = imports.list_runs(reader)
            assert imports.latest_success(reader, DataKind.SPOT_PRICES) is None
        assert (found.status, found.error) == (ImportStatus.FAILED, "line 3: no price")
        assert found.rows_read == 0

    def test_runs_are_listed_newest_first_by_kind_and_page(self, database):
        for name in ("a", "b", "c"):
            start(database, name)
        start(database, "rates", DataKind.SPOT_ADVISOR)

        with database.reader() as reader:
            everything = imports.list_runs(reader)
            second = imports.list_runs(reader, kind=DataKind.SPOT_PRICES, limit=1, offset=1)

        assert [one.source_name for one in everything] == ["rates", "c", "b", "a"]
        assert [one.source_name for one in second] == ["b"]

    def test_runs_that_a_dead_process_left_are_closed_and_others_are_not(self, database):
        start(database, "left behind")
        start(database, "still running", at=LATER)

        with database.transaction() as tx:
            closed = imports.fail_unfinished(tx, started_before=LATER, at=LATER)

        with database.reader() as reader:
            statuses = {one.source_name: one.status for one in imports.list_runs(reader)}
        assert closed == 1
        assert statuses == {
            "left behind": ImportStatus.FAILED,
            "still running": ImportStatus.RUNNING,
        }

    def test_a_run_that_is_not_there_cannot_end(self, database):
        with (
            pytest.raises(RecordNotFoundError, match="import run 5"),
            database.transaction() as tx,
        ):
            imports.fail(tx, 5, "x", at=NOW)


class TestEvents:
    def append(self, database, event_type="optimization.completed", *, at=NOW, **fields):
        with database.transaction() as tx:
            return events.append(tx, event_type, subject="c1", at=at, **fields)

    def test_an_event_comes_back_with_its_payload(self, database):
        number = self.append(database, cluster_id="c1", payload={"savings": 1.5, "zones": ["a"]})

        with database.reader() as reader:
            (event,) = events.list_events(reader)

        assert event.id == number
        assert (event.type, event.subject) == ("optimization.completed", "c1")
        assert (event.occurred_at, event.cluster_id) == (NOW, "c1")
        assert event.payload == {"savings": 1.5, "zones": ["a"]}

    def test_events_are_filtered_and_followed_by_their_id(self, database):
        first = self.append(database, "a", cluster_id="c1")
        second = self.append(database, "b", cluster_id="c2")
        third = self.append(database, "a")

        with database.reader() as reader:

            def ids(**wanted):
                return [one.id for one in events.list_events(reader, **wanted)]

            assert ids() == [third, second, first]
            assert ids(event_type="a") == [third, first]
            assert ids(cluster_id="c2") == [second]
            assert ids(after_id=second) == [third]
            assert ids(limit=1) == [third]

    def test_an_event_cannot_be_changed_but_old_ones_may_go(self, database):
        self.append(database, "old")
        self.append(database, "new", at=LATER)

        with (
            pytest.raises(DatabaseConstraintError, match="events is append-only"),
            database.transaction() as tx,
        ):
            tx.connection.execute(text("UPDATE events SET type = 'forged'"))
        with database.transaction() as tx:
            assert events.purge(tx, before=LATER) == 1

        with database.reader() as reader:
            assert [one.type for one in events.list_events(reader)] == ["new"]


class TestAudit:
    def append(self, database, actor="admin", object_name="cluster c1", **fields):
        with database.transaction() as tx:
            return audit.append(
                tx, actor=actor, action="set_limits", object_name=object_name, at=NOW, **fields
            )

    def test_an_entry_holds_what_was_before_and_after(self, database):
        self.append(database, before=SafetyLimits(), after={"max_pool_share": 0.1})

        with database.reader() as reader:
            (entry,) = audit.list_entries(reader)

        assert (entry.actor, entry.action, entry.object_name) == (
            "admin",
            "set_limits",
            "cluster c1",
        )
        assert entry.before["max_pool_share"] == 0.2
        assert entry.after == {"max_pool_share": 0.1}

    def test_what_does_not_apply_is_none(self, database):
        self.append(database)

        with database.reader() as reader:
            (entry,) = audit.list_entries(reader)
        assert (entry.before, entry.after) == (None, None)

    def test_entries_are_found_by_actor_and_object(self, database):
        first = self.append(database, actor="ann")
        second = self.append(database, actor="bob", object_name="cluster c2")

        with database.reader() as reader:

            def ids(**wanted):
                return [one.id for one in audit.list_entries(reader, **wanted)]

            assert ids() == [second, first]
            assert ids(actor="ann") == [first]
            assert ids(object_name="cluster c2") == [second]
            assert ids(limit=1, offset=1) == [first]

    @pytest.mark.parametrize(
        "statement", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"]
    )
    def test_the_log_can_neither_be_changed_nor_deleted(self, database, statement):
        self.append(database)

        with (
            pytest.raises(DatabaseConstraintError, match="audit_log is append-only"),
            database.transaction() as tx,
        ):
            tx.connection.execute(text(statement))

        with database.reader() as reader:
            assert [one.actor for one in audit.list_entries(reader)] == ["admin"]

    def test_the_log_cannot_be_truncated(self, database, dialect):
        if dialect == "sqlite":
            pytest.skip("SQLite has no TRUNCATE")
        self.append(database)

        with (
            pytest.raises(DatabaseConstraintError, match="append-only"),
            database.transaction() as tx,
        ):
            tx.connection.execute(text("TRUNCATE audit_log"))


def test_every_kind_of_data_starts_at_version_zero(database):
    with database.reader() as reader:
        assert set(data_versions.current(reader).values()) == {0}
        assert set(data_versions.current(reader)) == set(DataKind)
