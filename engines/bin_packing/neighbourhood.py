"""Search over the sets of kept nodes of a small cluster, each step with pods moved about.

From a complete packing one or two nodes leave, none, one or two that are cheaper together come
back. What the exchange takes away in room, valued at the relaxation's prices, orders the steps:
the gentlest comes first. Sums over all nodes and over the nodes that some pods cannot leave rule
most steps out before a pod is moved.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engines.bin_packing.arranger import Arranger
from engines.bin_packing.kernels import Flags, Rows, Weights
from engines.bin_packing.problem import Packing, PackingProblem
from engines.bin_packing.relaxation import Choice, room_rows

STEPS_WITHIN_WORK = 300
"""The counted work is enough for so many exchanges that fail."""

MOST_STEPS = 600
"""Exchanges of nodes that are tried on one packing, and ..."""

NEAR = 40
"""... nodes on either side of break-even that take part in them."""


class _Steps(NamedTuple):
    """Exchanges by row: up to two nodes that leave and two that come; -1: none."""

    leaving: Rows
    coming: Rows


class Neighbourhood:
    """Improves complete packings of one problem."""

    def __init__(self, problem: PackingProblem, arranger: Arranger, ideal: Choice) -> None:
        self._problem = problem
        self._arranger = arranger
        self._worth = ideal.surplus + problem.cost / 1e6
        self._distance = np.abs(ideal.surplus) / np.maximum(problem.cost / 1e6, 1e-6)
        self._rows = room_rows(problem)
        self._seen: set[bytes] = set()
        self._most_work = self._most_work_a_step = 0

    def improve(self, packing: Packing, most_work: int) -> Packing:
        """The packing after every gain that was found, each found on top of the one before."""
        self._most_work = self._arranger.work + most_work
        self._most_work_a_step = most_work // STEPS_WITHIN_WORK
        better: Packing | None = packing
        while better is not None:
            packing = better
            better = self._next(packing)
        return packing

    def _next(self, packing: Packing) -> Packing | None:
        target = np.full(len(self._problem.home), -1, np.int64)
        target[packing.movers] = packing.target
        for kept in self._sets(packing):
            if self._arranger.work > self._most_work:
                return None
            better = self._moved(kept, target)
            if better is not None:
                return better
        return None

    def _sets(self, packing: Packing) -> Iterator[Flags]:
        """Sets of nodes that cost less and might do, the most promising first; none twice."""
        steps = self._steps(packing.kept)
        tried = 0
        for leaving, coming in zip(steps.leaving, steps.coming, strict=True):
            kept = packing.kept.copy()
            kept[leaving[leaving >= 0]] = False
            kept[coming[coming >= 0]] = True
            key = kept.tobytes()
            if key in self._seen or not self._problem.limits_hold(kept):
                continue
            if tried == MOST_STEPS:
                return
            tried += 1
            self._seen.add(key)
            yield kept

    def _steps(self, kept: Flags) -> _Steps:
        """Exchanges that save money and pass the sums."""
        flexible = self._problem.is_flexible
        leaving = _groups(self._nearest(flexible & kept))[1:]
        coming = _groups(self._nearest(flexible & ~kept))
        cost, worth = _padded(self._problem.cost), _padded(self._worth)
        saving = cost[leaving].sum(axis=1)[:, None] - cost[coming].sum(axis=1)[None, :]
        loss = worth[leaving].sum(axis=1)[:, None] - worth[coming].sum(axis=1)[None, :]
        one, other = np.nonzero(saving > 0)
        lost = loss[one, other]
        gentle = np.argsort(lost, kind="stable")
        paying = np.argsort(lost / saving[one, other], kind="stable")
        order = np.stack((paying, gentle), axis=1).ravel()
        one, other = one[order], other[order]
        matrix, least = self._rows
        slack = matrix @ kept - least
        columns = np.concatenate((matrix.T, np.zeros((1, len(least)))))
        taken, given = columns[leaving].sum(axis=1), columns[coming].sum(axis=1)
        fits = np.ones(len(one), np.bool_)
        for row in range(len(least)):
            fits &= slack[row] - taken[one, row] + given[other, row] >= -1e-6
        return _Steps(leaving[one[fits]], coming[other[fits]])

    def _nearest(self, chosen: Flags) -> Rows:
        rows = np.flatnonzero(chosen)
        return np.sort(rows[np.argsort(self._distance[rows], kind="stable")][:NEAR])

    def _moved(self, kept: Flags, target: Rows) -> Packing | None:
        """The packing on these nodes that starts where the pods are."""
        problem = self._problem
        anchor = np.where(target >= 0, target, problem.home)
        moves = ~kept[problem.home]
        start = np.where(moves, target, -1)
        start[(start >= 0) & ~kept[start]] = -1
        return self._arranger.arranged(kept, start, anchor, self._most_work_a_step)


def _groups(nodes: Rows) -> Rows:
    """None, one or two of the nodes, by row; -1: no node."""
    one, other = np.triu_indices(len(nodes), 1)
    none = np.full((1, 2), -1, np.int64)
    alone = np.stack((nodes, np.full(len(nodes), -1, np.int64)), axis=1)
    return np.concatenate((none, alone, np.stack((nodes[one], nodes[other]), axis=1)))


def _padded(values: Weights | Rows) -> Weights:
    """With a zero at the end, for nodes that are not there."""
    return np.concatenate((values.astype(np.float64), np.zeros(1)))
