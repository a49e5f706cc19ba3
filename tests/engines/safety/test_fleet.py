"""Sums and shares of capacity."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from engines.safety.fleet import EMPTY, NO_ROOM, Fleet, FleetNode, Pool, Room, share_of

ONE = Room(1, 1000, 100)
POOL_A, POOL_B = Pool("m5.large", "a"), Pool("m5.large", "b")

nodes = st.builds(
    FleetNode,
    st.builds(Room, st.just(1), st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from(["a", "b", None]),
    st.sampled_from([POOL_A, POOL_B, None]),
)
fleets = st.lists(nodes, max_size=8)


def test_a_fleet_sums_its_nodes_by_how_they_are_bought_and_where_they_stand():
    fleet = Fleet.of(
        [
            FleetNode(Room(1, 1000, 100), "a", None),
            FleetNode(Room(1, 2000, 300), "a", POOL_A),
            FleetNode(Room(1, 4000, 500), None, POOL_A),
        ]
    )

    assert fleet.total == Room(3, 7000, 900)
    assert fleet.on_demand == Room(1, 1000, 100)
    assert fleet.spot == Room(2, 6000, 800)
    assert fleet.pools == {POOL_A: Room(2, 6000, 800)}
    assert fleet.zones == {"a": Room(2, 3000, 400)}


@given(fleets, fleets)
def test_two_fleets_together_are_the_fleet_of_all_their_nodes(one, other):
    assert Fleet.of(one).plus(Fleet.of(other)) == Fleet.of(one + other)


@given(fleets, fleets)
def test_what_was_added_can_be_taken_away_again(one, other):
    assert Fleet.of(one + other).minus(Fleet.of(other)) == Fleet.of(one)


@given(fleets, st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_does_not_matter(some, random):
    shuffled = list(some)
    random.shuffle(shuffled)

    assert Fleet.of(shuffled) == Fleet.of(some)


def test_a_pool_or_zone_without_nodes_is_not_named():
    node = FleetNode(ONE, "a", POOL_A)

    assert Fleet.of([node]).minus(Fleet.of([node])) == EMPTY


def test_the_share_is_the_larger_of_vcpu_and_memory():
    """1000 of 4000 m is a quarter, 100 of 300 bytes a third; then 3/4 and 1/3."""
    assert share_of(ONE, Room(3, 4000, 300)) == Fraction(1, 3)
    assert share_of(Room(1, 3000, 100), Room(3, 4000, 300)) == Fraction(3, 4)


def test_nothing_of_nothing_is_no_share():
    assert share_of(NO_ROOM, NO_ROOM) == 0
    assert share_of(Room(1, 0, 50), Room(2, 0, 100)) == Fraction(1, 2)


def test_a_pool_is_written_as_type_and_zone():
    assert str(POOL_A) == "m5.large/a"
