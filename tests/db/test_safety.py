"""Verdicts in the database: what binds, what is only recorded, what is active."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import insert, select

from db.errors import DatabaseConstraintError
from db.models.base import table_of
from db.models.decisions import (
    AzDistribution,
    PoolAllocation,
    SafetyException,
    SafetyValidation,
)
from db.records import ClusterSafety
from db.repositories import decisions, safety
from engines.contracts.verdict import SafetyLayer, SafetyLimits, Severity, VerdictAction
from tests.db.builders import NOW, a_decision, a_pool, a_verdict, a_violation

REJECTED = VerdictAction.REJECTED
POOL = {
    "instance_type": "m5.large",
    "availability_zone": "us-east-1a",
    "nodes": 1,
    "risk_score": 0.8,
}


def record(database, verdict, *, at=NOW, cluster_id="c1", limits=None):
    with database.transaction() as tx:
        return safety.record_validation(
            tx, cluster_id=cluster_id, verdict=verdict, limits=limits or SafetyLimits(), at=at
        )


def rows(database, model):
    with database.reader() as reader:
        return reader.connection.execute(select(*table_of(model).columns)).all()


def insert_row(database, model, **values):
    """Write past the repository, below a validation with one recorded exception."""
    validation = record(
        database, a_verdict(violations=(a_violation(exception="small_cluster"),), zones=3)
    )
    with database.transaction() as tx:
        tx.connection.execute(insert(model).values(validation_id=validation, **values))


@pytest.mark.parametrize(
    ("kind", "exception", "share", "is_stored"),
    [
        ("decided", None, 0.20, True),
        ("decided", None, 0.2000001, False),
        ("decided", "small_cluster", 0.9, True),
        ("observed", None, 0.9, True),
        ("proposed", None, 0.9, True),
        ("invented", None, 0.1, False),
        ("observed", None, 1.01, False),
        ("decided", "never recorded", 0.9, False),
    ],
)
def test_the_pool_limit_binds_what_is_decided_without_an_exception(
    database, kind, exception, share, is_stored
):
    row = {**POOL, "kind": kind, "exception_id": exception, "share": share}

    if is_stored:
        insert_row(database, PoolAllocation, **row)
        assert [one.share for one in rows(database, PoolAllocation)] == [share]
    else:
        with pytest.raises(DatabaseConstraintError):
            insert_row(database, PoolAllocation, **row)


@pytest.mark.parametrize(
    ("kind", "exception", "zones", "is_stored"),
    [
        ("decided", None, 3, True),
        ("decided", None, 2, False),
        ("decided", "small_cluster", 1, True),
        ("observed", None, 1, True),
        ("proposed", None, 1, True),
    ],
)
def test_the_zone_limit_binds_what_is_decided_without_an_exception(
    database, kind, exception, zones, is_stored
):
    row = {"kind": kind, "exception_id": exception, "zone_count": zones, "zones": []}

    if is_stored:
        insert_row(database, AzDistribution, **row)
        assert zones in [one.zone_count for one in rows(database, AzDistribution)]
    else:
        with pytest.raises(DatabaseConstraintError):
            insert_row(database, AzDistribution, **row)


def test_an_approved_plan_is_stored_as_decided_and_what_was_there_as_observed(database):
    verdict = a_verdict(pools=(a_pool(0.2), a_pool(0.5, decided=False, zone="us-east-1b")))

    record(database, verdict)

    pools = rows(database, PoolAllocation)
    assert [(one.kind, one.share) for one in pools] == [("decided", 0.2), ("observed", 0.5)]
    assert [(one.kind, one.zone_count) for one in rows(database, AzDistribution)] == [
        ("decided", 3)
    ]


def test_a_refused_plan_is_stored_as_proposed_whatever_it_wanted(database):
    verdict = a_verdict(action=REJECTED, violations=(a_violation(),), pools=(a_pool(0.9),), zones=1)

    record(database, verdict)

    assert [one.kind for one in rows(database, PoolAllocation)] == ["proposed"]
    assert [one.kind for one in rows(database, AzDistribution)] == ["proposed"]
    assert [one.action_taken for one in rows(database, SafetyValidation)] == ["rejected"]


def test_a_breach_that_an_exception_lets_pass_names_it(database):
    zones = a_violation(SafetyLayer.AZ_DISTRIBUTION, subject="cluster", exception="interruption")
    pool = a_violation(exception="small_cluster")

    record(database, a_verdict(violations=(zones, pool), pools=(a_pool(0.3),), zones=2))

    (stored_pool,), (stored_zones,) = rows(database, PoolAllocation), rows(database, AzDistribution)
    assert (stored_pool.kind, stored_pool.exception_id) == ("decided", "small_cluster")
    assert (stored_zones.kind, stored_zones.exception_id) == ("decided", "interruption")
    assert sorted(one.exception_id for one in rows(database, SafetyException)) == [
        "interruption",
        "small_cluster",
    ]


def test_a_breach_that_was_inherited_counts_as_observed(database):
    zones = a_violation(SafetyLayer.AZ_DISTRIBUTION, subject="cluster", inherited=True)
    pool = a_violation(inherited=True)

    record(database, a_verdict(violations=(zones, pool), pools=(a_pool(0.3),), zones=2))

    assert [one.kind for one in rows(database, PoolAllocation)] == ["observed"]
    assert [one.kind for one in rows(database, AzDistribution)] == ["observed"]


def test_a_plan_within_loosened_limits_is_stored_with_that_as_its_exception(database):
    """An admin allowed 40% a pool and two zones: no violation, yet beyond the tables' limits."""
    loosened = SafetyLimits(max_pool_share=0.4, min_availability_zones=2)

    record(database, a_verdict(pools=(a_pool(0.3), a_pool(0.2)), zones=2), limits=loosened)

    pools = rows(database, PoolAllocation)
    assert [one.exception_id for one in pools] == ["loosened_limits", None]
    assert [one.exception_id for one in rows(database, AzDistribution)] == ["loosened_limits"]
    assert [one.exception_id for one in rows(database, SafetyException)] == ["loosened_limits"]


