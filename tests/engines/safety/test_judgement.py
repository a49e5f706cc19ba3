"""The verdict on plans: each layer on both sides of its limit, in every state on the way."""

import msgspec
import pytest

from engines.contracts.plan import ScaleWorkload, WorkloadRef
from engines.contracts.verdict import (
    Circumstances,
    PlanPurpose,
    PoolShare,
    SafetyLimits,
    SafetyVerdict,
    Severity,
    VerdictAction,
    ZoneShare,
)
from engines.safety import judge_plan
from tests.engines.safety.builders import (
    ALL_SAFE,
    SAME_SIZE,
    A,
    B,
    C,
    a_state,
    cordon,
    drain,
    launch,
    launch_on_demand,
    on_demand,
    spot,
    terminate,
    terminate_instance,
    twenty_nodes,
    wait,
)

LIMITS = SafetyLimits()
SMALL_ALLOWED = SafetyLimits(allow_small_cluster_exception=True)
SCALE = ScaleWorkload(
    id="s1",
    workload=WorkloadRef(kind="Deployment", namespace="shop", name="web"),
    replicas=0,
    previous_replicas=2,
)


def judged(nodes, *plan, limits=LIMITS, risks=ALL_SAFE, **declared):
    return judge_plan(a_state(*nodes), plan, limits, risks, Circumstances(**declared))


def broken(verdict):
    """(layer, subject) of what blocks."""
    return [
        (one.layer.value, one.subject)
        for one in verdict.violations
        if one.severity is Severity.ERROR
    ]


def passed(verdict):
    """(layer, subject, why) of what is recorded and does not block."""
    return [
        (one.layer.value, one.subject, "inherited" if one.inherited else one.exception_id)
        for one in verdict.violations
        if one.severity is Severity.WARNING
    ]


def on_demand_in(zones, count=1):
    return [on_demand(f"od-{zone[-1]}{n}", zone=zone) for zone in zones for n in range(count)]


def three_zones():
    return on_demand_in([A, B, C])


def pools_of_one(count):
    """Spot nodes in pools of their own, in zones a and b."""
    pools = [(name, zone) for zone in (A, B) for name in SAME_SIZE]
    return [
        spot(f"spot-{n}", zone=zone, instance_type=name)
        for n, (name, zone) in enumerate(pools[:count])
    ]


