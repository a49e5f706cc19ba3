"""All engines as one plan: today's cost, the cost after each stage, nothing counted twice."""

from engines.planning.combining import (
    NODE_STAGES,
    OTHER_BILLS,
    CombinedPlan,
    Decide,
    OtherBill,
    Stage,
    combine,
)

__all__ = [
    "NODE_STAGES",
    "OTHER_BILLS",
    "CombinedPlan",
    "Decide",
    "OtherBill",
    "Stage",
    "combine",
]