def test_violations_come_back_newest_first_with_what_was_measured(database):
    record(database, a_verdict(action=REJECTED, violations=(a_violation(subject="a"),)))
    record(
        database,
        a_verdict(action=REJECTED, violations=(a_violation(subject="b"),)),
        at=NOW + timedelta(hours=1),
        cluster_id="c2",
    )

    with database.reader() as reader:
        both = safety.violations(reader, since=NOW)
        late = safety.violations(reader, since=NOW + timedelta(seconds=1))
        first = safety.violations(reader, since=NOW, cluster_id="c1")

    assert [one.subject for one in both] == ["b", "a"]
    assert [one.subject for one in late] == ["b"]
    assert [one.subject for one in first] == ["a"]
    assert (both[0].measured, both[0].limit, both[0].severity) == (0.3, 0.2, Severity.ERROR)
    assert both[0].layer is SafetyLayer.POOL_CONCENTRATION


def test_a_violation_is_active_for_a_day(database):
    """By the database's own clock: one recorded 23 hours ago is active, one of 25 is not."""
    now = datetime.now(UTC)
    for hours, subject in ((25, "old"), (23, "young")):
        violation = a_violation(subject=subject)
        record(
            database,
            a_verdict(action=REJECTED, violations=(violation,)),
            at=now - timedelta(hours=hours),
        )

    with database.reader() as reader:
        assert [one.subject for one in safety.active_violations(reader)] == ["young"]


def test_the_summary_shows_the_latest_verdict_and_what_is_active(database):
    now = datetime.now(UTC).replace(microsecond=0)
    warning = a_violation(severity=Severity.WARNING, inherited=True)
    record(
        database,
        a_verdict(action=REJECTED, violations=(a_violation(), a_violation(subject="x"))),
        at=now - timedelta(hours=1),
    )
    latest = record(database, a_verdict(violations=(warning,)), at=now)
    other = record(database, a_verdict(), at=now - timedelta(days=9), cluster_id="c2")

    with database.reader() as reader:
        summary = safety.summary(reader)

    assert summary == (
        ClusterSafety(
            cluster_id="c1",
            validation_id=latest,
            validated_at=now,
            is_safe=True,
            action_taken=VerdictAction.APPROVED,
            message="as judged",
            validations=2,
            active_errors=2,
            active_warnings=1,
        ),
        ClusterSafety(
            cluster_id="c2",
            validation_id=other,
            validated_at=now - timedelta(days=9),
            is_safe=True,
            action_taken=VerdictAction.APPROVED,
            message="as judged",
            validations=1,
            active_errors=0,
            active_warnings=0,
        ),
    )


def test_a_verdict_belongs_to_its_decision(database):
    with database.transaction() as tx:
        decision = decisions.log(tx, a_decision())
        safety.record_validation(
            tx,
            cluster_id="c1",
            verdict=a_verdict(),
            limits=SafetyLimits(),
            at=NOW,
            decision_id=decision,
        )

    assert [one.decision_id for one in rows(database, SafetyValidation)] == [decision]


def test_a_verdict_on_a_cluster_without_capacity_has_no_zones(database):
    empty = a_verdict(action=VerdictAction.NOT_APPLICABLE, zones=1)

    record(database, msgspec.structs.replace(empty, zones=(), on_demand_share=None))

    assert rows(database, AzDistribution) == []
    assert [one.on_demand_share for one in rows(database, SafetyValidation)] == [None]
