"""OOM remediation: containers that were killed for memory, and the memory that they should have.

Start with ``engine.recommend_oom_remediation``; docs/engines.md explains rules and codes.
"""

from engines.oom_remediation.engine import NAME, VERSION, recommend_oom_remediation
from engines.oom_remediation.parameters import OomParameters
from engines.oom_remediation.reasons import KillReason, RefusalReason, WarningCode

PARAMETERS = OomParameters
REASONS = (RefusalReason, KillReason)
WARNINGS = WarningCode

__all__ = [
    "NAME",
    "PARAMETERS",
    "REASONS",
    "VERSION",
    "WARNINGS",
    "recommend_oom_remediation",
]
