"""The decision log."""

from datetime import timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from db.errors import DatabaseConstraintError, RecordNotFoundError
from db.records import DataKind, DecisionFilter
from db.repositories import data_versions, decisions
from engines.contracts.plan import CordonNode, DrainNode
from engines.contracts.results import (
    DecisionStatus,
    DecisionType,
    Recommendation,
    Skipped,
    Subject,
)
from engines.contracts.verdict import VerdictAction
from tests.db.builders import NOW, a_decision, a_pool, a_response, a_verdict, a_violation

FULL = a_response(
    recommendations=(
        Recommendation(
            subject=Subject(kind="Node", name="node-ä"),
            action="replace",
            savings_usd_month=Decimal("12.345678"),
            reason="cheaper",
            evidence={"share": 0.1, "zones": ["a", None, True], "count": 3},
        ),
    ),
    skipped=(Skipped(subject=Subject(kind="Pod"), reason="no_price", message="no price"),),
    execution_plan=(CordonNode(id="s1", node="node-ä"), DrainNode(id="s2", node="node-ä")),
    estimated_savings=Decimal("9007199254.740993"),
    safety=a_verdict(violations=(a_violation(exception="small_cluster"),), pools=(a_pool(0.3),)),
)


def log(database, *logged):
    with database.transaction() as tx:
        return [decisions.log(tx, one) for one in logged]


def page(database, **wanted):
    options = {name: wanted.pop(name) for name in ("limit", "offset") if name in wanted}
    with database.reader() as reader:
        return decisions.list_page(reader, DecisionFilter(**wanted), **options)


def test_a_decision_comes_back_whole_to_the_last_micro_dollar(database):
    decision = msgspec.structs.replace(
        a_decision(response=FULL),
        requirements={"region": "us-east-1", "required_vcpu": 12.5},
        constraints={"min_availability_zones": 3},
        cluster_snapshot_digest="abc",
    )
    (number,) = log(database, decision)

    with database.reader() as reader:
        found = decisions.get(reader, number)

    assert found.response == FULL
    assert found.requirements == {"region": "us-east-1", "required_vcpu": 12.5}
    assert found.constraints == {"min_availability_zones": 3}
    assert (found.cluster_snapshot_digest, found.market_snapshot_digest) == ("abc", None)
    assert found.summary.estimated_savings == Decimal("9007199254.740993")
    assert found.summary.recommendation_count == 1
    assert (found.summary.is_safe, found.summary.action_taken) == (True, VerdictAction.APPROVED)


def test_the_time_of_a_decision_is_kept_in_utc(database):
    in_tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    (number,) = log(database, a_decision(at=in_tokyo))

    with database.reader() as reader:
        found = decisions.get(reader, number).summary

    assert found.created_at == found.as_of == NOW
    assert found.created_at.utcoffset() == timedelta(0)


def test_a_refusal_without_a_verdict_is_logged_with_its_reason(database):
    refusal = a_response(status=DecisionStatus.REFUSED, reason="no_prices", message="no prices")
    log(database, a_decision(response=refusal))

    (summary,) = page(database).items

    assert (summary.status, summary.reason) == (DecisionStatus.REFUSED, "no_prices")
    assert (summary.is_safe, summary.action_taken) == (None, None)


def test_the_newest_comes_first_and_the_server_cuts_the_pages(database):
    log(database, *(a_decision(f"r{hour}", at=NOW + timedelta(hours=hour)) for hour in range(5)))

    first = page(database, limit=2)
    last = page(database, limit=2, offset=4)

    assert [one.request_id for one in first.items] == ["r4", "r3"]
    assert [one.request_id for one in last.items] == ["r0"]
    assert first.total == last.total == 5


def test_of_one_moment_the_later_entry_comes_first(database):
    log(database, a_decision("r1"), a_decision("r2"))

    assert [one.request_id for one in page(database).items] == ["r2", "r1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["packing", "refused", "spot"]),
        ({"cluster_id": "c2"}, ["packing"]),
        ({"decision_type": DecisionType.BIN_PACK}, ["packing"]),
        ({"engine_name": "spot_optimizer"}, ["packing", "refused", "spot"]),
        ({"engine_name": "nobody"}, []),
        ({"status": DecisionStatus.REFUSED}, ["refused"]),
        ({"is_safe": True}, ["spot"]),
        ({"is_safe": False}, ["packing"]),
        ({"since": NOW + timedelta(hours=1)}, ["packing", "refused"]),
        ({"until": NOW + timedelta(hours=1)}, ["spot"]),
        ({"cluster_id": "c1", "is_safe": True}, ["spot"]),
    ],
)
def test_decisions_can_be_filtered(database, wanted, found):
    rejected = a_verdict(action=VerdictAction.REJECTED)
    log(
        database,
        a_decision(response=a_response("spot", safety=a_verdict())),
        a_decision(
            at=NOW + timedelta(hours=1),
            response=a_response("refused", status=DecisionStatus.REFUSED, reason="x"),
        ),
        a_decision(
            at=NOW + timedelta(hours=2),
            cluster_id="c2",
            response=a_response("packing", decision_type=DecisionType.BIN_PACK, safety=rejected),
        ),
    )

    result = page(database, **wanted)

    assert [one.request_id for one in result.items] == found
    assert result.total == len(found)


def test_a_request_is_logged_once(database):
    log(database, a_decision("r1"))

    with pytest.raises(DatabaseConstraintError):
        log(database, a_decision("r1"))


def test_a_decision_that_is_not_there_is_not_found(database):
    with database.reader() as reader, pytest.raises(RecordNotFoundError, match="decision 7"):
        decisions.get(reader, 7)


@pytest.mark.parametrize(("confidence", "is_stored"), [(0, True), (1, True), (1.01, False)])
def test_confidence_is_a_share(database, confidence, is_stored):
    decision = a_decision(response=a_response(confidence_score=confidence))

    if is_stored:
        assert len(log(database, decision)) == 1
    else:
        with pytest.raises(DatabaseConstraintError, match="confidence_is_a_share"):
            log(database, decision)


def test_logging_moves_the_version_of_decisions(database):
    log(database, a_decision())

    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.DECISIONS] == 1
