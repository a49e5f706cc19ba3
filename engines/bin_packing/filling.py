"""Packing node by node instead of pod by pod: each node is filled as well as it can be.

Pods of equal size and kind are one class. A node takes, pod after pod, the class that is large and
leaves its room in the mixture of what is still to be placed, so that no resource is stranded while
pods still want it. Then pods are exchanged, one for up to two others, as long as the node gets
fuller. Best where many pods go to few sizes of nodes.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights

SIZE_AGAINST_BALANCE = 0.4
"""How much the size of a class counts beside the balance that it leaves (found by trial)."""

LARGE_FIRST = 1.1
"""Fullness is worth a little more in large pods: small ones fill gaps later (found by trial)."""

MOST_EXCHANGES, MOST_TRIALS = 30, 100_000
"""Exchanges in one node, and the pairs of classes that are looked at for all of them."""

MOST_TRIPLES = 1_000_000
"""Beyond so many triples of classes one pod is exchanged for one other, not for two."""

_TOLERANCE = 1e-9  # of the largest value: less is no gain


class Classes(NamedTuple):
    """Pods that are the same to the packing. ``sizes``: classes x resources; ``kinds``: the row of
    the flags that say where they may run; ``counts``: how many there are; ``pods``: the rows of
    the pods, class by class."""

    sizes: Amounts
    kinds: Rows
    counts: Rows
    pods: Rows

    def targets(self, taken: Rows, nodes: Rows) -> Rows:
        """The node of each pod, -1 for those left over; ``taken``: the class of each placed pod,
        ``nodes``: where it is."""
        target = np.full(len(self.pods), -1, np.int64)
        order = np.argsort(taken, kind="stable")
        used = np.bincount(taken, minlength=len(self.counts))
        ranks = np.arange(len(taken)) - np.repeat(np.cumsum(used) - used, used)
        starts = np.cumsum(self.counts) - self.counts
        target[self.pods[starts[taken[order]] + ranks]] = nodes[order]
        return target


class Aim(NamedTuple):
    """What a node is filled for. ``values``: of a pod of each class; ``order``: the classes, the
    most valuable first; ``slack``: the share of each resource that will be left over anyway;
    ``wanted``: the sum still to be placed."""

    values: Weights
    order: Rows
    slack: Weights
    wanted: Weights


def classes_of(requests: Amounts, kind: Rows) -> Classes:
    """The classes, sorted by size and kind."""
    keys = np.column_stack((requests, kind))
    classes, of_pod, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    counts = counts.astype(np.int64)
    return Classes(
        np.ascontiguousarray(classes[:, :-1]),
        np.ascontiguousarray(classes[:, -1]),
        counts,
        np.argsort(of_pod.ravel(), kind="stable"),
    )


def fill_in_turn(requests: Amounts, kind: Rows, open_to: Flags, room: Amounts, turn: Rows) -> Rows:
    """The node of each pod, -1 for those without room; nodes are filled in ``turn``.

    Arguments as in ``kernels.place_in_order``; ``room`` is spent.
    """
    classes = classes_of(requests, kind)
    wanted = (classes.counts @ classes.sizes).astype(np.float64)
    share = wanted / np.maximum(room[turn].sum(axis=0), 1)
    slack = 1.0 - share / max(float(share[:2].max()), 1e-12)
    weights = (1.0 - slack[:2]) / np.maximum(wanted[:2], 1.0)
    values = fullness(classes.sizes, weights)
    nodes, taken = _fill(
        classes, open_to, room, turn, Aim(values, np.argsort(-values, kind="stable"), slack, wanted)
    )
    return classes.targets(taken, nodes)


def fullness(sizes: Amounts, weights: Weights, large_first: float = LARGE_FIRST) -> Weights:
    """What a pod of each class adds to the fullness of a node; the classes of an ``Aim``."""
    values: Weights = (sizes[:, : len(weights)] @ weights) ** large_first
    return values


@njit(nogil=True)
def _fill(
    classes: Classes, open_to: Flags, room: Amounts, turn: Rows, aim: Aim
) -> tuple[Rows, Rows]:
    """Which node takes a pod of which class, one entry a pod; ``room`` is spent."""
    left = classes.counts.copy()
    nodes, taken = np.empty_like(classes.pods), np.empty_like(classes.pods)
    most, found = np.empty_like(left), np.empty_like(left)
    count = 0
    for node in turn:
        for kind in range(len(left)):
            most[kind] = left[kind] if open_to[classes.kinds[kind], node] else 0
        found = fill_node(classes.sizes, most, room[node], aim)
        for kind in range(len(left)):
            left[kind] -= found[kind]
            for resource in range(len(aim.wanted)):
                aim.wanted[resource] -= found[kind] * classes.sizes[kind, resource]
            for _ in range(found[kind]):
                nodes[count], taken[count] = node, kind
                count += 1
    return nodes[:count], taken[:count]


@njit(nogil=True)
def fill_node(sizes: Amounts, most: Rows, room: Amounts, aim: Aim) -> Rows:
    """How many of each class one node takes: no more than ``most``, and than its room, which is
    spent, holds."""
    taken, spare = np.zeros_like(most), aim.slack * room
    while True:
        best = _best_class(sizes, most, room, spare, aim.wanted)
        if best < 0:
            break
        _move(sizes, most, taken, room, best, 1)
    trials = max(int(np.count_nonzero(taken) * np.count_nonzero(most)), 1)
    for _ in range(min(MOST_EXCHANGES, MOST_TRIALS // trials)):
        gone, first, second = _best_exchange(sizes, most, taken, room, aim)
        if first < 0:
            break
        _move(sizes, most, taken, room, gone, -1)
        _move(sizes, most, taken, room, first, 1)
        _move(sizes, most, taken, room, second, 1)
    return taken


@njit(nogil=True)
def _move(sizes: Amounts, more: Rows, taken: Rows, room: Amounts, kind: int, count: int) -> None:
    """So many pods of a class (-1: none) come; ``more`` could still come."""
    if kind >= 0:
        taken[kind] += count
        more[kind] -= count
        for resource in range(len(room)):
            room[resource] -= count * sizes[kind, resource]


@njit(nogil=True)
def _best_class(sizes: Amounts, more: Rows, room: Amounts, spare: Weights, wanted: Weights) -> int:
    """The class that fits, is large, and leaves the room that is planned for in the mixture that
    is still wanted."""
    best, best_score = -1, -np.inf
    of_cpu, of_memory = 1.0 / max(wanted[0], 1.0), 1.0 / max(wanted[1], 1.0)
    balance = (room[0] - spare[0]) * of_cpu - (room[1] - spare[1]) * of_memory
    for kind in range(len(more)):
        if more[kind] > 0 and _fits(sizes[kind], room):
            cpu, memory = sizes[kind, 0] * of_cpu, sizes[kind, 1] * of_memory
            score = SIZE_AGAINST_BALANCE * (cpu + memory) - abs(balance - cpu + memory)
            if score > best_score:
                best, best_score = kind, score
    return best


@njit(nogil=True)
def _best_exchange(
    sizes: Amounts, more: Rows, taken: Rows, left: Amounts, aim: Aim
) -> tuple[int, int, int]:
    """The class that goes (-1: none) and the one or two that come, for the largest gain in value.

    All are -1 where nothing gains.
    """
    values, room = aim.values, left.copy()
    free = _of_those(aim.order, more)
    if len(free) == 0:
        return -1, -1, -1
    with_pairs = (np.count_nonzero(taken) + 1) * len(free) ** 2 <= MOST_TRIPLES
    smallest = _smallest(sizes, free)
    best, gone, first, second = _TOLERANCE * values[aim.order[0]], -1, -1, -1
    for leaver in range(-1, len(taken)):
        if leaver >= 0 and taken[leaver] == 0:
            continue
        lost = values[leaver] if leaver >= 0 else 0.0
        for resource in range(len(room)):
            room[resource] = left[resource] + (sizes[leaver, resource] if leaver >= 0 else 0)
        for position in range(len(free)):
            one = free[position]
            gain, other = values[one] - lost, -1
            if gain + values[one] <= best:
                break
            if one != leaver and _fits(sizes[one], room):
                if with_pairs and _fit_both(sizes[one], smallest, room):
                    other = _second(sizes, more, room, free[position:], values, best - gain)
                gain += values[other] if other >= 0 else 0.0
                if gain > best:
                    best, gone, first, second = gain, leaver, one, other
    return gone, first, second


@njit(nogil=True)
def _of_those(order: Rows, more: Rows) -> Rows:
    """The classes of which more could come, in order."""
    free = np.empty_like(order)
    count = 0
    for kind in order:
        if more[kind] > 0:
            free[count] = kind
            count += 1
    return free[:count]


@njit(nogil=True)
def _smallest(sizes: Amounts, free: Rows) -> Amounts:
    """The least that any of the classes asks for of each resource."""
    smallest: Amounts = sizes[free[0]].copy()
    for kind in free:
        for resource in range(len(smallest)):
            smallest[resource] = min(smallest[resource], sizes[kind, resource])
    return smallest


@njit(nogil=True)
def _second(
    sizes: Amounts, more: Rows, room: Amounts, free: Rows, values: Weights, least: float
) -> int:
    """The most valuable class of ``free`` that fits beside its first, if it is worth more than
    ``least``; else -1."""
    first = free[0]
    for other in free:
        if values[other] <= least:
            break
        if (other != first or more[first] > 1) and _fit_both(sizes[first], sizes[other], room):
            return int(other)
    return -1


@njit(nogil=True, inline="always")
def _fits(size: Amounts, room: Amounts) -> bool:
    for resource in range(len(size)):
        if size[resource] > 0 and size[resource] > room[resource]:
            return False
    return True


@njit(nogil=True, inline="always")
def _fit_both(size: Amounts, other: Amounts, room: Amounts) -> bool:
    for resource in range(len(size)):
        if size[resource] + other[resource] > max(room[resource], 0):
            return False
    return True
