"""May this pod be moved now, and may this node be emptied: voluntarily or not.

``Disruptions`` judges pods and nodes of a snapshot; a ``BudgetLedger`` keeps what a plan has
spent of the disruption budgets.
"""

from engines.disruption.budgets import BudgetLedger, BudgetNumbers, Budgets, budget_numbers
from engines.disruption.judgement import DRAIN_TAINT, Disruptions
from engines.disruption.reasons import (
    DisruptionReason,
    EvictionTier,
    Finding,
    Mode,
    PodVerdict,
    Treatment,
)

__all__ = [
    "DRAIN_TAINT",
    "BudgetLedger",
    "BudgetNumbers",
    "Budgets",
    "DisruptionReason",
    "Disruptions",
    "EvictionTier",
    "Finding",
    "Mode",
    "PodVerdict",
    "Treatment",
    "budget_numbers",
]
