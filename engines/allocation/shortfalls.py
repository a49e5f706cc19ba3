"""What stands in the way where no safe allocation exists: which limit, and by how much.

Each limit is relaxed alone, with all others kept, until an allocation exists. Whether one exists
changes once along the way, so halving finds the best value that can be had.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from engines.allocation.problem import AllocationProblem, Capacity, Shortfall
from engines.allocation.program import Program
from engines.allocation.search import has_answer
from engines.contracts.verdict import SafetyLayer, SafetyLimits

_STEPS = 1000  # shares are told to a tenth of a per cent


def find_shortfalls(problem: AllocationProblem) -> tuple[Shortfall, ...]:
    """The limits that stand in the way of a problem without any answer.

    First those that alone, relaxed, would allow one; where there is none of these, all that bind.
    """
    found = tuple(_shortfalls(problem))
    helpful = tuple(one for one in found if one.reachable is not None)
    return helpful or found


def _shortfalls(problem: AllocationProblem) -> Iterator[Shortfall]:
    limits = problem.limits
    if SafetyLayer.RISK in problem.layers:
        scores = {one.risk_score for one in problem.offerings if one.risk_score is not None}
        lower = sorted((one for one in scores if one < limits.min_risk_score), reverse=True)
        yield _shortfall(problem, SafetyLayer.RISK, "min_risk_score", lower)
    if SafetyLayer.AZ_DISTRIBUTION in problem.layers:
        zones = {one.availability_zone for one in problem.offerings}
        zones |= {one.availability_zone for one in problem.staying}
        most = min(limits.min_availability_zones - 1, len(zones))
        fewer = list(range(most, 0, -1))
        yield _shortfall(problem, SafetyLayer.AZ_DISTRIBUTION, "min_availability_zones", fewer)
    if SafetyLayer.POOL_CONCENTRATION in problem.layers:
        first = int(limits.max_pool_share * _STEPS) + 1
        larger = [step / _STEPS for step in range(first, _STEPS + 1)]
        yield _shortfall(problem, SafetyLayer.POOL_CONCENTRATION, "max_pool_share", larger)
    if SafetyLayer.ON_DEMAND_BUFFER in problem.layers:
        first = -int(-limits.min_on_demand_share * _STEPS) - 1
        smaller = [step / _STEPS for step in range(first, -1, -1)]
        yield _shortfall(problem, SafetyLayer.ON_DEMAND_BUFFER, "min_on_demand_share", smaller)
    yield _capacity_shortfall(problem)


_MESSAGES = {
    SafetyLayer.RISK: "no allocation from pools with a risk score of at least {limit}",
    SafetyLayer.AZ_DISTRIBUTION: "no allocation over {limit} availability zones",
    SafetyLayer.POOL_CONCENTRATION: "no allocation with every pool within {limit:.0%} of capacity",
    SafetyLayer.ON_DEMAND_BUFFER: "no allocation with {limit:.0%} of capacity on-demand",
}


def _shortfall(
    problem: AllocationProblem, layer: SafetyLayer, name: str, values: Sequence[float]
) -> Shortfall:
    """The first of ``values`` (from strict to loose) with which an allocation exists."""

    def relaxed(value: float) -> AllocationProblem:
        limits = msgspec.structs.asdict(problem.limits) | {name: value}
        return msgspec.structs.replace(problem, limits=SafetyLimits(**limits))

    reachable = _first(values, lambda value: _has_allocation(relaxed(value)))
    limit = getattr(problem.limits, name)
    message = _MESSAGES[layer].format(limit=limit)
    if reachable is None:
        message += "; relaxing this limit alone does not help"
    else:
        message += f"; {reachable:g} can be reached"
    return Shortfall(layer=layer, limit=limit, reachable=reachable, message=message)


def _capacity_shortfall(problem: AllocationProblem) -> Shortfall:
    """How much of what is required can be had within all limits, as a share."""

    def reduced(share: float) -> AllocationProblem:
        return msgspec.structs.replace(
            problem,
            required=_part(problem.required, share),
            required_on_demand=_part(problem.required_on_demand, share),
            required_in_zones={
                zone: _part(one, share) for zone, one in problem.required_in_zones.items()
            },
        )

    shares = [step / _STEPS for step in range(_STEPS - 1, 0, -1)]
    reachable = _first(shares, lambda share: _has_allocation(reduced(share)))
    told = "none of it" if reachable is None else f"{reachable:.1%} of it"
    return Shortfall(
        layer=None,
        limit=1.0,
        reachable=reachable,
        message=f"the offerings do not hold the required capacity: {told} can be had",
    )


def _part(capacity: Capacity, share: float) -> Capacity:
    return Capacity(
        int(capacity.cpu_millicores * share),
        int(capacity.memory_bytes * share),
        int(capacity.pods * share),
    )


def _has_allocation(problem: AllocationProblem) -> bool:
    return has_answer(Program.of(problem))


def _first(values: Sequence[float], is_enough: Callable[[float], bool]) -> float | None:
    """The first value that is enough; all after it are too. None: not even the last is."""
    if not values or not is_enough(values[-1]):
        return None
    low, high = 0, len(values) - 1  # the first one lies within low..high
    while low < high:
        middle = (low + high) // 2
        if is_enough(values[middle]):
            high = middle
        else:
            low = middle + 1
    return values[low]
