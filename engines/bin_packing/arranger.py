"""Whole packings by rearranging: pods that found no room make others move."""

import numpy as np

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights
from engines.bin_packing.problem import Packer, Packing, PackingProblem
from engines.bin_packing.rearranging import Loose, Places, settle

MOST_STRAINS = 40
"""Times that stuck nodes are weighed anew in one try."""


WORK_OF_JUDGING = 2_000
"""What it takes to judge a pod by all rules, beside a step of rearranging."""


class Arranger:
    """Completes packings of one problem, and counts the work that it takes."""

    def __init__(self, problem: PackingProblem, packer: Packer) -> None:
        self._problem = problem
        self._packer = packer
        self._around = packer.surroundings()
        self._used = np.flatnonzero(problem.requests.any(axis=0))
        keys = np.column_stack((problem.requests, self._around.form, self._around.crowd))
        self._alike = np.unique(keys, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        receives = problem.room.any(axis=1)
        typical = problem.room[receives][:, self._used].mean(axis=0) if receives.any() else 1
        self._scale = 1.0 / np.maximum(typical, 1.0) * np.ones(len(self._used))
        self.work = 0

    def completed(self, packing: Packing, most_work: int) -> Packing | None:
        """The packing with all pods placed; None where that was not found."""
        problem = self._problem
        target = np.full(len(problem.home), -1, np.int64)
        target[packing.movers] = packing.target
        return self.arranged(packing.kept, target, problem.home, most_work)

    def arranged(self, kept: Flags, target: Rows, anchor: Rows, most_work: int) -> Packing | None:
        """A complete packing onto ``kept`` that starts from ``target`` (by pod; -1: no place yet).

        Pods without a place look for one in the domains of their ``anchor``, a node each.
        """
        problem, around = self._problem, self._around
        movers = problem.movers(kept)
        placed = target[movers]
        movers = movers[np.lexsort((-self._size(movers), placed >= 0))]
        placed = target[movers].copy()
        if (placed[around.is_frozen[movers]] < 0).any():
            return None
        room = np.where(kept[:, None], problem.room, 0)
        is_placed = placed >= 0
        np.subtract.at(room, placed[is_placed], problem.requests[movers[is_placed]])
        found = self._settled(movers, kept, placed, anchor, room, most_work)
        if (found < 0).any() or (room < 0).any():
            return None
        return self._judged(kept, movers, found, room)

    def _settled(
        self, movers: Rows, kept: Flags, placed: Rows, anchor: Rows, room: Amounts, most_work: int
    ) -> Rows:
        """New places of the movers; the room is spent, below zero where it does not work out."""
        problem, around = self._problem, self._around
        loose = ~around.is_frozen[movers]
        rows = movers[loose]
        found = placed[loose]
        belongs = np.where(found >= 0, found, anchor[rows])
        rooms = np.ascontiguousarray(room[:, self._used])
        pods = Loose(
            np.ascontiguousarray(problem.requests[rows][:, self._used]),
            np.unique(self._alike[rows], return_inverse=True)[1].ravel().astype(np.int64),
            around.mask_at[around.form[rows], belongs],
            around.crowd[rows],
            found,
        )
        places = Places(
            around.masks & kept, self._present(movers, placed, kept), rooms, self._scale
        )
        self.work += int(settle(pods, places, most_work, MOST_STRAINS))
        room[:, self._used] = rooms
        result = placed.copy()
        result[loose] = found
        return result

    def _present(self, movers: Rows, placed: Rows, kept: Flags) -> Amounts:
        """Pods of each crowd on each node before anything is moved."""
        problem, around = self._problem, self._around
        present = around.present.copy()
        stands = np.where(kept[problem.home], problem.home, -1)
        stands[movers] = placed
        counted = (stands >= 0) & (around.crowd >= 0)
        np.add.at(present, (stands[counted], around.crowd[counted]), 1)
        return present

    def _judged(self, kept: Flags, movers: Rows, target: Rows, room: Amounts) -> Packing | None:
        """The packing, if it keeps all rules."""
        self.work += WORK_OF_JUDGING * len(movers)
        order = np.argsort(movers, kind="stable")
        packing = Packing(kept, movers[order], target[order], room)
        return packing if self._packer.accepts(packing) else None

    def _size(self, pods: Rows) -> Weights:
        sizes = self._problem.requests[pods][:, self._used] * self._scale
        return np.asarray(sizes.max(axis=1, initial=0))
