"""The network optimizer: less traffic between availability zones, without losing their safety.

Start with ``engine.plan_zone_traffic``; docs/engines.md explains rules, codes and parameters.
"""

from engines.network_optimizer.engine import NAME, VERSION, plan_zone_traffic
from engines.network_optimizer.parameters import NetworkParameters
from engines.network_optimizer.reasons import (
    PairReason,
    PodReason,
    RefusalReason,
    WarningCode,
)

PARAMETERS = NetworkParameters
REASONS = (RefusalReason, PairReason, PodReason)
WARNINGS = WarningCode

__all__ = ["NAME", "PARAMETERS", "REASONS", "VERSION", "WARNINGS", "plan_zone_traffic"]
