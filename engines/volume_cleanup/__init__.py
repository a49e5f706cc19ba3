"""Zombie volumes: EBS volumes that nothing has used for a while and nobody asked to keep.

Start with ``engine.find_zombie_volumes``; docs/engines.md explains rules, codes and parameters.
"""

from engines.volume_cleanup.engine import NAME, VERSION, find_zombie_volumes
from engines.volume_cleanup.parameters import VolumeParameters
from engines.volume_cleanup.reasons import RefusalReason, VolumeReason, WarningCode

PARAMETERS = VolumeParameters
REASONS = (RefusalReason, VolumeReason)
WARNINGS = WarningCode

__all__ = ["NAME", "PARAMETERS", "REASONS", "VERSION", "WARNINGS", "find_zombie_volumes"]
