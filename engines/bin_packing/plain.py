"""Placing pods about which only room and the allowed nodes decide."""

import numpy as np

from engines.bin_packing.filling import fill_in_turn
from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights, place_in_order
from engines.bin_packing.problem import Packing, PackingProblem, largest_first, scarcity


class PlainPacker:
    """The packer of problems without any other rules."""

    def __init__(self, problem: PackingProblem) -> None:
        self._problem = problem

    def pack(self, kept: Flags) -> Packing:
        """Place the movers on the kept nodes, as many of them as find room."""
        problem = self._problem
        movers = problem.movers(kept)
        room = np.where(kept[:, None], problem.room, 0)
        weights = scarcity(problem.requests[movers], room)
        target = place_plain(problem, movers, kept, room, weights)
        return Packing(kept, movers, target, room)

    def is_simple(self, pods: Rows) -> bool:
        """Whether only room and ``allowed`` decide about these pods: about all of them."""
        return True


def place_plain(
    problem: PackingProblem, pods: Rows, kept: Flags, room: Amounts, weights: Weights
) -> Rows:
    """The node of each pod, -1 for those without room; ``room`` is spent.

    Pod by pod, the largest first; if that leaves some over, node by node, the one with most room
    first. The way that leaves less counts.
    """
    requests, kind, open_to = problem.requests[pods], problem.kind[pods], problem.allowed & kept
    by_pod = room.copy()
    target = place_in_order(
        largest_first(requests, weights), requests, kind, open_to, by_pod, weights
    )
    if (target >= 0).all():
        room[:] = by_pod
        return target
    turn = np.flatnonzero(kept)
    turn = turn[np.argsort(-(room[turn] * weights).sum(axis=1), kind="stable")]
    by_node = room.copy()
    other = fill_in_turn(requests, kind, open_to, by_node, turn)
    if _weight_left(requests, other, weights) < _weight_left(requests, target, weights):
        room[:] = by_node
        return other
    room[:] = by_pod
    return target


def _weight_left(requests: Amounts, target: Rows, weights: Weights) -> float:
    return float((requests[target < 0] * weights).sum())
