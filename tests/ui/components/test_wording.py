"""Every code has its words."""

from datetime import UTC, datetime

import pytest

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PatchServiceRouting,
    RoutingSetting,
    TagResource,
    TerminateInstance,
    WaitForNode,
)
from engines.contracts.pricing import CapacityType, InterruptionBucket
from engines.contracts.results import DecisionType
from engines.contracts.verdict import SafetyLayer, VerdictAction
from services.workflows.browse_system import Event
from ui.components import wording


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (wording.DECISION_TYPES, DecisionType),
        (wording.LAYERS, SafetyLayer),
        (wording.LAYER_RULES, SafetyLayer),
        (wording.VERDICTS, VerdictAction),
        (wording.VERDICT_SIGNS, VerdictAction),
        (wording.INTERRUPTION_BUCKETS, InterruptionBucket),
    ],
)
def test_no_code_is_left_without_words(table, codes):
    assert set(table) == set(codes)


def test_a_verdict_carries_a_sign_beside_its_colour():
    assert wording.verdict("approved") == "✓ Safe"
    assert wording.verdict("rejected") == "✕ Rejected"


def test_an_unknown_code_becomes_readable_words():
    assert wording.in_words("spot.interruption_detected") == "Spot interruption detected"
    assert wording.decision_type("something_new") == "Something new"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            LaunchInstance(
                id="1",
                instance_type="m5.large",
                availability_zone="us-east-1a",
                capacity_type=CapacityType.SPOT,
                replaces_node="node-a",
            ),
            "Launch m5.large in us-east-1a (Spot) in place of node-a",
        ),
        (CordonNode(id="2", node="node-a"), "Cordon node-a"),
        (DrainNode(id="3", node="node-a"), "Drain node-a, waiting at least 90 s for each pod"),
        (TerminateInstance(id="4", instance_id="i-1", node="node-a"), "Terminate i-1 (node-a)"),
        (WaitForNode(id="5", launch_step="1"), "Wait until the node of step 1 is Ready"),
        (
            TagResource(id="6", resource_id="i-1", key="a", value=None, previous="b"),
            "Remove tag a from i-1",
        ),
        (
            PatchServiceRouting(
                id="7",
                namespace="shop",
                service="db",
                setting=RoutingSetting.TRAFFIC_DISTRIBUTION,
                value="PreferClose",
                previous=None,
            ),
            "Route the traffic of Service shop/db: PreferClose",
        ),
    ],
)
def test_a_step_is_told_in_one_line(step, words):
    assert wording.describe_step(step) == words


@pytest.mark.parametrize(
    ("saving", "words"),
    [
        ("196.37", "Bin packing: safe, saves $196 a month"),
        ("-5.03", "Bin packing: safe, costs $5 a month"),
        ("0", "Bin packing: safe"),
    ],
)
def test_a_decision_is_told_with_what_it_saves_or_costs(saving, words):
    payload = {
        "decision_type": "bin_pack",
        "verdict": "approved",
        "estimated_savings": saving,
    }
    happened = Event(
        id=1,
        cluster_id="shop",
        type="optimization.completed",
        subject="shop",
        occurred_at=datetime(2026, 11, 21, tzinfo=UTC),
        payload=payload,
    )

    assert wording.event(happened) == ("✓", words)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("min_change_percent", "Minimum change %"),
        ("cpu_floor_m", "CPU floor millicores"),
        ("launch_spot", "Launch Spot"),
    ],
)
def test_the_label_of_a_parameter_writes_units_as_units(name, label):
    assert wording.parameter(name) == label
