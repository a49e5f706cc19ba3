"""Pods by their mixture of CPU and memory: room of one is worth nothing without the other.

A node that has memory left and no CPU takes no more pods, yet in sums over all nodes that memory
would count. So each pod is split over two of a few *directions*, fixed ratios of memory to CPU on
either side of its own, and what a node takes in of each direction must fit into its room of both
at once. Every real placement splits like that, so the program stays a relaxation, a tighter one.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array, hstack, kron, vstack

from engines.bin_packing.kernels import Flags, Rows, Weights
from engines.bin_packing.problem import PackingProblem

DIRECTIONS = 14

MOST_GROUPS = 64
"""Nodes whose rooms are alike in shape, ratio by ratio, share their rows of the program."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """``vectors``: directions x (CPU, memory), of length 1, from most CPU to most memory.
    ``demand``: nodes x directions, what the pods of each node ask for. ``room``: nodes x (CPU,
    memory). Both resources are in shares of the room of all nodes."""

    vectors: Weights
    demand: Weights
    room: Weights

    def block(self, usable: float) -> tuple[csr_array, Weights]:
        """Rows ``matrix @ (kept, taken) >= least``, where ``taken`` are groups x directions.

        What is asked for is met, and what a group takes in fits into the usable part of its room.
        """
        nodes, directions = self.demand.shape
        groups = self._groups()
        count = int(groups.max()) + 1
        taken = kron(csr_array(np.ones((1, count))), csr_array(np.eye(directions)))
        met = hstack((csr_array(self.demand.T), taken))
        fits = [
            hstack(
                (
                    csr_array(
                        (usable * self.room[:, resource], (groups, np.arange(nodes))),
                        shape=(count, nodes),
                    ),
                    -kron(csr_array(np.eye(count)), csr_array(self.vectors[None, :, resource])),
                )
            )
            for resource in range(2)
        ]
        least = np.concatenate((self.demand.sum(axis=0), np.zeros(2 * count)))
        return csr_array(vstack((met, *fits))), least

    def _groups(self) -> Rows:
        """The group of each node, by the ratio of memory to CPU in its room.

        Room that a group shares holds no less than its parts, so the program stays a relaxation.
        """
        nodes = len(self.room)
        order = np.argsort(np.arctan2(self.room[:, 1], self.room[:, 0]), kind="stable")
        groups = np.empty(nodes, np.int64)
        groups[order] = np.arange(nodes) * min(MOST_GROUPS, nodes) // nodes
        return groups

    def worth_of_room(self, prices: Weights) -> Weights:
        """The most that each node can take in at these prices of the directions.

        By duality the least value of the room at prices of CPU and memory under which no direction
        is worth more than it takes; those prices lie at corners, so all corners are tried.
        """
        corners = [
            corner
            for corner in self._corners(prices)
            if (self.vectors @ corner >= prices - 1e-12).all()
        ]
        worth: Weights = np.min([self.room @ corner for corner in corners], axis=0)
        return worth

    def _corners(self, prices: Weights) -> list[Weights]:
        """Where two of the conditions, or one and an axis, hold with equality."""
        corners: list[Weights] = []
        for one, other in combinations(range(len(prices)), 2):
            pair = self.vectors[[one, other]]
            if abs(np.linalg.det(pair)) > 1e-12:
                corner: Weights = np.asarray(
                    np.linalg.solve(pair, prices[[one, other]]), np.float64
                )
                if (corner >= 0).all():
                    corners.append(corner)
        with np.errstate(divide="ignore", invalid="ignore"):
            alone = np.nanmax(
                np.where(prices[:, None] > 0, prices[:, None] / self.vectors, 0), axis=0
            )
        axes = [np.array([alone[0], 0.0]), np.array([0.0, alone[1]])]
        return (
            corners
            + [one for one in axes if np.isfinite(one).all()]
            + [_safe(prices, self.vectors)]
        )


def _safe(prices: Weights, vectors: Weights) -> Weights:
    """Prices that always do: every direction holds at least its largest part of one resource."""
    return np.full(2, float((prices / vectors.max(axis=1)).max(initial=0.0)))


def mixture_of(problem: PackingProblem) -> Mixture | None:
    """The mixture of a problem's pods; None where all of them want one and the same."""
    room = np.maximum(problem.room[:, :2], 0) / np.maximum(problem.room[:, :2].sum(axis=0), 1)
    vectors, parts = directions_of(problem, np.ones(len(problem.requests), np.bool_))
    if not len(vectors):
        return None
    demand = np.zeros((len(problem.cost), len(vectors)))
    np.add.at(demand, problem.home, parts)
    return Mixture(vectors, demand, room)


def directions_of(problem: PackingProblem, chosen: Flags) -> tuple[Weights, Weights]:
    """The directions of the chosen pods, and how much of each makes up each pod (0: not chosen)."""
    sizes = problem.requests[:, :2] / np.maximum(problem.room[:, :2].sum(axis=0), 1)
    sized = np.flatnonzero(sizes.any(axis=1) & chosen)
    angles = np.arctan2(sizes[sized, 1], sizes[sized, 0])
    edges = np.zeros(0)
    if len(angles):
        edges = np.unique(np.quantile(angles, np.linspace(0, 1, DIRECTIONS)).round(12))
    if len(edges) < 2:
        return np.zeros((0, 2)), np.zeros((len(sizes), 0))
    edges[0], edges[-1] = angles.min(), angles.max()
    vectors = np.stack((np.cos(edges), np.sin(edges)), axis=1)
    below = np.clip(np.searchsorted(edges, angles, "right") - 1, 0, len(edges) - 2)
    parts = np.zeros((len(sizes), len(edges)))
    halves = np.maximum(_split(sizes[sized], vectors[below], vectors[below + 1]), 0)
    parts[sized, below] = halves[:, 0]
    parts[sized, below + 1] = halves[:, 1]
    return vectors, parts


def _split(sizes: Weights, low: Weights, high: Weights) -> Weights:
    """How much of two directions makes up each size (Cramer's rule)."""
    determinant = low[:, 0] * high[:, 1] - low[:, 1] * high[:, 0]
    of_low = (sizes[:, 0] * high[:, 1] - sizes[:, 1] * high[:, 0]) / determinant
    of_high = (low[:, 0] * sizes[:, 1] - low[:, 1] * sizes[:, 0]) / determinant
    return np.stack((of_low, of_high), axis=1)
