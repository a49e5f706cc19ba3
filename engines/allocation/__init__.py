"""The cheapest safe allocation: the problem in ``problem``, its solution in ``solution``."""

from engines.allocation.problem import (
    Allocation,
    AllocationProblem,
    AllocationStatus,
    Capacity,
    Offering,
    Purchase,
    Shortfall,
    StayingNodes,
)
from engines.allocation.solution import cheapest_safe_allocation

__all__ = [
    "Allocation",
    "AllocationProblem",
    "AllocationStatus",
    "Capacity",
    "Offering",
    "Purchase",
    "Shortfall",
    "StayingNodes",
    "cheapest_safe_allocation",
]
