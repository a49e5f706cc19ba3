"""One node filled for the largest value, against trying everything."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.bin_packing.knapsack import best_filling, unit_of

NO_PRICES = np.zeros(2)

classes = st.tuples(
    st.floats(0, 1),  # value
    st.integers(0, 9),  # CPU
    st.integers(0, 9),  # memory
    st.integers(0, 3),  # how many
)
rooms = st.tuples(st.integers(0, 40), st.integers(0, 25), st.integers(0, 8))


def filled(values, sizes, most, room, prices=NO_PRICES):
    sizes = np.array(sizes, np.int64)
    return best_filling(
        np.array(values, np.float64),
        sizes,
        np.array(most, np.int64),
        np.array(room, np.int64),
        unit_of(sizes[:, 0], int(room[0])),
        prices,
    )


def test_two_halves_are_worth_more_than_the_large_one():
    """Of 10 CPU one pod of 7 is worth 0.9, two of 5 are worth 1.0."""
    found = filled([0.9, 0.5], [(7, 1, 1), (5, 1, 1)], [1, 2], (10, 10, 10))

    assert found.taken.tolist() == [0, 2]
    assert found.value == pytest.approx(1.0)
    assert found.bound == pytest.approx(1.0)


def test_memory_decides_where_cpu_does_not():
    """Both fit by CPU; 6 + 5 are more than the 10 of memory."""
    found = filled([0.5, 0.4], [(1, 6, 1), (1, 5, 1)], [1, 2], (10, 10, 10))

    assert found.taken.tolist() == [0, 2]


@pytest.mark.parametrize(("slots", "taken"), [(3, 3), (2, 2)])
def test_the_number_of_pods_is_a_resource(slots, taken):
    found = filled([0.1], [(1, 1, 1)], [5], (10, 10, slots))

    assert found.taken.tolist() == [taken]


def test_a_class_that_is_too_large_or_worth_nothing_stays_out():
    found = filled([0.5, 0.0, 0.3], [(11, 1, 1), (1, 1, 1), (10, 1, 1)], [1, 1, 1], (10, 10, 10))

    assert found.taken.tolist() == [0, 0, 1]


def test_the_table_is_as_fine_as_the_sizes_allow():
    """Sizes of 100, 150 and 300 are multiples of 50; 97 and 100 of nothing, so 2,048 steps do."""
    assert unit_of(np.array([100, 150, 300]), 16_000) == 50
    assert unit_of(np.array([97, 100]), 4_096) == 2


@settings(max_examples=150, deadline=None)
@given(
    st.lists(classes, min_size=1, max_size=5), rooms, st.tuples(st.floats(0, 1), st.floats(0, 1))
)
def test_it_finds_the_best_and_the_bound_is_never_below(drawn, room, prices):
    values = [one[0] for one in drawn]
    sizes = [(one[1], one[2], 1) for one in drawn]
    most = [one[3] for one in drawn]

    found = filled(values, sizes, most, room, np.array(prices))

    best = 0.0
    for counts in product(*(range(one + 1) for one in most)):
        if (np.array(counts) @ np.array(sizes) <= room).all():
            best = max(best, float(np.array(counts) @ np.array(values)))
    assert (found.taken @ np.array(sizes) <= room).all()
    assert (found.taken <= most).all()
    assert found.value == pytest.approx(float(found.taken @ np.array(values)))
    assert found.value == pytest.approx(best, abs=1e-7)
    assert found.bound >= best - 1e-7
