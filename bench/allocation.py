"""The cheapest safe allocation from 3,000 pools, against the full MILP over all of them.

The baseline is the same problem as one mixed-integer program over every column, given to the same
solver until 0.01 % is proven or 10,000 nodes of its search tree are spent, whichever comes first.
Both answers are checked in exact arithmetic before anything is printed.

The cluster has about 500 nodes. Smaller ones, where single instances decide, are searched deeper;
docs/engines.md says how close they come.
"""

import numpy as np

from bench.harness import CLOCK, Row, median_seconds
from engines.allocation import (
    AllocationProblem,
    AllocationStatus,
    Capacity,
    Offering,
    cheapest_safe_allocation,
)
from engines.allocation import search as solver
from engines.allocation.checking import broken_limits
from engines.allocation.program import Program
from engines.allocation.zoning import purchases_of
from engines.contracts.pricing import CapacityType

ROWS = ("allocation", "allocation_cost")

TYPES, ZONES = 500, 6
GIB = 1024**3
REQUIRED = Capacity(20_000_000, 60_000 * GIB)  # millicores; about 500 nodes
FULL_GAP, FULL_NODES = 1e-4, 10_000


def run() -> list[Row]:
    """Measure the time, and the cost beside the baseline's."""
    problem = _problem(np.random.default_rng(3_000))
    allocation = cheapest_safe_allocation(problem)
    assert allocation.status is AllocationStatus.SOLVED
    assert broken_limits(problem, allocation.purchases) == ()
    fast = median_seconds(lambda: cheapest_safe_allocation(problem), times=3)
    start = CLOCK()
    full_cost = _full_milp(problem)
    slow = CLOCK() - start
    cost = allocation.expected_micro_usd_per_hour / 1e6
    return [
        Row(
            name="allocation",
            value=fast,
            unit="s",
            baseline_name="full MILP, s",
            baseline=slow,
            ratio=fast / slow,
            target="<= 0.2 of the time",
            met=fast <= slow / 5,
        ),
        Row(
            name="allocation_cost",
            value=cost,
            unit="USD/hour",
            baseline_name="full MILP, USD/hour",
            baseline=full_cost,
            ratio=cost / full_cost,
            target="<= 1.0001 of its cost",
            met=cost <= full_cost * 1.0001,
        ),
    ]


def _full_milp(problem: AllocationProblem) -> float:
    """The best cost that branch and bound finds over all columns at once."""
    program = Program.of(problem)
    solved = solver._solve(program, program.whole_window(), FULL_NODES, FULL_GAP)
    assert solved.answer is not None
    purchases = purchases_of(program, solved.answer.counts)
    assert broken_limits(problem, purchases) == ()
    return solved.answer.cost


def _problem(rng: np.random.Generator) -> AllocationProblem:
    """Types of 2 to 96 vCPU with 2, 4 or 8 GiB each, on Spot for 25 to 75 % of on-demand."""
    vcpu = rng.choice([1, 2, 4, 8, 16, 24, 32, 48], TYPES) * 2
    gib = vcpu * rng.choice([2, 4, 8], TYPES)
    on_demand = (vcpu * 0.02 + gib * 0.0035) * rng.uniform(0.85, 1.25, TYPES)
    offerings = [
        offering
        for kind in range(TYPES)
        for zone in range(ZONES)
        for offering in _of_pool(
            f"t{kind:03d}.x{vcpu[kind]}",
            f"zone-{zone}",
            (int(vcpu[kind]), int(gib[kind])),
            (float(on_demand[kind]), float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.75, 1))),
        )
    ]
    return AllocationProblem(offerings=tuple(offerings), required=REQUIRED)


def _of_pool(
    name: str, zone: str, size: tuple[int, int], market: tuple[float, float, float]
) -> tuple[Offering, Offering]:
    """A pool and the same type on-demand; a node keeps a little for itself and its DaemonSets."""
    vcpu, gib = size
    on_demand, part, risk = market
    allocatable = Capacity(vcpu * 1000 - 70, int((gib * 0.925 - 1) * GIB), 110)
    usable = Capacity(
        allocatable.cpu_millicores - 300, max(0, allocatable.memory_bytes - GIB // 2), 100
    )

    def offering(capacity_type: CapacityType, usd: float, score: float | None) -> Offering:
        micro_usd = round(usd * 1e6)
        return Offering(
            instance_type=name,
            availability_zone=zone,
            capacity_type=capacity_type,
            allocatable=allocatable,
            usable=usable,
            micro_usd_per_hour=micro_usd,
            expected_micro_usd_per_hour=float(micro_usd),
            risk_score=score,
        )

    return (
        offering(CapacityType.SPOT, on_demand * part, risk),
        offering(CapacityType.ON_DEMAND, on_demand, None),
    )
