"""A decision is asked, judged and logged with all that a replay needs."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from db.repositories import clusters, decisions, events, safety, snapshots
from engines.contracts.pricing import InterruptionBucket
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.verdict import SafetyLimits, VerdictAction
from services.access import LOCAL_ADMIN
from services.errors import InvalidInputError
from services.files.kubernetes_dump import read_dump_files
from services.files.source import SourceFile
from services.workflows.change_limits import change_limits
from services.workflows.open_cluster import open_cluster
from services.workflows.recommend import Question, recommend, replay
from tests.believable_cluster import believable_dump
from tests.builders import a_document, a_node
from tests.services.workflows.market import store_market

AT = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)  # a Saturday: the time part of all scores is 1.0
DUMP = read_dump_files([(SourceFile.of_bytes("cluster.json", believable_dump()), True)])


@pytest.fixture
def opened(database):
    """A database with a believable cluster and a market in which all pools are safe."""
    store_market(database, AT)
    open_cluster(database, name="prod", dump=DUMP, actor=LOCAL_ADMIN, at=AT)
    return database


def ask(database, at=AT, **requirements):
    question = Question(
        cluster_id="prod",
        decision_type=DecisionType.SPOT_OPTIMIZE,
        as_of=AT,
        requirements=requirements,
    )
    return recommend(database, question, actor=LOCAL_ADMIN, at=at)


def logged(database, decision_id):
    with database.reader() as reader:
        return decisions.get(reader, decision_id)


def test_a_cluster_on_demand_gets_a_plan_that_the_safety_layers_approve(opened):
    decision = logged(opened, ask(opened))

    response = decision.response
    assert response.status is DecisionStatus.OK
    assert response.safety.action_taken is VerdictAction.APPROVED
    assert response.estimated_savings > 0
    assert response.execution_plan
    assert len(response.recommendations) >= 5


def test_what_was_asked_is_logged_with_the_answer_and_told_as_an_event(opened):
    decision_id = ask(opened, headroom_percent=5)

    decision = logged(opened, decision_id)
    assert decision.requirements == {"headroom_percent": 5}
    assert decision.constraints == msgspec.structs.asdict(SafetyLimits())
    assert (decision.summary.as_of, decision.summary.triggered_by) == (AT, "local admin")
    with opened.reader() as reader:
        event = events.list_events(reader)[0]
        [summary] = safety.summary(reader)
    assert (event.type, event.payload["decision_id"]) == ("optimization.completed", decision_id)
    assert (summary.cluster_id, summary.is_safe) == ("prod", True)


def test_the_documents_of_equal_questions_are_stored_once(opened):
    first = logged(opened, ask(opened))
    second = logged(opened, ask(opened, at=AT + timedelta(minutes=5)))

    assert first.market_snapshot_digest == second.market_snapshot_digest
    assert first.cluster_snapshot_digest == second.cluster_snapshot_digest
    assert first.response.input_digest == second.response.input_digest
    with opened.reader() as reader:
        assert snapshots.load_document(reader, first.market_snapshot_digest)


def test_a_replay_gives_the_same_answer_also_after_the_market_moved(opened):
    decision_id = ask(opened)
    store_market(opened, AT + timedelta(days=30), InterruptionBucket.OVER_20)

    again = replay(opened, decision_id)

    assert again.is_identical
    assert again.answer.input_digest == again.logged.response.input_digest


def test_where_no_pool_is_safe_nothing_is_moved_to_spot(opened):
    store_market(opened, AT, InterruptionBucket.OVER_20)

    response = logged(opened, ask(opened)).response

    bought = [step for step in response.execution_plan if step.id.startswith("launch")]
    assert not any(step.capacity_type == "spot" for step in bought)
    assert {one.reason for one in response.skipped} >= {"too_risky"}


def test_the_cluster_s_own_limits_bind(opened):
    with opened.reader() as reader:
        limits = clusters.get(reader, "prod").limits
    tighter = msgspec.structs.replace(limits, min_on_demand_share=0.5)
    change_limits(opened, cluster_id="prod", limits=tighter, actor=LOCAL_ADMIN, at=AT)

    response = logged(opened, ask(opened)).response

    assert response.safety.is_safe
    assert response.safety.on_demand_share >= 0.5


def test_the_small_cluster_rule_is_a_setting_of_the_cluster_not_of_a_question(opened):
    with pytest.raises(InvalidInputError, match=r"allow_small_cluster_exception.*limits"):
        ask(opened, allow_small_cluster_exception=True)


def test_a_wrong_parameter_is_named_and_nothing_is_logged(opened):
    with pytest.raises(InvalidInputError, match=r"\$\.requirements"):
        ask(opened, required_vcpus=12)

    with opened.reader() as reader:
        assert decisions.list_page(reader).total == 0


def test_a_cluster_in_two_regions_needs_the_region_as_a_parameter(database):
    elsewhere = a_node(
        "node-b", zone="eu-west-1a", labels={"topology.kubernetes.io/region": "eu-west-1"}
    )
    dump = a_document(a_node(), elsewhere)
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT)

    with pytest.raises(InvalidInputError, match="do not tell one region"):
        ask(database)
