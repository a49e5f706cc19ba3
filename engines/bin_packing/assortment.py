"""What is to be bought: nodes of several sizes and prices, for pods of several classes."""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights

Nodes = list[tuple[int, Rows]]
"""Of each node its size (a row of the assortment) and how many pods of each class it takes."""

_TOLERANCE = 1e-8  # of the solver's sums: a bound so little above a cost does not exclude it


@dataclass(frozen=True, kw_only=True, eq=False)
class Assortment:
    """``sizes``: classes x resources, CPU and memory first; ``counts``: pods of each class.
    ``rooms``: node sizes x resources; ``cost`` of one node in micro-dollars an hour, above zero;
    ``most`` of them to be had; ``open_to``: node sizes x classes."""

    sizes: Amounts
    counts: Rows
    rooms: Amounts
    cost: Rows
    most: Rows
    open_to: Flags

    def fits(self) -> Flags:
        """Node sizes x classes: whether a pod could run on such a node alone."""
        large_enough = (self.sizes[None] <= self.rooms[:, None]).all(axis=2)
        fits: Flags = large_enough & self.open_to & (self.most > 0)[:, None]
        return fits

    def cost_of(self, nodes: Nodes) -> int:
        """Micro-dollars an hour."""
        return int(self.cost[[size for size, _ in nodes]].sum()) if nodes else 0


class Sums(NamedTuple):
    """Where only sums count: how many of each node size, what a unit of each resource is worth in
    micro-dollars, and what whole nodes cost at least."""

    amounts: Weights
    worth: Weights
    bound: float


def by_sums(assortment: Assortment, counts: Rows, most: Rows) -> Sums:
    """The linear program over node sizes for so many pods, and so many nodes at most.

    Where there are not nodes enough, as if there were.
    """
    total = (counts @ assortment.sizes).astype(np.float64)
    scale, unit = np.maximum(total, 1.0), float(assortment.cost.max())
    for upper in (most.astype(np.float64), np.full(len(most), np.inf)):
        result = linprog(
            assortment.cost / unit,
            A_ub=-(assortment.rooms / scale).T,
            b_ub=-total / scale,
            bounds=np.stack((np.zeros(len(most)), upper), axis=1),
            method="highs-ds",
        )
        if result.x is not None:
            break
    worth: Weights = np.maximum(-result.ineqlin.marginals, 0.0) / scale * unit
    beyond = np.maximum(assortment.rooms @ worth - assortment.cost, 0.0)
    bound = float(total @ worth - beyond @ np.minimum(most, counts.sum()))
    return Sums(result.x, worth, bound)


def whole_cost(assortment: Assortment, bound_micro_usd: float) -> int:
    """The least cost of whole nodes that is no less than this bound: costs come in the steps that
    divide the price of every size."""
    step = max(int(np.gcd.reduce(assortment.cost)), 1)
    return step * max(0, ceil(bound_micro_usd * (1 - _TOLERANCE) / step))


def in_smaller_sizes(assortment: Assortment, nodes: Nodes, spare: Rows) -> Nodes:
    """Each node as the cheapest size that holds its pods; ``spare``: how many more there are."""
    spare = spare.copy()
    changed: Nodes = []
    for size, taken in nodes:
        holds = (taken @ assortment.sizes <= assortment.rooms).all(axis=1) & (spare > 0)
        holds &= assortment.open_to[:, taken > 0].all(axis=1)
        holds[size] = True
        cheapest = int(np.argmin(np.where(holds, assortment.cost, np.iinfo(np.int64).max)))
        if assortment.cost[cheapest] == assortment.cost[size]:
            cheapest = size
        spare[size] += 1
        spare[cheapest] -= 1
        changed.append((cheapest, taken))
    return changed
