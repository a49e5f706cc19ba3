"""The linear relaxation: which nodes to aim at, and a bound that no plan can beat.

Every plan keeps nodes whose room, resource by resource, holds the pods of the nodes that go.
Kept fractionally, that is a linear program of few rows. Its dual prices give, by weak duality, a
cost that no plan can be below; the bound is computed from them anew, so that it does not rest on
the solver's word. In a small cluster fractions matter, so there branch and bound takes over. A
share of the room is set aside as what packing wastes when nodes are chosen, never when the bound
is computed.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, vstack

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights
from engines.bin_packing.mixture import Mixture, mixture_of
from engines.bin_packing.problem import PackingProblem

MOST_CONFINED_KINDS = 24
"""Kinds of pods that may run on some nodes only get rows of their own, the heaviest first."""

MOST_WHOLE_NODES, MOST_BRANCHES = 300, 200
"""Up to so many flexible nodes whole ones are chosen by branch and bound, with so many branches."""

_SOLVER_TOLERANCE = 1e-6  # of the solver's sums, USD an hour
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
    bounds[:nodes] = np.stack((lower, np.ones(nodes)), axis=1)
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
    """Weak duality: at these prices each node alone chooses whether it is kept."""
    reduced = problem.cost / _MICRO - worth
    chosen = np.where(problem.is_flexible, np.minimum(reduced, 0.0), reduced)
    return float((least @ prices + chosen.sum()) * _MICRO)


def whole_nodes(problem: PackingProblem, choice: Choice, waste: float = 0.0) -> Choice | None:
    """The same with nodes that are kept or not, by sums alone, as far as the counted search gets.

    The bound is then what the search has proven, if that is more. None: too many nodes for it.
    """
    if np.count_nonzero(problem.is_flexible) > MOST_WHOLE_NODES:
        return None
    matrix, least = _with_mixture(_rows(problem, 1.0 - waste), None, 1.0)
    nodes = len(problem.cost)
    result = milp(
        problem.cost / _MICRO,
        constraints=LinearConstraint(matrix, least, np.inf),
        integrality=np.ones(nodes),
        bounds=Bounds(np.where(problem.is_flexible, 0.0, 1.0), np.ones(nodes)),
        options={"node_limit": MOST_BRANCHES, "mip_rel_gap": 1e-3},
    )
    if result.x is None:
        return None
    proven = (float(result.mip_dual_bound) - _SOLVER_TOLERANCE) * _MICRO
    share = np.round(result.x)
    return choice._replace(share=share, bound_micro_usd=max(choice.bound_micro_usd, proven))


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
    masks, of_kind = np.unique(problem.allowed, axis=0, return_inverse=True)
    receives = problem.room.any(axis=1)
    narrow = [row for row, mask in enumerate(masks) if not (mask | ~receives).all()]
    inside = {
        row: np.array([not (other & ~masks[row]).any() for other in masks], np.bool_)
        for row in narrow
    }
    set_of_pod = of_kind.ravel()[problem.kind]
    heaviest = sorted(narrow, key=lambda row: (-_weight(problem, inside[row][set_of_pod]), row))
    groups = []
    for row in heaviest[:MOST_CONFINED_KINDS]:
        pods: Rows = np.flatnonzero(inside[row][set_of_pod])
        load = np.zeros_like(problem.room)
        np.add.at(load, problem.home[pods], problem.requests[pods])
        groups.append((masks[row], load))
    return groups


def _weight(problem: PackingProblem, pods: Flags) -> int:
    return int(problem.requests[pods, 0].sum()) if pods.any() else 0