class TestVerdict:
    def test_a_plan_that_changes_no_node_is_not_applicable(self):
        verdict = judged(twenty_nodes(), SCALE, terminate_instance("i-ghost"))

        assert verdict.action_taken is VerdictAction.NOT_APPLICABLE
        assert verdict.is_safe
        assert verdict.violations == ()
        assert verdict.message == "the plan changes no node of the cluster"

    def test_a_plan_within_all_limits_is_approved(self):
        verdict = judged(twenty_nodes(), launch_on_demand("s1"), wait("s1"))

        assert verdict.action_taken is VerdictAction.APPROVED
        assert verdict.is_safe
        assert verdict.violations == verdict.exceptions == ()
        assert (
            verdict.message == "all five layers hold in each of the 3 states that the plan leads to"
        )

    def test_one_broken_layer_fails_the_whole(self):
        verdict = judged(twenty_nodes(), launch("s1", C), risks={})

        assert verdict.action_taken is VerdictAction.REJECTED
        assert not verdict.is_safe

    def test_the_message_of_a_rejection_names_the_first_layer_and_counts_the_others(self):
        """Of 20 nodes 3 are on-demand; one Spot instance more and one on-demand less: 2 of 20."""
        verdict = judged(twenty_nodes(), launch("s1", C), wait("s1"), terminate("od-0"), risks={})

        assert broken(verdict) == [(1, "m5.xlarge/us-east-1c"), (4, "cluster")]
        assert verdict.message.startswith("layer 1 is not met: the plan adds pool m5.xlarge")
        assert verdict.message.endswith("(and 1 more)")

    def test_the_message_of_a_single_breach_is_told_alone(self):
        verdict = judged(three_zones(), drain("od-c0"))

        assert verdict.message == f"layer 2 is not met: {verdict.violations[0].message}"

    def test_zones_pools_and_violations_stand_in_the_order_of_their_names(self):
        """The first node stands in zone c, the last in zone a; no risk is known."""
        nodes = [*on_demand_in([A, B, C], 9), spot("aa", C), spot("zz", A, "m5a.xlarge")]

        verdict = judged(nodes, launch("s2", B), launch("s1", A), risks={})

        assert [zone.availability_zone for zone in verdict.zones] == [A, B, C]
        assert [(pool.instance_type, pool.availability_zone) for pool in verdict.pools] == [
            ("m5.xlarge", A),
            ("m5.xlarge", B),
            ("m5.xlarge", C),
            ("m5a.xlarge", A),
        ]
        assert [one.subject for one in verdict.violations] == [
            "m5.xlarge/us-east-1a",
            "m5.xlarge/us-east-1b",
            "m5.xlarge/us-east-1c",
            "m5a.xlarge/us-east-1a",
        ]

    def test_the_shares_are_those_that_the_plan_leaves(self):
        """4 nodes and one Spot instance: zones a 3/5, b 1/5, c 1/5; on-demand 3/5."""
        nodes = [*on_demand_in([A, B, C]), spot("sp", A)]

        verdict = judged(nodes, launch("s1", A, "m5a.xlarge"))

        assert verdict.zones == (
            ZoneShare(availability_zone=A, nodes=3, share=0.6),
            ZoneShare(availability_zone=B, nodes=1, share=0.2),
            ZoneShare(availability_zone=C, nodes=1, share=0.2),
        )
        assert verdict.pools == (
            PoolShare(
                instance_type="m5.xlarge",
                availability_zone=A,
                nodes=1,
                share=0.2,
                risk_score=1.0,
                decided=False,
            ),
            PoolShare(
                instance_type="m5a.xlarge",
                availability_zone=A,
                nodes=1,
                share=0.2,
                risk_score=1.0,
                decided=True,
            ),
        )
        assert verdict.on_demand_share == 0.6

    def test_a_cluster_without_capacity_has_no_on_demand_share(self):
        assert judged([], SCALE).on_demand_share is None

    def test_a_verdict_survives_being_stored_as_json(self):
        verdict = judged(twenty_nodes(), launch("s1", C), wait("s1"), risks={})

        assert msgspec.json.decode(msgspec.json.encode(verdict), type=SafetyVerdict) == verdict

    def test_nodes_of_unknown_capacity_type_are_counted_as_spot_and_said_so(self):
        nodes = [*on_demand_in([A, B, C], 2), on_demand("x", capacity_type=None)]

        verdict = judged(nodes, launch_on_demand("s1"))

        assert verdict.message.endswith(
            "; nothing tells how 1 node is bought (first: 'x'), so that counts as Spot"
        )
        assert [pool.nodes for pool in verdict.pools] == [1]

    def test_the_order_of_the_nodes_does_not_matter(self):
        nodes = twenty_nodes()

        plan = [launch("s1", C), wait("s1"), drain("od-0")]

        assert judged(nodes, *plan) == judged(list(reversed(nodes)), *plan)


