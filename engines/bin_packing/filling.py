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

MOST_EXCHANGES, MOST_TRIALS = 30, 400_000
"""Exchanges in one node, and the pairs of classes that are looked at for all of them."""

MOST_TRIPLES = 2_000_000
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
    nodes, taken = _fill(classes.sizes, classes.counts.copy(), classes.kinds, open_to, room, turn)
    return classes.targets(taken, nodes)


@njit(nogil=True)
def _fill(
    sizes: Amounts, left: Rows, kinds: Rows, open_to: Flags, room: Amounts, turn: Rows
) -> tuple[Rows, Rows]:
    """Which node takes a pod of which class, one entry a pod; ``left`` and ``room`` are spent."""
    wanted = np.zeros(sizes.shape[1])
    for kind in range(len(left)):
        wanted += left[kind] * sizes[kind]
    nodes = np.empty(left.sum(), np.int64)
    taken = np.empty(left.sum(), np.int64)
    count = 0
    slack = _slack(wanted, room, turn)
    values = _fullness(sizes, wanted, slack)
    for node in turn:
        spare = slack * room[node]
        most = np.where(open_to[:, node][kinds], left, 0)
        found = fill_node(values, sizes, most, room[node], spare, wanted)
        for kind in np.flatnonzero(found):
            left[kind] -= found[kind]
            room[node] -= found[kind] * sizes[kind]
            wanted -= found[kind] * sizes[kind]
            nodes[count : count + found[kind]] = node
            taken[count : count + found[kind]] = kind
            count += int(found[kind])
    return nodes[:count], taken[:count]


@njit(nogil=True)
def _slack(wanted: Weights, room: Amounts, turn: Rows) -> Weights:
    """The part of each resource that will be left over, as the scarcest one runs out first."""
    total = np.zeros(len(wanted))
    for node in turn:
        total += room[node]
    share = wanted / np.maximum(total, 1.0)
    slack: Weights = 1.0 - share / max(share[0], share[1], 1e-12)
    return slack


@njit(nogil=True)
def _fullness(sizes: Amounts, wanted: Weights, slack: Weights) -> Weights:
    """What a pod of each class adds to the fullness of a node, in what is scarce of it."""
    values = np.zeros(len(sizes))
    for resource in range(2):
        values += (1.0 - slack[resource]) * sizes[:, resource] / max(wanted[resource], 1.0)
    return values**LARGE_FIRST


@njit(nogil=True)
def fill_node(
    values: Weights, sizes: Amounts, most: Rows, room: Amounts, spare: Weights, wanted: Weights
) -> Rows:
    """How many of each class one node takes: no more than ``most``, and than its room holds.

    ``spare`` of the room will be left over anyway; ``wanted`` is the sum still to be placed.
    """
    taken, left = np.zeros_like(most), room.copy()
    while most.any():
        best = _best_class(sizes, most - taken, left - spare, left, wanted)
        if best < 0:
            break
        taken[best] += 1
        left -= sizes[best]
    order = np.argsort(-values, kind="mergesort")
    trials = int(np.count_nonzero(taken)) * int(np.count_nonzero(most))
    for _ in range(min(MOST_EXCHANGES, MOST_TRIALS // trials) if trials else 0):
        gone, first, second = _best_exchange(values, sizes, most - taken, taken, left, order)
        if first < 0:
            break
        for kind, change in ((gone, -1), (first, 1), (second, 1)):
            if kind >= 0:
                taken[kind] += change
                left -= change * sizes[kind]
    return taken


@njit(nogil=True)
def _best_class(
    sizes: Amounts, most: Rows, planned: Weights, room: Amounts, wanted: Weights
) -> int:
    """The class that fits, is large, and leaves the planned CPU and memory in the mixture that is
    still wanted."""
    best, best_score = -1, -np.inf
    for kind in range(len(most)):
        if most[kind] > 0 and _fits(sizes[kind], room):
            cpu, memory = sizes[kind, 0], sizes[kind, 1]
            size = cpu / max(wanted[0], 1.0) + memory / max(wanted[1], 1.0)
            rest_cpu = (planned[0] - cpu) / max(wanted[0], 1.0)
            rest_memory = (planned[1] - memory) / max(wanted[1], 1.0)
            score = SIZE_AGAINST_BALANCE * size - abs(rest_cpu - rest_memory)
            if score > best_score:
                best, best_score = kind, score
    return best


@njit(nogil=True)
def _best_exchange(
    values: Weights, sizes: Amounts, more: Rows, taken: Rows, left: Amounts, order: Rows
) -> tuple[int, int, int]:
    """The class that goes (-1: none) and the one or two that come, for the largest gain in value.

    ``more``: how many of each class could come; ``order``: the classes, the most valuable first.
    All are -1 where nothing gains.
    """
    inside = np.flatnonzero(taken)
    free = order[(more > 0)[order]]
    with_pairs = (len(inside) + 1) * len(free) ** 2 <= MOST_TRIPLES
    best, gone, first, second = _TOLERANCE * values.max(), -1, -1, -1
    for at in range(-1, len(inside)):
        room, lost, leaver = left.copy(), 0.0, -1
        if at >= 0:
            leaver = inside[at]
            room += sizes[leaver]
            lost = values[leaver]
        for position in range(len(free)):
            one = free[position]
            gain, other = values[one] - lost, -1
            if gain + values[one] <= best:
                break
            if one != leaver and _fits(sizes[one], room):
                if with_pairs:
                    other = _second(values, sizes, more, free[position:], room, best - gain)
                gain += values[other] if other >= 0 else 0.0
                if gain > best:
                    best, gone, first, second = gain, leaver, one, other
    return gone, first, second


@njit(nogil=True)
def _second(
    values: Weights, sizes: Amounts, more: Rows, free: Rows, room: Amounts, least: float
) -> int:
    """The most valuable class of ``free`` that fits beside its first, if it is worth more than
    ``least``; else -1."""
    first = free[0]
    left = room - sizes[first]
    for other in free:
        if values[other] <= least:
            break
        if (other != first or more[first] > 1) and _fits(sizes[other], left):
            return int(other)
    return -1


@njit(nogil=True, inline="always")
def _fits(size: Amounts, room: Amounts) -> bool:
    for resource in range(len(size)):
        if size[resource] > 0 and size[resource] > room[resource]:
            return False
    return True
