"""Everything that could be launched, and the cost that no plan with any of it can be below.

The search looks at the instances that ``shortlist`` kept. A bound from them alone would be broken
by an offer that was left out, or by one instance more of an offer. Here each offer is one row of
the programs, in every zone that it can be bought in, as often as a plan could pay for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engines.bin_packing.cluster import build_problem
from engines.bin_packing.offers import Launch, Offer, Place, launches_of, new_nodes
from engines.bin_packing.problem import PackingProblem
from engines.bin_packing.relaxation import relax
from engines.bin_packing.safety_rows import safety_limits
from engines.bin_packing.situation import Situation
from engines.bin_packing.whole import WholeNodes

MOST_ROWS = 300
"""Nodes and offers up to which the tighter program is solved, too."""

MOST_BRANCHED_ROWS, MOST_BRANCHES, GAP = 30, 20, 2e-4
"""... and up to which branch and bound goes on from it."""


class Market(NamedTuple):
    """All offers that suit, and where they could stand."""

    offers: tuple[Offer, ...]
    place: Place


def market_bound(
    situation: Situation, market: Market, ceiling: int, *, keeps_safety_limits: bool
) -> int:
    """Micro-dollars an hour that no plan under the same rules can be below, whatever it launches;
    at most ``ceiling``, the cost of a plan that is known.

    A plan in which an offer is worth less than it costs, by so much that the plan is no cheaper
    than ``ceiling``, needs no look: the tighter program leaves such offers out.
    """
    launches = _one_of_each(market)
    problem = _problem(situation, market, launches, ceiling, keeps_safety_limits)
    choice = relax(problem)
    if choice is None:
        return ceiling
    bound = choice.bound_micro_usd
    loss = -choice.surplus[problem.is_new] * 1e6
    near = [
        one for one, lost in zip(launches, loss.tolist(), strict=True) if bound + lost < ceiling
    ]
    if int((~problem.is_new).sum()) + len(near) <= MOST_ROWS and bound < ceiling:
        closer = _problem(situation, market, near, ceiling, keeps_safety_limits)
        bound = max(bound, _tighter(closer, ceiling))
    return min(int(np.ceil(bound - 1e-3)), ceiling)


def _tighter(problem: PackingProblem, ceiling: int) -> float:
    program = WholeNodes(problem)
    choice = program.relaxed(0.0)
    bound = 0.0 if choice is None else choice.bound_micro_usd
    if bound < ceiling and len(problem.cost) <= MOST_BRANCHED_ROWS:
        bound = max(bound, program.proven(MOST_BRANCHES, GAP))
    return bound


def _one_of_each(market: Market) -> tuple[Launch, ...]:
    """Every offer in every zone where it can be had."""
    zones = market.place.zones
    return launches_of({one: 1 if one.zone else len(zones) for one in market.offers}, zones)


def _problem(
    situation: Situation,
    market: Market,
    launches: Sequence[Launch],
    ceiling: int,
    keeps_safety_limits: bool,
) -> PackingProblem:
    """The problem in which each launch can be had as often as ``ceiling`` pays for it."""
    added = new_nodes(situation.state, market.place, launches)
    safety = safety_limits(situation, launches) if keeps_safety_limits else ()
    problem = build_problem(situation, launches, added, safety=safety).problem
    copies = np.where(problem.is_new, ceiling // np.maximum(problem.cost, 1), 1)
    shared = tuple(
        one
        for one in problem.quotas
        if one.nodes[problem.is_new].any() and one.nodes[~problem.is_new].any()
    )  # of zones and the like: where each node is a domain of its own, copies are more domains
    return replace(problem, copies=copies, quotas=shared)
