"""What repositories return where the engines have no type for it: small frozen facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import LINUX_PRODUCT, InterruptionBucket, OperatingSystem
from engines.contracts.results import DecisionResponse, DecisionStatus, DecisionType
from engines.contracts.verdict import SafetyLayer, SafetyLimits, Severity, VerdictAction
from services.findings import Finding


class DataKind(StrEnum):
    """The kinds of data that have a version counter (and, where they are imported, imports)."""

    SPOT_PRICES = "spot_prices"
    SPOT_ADVISOR = "spot_advisor"
    ON_DEMAND_PRICES = "on_demand_prices"
    INSTANCE_TYPES = "instance_types"
    CLUSTERS = "clusters"
    DECISIONS = "decisions"
    SAFETY = "safety"
    EVENTS = "events"
    IMPORTS = "imports"
    JOBS = "jobs"
    METRICS = "metrics"


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of rows that were saved: ``changed`` ones were known with another value."""

    new: int
    known: int  # stored before with the same value
    changed: int = 0  # stored before with another value, which the saved one replaced


class SeriesFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which price series are meant; None: all."""

    regions: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = (LINUX_PRODUCT,)
    instance_types: tuple[str, ...] | None = None
    availability_zones: tuple[str, ...] | None = None


class PriceChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The values that filters of stored Spot prices can take, sorted."""

    regions: tuple[str, ...]
    products: tuple[str, ...]
    instance_types: tuple[str, ...]
    availability_zones: tuple[str, ...]


