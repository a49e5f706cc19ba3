"""Office hours are stored as the engine understands them, and every change leaves a trace."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from db.repositories import audit, clusters, events
from engines.contracts.results import DecisionType
from services.access import Actor, Role
from services.errors import AccessDeniedError, InvalidInputError, NotFoundError
from services.workflows.browse_office_hours import (
    Block,
    ScheduleRecord,
    load_hours_decision,
    load_namespaces,
    load_schedules,
    outlook,
    week,
)
from services.workflows.office_hours import remove_schedule, save_schedule
from services.workflows.open_cluster import open_cluster
from services.workflows.recommend import Question, recommend
from tests.builders import a_document, a_namespace, a_node, a_workload

AT = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday
LATE = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)
VIEWER = Actor(name="vera", role=Role.VIEWER)
OPERATOR = Actor(name="otto", role=Role.OPERATOR)


def hours(environment="dev", timezone="UTC", **further):
    """Monday to Friday, eight to six."""
    return {
        "environment": environment,
        "timezone": timezone,
        "office_hours": {"weekdays": {"start": "08:00", "end": "18:00"}},
        **further,
    }


def record(schedule):
    return ScheduleRecord(environment="dev", schedule=schedule, changed_at=AT)


@pytest.fixture
def cluster(database):
    """One namespace follows an environment, one has no label."""
    dump = a_document(
        a_node("node-a"),
        a_namespace("shop-dev", labels={"cloudoptim.io/environment": "dev"}),
        a_namespace("shop"),
        a_workload(name="cart", namespace="shop-dev", replicas=2),
        a_workload(name="till", namespace="shop", replicas=2),
    )
    return open_cluster(database, name="shop", dump=dump, actor=OPERATOR, at=AT).cluster


def test_a_schedule_is_stored_and_told(database, cluster):
    assert save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT) is True

    (stored,) = load_schedules(database, cluster.id)
    with database.reader() as reader:
        (entry,) = audit.list_entries(reader, object_name="shop/dev")
        last = events.list_events(reader, limit=1)[0]
    assert (stored.environment, stored.schedule) == ("dev", hours())
    assert (entry.actor, entry.action) == ("otto", "office_hours.added")
    assert (entry.before, entry.after) == (None, hours())
    assert (last.type, last.payload) == ("office_hours.added", {"environment": "dev"})


def test_a_change_keeps_what_was_before_in_the_audit_log(database, cluster):
    save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT)

    save_schedule(database, cluster.id, hours(timezone="Asia/Tokyo"), actor=OPERATOR, at=AT)

    with database.reader() as reader:
        entry = audit.list_entries(reader, object_name="shop/dev")[0]
    assert entry.action == "office_hours.changed"
    assert (entry.before["timezone"], entry.after["timezone"]) == ("UTC", "Asia/Tokyo")


def test_the_same_schedule_again_changes_nothing(database, cluster):
    save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT)

    assert save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=LATE) is False

    assert load_schedules(database, cluster.id)[0].changed_at == AT


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"timezone": "Mars/Base"}, "timezone 'Mars/Base' is not in the tz database"),
        ({"environment": ""}, "environment must not be empty"),
        ({"holidays": ["25.12.2026"]}, "holiday '25.12.2026' is not a date"),
        (
            {"office_hours": {"weekdays": {"start": "8", "end": "18:00"}}},
            "time '8' is not understood",
        ),
        (
            {"office_hours": {"weekdays": {"start": "08:00", "end": "18:00", "days": ["Mo"]}}},
            "day 'Mo' is not understood",
        ),
        ({"scale_down_replica": 0}, "unknown field `scale_down_replica`"),
    ],
)
def test_what_the_engine_would_not_understand_is_not_stored(database, cluster, bad, sentence):
    with pytest.raises(InvalidInputError, match="schedule of") as refused:
        save_schedule(database, cluster.id, {**hours(), **bad}, actor=OPERATOR, at=AT)

    assert sentence in refused.value.reason
    assert load_schedules(database, cluster.id) == ()
    with database.reader() as reader:
        assert audit.list_entries(reader, object_name="shop/dev") == ()


def test_a_viewer_may_neither_save_nor_remove(database, cluster):
    save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT)

    with pytest.raises(AccessDeniedError):
        save_schedule(database, cluster.id, hours("test"), actor=VIEWER, at=AT)
    with pytest.raises(AccessDeniedError):
        remove_schedule(database, cluster.id, "dev", actor=VIEWER, at=AT)

    assert [one.environment for one in load_schedules(database, cluster.id)] == ["dev"]


def test_a_removed_schedule_is_gone_and_told(database, cluster):
    save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT)

    remove_schedule(database, cluster.id, "dev", actor=OPERATOR, at=AT)

    assert load_schedules(database, cluster.id) == ()
    with database.reader() as reader:
        entry = audit.list_entries(reader, object_name="shop/dev")[0]
    assert (entry.action, entry.before, entry.after) == ("office_hours.removed", hours(), None)


def test_removing_what_is_not_there_names_what_is(database, cluster):
    save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT)

    with pytest.raises(NotFoundError) as refused:
        remove_schedule(database, cluster.id, "test", actor=OPERATOR, at=AT)

    assert refused.value.next_step == "choose one of dev"


def test_the_namespaces_of_a_state_with_their_label_and_workloads(database, cluster):
    with database.reader() as reader:
        digest = clusters.get(reader, cluster.id).latest_snapshot_digest

    rows = load_namespaces(database, digest)

    assert [(one.namespace, one.environment, one.workloads) for one in rows] == [
        ("shop-dev", "dev", 1),
        ("shop", "", 1),
    ]


def test_the_newest_decision_brings_a_forecast_for_each_environment(database, cluster):
    """50 of the 168 hours of a week are office hours; a month has 730 hours."""
    save_schedule(database, cluster.id, hours(), actor=OPERATOR, at=AT)
    assert load_hours_decision(database, cluster.id) is None
    question = Question(cluster_id=cluster.id, decision_type=DecisionType.SCHEDULE, as_of=LATE)
    decision_id = recommend(database, question, actor=VIEWER, at=LATE)

    found = load_hours_decision(database, cluster.id)

    (forecast,) = found.forecasts
    assert (found.summary.id, found.refusal) == (decision_id, "")
    assert (forecast.environment, forecast.workloads) == ("dev", 1)
    assert forecast.savings_usd_month >= Decimal(0)
    assert forecast.hours_asleep_in_month + forecast.hours_awake_in_month == pytest.approx(730)
    assert ("shop", "no_schedule") in {(one.subject.namespace, one.reason) for one in found.skipped}


def test_a_refusal_is_told_in_the_engines_words(database, cluster):
    question = Question(cluster_id=cluster.id, decision_type=DecisionType.SCHEDULE, as_of=AT)
    recommend(database, question, actor=VIEWER, at=AT)

    found = load_hours_decision(database, cluster.id)

    assert found.summary.reason == "no_schedules"
    assert found.refusal
    assert found.forecasts == ()


def test_in_office_hours_the_next_change_is_sleep():
    """Five windows of ten hours in the seven days from Wednesday noon: 168 - 50 = 118 asleep."""
    seen = outlook(record(hours()), AT)

    assert (seen.is_open, seen.problem) == (True, "")
    assert seen.next_sleep == datetime(2026, 11, 18, 18, 0, tzinfo=UTC)
    assert seen.next_wake == datetime(2026, 11, 19, 8, 0, tzinfo=UTC)
    assert seen.hours_asleep_in_week == pytest.approx(118)


def test_outside_of_office_hours_the_next_change_is_wake():
    seen = outlook(record(hours()), LATE)

    assert seen.is_open is False
    assert seen.next_wake == datetime(2026, 11, 19, 8, 0, tzinfo=UTC)
    assert seen.next_sleep == datetime(2026, 11, 19, 18, 0, tzinfo=UTC)


def test_a_schedule_that_is_never_closed_has_no_next_change():
    always = {"weekdays": {"start": "00:00", "end": "24:00", "days": ["Mon-Sun"]}}

    seen = outlook(record(hours(office_hours=always)), AT)

    assert (seen.is_open, seen.next_sleep, seen.next_wake) == (True, None, None)
    assert seen.hours_asleep_in_week == 0


def test_a_schedule_that_is_not_understood_keeps_awake_and_says_so():
    seen = outlook(record(hours(timezone="Mars/Base")), AT)

    assert seen.is_open is True
    assert "Mars/Base" in seen.problem
    assert week(hours(timezone="Mars/Base"), ZoneInfo("UTC"), AT) == ()


def test_a_week_begins_today_and_covers_every_hour_once():
    blocks = week(hours(), ZoneInfo("UTC"), AT)

    today, saturday = date(2026, 11, 18), date(2026, 11, 21)
    assert [one for one in blocks if one.day == today] == [
        Block(today, 0.0, 8.0, False),
        Block(today, 8.0, 18.0, True),
        Block(today, 18.0, 24.0, False),
    ]
    assert [one for one in blocks if one.day == saturday] == [Block(saturday, 0.0, 24.0, False)]
    assert sum(one.end_hour - one.start_hour for one in blocks) == 7 * 24


def test_in_another_zone_the_same_hours_stand_later():
    """Eight to six UTC is nine to seven in Berlin in winter."""
    blocks = week(hours(), ZoneInfo("Europe/Berlin"), AT)

    assert blocks[1] == Block(date(2026, 11, 18), 9.0, 19.0, True)


def test_a_window_over_midnight_is_cut_at_midnight():
    night = {"weekdays": {"start": "22:00", "end": "06:30"}}

    blocks = week(hours(office_hours=night), ZoneInfo("UTC"), AT)

    assert blocks[:3] == (
        Block(date(2026, 11, 18), 0.0, 6.5, True),
        Block(date(2026, 11, 18), 6.5, 22.0, False),
        Block(date(2026, 11, 18), 22.0, 24.0, True),
    )


def test_a_holiday_is_asleep_all_day():
    blocks = week(hours(holidays=["2026-11-18"]), ZoneInfo("UTC"), AT)

    assert blocks[0] == Block(date(2026, 11, 18), 0.0, 24.0, False)
