"""Packing node by node instead of pod by pod: each node is filled as well as it can be.

Pods of equal size and kind are one class. A node takes, pod after pod, the class that is large and
leaves its room in the mixture of what is still to be placed, so that no resource is stranded while
pods still want it. Best where many pods go to few sizes of nodes.
"""

import numpy as np
from numba import njit

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights

SIZE_AGAINST_BALANCE = 0.4
"""How much the size of a class counts beside the balance that it leaves (found by trial)."""


def fill_in_turn(requests: Amounts, kind: Rows, open_to: Flags, room: Amounts, turn: Rows) -> Rows:
    """The node of each pod, -1 for those without room; nodes are filled in ``turn``.

    Arguments as in ``kernels.place_in_order``; ``room`` is spent.
    """
    keys = np.column_stack((requests, kind))
    classes, of_pod, left = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    sizes = np.ascontiguousarray(classes[:, :-1])
    kinds = np.ascontiguousarray(classes[:, -1])
    left = left.astype(np.int64)
    nodes, taken = _fill(sizes, left, kinds, open_to, room, turn)
    target = np.full(len(requests), -1, np.int64)
    pods = np.argsort(of_pod.ravel(), kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(of_pod.ravel(), minlength=len(sizes)))))
    order = np.argsort(taken, kind="stable")
    counts = np.bincount(taken, minlength=len(sizes))
    ranks = np.arange(len(taken)) - np.repeat(np.cumsum(counts) - counts, counts)
    target[pods[starts[taken[order]] + ranks]] = nodes[order]
    return target


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
    for node in turn:
        spare = slack * room[node]
        while True:
            best = _best_class(
                sizes, left, room[node] - spare, room[node], wanted, open_to[:, node][kinds]
            )
            if best < 0:
                break
            left[best] -= 1
            room[node] -= sizes[best]
            wanted -= sizes[best]
            nodes[count], taken[count] = node, best
            count += 1
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
def _best_class(
    sizes: Amounts, left: Rows, planned: Weights, room: Amounts, wanted: Weights, is_open: Flags
) -> int:
    """The class that fits, is large, and leaves the planned CPU and memory in the mixture that is
    still wanted."""
    best, best_score = -1, -np.inf
    for kind in range(len(left)):
        if left[kind] > 0 and is_open[kind] and _fits(sizes[kind], room):
            cpu, memory = sizes[kind, 0], sizes[kind, 1]
            size = cpu / max(wanted[0], 1.0) + memory / max(wanted[1], 1.0)
            rest_cpu = (planned[0] - cpu) / max(wanted[0], 1.0)
            rest_memory = (planned[1] - memory) / max(wanted[1], 1.0)
            score = SIZE_AGAINST_BALANCE * size - abs(rest_cpu - rest_memory)
            if score > best_score:
                best, best_score = kind, score
    return best


@njit(nogil=True, inline="always")
def _fits(size: Amounts, room: Amounts) -> bool:
    for resource in range(len(size)):
        if size[resource] > 0 and size[resource] > room[resource]:
            return False
    return True
