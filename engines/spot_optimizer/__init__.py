"""The Spot optimizer: which pools are safe, and the cheapest safe way to buy what a cluster needs.

Start with ``engine.recommend_spot_pools``; docs/engines.md explains rules, codes and parameters.
"""

from engines.spot_optimizer.engine import NAME, VERSION, recommend_spot_pools
from engines.spot_optimizer.parameters import SpotParameters
from engines.spot_optimizer.safe_choices import choices_for

PARAMETERS = SpotParameters

__all__ = ["NAME", "PARAMETERS", "VERSION", "choices_for", "recommend_spot_pools"]
