"""The ghost probe: EC2 instances that run for a cluster and are none of its nodes.

Start with ``engine.find_ghosts``; docs/engines.md explains rules, codes and parameters.
"""

from engines.ghost_probe.engine import NAME, VERSION, find_ghosts
from engines.ghost_probe.parameters import GhostParameters
from engines.ghost_probe.reasons import InstanceReason, RefusalReason, WarningCode

PARAMETERS = GhostParameters
REASONS = (RefusalReason, InstanceReason)
WARNINGS = WarningCode

__all__ = ["NAME", "PARAMETERS", "REASONS", "VERSION", "WARNINGS", "find_ghosts"]
