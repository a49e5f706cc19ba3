"""Buying nodes one after the other, each the one that is filled best for its price.

Prices of CPU and memory from the program over sums say what pods are worth; each node size is
filled with what is left, and the one whose pods are worth most for its cost is bought. Pods that
fit only into sizes that are too dear for the others come first, so that others fill these up.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np

from engines.bin_packing.assortment import (
    Assortment,
    Nodes,
    Sums,
    by_sums,
    in_smaller_sizes,
)
from engines.bin_packing.filling import LARGE_FIRST, Aim, fill_node, fullness
from engines.bin_packing.kernels import Flags, Rows

PRICINGS = 30
"""Times that the program over sums is solved anew, about evenly over the nodes."""

LARGE_FIRST_TRIED = (1.0, 1.1, 1.3)
"""How much large pods are preferred to small ones; each is tried, and the cheapest counts."""

MOST_PAIRS = 2_000
"""Classes x node sizes up to which they are; beyond that the usual preference alone."""

_IN_USE = 1e-6


def buy_in_turn(assortment: Assortment, tried: Sequence[float] = LARGE_FIRST_TRIED) -> Nodes:
    """The cheapest nodes found for all pods that fit into any; ``tried``: preferences of large
    pods."""
    if assortment.open_to.size > MOST_PAIRS:
        tried = (LARGE_FIRST,)
    plans = [_Buyer(assortment, one).buy() for one in tried]
    return min(plans, key=assortment.cost_of)


class _Buyer:
    """Buys for one preference of large pods."""

    def __init__(self, assortment: Assortment, large_first: float) -> None:
        self._assortment = assortment
        self._large_first = large_first
        self._fits = assortment.fits()
        self._counts = np.where(self._fits.any(axis=0), assortment.counts, 0)
        self._most = assortment.most.copy()

    def buy(self) -> Nodes:
        """Nodes until no pod is left, or no node that would take one."""
        nodes: Nodes = []
        pause = 0
        while self._is_wanted().any():
            if pause == 0:
                sums = by_sums(self._assortment, self._counts, self._most)
                pause = max(1, ceil(float(sums.amounts.sum()) / PRICINGS))
            size, taken = self._best_node(sums)
            nodes.append((size, taken))
            self._counts -= taken
            self._most[size] -= 1
            pause -= 1
        return in_smaller_sizes(self._assortment, nodes, self._most)

    def _is_wanted(self) -> Flags:
        """Node sizes that there are and that could take a pod."""
        wanted: Flags = (self._fits & (self._counts > 0)).any(axis=1) & (self._most > 0)
        return wanted

    def _best_node(self, sums: Sums) -> tuple[int, Rows]:
        """The node whose pods are worth most for its cost, with its pods."""
        assortment, first = self._assortment, self._first_class(sums)
        candidates = self._is_wanted()
        if first >= 0:
            candidates &= self._fits[:, first]
        aim = self._aim(sums)
        found = []
        for size in np.flatnonzero(candidates).tolist():
            taken = self._filled(size, first, aim)
            cost = int(assortment.cost[size])
            worth = float(taken @ assortment.sizes @ sums.worth)
            found.append((worth / cost, -cost, -size, taken))
        _, _, size, taken = max(found, key=lambda one: one[:3])
        return -size, taken

    def _first_class(self, sums: Sums) -> int:
        """The largest class that fits into no node size that the program uses; -1: all fit."""
        in_use = (sums.amounts > _IN_USE) & (self._most > 0)
        giants = np.flatnonzero((self._counts > 0) & ~self._fits[in_use].any(axis=0))
        giants = giants[(self._fits[self._most > 0][:, giants]).any(axis=0)]
        if not len(giants):
            return -1
        return int(giants[np.argmax(self._assortment.sizes[giants] @ sums.worth)])

    def _aim(self, sums: Sums) -> Aim:
        """What to fill for; the slack is what is left over in the program's nodes."""
        sizes = self._assortment.sizes
        wanted = (self._counts @ sizes).astype(np.float64)
        share = wanted / np.maximum(sums.amounts @ self._assortment.rooms, 1.0)
        slack = 1.0 - share / max(float(share[:2].max()), 1e-12)
        values = fullness(sizes, sums.worth, self._large_first)
        return Aim(values, np.argsort(-values, kind="stable"), slack, wanted)

    def _filled(self, size: int, first: int, aim: Aim) -> Rows:
        """A node of this size, with a pod of the class ``first``, where there is one."""
        sizes = self._assortment.sizes
        seed = np.zeros_like(self._counts)
        if first >= 0:
            seed[first] = 1
        most = np.where(self._fits[size], self._counts, 0) - seed
        room = self._assortment.rooms[size] - seed @ sizes
        more: Rows = fill_node(sizes, most, room, aim)
        return seed + more
