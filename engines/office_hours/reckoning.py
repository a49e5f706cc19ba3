"""What was decided about each workload, and what its sleep saves."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from engines.contracts.kubernetes import CronJob
from engines.contracts.requests import DecisionRequest
from engines.contracts.snapshot import WorkloadKey
from engines.office_hours.calendar import Schedule
from engines.office_hours.decisions import Action, Change, Left, Standing, sleep_target
from engines.office_hours.savings import Costs, NodeEffect, hours_asleep, node_effects
from engines.office_hours.schedules import Environment

MICRO_USD = Decimal("0.000001")


class Verdict(NamedTuple):
    """What was decided about the workload of a row; ``environment`` None: it follows none."""

    row: int
    key: WorkloadKey
    standing: Standing
    environment: Environment | None
    outcome: Change | Left


class Changed(NamedTuple):
    """A workload that is to be changed."""

    verdict: Verdict
    change: Change

    @property
    def is_sleep(self) -> bool:
        """Whether it falls asleep, or deeper asleep."""
        return self.change.action is Action.SLEEP


def changed_of(verdicts: Sequence[Verdict]) -> tuple[Changed, ...]:
    """Those of the verdicts that change something."""
    return tuple(Changed(one, one.outcome) for one in verdicts if isinstance(one.outcome, Change))


class Reckoning:
    """What sleep saves, for one request."""

    def __init__(self, request: DecisionRequest) -> None:
        self._costs = Costs(request.current_state, request.now)
        self._snapshot = request.current_state.cluster
        self._now: datetime = request.now
        self._hours: dict[tuple[object, ...], float] = {}

    def hours_asleep(self, schedule: Schedule) -> float:
        """Hours of the coming month at which the schedule is closed."""
        key = schedule.identity
        if key not in self._hours:
            self._hours[key] = hours_asleep(schedule, self._now)
        return self._hours[key]

    def usd_month(self, verdict: Verdict) -> Decimal | None:
        """What the workload's sleep saves in the coming month; None: its cost is not known.

        Runs of CronJobs come and go, and those that sleep misses may be made up for: they count 0.
        """
        standing, environment = verdict.standing, verdict.environment
        if environment is None or isinstance(standing.workload, CronJob):
            return Decimal(0)
        awake = standing.replicas
        if standing.saved is not None and awake == standing.saved.slept_to:
            awake = standing.saved.replicas
        freed = max(0, awake - sleep_target(standing.workload, environment))
        if not freed:
            return Decimal(0)
        cost = self._costs.of_replica(verdict.row)
        if cost is None:
            return None
        hours = Decimal(str(round(self.hours_asleep(environment.schedule), 6)))
        return (cost * freed * hours).quantize(MICRO_USD)

    def effects(self, changes: Sequence[Changed]) -> tuple[NodeEffect, ...]:
        """The nodes that lose all pods of workloads that fall asleep now."""
        rows = [one.verdict.row for one in changes if one.is_sleep and not one.change.replicas]
        return node_effects(self._snapshot, self._costs, rows)