class TestRisk:
    @pytest.mark.parametrize(
        ("score", "safe"),
        [(1.0, True), (0.75, True), (0.75 - 1e-12, True), (0.7499, False), (0.0, False)],
    )
    def test_a_pool_that_the_plan_adds_needs_three_quarters(self, score, safe):
        """One trillionth below is what sums of floats make of 0.75."""
        nodes = on_demand_in([A, B, C], 2)

        verdict = judged(nodes, launch("s1"), wait("s1"), risks={("m5.xlarge", A): score})

        assert verdict.is_safe is safe
        assert broken(verdict) == ([] if safe else [(1, "m5.xlarge/us-east-1a")])

    def test_a_broken_limit_is_measured_and_told(self):
        nodes = on_demand_in([A, B, C], 2)

        [violation] = judged(nodes, launch("s1"), risks={("m5.xlarge", A): 0.7499}).violations

        assert (violation.measured, violation.limit) == (0.7499, 0.75)
        assert violation.message == (
            "the plan adds pool m5.xlarge/us-east-1a, which has the risk score 0.74, below 0.75;"
            " choose a safer pool or on-demand capacity"
        )

    @pytest.mark.parametrize(
        "risks", [{}, {("m5.xlarge", A): None}, {("m5.xlarge", A): float("nan")}]
    )
    def test_an_unknown_risk_is_unsafe_and_said_so(self, risks):
        [violation] = judged(on_demand_in([A, B, C], 2), launch("s1"), risks=risks).violations

        assert (violation.severity, violation.measured) == (Severity.ERROR, 0.0)
        assert "unknown risk, which counts as 0.00" in violation.message

    def test_a_pool_that_runs_already_is_only_pointed_out(self):
        nodes = [*on_demand_in([A, B, C], 2), spot("sp")]

        verdict = judged(nodes, launch_on_demand("s1"), risks={("m5.xlarge", A): 0.5})

        assert verdict.is_safe
        assert passed(verdict) == [(1, "m5.xlarge/us-east-1a", "inherited")]
        assert verdict.violations[0].measured == 0.5
        assert "the plan does not add to it" in verdict.violations[0].message

    def test_a_plan_that_adds_to_an_unsafe_pool_answers_for_it(self):
        nodes = [*on_demand_in([A, B, C], 3), spot("sp")]

        verdict = judged(nodes, launch("s1"), risks={("m5.xlarge", A): 0.5})

        assert broken(verdict) == [(1, "m5.xlarge/us-east-1a")]

    def test_an_unsafe_pool_that_the_plan_empties_is_not_mentioned(self):
        nodes = [*on_demand_in([A, B, C], 2), spot("sp")]

        plan = [launch_on_demand("s1"), wait("s1"), drain("sp")]
        assert judged(nodes, *plan, risks={}).violations == ()

    def test_on_demand_capacity_has_no_risk(self):
        assert judged(on_demand_in([A, B, C]), launch_on_demand("s1"), risks={}).is_safe

    def test_the_limit_is_the_clusters_own(self):
        nodes, risks = on_demand_in([A, B, C], 2), {("m5.xlarge", A): 0.8}

        assert judged(nodes, launch("s1"), risks=risks).is_safe
        stricter = SafetyLimits(min_risk_score=0.81)
        assert not judged(nodes, launch("s1"), risks=risks, limits=stricter).is_safe

    @pytest.mark.parametrize("purpose", list(PlanPurpose))
    def test_no_purpose_excuses_an_unsafe_pool(self, purpose):
        nodes = [*on_demand_in([A, B, C], 3), spot("sp", B)]

        verdict = judged(
            nodes, launch("s1"), risks={}, purpose=purpose, nodes_under_notice=frozenset({"sp"})
        )

        assert broken(verdict) == [(1, "m5.xlarge/us-east-1a")]


class TestZones:
    def test_the_last_node_of_a_third_zone_may_not_go(self):
        verdict = judged(on_demand_in([A, B, C]), drain("od-c0"))

        assert broken(verdict) == [(2, "cluster")]
        [violation] = verdict.violations
        assert (violation.measured, violation.limit) == (2.0, 3.0)
        assert violation.message == (
            "after the plan, nodes stand in 2 known zones (us-east-1a, us-east-1b), at least 3 are"
            " needed; launch a node in another zone first, or keep one there (an admin may allow"
            " the small-cluster exception)"
        )

    def test_the_last_node_of_a_fourth_zone_may_go(self):
        assert judged(on_demand_in([A, B, C, "us-east-1d"]), drain("od-d0")).is_safe

    def test_one_of_two_nodes_of_a_zone_may_go(self):
        assert judged(on_demand_in([A, B, C], 2), drain("od-c0")).is_safe

    def test_a_node_under_notice_holds_no_zone(self):
        nodes = [*on_demand_in([A, B, C]), spot("sp", C)]

        verdict = judged(nodes, drain("od-c0"), nodes_under_notice=frozenset({"sp"}))

        assert broken(verdict) == [(2, "cluster")]


