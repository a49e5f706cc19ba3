"""The most valuable filling of one node: a bounded knapsack of several resources.

CPU comes in few sizes, so a table over CPU says what the classes from each one on could add; the
other resources are priced (Lagrange), at prices that a few subgradient steps improve. The value
in the table for the whole room is a bound on any filling; a counted depth-first search, led and
pruned by the same table, finds a filling near it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights

MOST_UNITS = 2_048
"""The table is no finer than this; finer CPU sizes are rounded down in it, so it stays a bound."""

PRICE_STEPS = 5
MOST_VISITS = 20_000
"""Choices that one search looks at; after them the best filling so far counts."""

_TOLERANCE = 1e-9  # of values; the dearest node costs 1


class Filling(NamedTuple):
    """How many of each class, their value, and a value that no filling can exceed. ``prices`` of
    the resources beside CPU are a good start for the next filling of the same room."""

    taken: Rows
    value: float
    bound: float
    prices: Weights


class _Task(NamedTuple):
    """The useful classes, largest first, and the room."""

    values: Weights
    sizes: Amounts
    most: Rows
    room: Rows
    unit: int


def unit_of(cpu: Rows, largest_room: int) -> int:
    """The CPU of one row of the table: what divides all sizes, or as fine as it may be."""
    common = int(np.gcd.reduce(cpu)) if len(cpu) else 1
    return max(common, -(-largest_room // MOST_UNITS), 1)


def best_filling(
    values: Weights, sizes: Amounts, most: Rows, room: Amounts, unit: int, prices: Weights
) -> Filling:
    """Fill ``room`` with up to ``most`` of each class for the largest sum of ``values``.

    ``sizes``: classes x resources, CPU first; ``prices``: of each resource but CPU, to begin with.
    """
    taken = np.zeros(len(values), np.int64)
    is_useful: Flags = (sizes <= room).all(axis=1) & (values > _TOLERANCE) & (most > 0)
    useful = np.flatnonzero(is_useful)
    if not len(useful):
        return Filling(taken, 0.0, 0.0, prices)
    useful = useful[np.lexsort((-values[useful], -sizes[useful, 1], -sizes[useful, 0]))]
    at_once = np.where(sizes[useful] > 0, room // np.maximum(sizes[useful], 1), most.max())
    most = np.minimum(most[useful], at_once.min(axis=1))
    task = _Task(values[useful], sizes[useful], most, room, unit)
    found, value, bound, prices = _filled(task, prices)
    taken[useful] = found
    return Filling(taken, value, bound, prices)


def _filled(task: _Task, prices: Weights) -> Filling:
    """The filling of a task, by its useful classes."""
    table = np.zeros((len(task.values) + 1, int(task.room[0] // task.unit) + 1))
    best, best_value = np.zeros_like(task.most), 0.0
    least, least_prices = np.inf, prices
    for _ in range(PRICE_STEPS):
        priced = task.values - task.sizes[:, 1:] @ prices
        _tabulate(task, table, priced)
        bound = float(table[0, -1] + prices @ task.room[1:])
        if bound < least:
            least, least_prices = bound, prices
        wish = _wished(task, table, priced)
        taken = _clipped(task, wish)
        value = float(taken @ task.values)
        if value > best_value:
            best, best_value = taken, value
        excess = (wish @ task.sizes[:, 1:] - task.room[1:]) / np.maximum(task.room[1:], 1)
        steepness = float(excess @ excess)
        if steepness < _TOLERANCE or bound <= best_value + _TOLERANCE:
            break
        step = (bound - best_value) / steepness
        prices = np.maximum(prices + step * excess / np.maximum(task.room[1:], 1), 0.0)
    priced = task.values - task.sizes[:, 1:] @ least_prices
    _tabulate(task, table, priced)
    found, is_exact = _search(task, table, priced, least_prices, best)
    value = float(found @ task.values)
    return Filling(found, value, min(least, value) if is_exact else least, least_prices)


@njit(nogil=True)
def _tabulate(task: _Task, table: Weights, priced: Weights) -> None:
    """``table[class, units]``: the most that this class and those behind it could add.

    ``priced``: what each class is worth beyond what it takes of the priced resources.
    """
    length = table.shape[1]
    for kind in range(len(priced) - 1, -1, -1):
        for at in range(length):
            table[kind, at] = table[kind + 1, at]
        left, part = task.most[kind] if priced[kind] > 0.0 else 0, 1
        while left > 0:
            part = min(part, left)
            width, gain = part * (task.sizes[kind, 0] // task.unit), part * priced[kind]
            for at in range(length - 1, width - 1, -1):
                table[kind, at] = max(table[kind, at], table[kind, at - width] + gain)
            left -= part
            part *= 2


@njit(nogil=True)
def _wished(task: _Task, table: Weights, priced: Weights) -> Rows:
    """The filling behind the table's last entry; it may need more than there is of what is
    priced."""
    taken = np.zeros_like(task.most)
    at = table.shape[1] - 1
    for kind in range(len(priced)):
        width, fit = task.sizes[kind, 0] // task.unit, task.most[kind]
        if width > 0:
            fit = min(fit, at // width)
        taken[kind] = _likely(table[kind + 1], priced[kind], width, at, fit)
        at -= taken[kind] * width
    return taken


@njit(nogil=True)
def _likely(behind: Weights, gain: float, width: int, at: int, fit: int) -> int:
    """How many of a class the table would take, given what the classes behind it could add."""
    best, best_value = 0, behind[at]
    if gain > 0.0:
        for count in range(1, fit + 1):
            value = behind[at - count * width] + count * gain
            if value > best_value:
                best, best_value = count, value
    return best


@njit(nogil=True)
def _clipped(task: _Task, wish: Rows) -> Rows:
    """As much of the wish as fits, then whatever else does."""
    taken, left = np.zeros_like(wish), task.room.copy()
    for limit in (wish, task.most):
        for kind in range(len(wish)):
            count = min(limit[kind] - taken[kind], _fit(task.sizes[kind], left))
            if count > 0:
                taken[kind] += count
                _take(left, task.sizes[kind], count)
    return taken


@njit(nogil=True, inline="always")
def _take(left: Rows, size: Rows, count: int) -> None:
    for resource in range(len(left)):
        left[resource] -= count * size[resource]


@njit(nogil=True, inline="always")
def _fit(size: Amounts, left: Amounts) -> int:
    count = np.int64(2**62)
    for resource in range(len(size)):
        if size[resource] > 0:
            count = min(count, left[resource] // size[resource])
    return int(count)


@njit(nogil=True)
def _search(
    task: _Task, table: Weights, priced: Weights, prices: Weights, start: Rows
) -> tuple[Rows, bool]:
    """Depth first over the classes, from what the table would take outwards.

    Answers the best filling, ``start`` among them, and whether nothing was left out.
    """
    values, sizes, last = task.values, task.sizes, len(task.values)
    best, best_value = start.copy(), _value(values, start)
    taken, likely, fits = np.zeros_like(best), np.zeros_like(best), np.zeros_like(best)
    left, value, kind, is_new = task.room.copy(), 0.0, 0, True
    for _ in range(MOST_VISITS):
        count = -1
        if kind == last:
            if value > best_value + _TOLERANCE:
                best, best_value = taken.copy(), value
        elif is_new:
            at, width = left[0] // task.unit, sizes[kind, 0] // task.unit
            fits[kind] = min(task.most[kind], _fit(sizes[kind], left))
            likely[kind] = _likely(table[kind + 1], priced[kind], width, at, fits[kind])
            count = likely[kind]
        else:
            count = _next(taken[kind], likely[kind], fits[kind])
            _take(left, sizes[kind], -taken[kind])
            value -= taken[kind] * values[kind]
        if count < 0:
            kind, is_new = kind - 1, False
            if kind < 0:
                return best, True
            continue
        taken[kind] = count
        _take(left, sizes[kind], count)
        value += count * values[kind]
        hope = value + table[kind + 1, left[0] // task.unit] + _value(prices, left[1:])
        is_new = hope > best_value + _TOLERANCE
        kind += is_new
    return best, False


@njit(nogil=True, inline="always")
def _value(values: Weights, counts: Rows) -> float:
    value = 0.0
    for kind in range(len(values)):
        value += values[kind] * counts[kind]
    return value


@njit(nogil=True, inline="always")
def _next(count: int, likely: int, fit: int) -> int:
    """Counts from the likely one down to none, then from it up to the most; -1 behind the last."""
    if 0 < count <= likely:
        return count - 1
    following = likely + 1 if count <= likely else count + 1
    return following if following <= fit else -1
