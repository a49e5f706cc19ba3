"""Searching the cheapest answer of a program, and proving how good it is.

The linear relaxation bounds every answer from below and prices every column. A first answer is
searched among the best-priced columns only. Its cost then proves most of the rest impossible in
any better answer: a column whose price alone lifts the bound above that cost, a node that is more
than its pool's share of the largest total still affordable. What is left is small, and is
searched with branch and bound.

All limits are counted (columns, rounds, nodes of the search tree); there is no clock, one thread
and the solver's fixed seed, so equal programs give equal answers.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from engines.allocation.columns import SHARED, Floats, Rows
from engines.allocation.program import Program, Window

GAP = 5e-5  # 0.005 %: a proof this close ends the search
_ROUNDS = 4
_FIRST_COLUMNS = 60
_FIRST_NODES = 100
_LAST_NODES = 2000
_LAST_NODES_IF_SMALL = 20_000
_SMALL_ANSWER = 80  # instances: where single ones decide, and a proof is soon found
_POLISH_COLUMNS = (40, 100)
_POLISH_NODES = 400
_ANY_GAP = 1e6  # the first answer will do
_NOISE = 1e-9
_INFEASIBLE = 2  # scipy's status


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An answer: whole counts of all columns, their cost and the proven bound, USD per hour."""

    counts: Rows
    cost: float
    bound: float

    @property
    def is_proven(self) -> bool:
        """Whether no answer can be noticeably better."""
        return self.cost - self.bound <= GAP * self.cost


class SearchLimitError(Exception):
    """The counted limit of work struck before any answer was found."""


class _Relaxed(NamedTuple):
    value: float
    reduced_costs: Floats  # of all columns; infinite outside the window


class _Solved(NamedTuple):
    """What branch and bound found in a window, and the bound of all that the window holds.

    No answer and a finite bound: its limit of nodes struck first.
    """

    answer: Found | None
    bound: float  # infinite: proven to hold no answer


def search(program: Program) -> Found | None:
    """The cheapest answer, or None where there is none. Raises SearchLimitError."""
    window = program.whole_window()
    relaxed = _relax(program, window)
    if relaxed is None:
        return None
    found = _on_demand_only(program, window)
    if found is not None:
        window = _narrowed(program, window, relaxed, found.cost)
        relaxed = _relax(program, window)
        if relaxed is None:
            return replace(found, bound=found.cost)
    first = _solve(program, _promising(window, relaxed, _FIRST_COLUMNS), _FIRST_NODES).answer
    found = first if found is None else _better(found, first)
    if found is None:
        whole = _solve(program, window, _LAST_NODES)
        if whole.answer is None and whole.bound == np.inf:
            return None
        if whole.answer is None:
            raise SearchLimitError
        found = whole.answer
    return _improved(program, window, relaxed, replace(found, bound=relaxed.value))


def _on_demand_only(program: Program, window: Window) -> Found | None:
    """The cheapest answer without new Spot: soon found, and it proves what would be too large."""
    is_new_spot = program.columns.is_spot & np.isinf(program.columns.most)
    plain = replace(window, columns=window.columns[~is_new_spot[window.columns]])
    return _solve(program, plain, _FIRST_NODES).answer


def has_answer(program: Program) -> bool:
    """Whether any answer was found, without regard to its cost."""
    window = program.whole_window()
    if _relax(program, window) is None:
        return False
    return _solve(program, window, _FIRST_NODES, gap=_ANY_GAP).answer is not None


def _improved(program: Program, window: Window, relaxed: _Relaxed, found: Found) -> Found:
    """Narrow the window by what the best answer proves; search what is left."""
    for _ in range(_ROUNDS):
        before, cost = len(window.columns), found.cost
        window = _narrowed(program, window, relaxed, cost)
        closer = _relax(program, window)
        if closer is None:  # nothing that could be better is left
            return replace(found, bound=found.cost)
        relaxed = closer
        found = replace(found, bound=max(found.bound, relaxed.value))
        if found.is_proven:
            return found
        if len(window.columns) <= _FIRST_COLUMNS:
            break
        promising = _promising(window, relaxed, _FIRST_COLUMNS)
        found = _better(found, _solve(program, promising, _FIRST_NODES).answer)
        if found.cost == cost and len(window.columns) > before / 2:
            break
    return _searched_through(program, window, relaxed, found)


