"""The first screen's numbers: costs, the best saving of each engine, what to do next."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from db.records import NewDecision
from db.repositories import decisions, safety
from engines.contracts.results import DecisionType, EngineIdentity
from engines.contracts.verdict import SafetyLimits, VerdictAction
from services.access import LOCAL_ADMIN
from services.workflows.browse_decisions import load_latest_judged
from services.workflows.browse_overview import NextStepKind, load_overview
from services.workflows.browse_safety import load_safety_summary
from services.workflows.open_cluster import open_cluster
from tests.builders import a_document, a_node
from tests.db.builders import a_response, a_verdict
from tests.services.workflows.market import store_market

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def log(database, decision_type, saving, *, is_safe=True, minutes=0, action=VerdictAction.APPROVED):
    response = a_response(
        f"{decision_type}-{minutes}",
        decision_type=decision_type,
        engine=EngineIdentity(name=decision_type, version="1"),
        estimated_savings=Decimal(saving),
        safety=msgspec.structs.replace(a_verdict(action=action), is_safe=is_safe),
    )
    at = AT - timedelta(minutes=minutes)
    with database.transaction() as tx:
        decision = decisions.log(
            tx, NewDecision(created_at=at, as_of=at, cluster_id="shop", response=response)
        )
        safety.record_validation(
            tx,
            cluster_id="shop",
            verdict=response.safety,
            limits=SafetyLimits(),
            at=at,
            decision_id=decision,
        )


@pytest.fixture
def shop(database):
    store_market(database, AT)
    dump = a_document(a_node("node-a", instance_type="m5.large"))
    open_cluster(database, name="shop", dump=dump, actor=LOCAL_ADMIN, at=AT)
    return database


def test_the_cost_is_that_of_the_nodes_and_is_split_among_workloads(shop):
    """One m5.large on demand in us-east-1: 0.096 USD an hour, all of it idle."""
    overview = load_overview(shop, at=AT)

    (line,) = overview.lines
    assert overview.cost_per_hour == Decimal("0.096")
    assert line.costs.idle_usd_per_hour == Decimal("0.096")


def test_savings_of_several_engines_are_not_summed_the_best_counts(shop):
    log(shop, DecisionType.SPOT_OPTIMIZE, "30")
    log(shop, DecisionType.BIN_PACK, "20", minutes=1)

    overview = load_overview(shop, at=AT)

    assert overview.saving_usd_month == Decimal(30)


def test_the_newest_decision_of_each_type_counts_and_the_largest_saving_comes_first(shop):
    log(shop, DecisionType.SPOT_OPTIMIZE, "90", minutes=60)
    log(shop, DecisionType.SPOT_OPTIMIZE, "10", minutes=0)
    log(shop, DecisionType.BIN_PACK, "20", minutes=5)

    overview = load_overview(shop, at=AT)

    plans = [one for one in overview.next_steps if one.kind is NextStepKind.REVIEW_PLAN]
    assert [(one.decision_type, one.savings_usd_month) for one in plans] == [
        (DecisionType.BIN_PACK, Decimal(20)),
        (DecisionType.SPOT_OPTIMIZE, Decimal(10)),
    ]


def test_a_plan_that_is_not_safe_saves_nothing(shop):
    log(shop, DecisionType.SPOT_OPTIMIZE, "30", is_safe=False)

    assert load_overview(shop, at=AT).saving_usd_month == 0


def test_decisions_of_the_last_day_are_counted(shop):
    log(shop, DecisionType.SPOT_OPTIMIZE, "30", minutes=24 * 60 + 1)
    log(shop, DecisionType.BIN_PACK, "30", minutes=24 * 60)

    assert load_overview(shop, at=AT).decisions_today == 1


def test_stale_data_of_one_kind_are_one_thing_to_do(shop):
    later = AT + timedelta(days=400)

    steps = load_overview(shop, at=later).next_steps

    stale = [one.data_kind for one in steps if one.kind is NextStepKind.REFRESH_DATA]
    assert stale == sorted(set(stale), key=stale.index)
    assert "spot_prices" in stale


def test_of_decisions_of_one_moment_the_last_one_logged_is_the_latest(shop):
    log(shop, DecisionType.SPOT_OPTIMIZE, "30")
    log(shop, DecisionType.BIN_PACK, "20")

    (line,) = load_overview(shop, at=AT).lines

    assert line.latest.decision_type == DecisionType.BIN_PACK
    assert line.judged.decision_type == DecisionType.BIN_PACK


def test_all_screens_show_the_newest_verdict_on_a_plan_that_changes_nodes(shop):
    log(shop, DecisionType.SPOT_OPTIMIZE, "30", minutes=9)
    log(shop, DecisionType.BIN_PACK, "0", minutes=5, action=VerdictAction.REJECTED, is_safe=False)
    log(shop, DecisionType.RIGHTSIZE, "1", action=VerdictAction.NOT_APPLICABLE)

    (line,) = load_overview(shop, at=AT).lines
    (standing,) = load_safety_summary(shop)
    judged = load_latest_judged(shop, "shop")

    assert line.latest.decision_type == DecisionType.RIGHTSIZE
    assert line.judged.action_taken is VerdictAction.REJECTED
    assert (standing.action_taken, standing.is_safe) == (VerdictAction.REJECTED, False)
    assert standing.validated_at == AT - timedelta(minutes=5)
    assert judged.summary.id == line.judged.id


def test_where_no_plan_changed_a_node_there_is_nothing_to_judge(shop):
    log(shop, DecisionType.RIGHTSIZE, "1", action=VerdictAction.NOT_APPLICABLE)

    (line,) = load_overview(shop, at=AT).lines
    (standing,) = load_safety_summary(shop)

    assert line.judged.action_taken is VerdictAction.NOT_APPLICABLE
    assert standing.action_taken is VerdictAction.NOT_APPLICABLE
