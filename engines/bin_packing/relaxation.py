"""The linear relaxation: which nodes to aim at, and a bound that no plan can beat.

Every plan keeps nodes whose room, resource by resource, holds the pods of the nodes that go.
Kept fractionally, that is a linear program of few rows. Its dual prices give, by weak duality, a
cost that no plan can be below; the bound is computed from them anew, so that it does not rest on
the solver's word. In a small cluster ``whole`` has a tighter program. A share of the room is set
aside as what packing wastes when nodes are chosen, never when the bound is computed.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights
from engines.bin_packing.mixture import Mixture, mixture_of
from engines.bin_packing.problem import PackingProblem

MOST_CONFINED_KINDS = 24
"""Kinds of pods that may run on some nodes only get rows of their own, the heaviest first."""

_MICRO = 1e6


class Choice(NamedTuple):
    """``share`` of each node that the relaxation keeps, what the node is worth at dual prices
    beyond its cost (positive: keep), and the bound on the cost of any plan."""

    share: Weights
    surplus: Weights
    bound_micro_usd: float

    @property
    def kept(self) -> Flags:
        """Every node of which a part is kept."""
        kept: Flags = self.share > 1e-7
        return kept


class _Program(NamedTuple):
    """The rows of the program: ``matrix @ share >= least``."""

    matrix: Weights
    least: Weights


def relax(problem: PackingProblem, waste: float = 0.0) -> Choice | None:
    """Solve the relaxation with so much of the room taken as wasted; None: no plan can exist."""
    rows = _rows(problem, 1.0 - waste)
    mixture = mixture_of(problem)
    matrix, least = _with_mixture(rows, mixture, 1.0 - waste)
    nodes, columns = len(problem.cost), matrix.shape[1]
    lower = np.where(problem.is_flexible, 0.0, 1.0)
    bounds = np.zeros((columns, 2))
    bounds[:nodes] = np.stack((lower, problem.most), axis=1)
    bounds[nodes:, 1] = np.inf
    cost = np.concatenate((problem.cost / _MICRO, np.zeros(columns - nodes)))
    result = linprog(cost, A_ub=-matrix, b_ub=-least, bounds=bounds, method="highs-ds")
    if result.x is None:
        return None
    prices = np.maximum(-result.ineqlin.marginals, 0.0)
    worth = _worth(problem, rows, mixture, prices)
    share = result.x[:nodes]
    return Choice(share, worth - problem.cost / _MICRO, _bound(problem, least, prices, worth))


def _with_mixture(
    rows: _Program, mixture: Mixture | None, usable: float
) -> tuple[csr_array, Weights]:
    """All rows, scaled, over the nodes and what they take in of each direction."""
    scale = np.maximum(np.abs(rows.matrix).max(axis=1), 1.0)
    plain = csr_array(rows.matrix / scale[:, None])
    if mixture is None:
        return plain, rows.least / scale
    block, least = mixture.block(usable)
    size = 1.0 / max(float(mixture.room.max()), 1e-12)
    empty = csr_array((plain.shape[0], block.shape[1] - plain.shape[1]))
    matrix = csr_array(vstack((hstack((plain, empty)), block * size)))
    return matrix, np.concatenate((rows.least / scale, least * size))


def _worth(
    problem: PackingProblem, rows: _Program, mixture: Mixture | None, prices: Weights
) -> Weights:
    """What each node gives at the prices of the rows: its pods need no place, its room is one."""
    scale = np.maximum(np.abs(rows.matrix).max(axis=1), 1.0)
    count = len(rows.least)
    full = _rows(problem, 1.0)
    worth: Weights = full.matrix.T @ (prices[:count] / scale)
    if mixture is not None:
        size = 1.0 / max(float(mixture.room.max()), 1e-12)
        of_directions = prices[count : count + len(mixture.vectors)] * size
        worth = worth + mixture.demand @ of_directions + mixture.worth_of_room(of_directions)
    return worth


def _bound(problem: PackingProblem, least: Weights, prices: Weights, worth: Weights) -> float:
    """Weak duality: at these prices each node alone chooses whether, or how often, it is there."""
    reduced = problem.cost / _MICRO - worth
    chosen = np.where(problem.is_flexible, np.minimum(reduced, 0.0) * problem.most, reduced)
    return float((least @ prices + chosen.sum()) * _MICRO)


def room_rows(problem: PackingProblem) -> tuple[Weights, Weights]:
    """``matrix @ kept >= least``: sums that hold for the nodes of every plan."""
    rows = _rows(problem, 1.0)
    return rows.matrix, rows.least


def _rows(problem: PackingProblem, usable: float) -> _Program:
    everything = np.ones(len(problem.cost), np.bool_)
    groups = [(everything, problem.load)] if len(problem.requests) else []
    groups += _confined(problem)
    matrix, least = [], []
    for nodes, load in groups:
        room = np.where(nodes[:, None], np.maximum(problem.room, 0), 0)
        matrix.append((load + usable * room).T)
        least.append(load.sum(axis=0).astype(np.float64))
    for limit in problem.limits:
        row = np.zeros(len(problem.cost))
        row[limit.nodes] = limit.amounts
        matrix.append(row[None, :])
        least.append(np.array([limit.at_least], np.float64))
    if not matrix:
        return _Program(np.zeros((1, len(problem.cost))), np.zeros(1))
    return _Program(np.concatenate(matrix), np.concatenate(least))


def _confined(problem: PackingProblem) -> list[tuple[Flags, Amounts]]:
    """Node sets that some pods cannot leave, with the loads of all pods that cannot leave them."""
    groups = []
    for nodes, pods in areas(problem)[1:]:
        load = np.zeros_like(problem.room)
        np.add.at(load, problem.home[pods], problem.requests[pods])
        groups.append((nodes, load))
    return groups


def areas(problem: PackingProblem) -> list[tuple[Flags, Rows]]:
    """All nodes with all pods; then node sets that some pods cannot leave, with all pods that
    cannot leave them or, in the sets of quotas, need not be able to."""
    masks, of_kind = np.unique(problem.allowed, axis=0, return_inverse=True)
    receives = problem.room.any(axis=1)
    sets = {mask.tobytes(): mask for mask in masks}
    sets |= {one.nodes.tobytes(): one.nodes for one in problem.quotas}
    narrow = [mask for mask in sets.values() if not (mask | ~receives).all()]
    set_of_pod = of_kind.ravel()[problem.kind]
    found = []
    for mask in narrow:
        inside = np.array([not (other & ~mask).any() for other in masks], np.bool_)
        found.append((mask, np.flatnonzero(inside[set_of_pod])))
    found.sort(key=lambda one: -int(problem.requests[one[1], 0].sum()))
    everything = (np.ones(len(problem.cost), np.bool_), np.arange(len(problem.requests)))
    return [everything, *found[:MOST_CONFINED_KINDS]]
