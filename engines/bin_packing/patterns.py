"""Packing by patterns: where pods of few sizes go to nodes of few sizes, for the least cost.

A pattern is one way to fill one node: so many pods of each class. Column generation (Gilmore and
Gomory 1961) finds the patterns that matter: a linear program says how often to use those known, its
dual prices say what a pod of each class is worth, and a knapsack for each size of node looks for a
filling that is worth more than the node costs. The prices are smoothed towards those that gave the
best bound (Wentges 1997). Whole nodes come by diving: what the program uses whole times is fixed,
the rest is solved again.

The bound holds for every packing, whatever the search did: by weak duality, from knapsack bounds.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from engines.bin_packing.assortment import Assortment, Nodes, by_sums, in_smaller_sizes, whole_cost
from engines.bin_packing.kernels import Rows, Weights
from engines.bin_packing.knapsack import Filling, best_filling, unit_of

MOST_CLASSES, MOST_SIZES = 40, 12
"""Up to so many classes of pods and sizes of nodes patterns are worth their time."""

MOST_ROUNDS, MOST_ROUNDS_AGAIN = 60, 2
"""Rounds of column generation for all pods, and for what is left after each fixing."""

SETTLED_GAP = 5e-4
"""Share of the cost between program and bound; less than that is lost in whole nodes anyway."""

SMOOTHING = 0.7
MOSTLY_USED = 0.6
"""A pattern that the program uses to so much of a node is fixed as a whole node."""

_SHORTAGE = 10.0  # what a pod without a place costs the program; the dearest node costs 1
_EPSILON = 1e-7
DEBUG = 0


class PatternPlan(NamedTuple):
    """Nodes for all pods that fit into any, and micro-dollars an hour that no packing of all pods
    can cost less than."""

    nodes: Nodes
    bound_micro_usd: int


class _Solution(NamedTuple):
    use: Weights  # of each column
    values: Weights  # of a pod of each class
    rents: Weights  # of each node size, beyond its cost, where all there are get used
    cost: float


def pack_patterns(assortment: Assortment, start: Nodes) -> PatternPlan:
    """The cheapest nodes found for as many pods as find room, ``start`` among them; and the bound.

    The patterns of ``start`` are those to begin with.
    """
    generator = _Generator(assortment, start)
    counts, most = assortment.counts.copy(), assortment.most.copy()
    solution, bound = generator.solve(counts, most, MOST_ROUNDS)
    nodes: Nodes = []
    while fixed := generator.fixed(solution, counts, most):
        nodes += fixed
        solution, _ = generator.solve(counts, most, MOST_ROUNDS_AGAIN)
    nodes = in_smaller_sizes(assortment, nodes, most)
    best = min(start, nodes, key=lambda one: (_left_over(assortment, one), assortment.cost_of(one)))
    return PatternPlan(best, whole_cost(assortment, bound * generator.scale))


def _left_over(assortment: Assortment, nodes: Nodes) -> float:
    """The CPU and memory of pods without a node, in shares of what all pods ask for."""
    left = assortment.counts - sum((taken for _, taken in nodes), np.zeros_like(assortment.counts))
    total = np.maximum(assortment.counts @ assortment.sizes, 1)
    return float((left @ assortment.sizes / total).sum())


class _Generator:
    """Columns, and the program over them."""

    def __init__(self, assortment: Assortment, start: Nodes) -> None:
        self._assortment = assortment
        self.scale = float(assortment.cost.max())
        self._cost = assortment.cost / self.scale
        self._fits = assortment.fits()
        self._unit = unit_of(assortment.sizes[:, 0], int(assortment.rooms[:, 0].max()))
        self._known: set[tuple[int, bytes]] = set()
        self._node_size: list[int] = []
        self._taken: list[Rows] = []
        worth = by_sums(assortment, assortment.counts, assortment.most).worth / self.scale
        self._by_sums = self._center = assortment.sizes @ worth
        self._worth_of_rooms = assortment.rooms @ worth
        self._prices = np.tile(worth[1:], (len(assortment.rooms), 1))
        for size, taken in start:
            self._append(size, taken)

    def solve(self, counts: Rows, most: Rows, rounds: int) -> tuple[_Solution, float]:
        """The program over the columns, and new columns as long as they help; and the bound on
        what the pods cost, nodes in fractions."""
        solution, best, center = self._program(counts, most), 0.0, self._center
        for turn in range(rounds):
            for share in (SMOOTHING if turn else 1.0, 0.0):
                values = share * center + (1 - share) * solution.values
                fillings = self._fillings(values, counts, most)
                bound, values = self._bound_at(values, fillings, counts, most)
                if bound > best:
                    best, center = bound, values
                is_helped = self._add(fillings, solution)
                if is_helped:
                    break
            if not is_helped or solution.cost - best <= SETTLED_GAP * solution.cost:
                break
            solution = self._program(counts, most)
        self._center = center
        return solution, best

    def fixed(self, solution: _Solution, counts: Rows, most: Rows) -> Nodes:
        """Whole nodes of what the program uses, which are taken from ``counts`` and ``most``.

        All that is used once or more often; if nothing is, what is mostly used; else the most used.
        """
        order = np.argsort(-solution.use, kind="stable")
        times = np.floor(solution.use + _EPSILON)
        if not times.any():
            times = (solution.use >= MOSTLY_USED).astype(np.float64)
        if not times.any() and len(order) and solution.use[order[0]] > _EPSILON:
            times[order[0]] = 1.0
        nodes: Nodes = []
        for column in order[times[order] > 0].tolist():
            size = self._node_size[column]
            for _ in range(int(times[column])):
                pods = np.minimum(self._taken[column], counts)
                if most[size] > 0 and pods.any():
                    nodes.append((size, pods))
                    counts -= pods
                    most[size] -= 1
        return nodes

    def _append(self, size: int, taken: Rows) -> bool:
        """Whether the column was not known."""
        key = (size, taken.tobytes())
        if key in self._known:
            return False
        self._known.add(key)
        self._node_size.append(size)
        self._taken.append(taken)
        return True

    def _program(self, counts: Rows, most: Rows) -> _Solution:
        """How often to use each column so that every pod is covered, or short at a high price."""
        kinds, sizes = len(counts), len(most)
        node_size = np.array(self._node_size, np.int64)
        count = len(node_size)
        covers = csr_array(np.array(self._taken, np.float64).reshape(count, kinds).T)
        uses = csr_array((np.ones(count), (node_size, np.arange(count))), shape=(sizes, count))
        matrix = vstack(
            (
                hstack((-covers, -csr_array(np.eye(kinds)))),
                hstack((uses, csr_array((sizes, kinds)))),
            )
        )
        cost = np.concatenate((self._cost[node_size], np.full(kinds, _SHORTAGE)))
        result = linprog(
            cost, A_ub=csr_array(matrix), b_ub=np.concatenate((-counts, most)), method="highs-ds"
        )
        duals = np.maximum(-result.ineqlin.marginals, 0.0)
        return _Solution(result.x[:count], duals[:kinds], duals[kinds:], float(result.fun))

    def _fillings(self, values: Weights, counts: Rows, most: Rows) -> list[Filling]:
        """The best filling of each node size that is still to be had."""
        assortment = self._assortment
        fillings = []
        for size in range(len(assortment.rooms)):
            open_values = np.where(self._fits[size], values, 0.0)
            if most[size] == 0:
                open_values = np.zeros(len(values))
            one = best_filling(
                open_values,
                assortment.sizes,
                counts,
                assortment.rooms[size],
                self._unit,
                self._prices[size],
            )
            self._prices[size] = one.prices
            fillings.append(one)
        return fillings

    def _add(self, fillings: list[Filling], solution: _Solution) -> bool:
        """Whether one of the fillings is worth more to the program than it costs."""
        is_new = False
        for size, one in enumerate(fillings):
            price = self._cost[size] + solution.rents[size]
            if one.taken @ solution.values > price + _EPSILON:
                is_new |= self._append(size, one.taken)
        return is_new

    def _bound_at(
        self, values: Weights, fillings: list[Filling], counts: Rows, most: Rows
    ) -> tuple[float, Weights]:
        """The best bound of these values, each scaled alike, and the scaled values.

        A packing costs at least what its pods are worth, less what a node can hold beyond its
        cost, for as many nodes as there are (scaled so that most nodes hold no more: Farley 1990).
        """
        beyond_sums = counts @ np.maximum(values - self._by_sums, 0.0)
        by_sums = np.where(most > 0, self._worth_of_rooms + beyond_sums, 0.0)
        worth = np.minimum([one.bound for one in fillings], by_sums)
        fills = worth > _EPSILON
        scales = np.unique(np.concatenate((self._cost[fills] / worth[fills], [1.0])))
        beyond = np.maximum(scales[:, None] * worth - self._cost, 0.0)
        bounds = scales * float(counts @ values) - beyond @ np.minimum(most, counts.sum())
        best = int(np.argmax(bounds))
        return float(bounds[best]), scales[best] * values
