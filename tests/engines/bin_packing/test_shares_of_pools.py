"""Whole nodes in place of parts, where limits count some of them against a share."""

import numpy as np

from engines.bin_packing.plain import PlainPacker
from engines.bin_packing.problem import Limit, PackingProblem
from engines.bin_packing.relaxation import Choice, relax
from engines.bin_packing.search import _tries, _within_shares


def a_problem(limits, is_flexible=(False, True, True, True)):
    """One node of 10 and three Spot nodes of 4 that could be launched; no pods."""
    return PackingProblem(
        cost=np.array([500, 100, 100, 100]),
        room=np.array([[10, 10], [4, 4], [4, 4], [4, 4]]),
        is_flexible=np.array(is_flexible),
        is_new=np.array([False, True, True, True]),
        requests=np.zeros((0, 2), np.int64),
        home=np.zeros(0, np.int64),
        kind=np.zeros(0, np.int64),
        allowed=np.ones((1, 4), np.bool_),
        limits=tuple(limits),
    )


def a_choice(*share):
    return Choice(np.array(share), np.zeros(4), 0.0)


HALF = Limit(np.arange(4), np.array([10, -4, -4, -4]), 0)
"""Spot may be half of all: 10 on-demand allow 10 of Spot, which is two nodes and a half."""


def test_the_node_that_is_kept_to_the_smallest_part_leaves():
    kept = _within_shares(a_problem([HALF]), a_choice(1.0, 1.0, 0.5, 1.0))

    assert kept.tolist() == [True, True, False, True]


def test_two_leave_where_one_is_not_enough():
    """A third: 5 of Spot are one node of 4."""
    third = HALF._replace(amounts=np.array([5, -4, -4, -4]))

    kept = _within_shares(a_problem([third]), a_choice(1.0, 1.0, 0.4, 0.6))

    assert kept.tolist() == [True, True, False, False]


def test_nothing_leaves_where_the_limits_hold():
    kept = _within_shares(a_problem([HALF]), a_choice(1.0, 1.0, 0.5, 0.0))

    assert kept.tolist() == [True, True, True, False]


def test_what_has_to_stay_stays():
    problem = a_problem([HALF], is_flexible=(False, False, False, False))

    kept = _within_shares(problem, a_choice(1.0, 1.0, 0.5, 1.0))

    assert kept.all()


def test_a_limit_that_no_node_counts_against_is_left_to_the_repair():
    most = Limit(np.arange(4), np.array([1, 1, 1, 1]), 4)

    kept = _within_shares(a_problem([most]), a_choice(1.0, 1.0, 0.5, 0.0))

    assert kept.tolist() == [True, True, True, False]


def two_full_pools():
    """Twelve nodes of 10 CPU for 9 USD with 6 of them used; twelve nodes of 20 CPU in each of two
    pools for 4 USD, which may carry three tenths each of what is there at the end."""
    pool = np.repeat([0, 1, 2], 12)
    size = np.where(pool == 0, 1, 2)

    def at_most_three_tenths(number):
        return Limit(np.arange(36), size * np.where(pool == number, 3 - 10, 3), 0)

    return PackingProblem(
        cost=np.where(pool == 0, 9_000_000, 4_000_000),
        room=np.where(pool[:, None] == 0, [4, 4], [20, 20]),
        is_flexible=np.ones(36, np.bool_),
        is_new=pool > 0,
        requests=np.tile([2, 2], (36, 1)),
        home=np.repeat(np.arange(12), 3),
        kind=np.zeros(36, np.int64),
        allowed=np.ones((1, 36), np.bool_),
        limits=(at_most_three_tenths(1), at_most_three_tenths(2)),
    )


def test_two_pools_that_are_full_at_once_end_in_a_plan():
    """36 pods of 2 need 72 CPU. Four old nodes and one in each pool have 40 + 2 x 20, a quarter in
    each pool, for 4 x 9 + 2 x 4 = 44 USD. (To bring back nodes, now of the one pool and now of the
    other, ended with the twelve old ones.)"""
    problem = two_full_pools()

    tries = list(_tries(problem, PlainPacker(problem), relax(problem)))

    assert min(problem.cost_of(one.kept) for one in tries) == 44_000_000
    assert all(one.is_complete and problem.limits_hold(one.kept) for one in tries)
