"""All engines as one plan: today's cost, the cost after each stage, nothing counted twice."""

from engines.planning.combining import NODE_STAGES, OTHER_BILLS, combine
from engines.planning.forecast import Decide
from engines.planning.results import CombinedPlan, OtherBill, Stage, TriedRoute

__all__ = [
    "NODE_STAGES",
    "OTHER_BILLS",
    "CombinedPlan",
    "Decide",
    "OtherBill",
    "Stage",
    "TriedRoute",
    "combine",
]
