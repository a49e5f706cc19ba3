"""The five safety layers: the verdict on a plan, and the safe alternative to one that fails."""

from engines.safety.judgement import PoolRisks, judge_plan
from engines.safety.limits import loosened_fields

__all__ = ["PoolRisks", "judge_plan", "loosened_fields"]
