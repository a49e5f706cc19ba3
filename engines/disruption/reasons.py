"""What may become of a pod when its node goes, and the codes of the reasons."""

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Mode(StrEnum):
    """Why the pod should move.

    ``voluntary``: to save money, so whatever can speak against it is respected. ``involuntary``:
    the node is lost soon (a Spot interruption), so leaving in good order beats staying.
    """

    VOLUNTARY = "voluntary"
    INVOLUNTARY = "involuntary"


class Treatment(StrEnum):
    """What to do with a pod of a node that is emptied."""

    EVICT = "evict"
    BLOCKED = "blocked"
    """Voluntary only: the node stays because of this pod."""
    RETRY_UNTIL_DEADLINE = "retry_until_deadline"
    """Involuntary only: the budget refuses now; go on asking until the pod's deadline."""
    WAIT_FOR_DEADLINE = "wait_for_deadline"
    """Involuntary only: the API cannot evict the pod; what the deadline rule says remains."""
    LEAVE = "leave"
    """Not evicted: it goes with the node, or it is on its way already."""


class DisruptionReason(StrEnum):
    """One rule about moving a pod or emptying a node."""

    BARE_POD = "bare_pod"
    ORPHAN = "orphan"
    LOCAL_STORAGE = "local_storage"
    LOCAL_VOLUME = "local_volume"
    BUDGET_EXHAUSTED = "budget_exhausted"
    BUDGET_NOT_OBSERVED = "budget_not_observed"
    SEVERAL_BUDGETS = "several_budgets"
    BUDGETS_NOT_READ = "budgets_not_read"
    NOT_SAFE_TO_EVICT = "not_safe_to_evict"
    DO_NOT_DISRUPT = "do_not_disrupt"
    SYSTEM_POD = "system_pod"
    DAEMONSET = "daemonset"
    MIRROR = "mirror"
    FINISHED = "finished"
    TERMINATING = "terminating"
    STUCK_TERMINATING = "stuck_terminating"
    TOLERATES_DRAIN = "tolerates_drain"
    NODE_DO_NOT_DISRUPT = "node_do_not_disrupt"
    NODE_NOT_FULLY_READ = "node_not_fully_read"
    NODE_DELETING = "node_deleting"


class Finding(NamedTuple):
    """One rule that applies, and what makes it apply: budgets, volumes, annotations."""

    reason: DisruptionReason
    subjects: tuple[str, ...] = ()


class EvictionTier(IntEnum):
    """The order in which pods leave a node; each tier waits for the ones before it."""

    ORDINARY = 0
    ORDINARY_DAEMONSET = 1
    CRITICAL = 2
    CRITICAL_DAEMONSET = 3


class PodVerdict(NamedTuple):
    """What may become of one pod.

    ``blockers``: why the treatment is not EVICT. ``warnings``: what a reader should know, though
    the pod goes. ``needs_room``: it, or its replacement, must fit elsewhere. ``is_waited_for``:
    the node is not empty before it has left.
    """

    treatment: Treatment
    blockers: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    needs_room: bool
    is_waited_for: bool
    tier: EvictionTier

    @property
    def is_blocked(self) -> bool:
        """Whether the pod keeps its node from being emptied."""
        return self.treatment is Treatment.BLOCKED
