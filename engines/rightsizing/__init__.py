"""Rightsizing: the requests that containers need, and the instance types that nodes need.

Start with ``engine.recommend_rightsizing``; docs/engines.md explains rules, codes and parameters.
"""

from engines.rightsizing.engine import NAME, VERSION, recommend_rightsizing
from engines.rightsizing.parameters import RightsizingParameters
from engines.rightsizing.reasons import NodeReason, RefusalReason, WarningCode, WorkloadReason

PARAMETERS = RightsizingParameters
REASONS = (RefusalReason, WorkloadReason, NodeReason)
WARNINGS = WarningCode

__all__ = [
    "NAME",
    "PARAMETERS",
    "REASONS",
    "VERSION",
    "WARNINGS",
    "recommend_rightsizing",
]
