"""The five layers of a verdict, one by one."""

from engines.contracts.verdict import (
    PoolShare,
    SafetyLayer,
    SafetyLimits,
    SafetyVerdict,
    Severity,
    VerdictAction,
    Violation,
    ZoneShare,
)
from ui.components.verdict import read_layers

ZONES = tuple(
    ZoneShare(availability_zone=f"us-east-1{letter}", nodes=2, share=1 / 3) for letter in "abc"
)


def a_pool(share: float = 0.1, score: float | None = 0.9, *, decided: bool = True) -> PoolShare:
    return PoolShare(
        instance_type="m5.large",
        availability_zone="us-east-1a",
        nodes=1,
        share=share,
        risk_score=score,
        decided=decided,
    )


def a_verdict(*violations: Violation, **changes) -> SafetyVerdict:
    values = {
        "is_safe": True,
        "action_taken": VerdictAction.APPROVED,
        "message": "all layers hold",
        "violations": violations,
        "zones": ZONES,
        "pools": (a_pool(),),
        "on_demand_share": 0.4,
    } | changes
    return SafetyVerdict(**values)


def a_violation(**changes) -> Violation:
    values = {
        "layer": SafetyLayer.POOL_CONCENTRATION,
        "severity": Severity.ERROR,
        "subject": "m5.large/us-east-1a",
        "measured": 0.3,
        "limit": 0.2,
        "message": "pool m5.large/us-east-1a carries 30 %",
    } | changes
    return Violation(**values)


def layer(verdict: SafetyVerdict, which: SafetyLayer):
    return read_layers(verdict, SafetyLimits())[which - 1]


def test_a_safe_verdict_shows_what_was_measured_beside_each_limit():
    readings = read_layers(a_verdict(), SafetyLimits())

    assert [(one.state, one.measured, one.limit) for one in readings] == [
        ("ok", "0.900", "≥ 0.75"),
        ("ok", "3 zones", "≥ 3"),
        ("ok", "10.0%", "≤ 20%"),
        ("ok", "40.0%", "≥ 15%"),
        ("ok", "all hold", "all"),
    ]


def test_an_error_breaks_its_layer_and_all_together():
    verdict = a_verdict(a_violation(), is_safe=False, action_taken=VerdictAction.REJECTED)

    broken = [one.layer for one in read_layers(verdict, SafetyLimits()) if one.state == "broken"]

    assert broken == [SafetyLayer.POOL_CONCENTRATION, SafetyLayer.ALL_TOGETHER]


def test_what_the_cluster_broke_before_is_a_remark_and_does_not_break_the_layer():
    verdict = a_verdict(a_violation(inherited=True))

    assert layer(verdict, SafetyLayer.POOL_CONCENTRATION).state == "warning"


def test_what_a_recorded_exception_lets_pass_is_a_remark():
    verdict = a_verdict(a_violation(exception_id="small_cluster"))

    assert layer(verdict, SafetyLayer.POOL_CONCENTRATION).state == "warning"


def test_a_finding_is_a_sentence():
    verdict = a_verdict(a_violation())

    assert layer(verdict, SafetyLayer.POOL_CONCENTRATION).findings == (
        "Pool m5.large/us-east-1a carries 30 %",
    )


def test_the_risk_layer_looks_at_new_pools_only_and_an_unknown_score_is_zero():
    there_already = a_verdict(pools=(a_pool(score=0.2, decided=False),))
    unknown = a_verdict(pools=(a_pool(score=None),))

    assert layer(there_already, SafetyLayer.RISK).measured == "no new pool"
    assert layer(unknown, SafetyLayer.RISK).measured == "0.000"
