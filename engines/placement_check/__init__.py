"""The second opinion on a packing plan: would every pod be allowed where the plan puts it?

Written from kube-scheduler's documentation and from nothing of ours: it imports the contracts
alone, so a mistake in ``engines/scheduling`` or in the packer's search is not repeated here.
"""

from engines.placement_check.check import check_placement
from engines.placement_check.violations import PlacementRule, PlacementViolation

__all__ = ["PlacementRule", "PlacementViolation", "check_placement"]
