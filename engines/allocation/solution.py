"""The cheapest safe allocation of a problem, checked in exact arithmetic."""

from engines.allocation.checking import broken_limits
from engines.allocation.problem import (
    Allocation,
    AllocationProblem,
    AllocationStatus,
    Purchase,
)
from engines.allocation.program import Program
from engines.allocation.search import Found, SearchLimitError, search
from engines.allocation.shortfalls import find_shortfalls
from engines.allocation.zoning import purchases_of
from engines.contracts.pricing import MICRO_USD_PER_USD

_SOLVER_TOLERANCE = 2e-6  # of a vCPU or GiB: how far HiGHS may overstep a row


def cheapest_safe_allocation(problem: AllocationProblem) -> Allocation:
    """Fill the requirement at the least expected cost within the limits, or say what is in the way.

    A pool's share is the larger of its vCPU and its memory share; on-demand must reach its share
    in **both**, so the buffer holds whichever of the two runs out first.

    The solver works in floating point. Its answer is checked in exact arithmetic, and if a limit
    is overstepped by a hair the problem is solved once more with all rows tightened by as much.
    """
    for margin in (0.0, _SOLVER_TOLERANCE):
        program = Program.of(problem, margin)
        try:
            found = search(program)
        except SearchLimitError:
            break
        if found is None:
            return Allocation(
                status=AllocationStatus.INFEASIBLE, shortfalls=find_shortfalls(problem)
            )
        purchases = purchases_of(program, found.counts)
        if not broken_limits(problem, purchases):
            return _solved(purchases, found)
    return Allocation(status=AllocationStatus.SOLVER_LIMIT)


def _solved(purchases: tuple[Purchase, ...], found: Found) -> Allocation:
    micro_usd = sum(one.count * one.offering.micro_usd_per_hour for one in purchases)
    expected = sum(one.count * one.offering.expected_micro_usd_per_hour for one in purchases)
    bound = min(found.bound * MICRO_USD_PER_USD, expected)
    return Allocation(
        status=AllocationStatus.SOLVED,
        purchases=purchases,
        micro_usd_per_hour=micro_usd,
        expected_micro_usd_per_hour=expected,
        bound_micro_usd_per_hour=bound,
        gap=(expected - bound) / bound if bound else 0.0,
    )