class RegionSpan(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one region and product."""

    region: str
    product_description: str
    series: int
    points: int
    first_at: datetime  # to the hour
    last_at: datetime


class DayCoverage(IntEnum):
    """How much of a day's prices is known."""

    MISSING = 0
    PARTIAL = 1
    PRESENT = 2


@dataclass(frozen=True, slots=True)
class Coverage:
    """``status[i, j]`` is the ``DayCoverage`` of ``instance_types[i]`` on ``days[j]``."""

    region: str
    product_description: str
    instance_types: tuple[str, ...]
    days: tuple[date, ...]
    status: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class RegionHours:
    """The prices published in each hour, one row a region and hour, sorted by both.

    They are change points: an hour without one has no row, and ``mean`` weighs each of them
    alike. ``region[i]`` is an index into ``regions``.
    """

    regions: tuple[str, ...]
    region: NDArray[np.int64]
    hour: NDArray[np.int64]  # its start, seconds since 1970-01-01 UTC
    points: NDArray[np.int64]
    sum_micro_usd: NDArray[np.int64]
    min_micro_usd: NDArray[np.int64]
    max_micro_usd: NDArray[np.int64]

    @property
    def mean_micro_usd(self) -> NDArray[np.float64]:
        """The mean of the prices published in the hour."""
        return self.sum_micro_usd / self.points


class AdvisorEdition(msgspec.Struct, frozen=True, kw_only=True):
    """One published state of Spot Advisor."""

    published_at: datetime
    last_seen_at: datetime
    source: str
    rates: int
    document_digest: str | None


class AdvisorObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What one edition said of one type in one region."""

    published_at: datetime
    interruption_bucket: InterruptionBucket
    savings_percent: int


UNKNOWN_BUCKET = -1  # a cell of the heatmap that Spot Advisor says nothing of
UNKNOWN_SAVINGS = -32768  # far below any published saving; those may be negative


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Spot Advisor as a matrix: rows are ``instance_types``, columns ``regions``, both sorted.

    ``bucket`` is -1 and ``savings_percent`` -32768 where nothing is published.
    """

    operating_system: OperatingSystem
    published_at: datetime
    instance_types: tuple[str, ...]
    regions: tuple[str, ...]
    bucket: NDArray[np.int8]
    savings_percent: NDArray[np.int16]


class PriceSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where stored rows of a kind came from, and how old they are."""

    source: str
    rows: int
    as_of: datetime


class ImportStatus(StrEnum):
    """How far an import has come."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ImportRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an import."""

    id: int
    kind: DataKind
    source_name: str
    digest: str | None
    rows_read: int
    rows_new: int
    rows_known: int
    rows_changed: int
    rows_refused: int
    started_at: datetime
    finished_at: datetime | None
    status: ImportStatus
    error: str | None


class CustomerStatus(StrEnum):
    """Whether a customer's clusters are worked on."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns clusters and an AWS account; None: not given yet.

    ``aws_access_key_id`` None: the account is entered with the standard AWS settings. The secret
    that belongs to it is not part of this record, see ``customers.load_sealed_secret``.
    """

    id: str
    company: str
    email: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    status: CustomerStatus = CustomerStatus.ACTIVE
    aws_region: str | None = None
    aws_endpoint_url: str | None = None  # None: AWS's own endpoints
    aws_access_key_id: str | None = None
    created_at: datetime


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """The SQS queue that a customer's interruption warnings of one region arrive in."""

    id: int
    customer_id: str
    region: str
    url: str
    created_at: datetime


class ClusterSource(StrEnum):
    """Where a cluster's state comes from."""

    DUMP = "dump"
    API = "api"


class ClusterStatus(StrEnum):
    """Whether a cluster can be worked on."""

    ACTIVE = "active"
    UNREACHABLE = "unreachable"
    ARCHIVED = "archived"


class ClusterMode(StrEnum):
    """What may become of a recommendation without further asking."""

    ADVISE = "advise"
    APPROVE = "approve"
    AUTOMATIC = "automatic"


class LaunchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What replacement nodes are launched from: a launch template, or the named node groups."""

    launch_template_id: str | None = None
    node_groups: tuple[str, ...] = ()


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The on-demand unit costs that savings are measured against, frozen once, in USD an hour."""

    usd_per_vcpu_hour: Decimal
    usd_per_gib_hour: Decimal
    frozen_at: datetime


class ClusterAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster's API is reached. The credential is sealed text; ``ca_pem`` is public."""

    endpoint: str
    ca_pem: str | None  # None: the system's trusted authorities
    credential_kind: str
    sealed_credential: str


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A registered cluster. Its credential is not part of it, see ``clusters.load_access``.

    ``last_read_at`` is the last reading that succeeded, ``last_read_problems`` the parts that it
    lacks. ``last_read_error`` is None when that was also the last attempt; ``last_error_at`` is the
    last failure, even one that is over.
    """

    id: str
    customer_id: str
    name: str
    region: str | None
    source: ClusterSource
    status: ClusterStatus = ClusterStatus.ACTIVE
    mode: ClusterMode = ClusterMode.ADVISE
    limits: SafetyLimits = SafetyLimits()
    latest_snapshot_digest: str | None = None
    latest_snapshot_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    endpoint: str | None = None
    credential_kind: str | None = None
    cluster_tag: str | None = None  # tag of its instances; None: kubernetes.io/cluster/NAME
    launch: LaunchSettings = LaunchSettings()
    last_read_at: datetime | None = None
    last_read_problems: tuple[Finding, ...] = ()
    last_read_error: str | None = None
    last_error_at: datetime | None = None
    baseline: Baseline | None = None  # None: not frozen yet


class DocumentKind(StrEnum):
    """What a stored document is."""

    CLUSTER = "cluster"
    MARKET = "market"
    ADVISOR = "advisor"


class NewDecision(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to be logged, with what is needed to replay it; ``as_of`` is the request's now."""

    created_at: datetime
    as_of: datetime
    cluster_id: str
    response: DecisionResponse
    requirements: Mapping[str, Any] = {}
    constraints: Mapping[str, Any] = {}
    cluster_snapshot_digest: str | None = None
    market_snapshot_digest: str | None = None
    triggered_by: str = "operator"


class DecisionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the decision stream."""

    id: int
    request_id: str
    created_at: datetime
    as_of: datetime  # the moment that was judged
    cluster_id: str
    decision_type: DecisionType
    engine_name: str
    engine_version: str
    input_digest: str
    status: DecisionStatus
    reason: str
    recommendation_count: int
    confidence_score: float
    estimated_savings: Decimal  # USD per month
    is_safe: bool | None  # None: no plan was judged
    action_taken: VerdictAction | None
    triggered_by: str


class LoggedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A whole logged decision."""

    summary: DecisionSummary
    requirements: Mapping[str, Any]
    constraints: Mapping[str, Any]
    response: DecisionResponse
    cluster_snapshot_digest: str | None
    market_snapshot_digest: str | None


class DecisionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which decisions are meant; None: all."""

    cluster_id: str | None = None
    decision_type: DecisionType | None = None
    engine_name: str | None = None
    status: DecisionStatus | None = None
    is_safe: bool | None = None
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # exclusive


class DecisionPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of decisions, newest first, and how many there are on all pages."""

    items: tuple[DecisionSummary, ...]
    total: int


class RecordedViolation(msgspec.Struct, frozen=True, kw_only=True):
    """A violation as it was recorded."""

    id: int
    validation_id: int
    cluster_id: str
    layer: SafetyLayer
    severity: Severity
    subject: str
    measured: float
    limit: float
    message: str
    inherited: bool
    exception_id: str | None
    recorded_at: datetime


class ClusterSafety(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster stands: its latest verdict, and the violations of the last 24 hours."""

    cluster_id: str
    validation_id: int
    validated_at: datetime
    is_safe: bool
    action_taken: VerdictAction
    message: str
    validations: int
    active_errors: int
    active_warnings: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A domain event, such as ``optimization.completed``."""

    id: int
    occurred_at: datetime
    type: str
    cluster_id: str | None
    subject: str
    payload: Mapping[str, Any]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what; ``before`` and ``after`` are JSON values, None where none applies."""

    id: int
    recorded_at: datetime
    actor: str
    action: str
    object_name: str
    before: Any
    after: Any
