"""Layers 2 to 4 on single states, on both sides of each limit. Nodes are equal unless said."""

from fractions import Fraction

import pytest

from engines.contracts.verdict import SafetyLayer, SafetyLimits
from engines.safety.fleet import Fleet, FleetNode, Pool, Room
from engines.safety.layers import ExactLimits, FleetState, breaches_of, whole_nodes_missing

A, B, C = "a", "b", "c"
FIFTEEN = Fraction(15, 100)


def a_node(zone=A, pool=None, cpu=1000, memory=1000):
    return FleetNode(Room(1, cpu, memory), zone, Pool(pool, zone or "?") if pool else None)


def on_demand(count, zone=A, **size):
    return [a_node(zone, **size) for _ in range(count)]


def spot(count, pool="m5", zone=A, **size):
    return [a_node(zone, pool, **size) for _ in range(count)]


def many_pools(count):
    """``count`` Spot nodes, each in a pool of its own."""
    return [a_node(A, f"type-{n:02}") for n in range(count)]


def in_three_zones(nodes):
    """The same nodes with two tiny on-demand ones elsewhere, so that layer 2 is silent."""
    return [*nodes, a_node(B, cpu=0, memory=0), a_node(C, cpu=0, memory=0)]


def breaches(nodes, coming=(), **limits):
    state = FleetState(moment="now", joined=Fleet.of(nodes), on_its_way=Fleet.of(coming))
    return list(breaches_of(state, ExactLimits.of(SafetyLimits(**limits))))


def layers(nodes, coming=(), **limits):
    return {breach.layer for breach in breaches(nodes, coming, **limits)}


class TestZones:
    @pytest.mark.parametrize(
        ("zones", "broken"), [([A], True), ([A, B], True), ([A, B, C], False), ([*"abcd"], False)]
    )
    def test_three_zones_are_enough_and_two_are_not(self, zones, broken):
        nodes = [a_node(zone) for zone in zones for _ in range(5)]

        assert (SafetyLayer.AZ_DISTRIBUTION in layers(nodes)) is broken

    def test_nodes_of_every_capacity_type_count(self):
        nodes = [*on_demand(10, A), *on_demand(10, B), a_node(C, "m5")]

        assert layers(nodes) == set()

    def test_a_node_in_no_known_zone_counts_for_none(self):
        [breach] = breaches([*on_demand(2, B), *on_demand(2, A), *on_demand(2, None)])

        assert (breach.measured, breach.limit, breach.detail) == (2, 3, "a, b")
        assert breach.subject == "cluster"

    def test_an_instance_on_its_way_stands_in_no_zone_yet(self):
        nodes = [*on_demand(3, A), *on_demand(3, B)]

        assert layers(nodes, coming=on_demand(1, C)) == {SafetyLayer.AZ_DISTRIBUTION}

    def test_the_limit_is_the_clusters_own(self):
        nodes = [*on_demand(3, A), *on_demand(3, B)]

        assert layers(nodes, min_availability_zones=2) == set()
        assert layers(in_three_zones(nodes), min_availability_zones=4) == {
            SafetyLayer.AZ_DISTRIBUTION
        }

    def test_an_empty_cluster_stands_in_no_zone(self):
        [breach] = breaches([])

        assert (breach.layer, breach.measured, breach.detail) == (2, 0, "none")
        assert not breach.small_cluster

    @pytest.mark.parametrize(
        ("zones", "fits"),
        [([A], True), ([A, B], True), ([A, A], False), ([A, A, B], False), ([A, None], False)],
    )
    def test_the_small_cluster_rule_asks_for_a_zone_for_each_node(self, zones, fits):
        [breach] = breaches([a_node(zone) for zone in zones])

        assert breach.small_cluster is fits


