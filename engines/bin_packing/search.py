"""The search for the nodes to keep. Every limit is counted, so equal problems end equally.

1. The relaxation chooses nodes as if a share of the room were wasted; the packer tries. Shares
   grow until everything finds room. Where whole nodes are over a share that a limit allows, some
   of those leave.
2. What is left over in a try that almost succeeds is repaired: cheap nodes come back.
3. Where nodes may be launched whole ones are bought for the pods of nodes that go.
4. The best answer is polished near the relaxation's break-even: one node more goes, or a dearer
   node goes in exchange for a cheaper one that comes back. In a small cluster a closer search
   (``close_search``) moves pods about for it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engines.bin_packing.close_search import search_closely
from engines.bin_packing.kernels import Flags, Rows
from engines.bin_packing.polish import Polish
from engines.bin_packing.problem import (
    Packer,
    Packing,
    PackingProblem,
    scarcity,
)
from engines.bin_packing.purchase import purchases
from engines.bin_packing.relaxation import Choice, relax

WASTES = (0.0, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.11, 0.15, 0.2, 0.27, 0.35, 0.5, 0.7, 0.9)
LARGE_CLUSTER = 300
"""Up to so many nodes, launches among them, the search is the closer one."""

LEAST_WASTE_LARGE = 0.045
"""In larger clusters that much of the room has always been wasted."""

MOST_REPAIRS = 5
"""Times that nodes come back in one try before the next share is tried."""

MOST_LEAVING = 60
"""Nodes that leave because whole ones are over a limit."""

SPARE = 1.5
"""What comes back has so many times the room of what is left over."""

REPAIRABLE_SHARE = 0.03
"""Of what moves; where more is left over the next share is tried at once."""


class SearchResult(NamedTuple):
    """The best packing found, and the cost that no plan can be below."""

    packing: Packing
    bound_micro_usd: int


def search(problem: PackingProblem, packer: Packer) -> SearchResult:
    """The cheapest set of nodes that was found to hold every pod; at worst nothing changes."""
    as_it_is = packer.pack(~problem.is_new)
    ideal = relax(problem)
    if ideal is None:
        return SearchResult(as_it_is, problem.present_cost)
    bought = (repair(problem, packer, one) for one in purchases(problem, packer, ideal))
    tries = [as_it_is, *_tries(problem, packer, ideal), *(one for one in bought if one)]
    best, bound = min(tries, key=lambda one: problem.cost_of(one.kept)), ideal.bound_micro_usd
    if len(problem.cost) <= LARGE_CLUSTER:
        best, bound = search_closely(problem, packer, ideal, tries)
    else:
        best = Polish(problem, packer, ideal).improve(best)
    return SearchResult(best, min(int(np.ceil(bound - 1e-3)), problem.cost_of(best.kept)))


def _tries(problem: PackingProblem, packer: Packer, ideal: Choice) -> Iterator[Packing]:
    """Complete packings, until a share of waste needs no repair."""
    least = LEAST_WASTE_LARGE if len(problem.cost) > LARGE_CLUSTER else 0.0
    for waste in (one for one in WASTES if one >= least):
        choice = ideal if waste == 0 else relax(problem, waste)
        if choice is None:
            return
        packing = packer.pack(_within_shares(problem, choice))
        repaired = repair(problem, packer, packing)
        if repaired is not None:
            yield repaired
        if _is_plan(problem, packing):
            return


def _within_shares(problem: PackingProblem, choice: Choice) -> Flags:
    """The nodes of the choice without some that limits count against, as on shares of a Spot pool.

    Parts of nodes meet such a limit exactly; kept as wholes they are over it by part of a node.
    Bringing others back would take several for each; the one kept to the smallest part leaves.
    """
    kept = choice.kept.copy()
    for _ in range(MOST_LEAVING):
        broken = next((one for one in problem.limits if not one.holds(kept)), None)
        if broken is None:
            break
        against = broken.nodes[broken.amounts < 0]
        against = against[kept[against] & problem.is_flexible[against]]
        if not len(against):
            break
        order = np.lexsort((choice.surplus[against], choice.share[against]))
        kept[against[order[0]]] = False
    return kept


def _is_plan(problem: PackingProblem, packing: Packing) -> bool:
    return packing.is_complete and problem.limits_hold(packing.kept)


def repair(problem: PackingProblem, packer: Packer, packing: Packing) -> Packing | None:
    """Bring back cheap nodes that could take what is left over; None: too much is."""
    for _ in range(MOST_REPAIRS):
        if _is_plan(problem, packing):
            return packing
        back = _nodes_to_bring_back(problem, packing)
        if not len(back):
            return None
        kept = packing.kept.copy()
        kept[back] = True
        packing = packer.pack(kept)
    return packing if _is_plan(problem, packing) else None


def _nodes_to_bring_back(problem: PackingProblem, packing: Packing) -> Rows:
    """Nodes that are large enough together for all that is left over; none where that is too much.

    A broken limit comes first. Then the cheapest single node that is large enough; then those that
    give most for their cost. Nodes that the pods left over come from, or could run on, count alone.
    """
    gone = problem.is_flexible & ~packing.kept
    for limit in problem.limits:
        if not limit.holds(packing.kept):
            helpful = limit.nodes[(limit.amounts > 0) & gone[limit.nodes]]
            cheapest: Rows = helpful[np.argsort(problem.cost[helpful], kind="stable")][:1]
            return cheapest
    unplaced = packing.unplaced
    useful: Flags = np.asarray(problem.allowed[np.unique(problem.kind[unplaced])].any(axis=0))
    useful[problem.home[unplaced]] = True
    candidates = np.flatnonzero(gone & useful)
    weights = scarcity(problem.requests, problem.room)
    needed = SPARE * float((problem.requests[unplaced] * weights).sum())
    moving = float((problem.requests[packing.movers] * weights).sum())
    if needed > SPARE * REPAIRABLE_SHARE * moving or not len(candidates):
        return np.zeros(0, np.int64)
    gives = ((problem.load + np.maximum(problem.room, 0))[candidates] * weights).sum(axis=1)
    large = candidates[gives >= needed]
    if len(large):
        return np.array([large[np.argmin(problem.cost[large])]], np.int64)
    best = np.argsort(problem.cost[candidates] / np.maximum(gives, 1e-12), kind="stable")
    count = int(np.searchsorted(np.cumsum(gives[best]), needed)) + 1
    return np.asarray(candidates[best[:count]], np.int64)