class TestPools:
    def test_a_pool_may_grow_to_exactly_a_fifth(self):
        """3 + 1 of 19 + 1 nodes."""
        nodes = twenty_nodes(on_demand_nodes=4, largest_pool=3)[:19]

        assert judged(nodes, launch("s1"), wait("s1")).is_safe

    def test_a_pool_may_not_grow_beyond_a_fifth(self):
        """4 + 1 of 20 + 1 nodes are 23.81 %, rounded up."""
        verdict = judged(twenty_nodes(on_demand_nodes=5), launch("s1"), wait("s1"))

        [violation] = verdict.violations
        assert broken(verdict) == [(3, "m5.xlarge/us-east-1a")]
        assert (violation.measured, violation.limit) == (5 / 21, 0.2)
        assert violation.message == (
            "after the plan, Spot pool m5.xlarge/us-east-1a carries 23.81 % of capacity (5 of 21"
            " nodes), at most 20 % is allowed; spread the instances over more pools, or launch"
            " others first"
        )

    def test_a_pool_grows_beyond_a_fifth_when_others_leave(self):
        """4 of 20, then 4 of 19 nodes: 21.06 %."""
        verdict = judged(twenty_nodes(), drain("spot-00"))

        assert broken(verdict)[0] == (3, "m5.xlarge/us-east-1a")
        assert "21.06 %" in verdict.violations[0].message

    def test_what_leaves_may_be_the_pool_itself(self):
        nodes = [node for node in twenty_nodes() if node.name != "large-0"]
        nodes += [spot("more-0", C, "m7i.xlarge"), spot("more-1", C, "m6i.xlarge")]

        assert judged(nodes, drain("large-1")).is_safe


class TestOnDemand:
    def test_the_buffer_may_shrink_to_exactly_15_percent(self):
        """4 of 21 nodes less one on-demand: 3 of 20."""
        nodes = [*twenty_nodes(), on_demand("more")]

        assert judged(nodes, drain("more")).is_safe

    def test_the_buffer_may_not_shrink_below_15_percent(self):
        """3 of 20 nodes less one: 2 of 19 are 10.52 %, rounded down; 2.85 would be needed: 3."""
        nodes = [node for node in twenty_nodes(largest_pool=3) if node.name != "spot-00"]

        verdict = judged([*nodes, on_demand("x", ready=False)], drain("od-0"))

        [violation] = [one for one in verdict.violations if one.layer == 4]
        assert violation.severity is Severity.ERROR
        assert (violation.measured, violation.limit) == (2 / 18, 0.15)
        assert violation.message == (
            "after the plan, 11.11 % of capacity is on-demand (2 of 18 nodes; at least 1 more), at"
            " least 15 % is needed; launch on-demand capacity first, or keep more of it"
        )

    def test_one_more_spot_node_dilutes_a_buffer_that_is_just_large_enough(self):
        """3 of 20 pass; 3 of 21 are 14.28 %, rounded down."""
        verdict = judged(twenty_nodes(), launch("s1", C))

        assert broken(verdict) == [(4, "cluster")]
        assert "14.28 %" in verdict.violations[0].message

    def test_the_limit_is_the_clusters_own(self):
        looser = SafetyLimits(min_on_demand_share=0.14)

        assert judged(twenty_nodes(), launch("s1", C), limits=looser).is_safe


class TestLoosenedLimits:
    """What only a loosened limit allows is recorded, measured against the default limit."""

    LOOSER = SafetyLimits(min_availability_zones=2, max_pool_share=0.5, min_on_demand_share=0.1)

    def test_each_limit_that_is_used_beyond_its_default_is_an_exception(self):
        """1 of 9 nodes on-demand, 3 of 9 in a pool, two zones."""
        nodes = [on_demand("od", A), *pools_of_one(5), *(spot(f"s{n}", B) for n in range(2))]

        verdict = judged(nodes, launch("s1", B), limits=self.LOOSER)

        assert verdict.is_safe
        assert verdict.exceptions == ("loosened_limit",)
        assert passed(verdict) == [
            (2, "cluster", "loosened_limit"),
            (3, "m5.xlarge/us-east-1b", "loosened_limit"),
            (4, "cluster", "loosened_limit"),
        ]
        assert [one.limit for one in verdict.violations] == [3.0, 0.2, 0.15]
        assert verdict.violations[0].message.endswith(
            "it passes by the recorded exception loosened_limit: an admin has loosened this limit"
            " of the cluster"
        )

    def test_a_loosened_limit_that_is_not_used_is_not_mentioned(self):
        assert judged(three_zones(), launch_on_demand("s1"), limits=self.LOOSER).violations == ()

    def test_beyond_the_loosened_limit_there_is_one_violation(self):
        """5 of 9 nodes in a pool."""
        nodes = [*three_zones(), spot("x", B, "m7i.xlarge"), *(spot(f"s{n}") for n in range(4))]

        verdict = judged(nodes, launch("s1"), limits=self.LOOSER)

        assert broken(verdict) == [(3, "m5.xlarge/us-east-1a")]
        assert [one.limit for one in verdict.violations] == [0.5]