class TestPools:
    def test_a_pool_of_exactly_a_fifth_passes(self):
        """2 of 10 nodes are 20 %."""
        assert layers(in_three_zones([*spot(2), *on_demand(8)])) == set()

    def test_a_pool_of_more_than_a_fifth_fails(self):
        """2 of 9 nodes are 22.2 %."""
        [breach] = breaches(in_three_zones([*spot(2), *on_demand(7)]))

        assert breach.key == (SafetyLayer.POOL_CONCENTRATION, "m5/a")
        assert breach.measured == Fraction(2, 9)
        assert breach.limit == Fraction(1, 5)
        assert breach.detail == "2 of 11 nodes"

    @pytest.mark.parametrize(
        ("cpu", "memory", "broken"), [(20, 20, False), (21, 0, True), (0, 21, True)]
    )
    def test_the_larger_of_vcpu_and_memory_decides(self, cpu, memory, broken):
        """Of 100 and 100: 20 % passes, 21 % of either alone fails."""
        rest = [a_node(A, cpu=100 - cpu, memory=100 - memory)]

        nodes = in_three_zones([*spot(1, cpu=cpu, memory=memory), *rest])

        assert (SafetyLayer.POOL_CONCENTRATION in layers(nodes)) is broken

    @pytest.mark.parametrize(("count", "broken"), [(3, False), (4, True)])
    def test_the_limit_is_the_clusters_own(self, count, broken):
        """Of 10 nodes 3 are 30 %, 4 are 40 %."""
        nodes = in_three_zones([*spot(count), *on_demand(10 - count)])

        found = layers(nodes, max_pool_share=0.3)

        assert (SafetyLayer.POOL_CONCENTRATION in found) is broken

    def test_one_type_in_two_zones_is_two_pools(self):
        nodes = [*spot(2, zone=A), *spot(2, zone=B), *on_demand(6, C)]

        assert layers(nodes) == set()

    def test_two_types_in_one_zone_are_two_pools(self):
        nodes = in_three_zones([*spot(2, "m5"), *spot(2, "c5"), *on_demand(6)])

        assert layers(nodes) == set()

    def test_every_pool_above_the_limit_is_named(self):
        nodes = in_three_zones([*spot(3, "m5"), *spot(3, "c5"), *on_demand(4)])

        assert [breach.subject for breach in breaches(nodes)] == ["c5/a", "m5/a"]

    def test_on_demand_nodes_of_one_type_in_one_zone_are_no_pool(self):
        assert layers(in_three_zones(on_demand(10))) == set()

    def test_instances_of_a_pool_may_join_before_all_others(self):
        """2 and 1 coming of 10 + 1, with 9 others still on their way: 3 of 11 are 27 %."""
        nodes = in_three_zones([*spot(2), *on_demand(8)])

        [breach] = breaches(nodes, coming=[*spot(1), *on_demand(9)])

        assert breach.measured == Fraction(3, 11)

    def test_a_pool_that_is_all_on_its_way_is_measured_too(self):
        """3 coming beside 10: 3 of 13 are 23 %."""
        [breach] = breaches(in_three_zones(on_demand(10)), coming=spot(3, "c5"))

        assert (breach.subject, breach.measured) == ("c5/a", Fraction(3, 13))

    @pytest.mark.parametrize(
        ("nodes", "fits"),
        [
            ([*spot(1), *on_demand(3)], True),  # 4 nodes: even the average one is 25 %
            ([*spot(2), *on_demand(2)], False),  # two nodes in one pool
            ([*spot(1, cpu=3000), *on_demand(4)], False),  # 5 nodes: 20 % is possible
        ],
    )
    def test_the_small_cluster_rule_lets_a_pool_have_one_node(self, nodes, fits):
        [breach] = [one for one in breaches(nodes) if one.layer == 3]

        assert breach.small_cluster is fits

    def test_the_small_cluster_rule_lets_no_spot_in_where_none_is_allowed(self):
        breach = breaches([*spot(1), *on_demand(3)], max_pool_share=0.0)[1]

        assert (breach.layer, breach.small_cluster) == (3, False)


