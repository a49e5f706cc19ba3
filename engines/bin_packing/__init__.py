"""The packer: the fewest dollars of nodes that still hold every pod.

Start with ``engine.recommend_packing``; docs/engines.md explains rules, codes and parameters.
"""

from engines.bin_packing.engine import NAME, VERSION, recommend_packing
from engines.bin_packing.parameters import PackingParameters
from engines.bin_packing.reasons import NodeReason, RefusalReason, WarningCode

PARAMETERS = PackingParameters
REASONS = (RefusalReason, NodeReason)
WARNINGS = WarningCode

__all__ = ["NAME", "PARAMETERS", "REASONS", "VERSION", "WARNINGS", "recommend_packing"]