class TestOrderOfSteps:
    def test_launching_first_is_safe_where_terminating_first_is_not(self):
        nodes = on_demand_in([A, B, C])
        new, gone = [launch_on_demand("s1", C), wait("s1")], [drain("od-c0"), terminate("od-c0")]

        assert judged(nodes, *new, *gone).is_safe
        first_gone = judged(nodes, *gone, *new)
        assert broken(first_gone) == [(2, "cluster")]
        assert first_gone.violations[0].message.startswith("after step 'drain-od-c0' (drain_node)")

    def test_a_launched_instance_counts_for_a_drain_only_once_it_was_waited_for(self):
        nodes = on_demand_in([A, B, C])

        verdict = judged(nodes, launch_on_demand("s1", C), drain("od-c0"), wait("s1"))

        assert broken(verdict) == [(2, "cluster")]

    def test_an_instance_that_nobody_waits_for_does_not_carry_a_drain(self):
        assert not judged(
            on_demand_in([A, B, C]), launch_on_demand("s1", C), drain("od-c0")
        ).is_safe

    def test_spot_that_is_still_joining_may_dilute_the_buffer_during_a_drain(self):
        """3 of 20; two Spot and one on-demand instance are on their way while a Spot node is
        drained. With the Spot ones alone there are 3 of 21; at the end there are 4 of 22."""
        coming = [launch("s1", C), launch("s2", C), launch_on_demand("s3", C)]

        verdict = judged(
            twenty_nodes(), *coming, drain("spot-00"), *(wait(step.id) for step in coming)
        )

        assert (4, "cluster") in broken(verdict)
        assert verdict.violations[-1].measured == 3 / 21

    def test_the_worst_state_is_reported_once(self):
        """Three, two, one zone: the worst is one, after the last step and so after the plan."""
        nodes = on_demand_in([A, B, C])

        verdict = judged(
            nodes, drain("od-c0"), drain("od-b0"), launch_on_demand("s1", C), wait("s1")
        )

        [violation] = verdict.violations
        assert violation.measured == 1.0
        assert violation.message.startswith("after step 'drain-od-b0' (drain_node), ")

    def test_of_equally_bad_states_the_first_is_named(self):
        nodes = on_demand_in([A, B, C], 2)

        plan = [
            drain("od-c0"),
            drain("od-c1"),
            drain("od-b0"),
            launch_on_demand("s1", C),
            wait("s1"),
        ]

        assert judged(nodes, *plan).violations[0].message.startswith("after step 'drain-od-c1'")