class TestOnDemand:
    def test_exactly_15_percent_passes(self):
        """3 of 20 equal nodes."""
        assert layers(in_three_zones([*on_demand(3), *many_pools(17)])) == set()

    def test_less_than_15_percent_fails(self):
        """3 of 21 equal nodes are 14.3 %; four whole nodes would be needed."""
        [breach] = breaches([*on_demand(3), *many_pools(18)], min_availability_zones=1)

        assert breach.key == (SafetyLayer.ON_DEMAND_BUFFER, "cluster")
        assert breach.measured == Fraction(1, 7)
        assert breach.limit == FIFTEEN
        assert breach.detail == "3 of 21 nodes; at least 1 more"
        assert not breach.small_cluster

    @pytest.mark.parametrize(
        ("nodes", "enough"),
        [(1, 1), (6, 1), (7, 2), (13, 2), (14, 3), (20, 3), (21, 4), (26, 4), (27, 5)],
    )
    def test_equal_nodes_are_rounded_up_to_whole_ones(self, nodes, enough):
        """0.15 x 6 = 0.9, so 1; x 7 = 1.05, so 2; x 20 = 3; x 21 = 3.15, so 4 ..."""
        one_too_few = [*on_demand(enough - 1), *many_pools(nodes - enough + 1)]
        just_enough = [*on_demand(enough), *many_pools(nodes - enough)]

        assert SafetyLayer.ON_DEMAND_BUFFER in layers(one_too_few)
        assert SafetyLayer.ON_DEMAND_BUFFER not in layers(just_enough)

    @pytest.mark.parametrize(("cpu", "enough"), [(1499, False), (1500, True)])
    def test_unequal_nodes_are_measured_by_what_they_hold(self, cpu, enough):
        """One on-demand node of 1,499 m is 14.99 % of 10,000 m, one of 1,500 m is 15 %."""
        spot_nodes = [a_node(A, "big", cpu=10_000 - cpu, memory=10_000)]

        nodes = [*on_demand(1, cpu=cpu, memory=0), *spot_nodes]

        assert (SafetyLayer.ON_DEMAND_BUFFER not in layers(nodes)) is enough

    def test_the_larger_of_vcpu_and_memory_decides(self):
        """5 % of the vCPU, but 15 % of the memory."""
        nodes = [a_node(cpu=5, memory=15), a_node(A, "m5", cpu=95, memory=85)]

        assert SafetyLayer.ON_DEMAND_BUFFER not in layers(nodes)

    def test_spot_on_its_way_may_join_before_on_demand(self):
        """3 of 20, one Spot and five on-demand coming: at worst 3 of 21."""
        nodes = in_three_zones([*on_demand(3), *many_pools(17)])

        [breach] = breaches(nodes, coming=[*spot(1), *on_demand(5)])

        assert breach.measured == Fraction(1, 7)
        assert breach.detail == "5 of 23 nodes; at least 1 more"

    def test_on_demand_on_its_way_does_not_dilute_the_buffer(self):
        nodes = in_three_zones([*on_demand(3), *many_pools(17)])

        assert layers(nodes, coming=on_demand(5)) == set()

    def test_an_empty_cluster_has_no_buffer_to_miss(self):
        assert layers([]) == {SafetyLayer.AZ_DISTRIBUTION}

    def test_nodes_that_offer_nothing_are_no_buffer(self):
        assert SafetyLayer.ON_DEMAND_BUFFER in layers(on_demand(3, cpu=0, memory=0))


class TestWholeNodesMissing:
    def test_the_largest_nodes_are_counted_first(self):
        """15 % of 100,000 m are 15,000 m: the one large node has 10,000, then 5 of 1,000."""
        nodes = [*spot(1, "large", cpu=10_000, memory=0), *spot(90, "small", cpu=1000, memory=1)]

        assert missing(nodes) == 6

    def test_the_amount_that_needs_fewer_nodes_decides(self):
        """vCPU: 15 of 100, one node of 50 is enough; memory: 15 of 100 at 5 each takes 3."""
        nodes = [*spot(2, "cpu", cpu=50, memory=5), *spot(18, "rest", cpu=0, memory=5)]

        assert missing(nodes) == 1

    def test_small_nodes_behind_a_large_one_that_is_enough_are_not_counted(self):
        """15 of 100 are needed; the large node has 30."""
        assert missing([*spot(1, "large", cpu=30, memory=30), *spot(70, cpu=1, memory=1)]) == 1

    def test_the_smallest_gap_takes_a_node(self):
        """14 of 100 are there, 15 are needed."""
        assert missing([a_node(cpu=14, memory=14), *spot(86, cpu=1, memory=1)]) == 1

    def test_what_is_on_demand_already_is_counted(self):
        """20 nodes need 3; one is there."""
        assert missing([*on_demand(1), *many_pools(19)]) == 2

    @pytest.mark.parametrize(("cpu", "memory"), [(10, 0), (0, 10)])
    def test_what_is_on_demand_already_is_counted_in_its_own_amount(self, cpu, memory):
        """15 % of 100 less 10 are 5, one node of 10; 15 % of the other 90 are 13.5, two nodes."""
        assert missing([a_node(cpu=cpu, memory=memory), *spot(9, "x", cpu=10, memory=10)]) == 1

    def test_spot_on_its_way_counts_as_spot(self):
        """34 nodes with those coming need 5.1, so 6; three are there."""
        assert missing([*on_demand(3), *many_pools(17)], spot(14)) == 3

    def test_nodes_that_offer_nothing_cannot_help(self):
        assert missing(spot(3, cpu=0, memory=0)) == 0


def missing(nodes, coming=()):
    state = FleetState(moment="now", joined=Fleet.of(nodes), on_its_way=Fleet.of(coming))
    return whole_nodes_missing(state, FIFTEEN)
