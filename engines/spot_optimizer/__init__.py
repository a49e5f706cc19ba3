"""The Spot optimizer: which pools are safe, and the cheapest safe way to buy what a cluster needs.

Start with ``engine.recommend_spot_pools``; docs/engines.md explains rules, codes and parameters.
"""

from engines.spot_optimizer.candidates import PoolReason
from engines.spot_optimizer.decision import ClusterReason, KeptReason
from engines.spot_optimizer.engine import NAME, VERSION, recommend_spot_pools
from engines.spot_optimizer.nodes import NodeReason
from engines.spot_optimizer.parameters import SpotParameters
from engines.spot_optimizer.safe_choices import choices_for
from engines.spot_optimizer.situation import RefusalReason

PARAMETERS = SpotParameters
REASONS = (RefusalReason, ClusterReason, KeptReason, PoolReason, NodeReason)

__all__ = ["NAME", "PARAMETERS", "REASONS", "VERSION", "choices_for", "recommend_spot_pools"]