class TestInherited:
    def test_what_was_broken_before_and_is_no_worse_after_does_not_block(self):
        nodes = on_demand_in([A, B], 2)

        verdict = judged(nodes, drain("od-a0"))

        assert verdict.is_safe
        assert passed(verdict) == [(2, "cluster", "inherited")]
        assert verdict.exceptions == ()
        assert verdict.violations[0].message == (
            "after the plan, nodes stand in 2 known zones (us-east-1a, us-east-1b), at least 3 are"
            " needed; it does not block the plan: the cluster was no better before it"
        )
        assert verdict.message == (
            "nothing that the plan does breaks a layer in the 2 states that it leads to; 1"
            " breach passes as inherited or by a recorded exception"
        )

    def test_what_gets_worse_blocks_though_it_was_broken_before(self):
        assert broken(judged(on_demand_in([A, B]), drain("od-a0"))) == [(2, "cluster")]

    def test_what_is_worse_on_the_way_blocks_though_it_ends_no_worse(self):
        plan = [drain("od-a0"), launch_on_demand("s1", A), wait("s1")]

        assert broken(judged(on_demand_in([A, B]), *plan)) == [(2, "cluster")]

    def test_what_the_plan_heals_is_not_recorded(self):
        verdict = judged(on_demand_in([A, B]), launch_on_demand("s1", C), wait("s1"))

        assert verdict.is_safe
        assert verdict.violations == ()

    def test_a_large_pool_may_stay_as_large_and_not_grow(self):
        """3 of 10 nodes; with one on-demand more 3 of 11; with one less 3 of 9."""
        nodes = [*on_demand_in([A, B, C], 2), on_demand("x"), *(spot(f"s{n}") for n in range(3))]

        assert passed(judged(nodes, launch_on_demand("s1"))) == [
            (3, "m5.xlarge/us-east-1a", "inherited")
        ]
        assert broken(judged(nodes, drain("x"))) == [(3, "m5.xlarge/us-east-1a")]

    def test_the_share_at_the_end_is_what_is_recorded(self):
        nodes = [*on_demand_in([A, B, C], 2), on_demand("x"), *(spot(f"s{n}") for n in range(3))]

        [violation] = judged(nodes, launch_on_demand("s1"), wait("s1")).violations

        assert violation.measured == 3 / 11

    def test_another_pool_that_breaks_is_no_inheritance(self):
        """Two pools of 3 in 10: one was there, the other is new."""
        nodes = [*on_demand_in([A, B, C], 2), on_demand("x"), *(spot(f"s{n}") for n in range(3))]
        others = [launch(f"s{n}", B) for n in range(3)]

        assert broken(judged(nodes, *others)) == [(3, "m5.xlarge/us-east-1b")]

    def test_a_missing_buffer_may_stay_missing_and_not_shrink(self):
        """1 of 10 nodes: 10 %."""
        nodes = [*on_demand_in([C]), *pools_of_one(9)]

        assert passed(judged(nodes, cordon("spot-0"))) == [(4, "cluster", "inherited")]
        assert passed(judged(nodes, drain("spot-0")))[-1] == (4, "cluster", "inherited")
        assert broken(judged(nodes, launch("s1", C))) == [(4, "cluster")]


class TestJoining:
    """Growth from a small start: 3 nodes and 6 instances in 3 pools."""

    NODES = on_demand_in([A, B, C], 1)
    PLAN = tuple(launch(f"s{n}", zone, SAME_SIZE[n % 5]) for n, zone in enumerate([A, B, C, A, B]))

    def test_a_share_that_is_large_only_until_all_have_joined_is_a_recorded_exception(self):
        """The first of them is 1 of 4, at the end each pool is 1 of 8."""
        verdict = judged(self.NODES, *self.PLAN, *(wait(step.id) for step in self.PLAN))

        assert verdict.is_safe
        assert verdict.exceptions == ("instances_joining",)
        assert {why for _, _, why in passed(verdict)} == {"instances_joining"}
        assert passed(verdict)[0] == (3, "m5.xlarge/us-east-1a", "instances_joining")
        assert verdict.violations[0].measured == 0.25
        assert verdict.violations[0].message.endswith(
            "it passes by the recorded exception instances_joining: launched instances are still"
            " joining"
        )

    def test_it_does_not_hold_for_what_remains(self):
        """1 of 4 at the end."""
        assert broken(judged(self.NODES, self.PLAN[0])) == [(3, "m5.xlarge/us-east-1a")]

    def test_it_does_not_hold_once_something_is_taken_away(self):
        verdict = judged(
            [*self.NODES, on_demand("x")],
            *self.PLAN,
            drain("x"),
            *(wait(step.id) for step in self.PLAN),
        )

        assert (3, "m5.xlarge/us-east-1a") in broken(verdict)

    def test_it_does_not_hold_for_zones(self):
        """Launching in one zone while the third is empty: no worse than before, so inherited."""
        verdict = judged(on_demand_in([A, B], 3), launch("s1", A), wait("s1"))

        assert passed(verdict) == [(2, "cluster", "inherited")]


