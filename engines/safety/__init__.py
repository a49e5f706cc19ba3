"""The five safety layers: the verdict on a plan, and the safe alternative to one that fails."""

from engines.safety.alternative import Choices, Judgement, judge_or_replace
from engines.safety.judgement import PoolRisks, judge_plan
from engines.safety.limits import loosened_fields
from engines.safety.sequencing import NewNode, ordered_steps

__all__ = [
    "Choices",
    "Judgement",
    "NewNode",
    "PoolRisks",
    "judge_or_replace",
    "judge_plan",
    "loosened_fields",
    "ordered_steps",
]
