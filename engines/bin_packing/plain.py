"""Placing pods about which only room and the allowed nodes decide."""

import numpy as np

from engines.bin_packing.alike import share_out
from engines.bin_packing.filling import fill_in_turn
from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights, place_in_order
from engines.bin_packing.problem import Packing, PackingProblem, largest_first, scarcity
from engines.bin_packing.surroundings import Surroundings, without_neighbours


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

    def surroundings(self) -> Surroundings:
        """Nobody asks for anything."""
        return without_neighbours(self._problem.allowed, self._problem.kind)

    def accepts(self, packing: Packing) -> bool:
        """Every pod is on a node where it is allowed."""
        kinds = self._problem.kind[packing.movers]
        return bool(self._problem.allowed[kinds, packing.target].all())


def place_plain(
    problem: PackingProblem, pods: Rows, kept: Flags, room: Amounts, weights: Weights
) -> Rows:
    """The node of each pod, -1 for those without room; ``room`` is spent.

    Pod by pod, the largest first; if that leaves some over, node by node, the one with most room
    first; if that does, too, by patterns where pods and nodes are of few kinds. The way that leaves
    least counts.
    """
    requests, kind, open_to = problem.requests[pods], problem.kind[pods], problem.allowed & kept
    rest = room.copy()
    target = place_in_order(
        largest_first(requests, weights), requests, kind, open_to, rest, weights
    )
    if (target >= 0).all():
        room[:] = rest
        return target
    turn = np.flatnonzero(kept)
    turn = turn[np.argsort(-(room[turn] * weights).sum(axis=1), kind="stable")]
    for place in (fill_in_turn, share_out):
        other_room = room.copy()
        other = place(requests, kind, open_to, other_room, turn)
        if other is None:
            break
        if _weight_left(requests, other, weights) < _weight_left(requests, target, weights):
            target, rest = other, other_room
        if (target >= 0).all():
            break
    room[:] = rest
    return target


def _weight_left(requests: Amounts, target: Rows, weights: Weights) -> float:
    return float((requests[target < 0] * weights).sum())
