"""The words of the five safety layers: limits, violations and the verdict on a plan."""

from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec


class SafetyLayer(IntEnum):
    """The layers of safety, by their number."""

    RISK = 1
    AZ_DISTRIBUTION = 2
    POOL_CONCENTRATION = 3
    ON_DEMAND_BUFFER = 4
    ALL_TOGETHER = 5


class Severity(StrEnum):
    """How bad a violation is: a warning informs, an error blocks."""

    WARNING = "warning"
    ERROR = "error"


class VerdictAction(StrEnum):
    """What became of a plan that was judged."""

    APPROVED = "approved"
    SAFE_ALTERNATIVE_CREATED = "safe_alternative_created"
    REJECTED = "rejected"
    NOT_APPLICABLE = "not_applicable"  # the plan changes no node


class PlanPurpose(StrEnum):
    """Why a plan is made; its caller declares it, and some purposes open a recorded exception."""

    CHANGE = "change"  # optimisation, clean-up, a person's click: no exception
    SCHEDULED_SLEEP = "scheduled_sleep"  # office hours take nodes away
    SCHEDULED_WAKE = "scheduled_wake"  # office hours bring them back: all layers at the end
    INTERRUPTION = "interruption"  # nodes under notice are replaced


class Circumstances(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller of the judge declares: why the plan is made, and which nodes AWS will take.

    Nodes under notice (by name) do not count as capacity.
    """

    purpose: PlanPurpose = PlanPurpose.CHANGE
    nodes_under_notice: frozenset[str] = frozenset()


class ExceptionKind(StrEnum):
    """The recorded exceptions that let a breach of a limit pass. None ever covers layer 1."""

    SCHEDULED_SLEEP = "scheduled_sleep"
    INTERRUPTION = "interruption"
    SMALL_CLUSTER = "small_cluster"
    INSTANCES_JOINING = "instances_joining"  # between two launches, nothing being taken away
    LOOSENED_LIMIT = "loosened_limit"  # within the cluster's own limit, beyond the default one


class SafetyLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of the layers for one cluster. An operator may tighten, an admin loosen them."""

    min_risk_score: float = 0.75  # layer 1; exactly this passes
    min_availability_zones: int = 3  # layer 2
    max_pool_share: float = 0.20  # layer 3: of the cluster's capacity
    min_on_demand_share: float = 0.15  # layer 4: rounded up to whole nodes
    allow_small_cluster_exception: bool = False  # the written small-cluster rule, per cluster

    def __post_init__(self) -> None:
        for name in ("min_risk_score", "max_pool_share", "min_on_demand_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1")
        if self.min_availability_zones < 1:
            raise ValueError("min_availability_zones must be at least 1")


class Violation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One limit that is not met: measured against limit, and by whom.

    ``inherited`` marks what the cluster already broke before the plan and the plan does not
    worsen. ``exception_id`` names the recorded exception that lets it pass.
    """

    layer: SafetyLayer
    severity: Severity
    subject: str  # a pool as "type/zone", a zone, or "cluster"
    measured: float
    limit: float
    message: str
    inherited: bool = False
    exception_id: str | None = None


class ZoneShare(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the cluster stands in one zone, as the plan leaves it."""

    availability_zone: str
    nodes: int
    share: float


class PoolShare(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the cluster one Spot pool carries, as the plan leaves it.

    ``decided`` tells capacity that the plan adds from capacity that was observed.
    """

    instance_type: str
    availability_zone: str
    nodes: int
    share: float
    risk_score: float | None  # None: not known, treated as unsafe
    decided: bool


class AllocationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How many instances of one offering an allocation buys."""

    instance_type: str
    availability_zone: str
    capacity_type: str
    count: int
    usd_per_hour: Decimal  # of one instance


class SafetyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of all layers on the cluster as a plan leaves it, and on the way there."""

    is_safe: bool
    action_taken: VerdictAction
    message: str
    violations: tuple[Violation, ...] = ()
    exceptions: tuple[str, ...] = ()  # ids of the recorded exceptions that were used
    zones: tuple[ZoneShare, ...] = ()
    pools: tuple[PoolShare, ...] = ()
    on_demand_share: float | None = None  # None: the cluster has no capacity
    alternative: tuple[AllocationEntry, ...] = ()  # what replaces the refused allocation