class TestSleep:
    NODES = twenty_nodes()
    PLAN = tuple(drain(node.name) for node in NODES if node.name != "spot-00")

    def test_sleep_is_a_recorded_exception(self):
        verdict = judged(self.NODES, *self.PLAN, purpose=PlanPurpose.SCHEDULED_SLEEP)

        assert verdict.is_safe
        assert verdict.action_taken is VerdictAction.APPROVED
        assert verdict.exceptions == ("scheduled_sleep",)
        assert {layer for layer, _, _ in passed(verdict)} == {2, 3, 4}
        assert {one.exception_id for one in verdict.violations} == {"scheduled_sleep"}

    def test_the_same_plan_for_no_declared_purpose_is_rejected(self):
        assert {layer for layer, _ in broken(judged(self.NODES, *self.PLAN))} == {2, 3, 4}

    def test_sleep_that_launches_is_no_sleep(self):
        verdict = judged(
            self.NODES, *self.PLAN, launch_on_demand("s1"), purpose=PlanPurpose.SCHEDULED_SLEEP
        )

        assert not verdict.is_safe
        assert "scheduled_sleep" not in verdict.exceptions


class TestWake:
    ASLEEP = (on_demand("od-a", zone=A),)

    def test_waking_must_satisfy_all_layers(self):
        """One node of before and two launched: two zones."""
        plan = [launch_on_demand("s1", B), launch_on_demand("s2", B)]

        verdict = judged(self.ASLEEP, *plan, purpose=PlanPurpose.SCHEDULED_WAKE)

        assert broken(verdict) == [(2, "cluster")]
        assert judged(self.ASLEEP, *plan).is_safe

    def test_what_is_still_asleep_on_the_way_does_not_block(self):
        plan = [launch_on_demand("s1", B), wait("s1"), launch_on_demand("s2", C), wait("s2")]

        verdict = judged(self.ASLEEP, *plan, purpose=PlanPurpose.SCHEDULED_WAKE)

        assert verdict.is_safe
        assert verdict.violations == ()


class TestInterruption:
    """Six nodes in three zones; the two Spot nodes of zone c are under notice."""

    NODES = (*on_demand_in([A, B], 2), spot("c-1", C), spot("c-2", C))
    NOTICE = frozenset({"c-1", "c-2"})

    def replaced(self, *plan, notice=NOTICE, **more):
        return judged(
            self.NODES,
            *plan,
            purpose=PlanPurpose.INTERRUPTION,
            nodes_under_notice=notice,
            **more,
        )

    def test_zones_and_concentration_may_break_by_a_recorded_exception(self):
        """Two of 6 in one pool of zone a: 33 %. Zones are no worse than with the notice."""
        verdict = self.replaced(
            cordon("c-1"), launch("s1"), launch("s2"), drain("c-1"), wait("s1"), wait("s2")
        )

        assert verdict.is_safe
        assert passed(verdict) == [
            (2, "cluster", "inherited"),
            (3, "m5.xlarge/us-east-1a", "instances_joining"),
            (3, "m5.xlarge/us-east-1a", "interruption"),
        ]
        assert verdict.exceptions == ("instances_joining", "interruption")

    def test_the_same_plan_for_no_declared_purpose_is_rejected(self):
        verdict = judged(self.NODES, launch("s1"), launch("s2"), nodes_under_notice=self.NOTICE)

        assert broken(verdict) == [(3, "m5.xlarge/us-east-1a")]

    def test_the_buffer_may_not_break(self):
        """One on-demand and 7 Spot: 12.5 %; before the plan it was one of 6."""
        nodes = [*on_demand_in([C]), *pools_of_one(5), spot("gone", C), spot("gone-2", C)]

        verdict = judged(
            nodes,
            launch("s1", C),
            launch("s2", C),
            purpose=PlanPurpose.INTERRUPTION,
            nodes_under_notice=frozenset({"gone", "gone-2"}),
        )

        assert broken(verdict) == [(4, "cluster")]

    def test_a_plan_that_takes_away_other_capacity_is_no_replacement(self):
        verdict = self.replaced(launch("s1"), launch("s2"), wait("s1"), wait("s2"), drain("od-a0"))

        assert (3, "m5.xlarge/us-east-1a") in broken(verdict)

    def test_without_a_notice_there_is_no_interruption(self):
        verdict = self.replaced(launch("s1"), launch("s2"), notice=frozenset())

        assert broken(verdict) == [(3, "m5.xlarge/us-east-1a")]


