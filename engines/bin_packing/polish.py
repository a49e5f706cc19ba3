"""Local search near the break-even of the relaxation, on the room that a packing has left.

A move takes one or two kept nodes away and brings back none, one or two that are cheaper
together; the pods that lose their node by it are placed anew, all others stay where they are.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from engines.bin_packing.kernels import Amounts, Flags, Rows, place_in_order
from engines.bin_packing.problem import (
    Packer,
    Packing,
    PackingProblem,
    largest_first,
    scarcity,
)
from engines.bin_packing.relaxation import Choice

MOST_TRIALS = 4_000
"""Moves that are tried on one packing."""

MOST_WORK = 4_000_000  # trials x nodes

NEAR_NODES = 40
"""So many nodes on either side of break-even take part in exchanges."""

NEAR_PAIRS = 20
"""... and so many in exchanges of two for one."""

Nodes = tuple[int, ...]


class Polish:
    """Improves complete packings of one problem."""

    def __init__(self, problem: PackingProblem, packer: Packer, ideal: Choice) -> None:
        self._problem = problem
        self._packer = packer
        self._distance = np.abs(ideal.surplus) / np.maximum(problem.cost / 1e6, 1e-6)
        self._weights = scarcity(problem.requests, problem.room)
        order = np.argsort(problem.home, kind="stable")
        rows = np.arange(len(problem.cost) + 1)
        self._by_home = (order, np.searchsorted(problem.home[order], rows))

    def improve(self, packing: Packing) -> Packing:
        """The packing after every gain that was found, each found on top of the one before."""
        if not packing.is_complete:
            return packing
        most = min(MOST_TRIALS, MOST_WORK // max(1, len(self._problem.cost)))
        trials = 0
        is_settled = False
        while not is_settled:
            is_settled = True
            for leavers, comers in self._moves(packing):
                trials += 1
                if trials > most:
                    return packing
                better = self._moved(packing, leavers, comers)
                if better is not None:
                    packing, is_settled = better, False
                    break
        return packing

    def _moves(self, packing: Packing) -> Iterator[tuple[Nodes, Nodes]]:
        """All moves that would save money, single leavers first."""
        flexible = self._problem.is_flexible
        kept = self._nearest(flexible & packing.kept)
        gone = self._nearest(flexible & ~packing.kept)
        yield from (((leaver,), ()) for leaver in kept)
        yield from self._paying(_singles(kept[:NEAR_NODES]), _singles(gone[:NEAR_NODES]))
        yield from self._paying(_singles(kept[:NEAR_NODES]), _pairs(gone[:NEAR_PAIRS]))
        yield from self._paying(_pairs(kept[:NEAR_PAIRS]), _singles(gone[:NEAR_NODES]))

    def _nearest(self, chosen: Flags) -> list[int]:
        """Nodes by their distance from break-even."""
        rows = np.flatnonzero(chosen)
        return [int(one) for one in rows[np.argsort(self._distance[rows], kind="stable")]]

    def _paying(self, leaving: list[Nodes], coming: list[Nodes]) -> Iterator[tuple[Nodes, Nodes]]:
        cost = self._problem.cost
        prices = [int(cost[list(one)].sum()) for one in coming]
        for leavers in leaving:
            price = int(cost[list(leavers)].sum())
            for comers, other in zip(coming, prices, strict=True):
                if other < price:
                    yield leavers, comers

    def _moved(self, packing: Packing, leavers: Nodes, comers: Nodes) -> Packing | None:
        """The packing after the move; None: it does not work out."""
        problem = self._problem
        kept = packing.kept.copy()
        kept[list(leavers)] = False
        kept[list(comers)] = True
        if not problem.limits_hold(kept):
            return None
        target = np.full(len(problem.home), -1, np.int64)
        target[packing.movers] = packing.target
        returning = self._pods_of(comers)
        displaced = packing.movers[np.isin(packing.target, leavers)]
        displaced = displaced[~np.isin(problem.home[displaced], comers)]
        homeless = np.concatenate((self._pods_of(leavers), displaced))
        if not self._packer.is_simple(np.concatenate((homeless, returning))):
            return None
        room = packing.room.copy()
        np.add.at(room, target[returning], problem.requests[returning])
        room[list(comers)] = problem.room[list(comers)]
        found = self._place(homeless, room, kept)
        if (found < 0).any():
            return None
        target[homeless] = found
        movers = problem.movers(kept)
        room[list(leavers)] = 0
        return Packing(kept, movers, target[movers], room)

    def _place(self, pods: Rows, room: Amounts, kept: Flags) -> Rows:
        """Places for pods in the room, which is spent; -1 where there is none."""
        problem = self._problem
        requests = problem.requests[pods]
        kinds, kind = np.unique(problem.kind[pods], return_inverse=True)
        return np.asarray(
            place_in_order(
                largest_first(requests, self._weights),
                requests,
                kind.astype(np.int64),
                problem.allowed[kinds] & kept,
                room,
                self._weights,
            )
        )

    def _pods_of(self, nodes: Nodes) -> Rows:
        order, starts = self._by_home
        parts = [order[starts[node] : starts[node + 1]] for node in nodes]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _singles(nodes: list[int]) -> list[Nodes]:
    return [(node,) for node in nodes]


def _pairs(nodes: list[int]) -> list[Nodes]:
    return list(combinations(nodes, 2))
