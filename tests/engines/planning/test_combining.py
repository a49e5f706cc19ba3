"""The combined plan: stage by stage, with nothing counted twice.

The engines here are stand-ins with plans written out by hand, so that every sum can be checked.
"""

from decimal import Decimal

import msgspec
import pytest

from engines.contracts.results import DecisionStatus, DecisionType, Recommendation, Subject
from engines.contracts.verdict import SafetyVerdict, VerdictAction
from engines.planning import combine
from tests.builders import a_request
from tests.engines.planning.builders import a_three_node_state, answer, asks_for, drains

MONTH = 730


def test_a_node_that_one_stage_takes_away_is_not_saved_by_the_next():
    """Three nodes at 0.2016 USD/h: 0.6048. Both engines want node-c; the first one gets it."""
    request = a_request(a_three_node_state())
    takes_c = drains("node-c", ("shop/web-3", "node-a"), saving="147.168")

    plan = combine(
        request,
        {DecisionType.BIN_PACK: takes_c, DecisionType.SPOT_OPTIMIZE: takes_c},
        {},
    )

    assert plan.now.current_cost_per_hour == Decimal("0.6048")
    assert [one.saving_usd_month for one in plan.stages] == [
        Decimal("0.2016") * MONTH,
        Decimal(0),
    ]
    assert plan.cost_per_hour_after == Decimal("0.4032")
    assert plan.final_summary.node_count == 2
    assert plan.saving_usd_month == Decimal("147.168")


def test_the_pods_of_a_drained_node_are_where_the_plan_moved_them():
    request = a_request(a_three_node_state())
    seen = []

    def look(question):
        pods = question.current_state.cluster.pods.items
        seen.append([(one.metadata.name, one.spec.node_name) for one in pods])
        return answer(question)

    combine(
        request,
        {
            DecisionType.BIN_PACK: drains("node-c", ("shop/web-3", "node-a"), saving="1"),
            DecisionType.SPOT_OPTIMIZE: look,
        },
        {},
    )

    assert seen[0] == [("web-1", "node-a"), ("web-2", "node-b"), ("web-3", "node-c")]
    assert seen[1] == [("web-1", "node-a"), ("web-2", "node-b"), ("web-3", "node-a")]


def test_office_hours_leave_fewer_hours_for_later_stages():
    """0.6048 x 730 = 441.504 a month. Sleeping saves half of it, 220.752; then each hour counts
    half: draining one node of 0.2016 saves 0.1008 x 730 = 73.584."""
    request = a_request(a_three_node_state())

    plan = combine(
        request,
        {
            DecisionType.SCHEDULE: lambda one: answer(one, estimated_savings=Decimal("220.752")),
            DecisionType.BIN_PACK: drains("node-c", ("shop/web-3", "node-a"), saving="147.168"),
        },
        {},
    )

    assert plan.awake_share == Decimal("0.5")
    assert [one.saving_usd_month for one in plan.stages] == [Decimal("220.752"), Decimal("73.584")]
    assert plan.saving_usd_month == Decimal("294.336")


def test_smaller_requests_save_nothing_by_themselves_and_are_seen_by_the_next_stage():
    request = a_request(a_three_node_state())
    seen = []

    def look(question):
        seen.append(question.current_state.cluster.pods.request_cpu_millicores.tolist())
        return answer(question)

    plan = combine(
        request, {DecisionType.RIGHTSIZE: asks_for("250m"), DecisionType.BIN_PACK: look}, {}
    )

    assert seen == [[1000, 1000, 1000], [250, 250, 250]]
    assert plan.stages[0].saving_usd_month == 0
    assert plan.stages[0].is_in_plan
    assert plan.stages[0].note.startswith("other requests change no bill")


def test_memory_that_an_oom_remedy_gives_is_a_floor_for_rightsizing():
    request = a_request(a_three_node_state())
    floor = {"namespace": "shop", "kind": "Deployment", "name": "web", "container": "app"}
    asked = {}

    def remedy(question):
        advice = Recommendation(
            subject=Subject(kind="Deployment", name="web"),
            action="raise_memory",
            savings_usd_month=Decimal(0),
            reason="killed",
            evidence={"memory_floor": floor},
        )
        return answer(question, recommendations=(advice,))

    def rightsize(question):
        asked.update(question.requirements)
        return answer(question)

    combine(
        request,
        {DecisionType.OOMKILLED_REMEDIATE: remedy, DecisionType.RIGHTSIZE: rightsize},
        {DecisionType.RIGHTSIZE: {"cpu_floor_m": 20}},
    )

    assert asked == {"cpu_floor_m": 20, "memory_floors": (floor,)}


def test_a_plan_that_safety_rejects_counts_nothing():
    request = a_request(a_three_node_state())
    drain = drains("node-c", ("shop/web-3", "node-a"), saving="147.168")
    verdict = SafetyVerdict(
        is_safe=False, action_taken=VerdictAction.REJECTED, violations=(), message="too few zones"
    )

    plan = combine(
        request,
        {DecisionType.BIN_PACK: lambda one: msgspec.structs.replace(drain(one), safety=verdict)},
        {},
    )

    assert plan.saving_usd_month == 0
    assert plan.final_summary.node_count == 3
    assert "safety" in plan.stages[0].note


def test_a_refusal_is_a_stage_that_says_why():
    request = a_request(a_three_node_state())

    plan = combine(
        request,
        {
            DecisionType.SPOT_OPTIMIZE: lambda one: answer(
                one, status=DecisionStatus.REFUSED, reason="no_spot_prices", message="no prices"
            )
        },
        {},
    )

    assert plan.stages[0].note == "no advice: no prices"
    assert plan.cost_per_hour_after == plan.now.current_cost_per_hour


@pytest.mark.parametrize("decision_type", [DecisionType.GHOST_PROBE, DecisionType.VOLUME_CLEANUP])
def test_other_bills_count_in_full_beside_the_nodes(decision_type):
    request = a_request(a_three_node_state())

    plan = combine(
        request,
        {
            DecisionType.SCHEDULE: lambda one: answer(one, estimated_savings=Decimal("220.752")),
            decision_type: lambda one: answer(one, estimated_savings=Decimal(8)),
        },
        {},
    )

    assert [one.saving_usd_month for one in plan.other_bills] == [Decimal(8)]
    assert plan.saving_usd_month == Decimal("228.752")