def _searched_through(program: Program, window: Window, relaxed: _Relaxed, found: Found) -> Found:
    """Branch and bound over all that is left; then around the best answer, if unproven."""
    is_small = found.counts.sum() <= _SMALL_ANSWER
    last = _solve(program, window, _LAST_NODES_IF_SMALL if is_small else _LAST_NODES)
    found = _better(replace(found, bound=max(found.bound, last.bound)), last.answer)
    for columns in _POLISH_COLUMNS:
        if found.is_proven:
            break
        near = _promising(window, relaxed, columns, including=found.counts)
        found = _better(found, _solve(program, near, _POLISH_NODES).answer)
    return replace(found, bound=min(found.bound, found.cost))


def _better(found: Found, other: Found | None) -> Found:
    """The cheaper of two answers; the bound stays that of the first."""
    if other is None or other.cost >= found.cost:
        return found
    return replace(other, bound=found.bound)


def _promising(
    window: Window, relaxed: _Relaxed, count: int, including: Rows | None = None
) -> Window:
    """The window with its ``count`` best-priced columns, and those that an answer uses."""
    prices = relaxed.reduced_costs[window.columns]
    chosen = window.columns[np.argsort(prices, kind="stable")[:count]]
    if including is not None:
        chosen = np.union1d(chosen, np.intersect1d(np.flatnonzero(including), window.columns))
    return replace(window, columns=np.sort(chosen))


def _narrowed(program: Program, window: Window, relaxed: _Relaxed, cost: float) -> Window:
    """The window without what cannot be part of any answer cheaper than ``cost``."""
    affordable = relaxed.reduced_costs <= cost - relaxed.value + _NOISE
    window = replace(window, columns=window.columns[affordable[window.columns]])
    totals = _total_range(program, window, cost)
    if totals is None:
        return replace(window, columns=window.columns[:0])
    least, most = totals
    counts = np.minimum(window.most, program.pool_counts(most))
    return Window(
        columns=window.columns[counts[window.columns] > 0],
        most=counts,
        sure=np.maximum(window.sure, program.pool_counts(least)),
        least_total=least,
        most_total=most,
    )


def _total_range(program: Program, window: Window, cost: float) -> tuple[Floats, Floats] | None:
    """The smallest and largest totals of the relaxed answers that cost at most ``cost``."""
    matrix = program.matrix(window, cost_limit=cost + _NOISE)
    least, most = np.empty(SHARED), np.empty(SHARED)
    for dimension in range(SHARED):
        for sign, extreme in ((1.0, least), (-1.0, most)):
            aim = np.zeros(len(matrix.cost))
            aim[matrix.total_at + dimension] = sign
            result = milp(
                aim,
                bounds=Bounds(matrix.least, matrix.most),
                constraints=LinearConstraint(matrix.rows, matrix.low, matrix.high),
            )
            if result.x is None:
                return None
            extreme[dimension] = result.x[matrix.total_at + dimension]
    return least * (1 - _NOISE), most * (1 + _NOISE)


def _relax(program: Program, window: Window) -> _Relaxed | None:
    """The linear relaxation with its reduced costs, or None where even that has no answer."""
    matrix = program.matrix(window)
    is_equal = matrix.low == matrix.high
    has_low = np.isfinite(matrix.low) & ~is_equal
    has_high = np.isfinite(matrix.high) & ~is_equal
    rows = matrix.rows
    result = linprog(
        matrix.cost,
        A_ub=sparse.vstack([rows[np.flatnonzero(has_high)], -rows[np.flatnonzero(has_low)]]),
        b_ub=np.concatenate([matrix.high[has_high], -matrix.low[has_low]]),
        A_eq=rows[np.flatnonzero(is_equal)],
        b_eq=matrix.low[is_equal],
        bounds=np.column_stack([matrix.least, matrix.most]),
        method="highs",
    )
    if result.status != 0:
        return None
    reduced = np.full(len(program.columns), np.inf)
    reduced[window.columns] = result.lower.marginals[: len(window.columns)]
    return _Relaxed(float(result.fun), reduced)


def _solve(program: Program, window: Window, nodes: int, gap: float = GAP) -> _Solved:
    """Branch and bound over the columns of a window, within a number of tree nodes."""
    matrix = program.matrix(window)
    result = milp(
        matrix.cost,
        integrality=matrix.is_integer,
        bounds=Bounds(matrix.least, matrix.most),
        constraints=LinearConstraint(matrix.rows, matrix.low, matrix.high),
        options={"mip_rel_gap": gap, "node_limit": nodes},
    )
    if result.status == _INFEASIBLE:
        return _Solved(None, np.inf)
    bound = -np.inf if result.mip_dual_bound is None else float(result.mip_dual_bound)
    if result.x is None:
        return _Solved(None, bound)
    counts = np.zeros(len(program.columns), np.int64)
    counts[window.columns] = np.rint(result.x[: len(window.columns)])
    return _Solved(Found(counts, float(program.columns.cost @ counts), bound), bound)