class TestSmallCluster:
    """Two nodes, two zones, one of them Spot: 50 % in a pool."""

    NODES = (on_demand("od", zone=A), spot("sp", B))

    def test_the_rule_holds_only_where_it_is_switched_on(self):
        plan = [launch("s1", B), wait("s1"), drain("sp")]
        start = [on_demand("od", zone=A), spot("sp", B, "m5a.xlarge")]

        off = judged(start, *plan)
        on = judged(start, *plan, limits=SMALL_ALLOWED)

        assert (3, "m5.xlarge/us-east-1b") in broken(off)
        assert "an admin may allow the small-cluster exception" in off.violations[-1].message
        assert on.is_safe
        assert on.exceptions == ("small_cluster",)

    def test_each_use_of_the_rule_is_recorded(self):
        verdict = judged(self.NODES, cordon("sp"), limits=SMALL_ALLOWED)

        assert passed(verdict) == [
            (2, "cluster", "small_cluster"),
            (3, "m5.xlarge/us-east-1b", "small_cluster"),
        ]
        assert verdict.exceptions == ("small_cluster",)
        assert "too few nodes for the limit" in verdict.violations[0].message

    def test_the_rule_allows_no_second_node_in_a_pool(self):
        nodes = [on_demand("od-1", zone=A), on_demand("od-2", zone=B), spot("sp", C)]

        verdict = judged(nodes, launch("s1", C), wait("s1"), limits=SMALL_ALLOWED)

        assert broken(verdict) == [(3, "m5.xlarge/us-east-1c")]

    def test_the_rule_allows_no_missing_buffer(self):
        verdict = judged(self.NODES, drain("od"), limits=SMALL_ALLOWED)

        assert broken(verdict) == [(4, "cluster")]

    def test_a_cluster_may_not_be_emptied_by_the_rule(self):
        verdict = judged(self.NODES, drain("od"), drain("sp"), limits=SMALL_ALLOWED)

        assert (2, "cluster") in broken(verdict)


class TestUnjudgeable:
    def test_a_step_that_cannot_be_judged_fails_layer_5(self):
        verdict = judged(on_demand_in([A, B, C]), drain("nobody"))

        assert verdict.action_taken is VerdictAction.REJECTED
        [violation] = verdict.violations
        assert (violation.layer, violation.subject) == (5, "nobody")
        assert (violation.measured, violation.limit) == (1.0, 0.0)
        assert "'nobody', which the cluster does not have" in violation.message

    def test_an_instance_type_without_a_size_is_named(self):
        verdict = judged(on_demand_in([A, B, C]), launch_on_demand("s1", A, "x1.huge"))

        assert broken(verdict) == [(5, "x1.huge")]

    def test_the_same_problem_is_told_once(self):
        verdict = judged(on_demand_in([A, B, C]), cordon("nobody"), cordon("nobody"))

        assert broken(verdict) == [(5, "cordon-nobody"), (5, "nobody")]


class TestEmptyCluster:
    def test_a_cluster_can_be_started_from_nothing(self):
        plan = [launch_on_demand(f"s{n}", zone) for n, zone in enumerate([A, B, C])]

        verdict = judged([], *plan, *(wait(step.id) for step in plan))

        assert verdict.is_safe
        assert verdict.on_demand_share == 1.0

    def test_a_cluster_may_not_be_emptied(self):
        verdict = judged(on_demand_in([A, B, C]), *(drain(f"od-{zone}0") for zone in "abc"))

        assert broken(verdict) == [(2, "cluster")]
        assert verdict.violations[0].measured == 0.0
        assert verdict.on_demand_share is None
