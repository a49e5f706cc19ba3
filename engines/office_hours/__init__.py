"""Office hours: what sleeps outside of them, what wakes within, and what that saves.

Start with ``engine.plan_office_hours`` and ``calendar``; docs/engines.md explains the rest.
"""

from engines.office_hours.engine import NAME, VERSION, plan_office_hours
from engines.office_hours.parameters import ScheduleParameters
from engines.office_hours.reasons import NodeReason, RefusalReason, WarningCode, WorkloadReason

PARAMETERS = ScheduleParameters
REASONS = (RefusalReason, WorkloadReason, NodeReason)
WARNINGS = WarningCode

__all__ = ["NAME", "PARAMETERS", "REASONS", "VERSION", "WARNINGS", "plan_office_hours"]
