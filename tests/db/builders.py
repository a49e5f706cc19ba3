"""Valid rows for tests of the database. A test states only what it is about."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from db.records import Cluster, ClusterSource, NewDecision
from engines.contracts.pricing import (
    LINUX_PRODUCT,
    AdvisorRate,
    InterruptionBucket,
    OnDemandPrice,
    OperatingSystem,
    PriceSeries,
    SpotPrice,
    SpotPriceHistory,
)
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
)
from engines.contracts.verdict import (
    PoolShare,
    SafetyLayer,
    SafetyVerdict,
    Severity,
    VerdictAction,
    Violation,
    ZoneShare,
)

NOW = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)


def moment(text: str) -> int:
    """Unix seconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def a_series(
    zone: str = "us-east-1a",
    *,
    instance_type: str = "m5.large",
    region: str = "us-east-1",
    product: str = LINUX_PRODUCT,
) -> PriceSeries:
    return PriceSeries(region, instance_type, zone, product)


def a_history(*points: tuple[PriceSeries, str, int]) -> SpotPriceHistory:
    """From series, ISO time in UTC and micro-dollars."""
    return SpotPriceHistory.from_points(
        SpotPrice(series, moment(time), price) for series, time, price in points
    )


def points_of(history: SpotPriceHistory) -> set[tuple[PriceSeries, int, int]]:
    """The points as a set: which, not in what order."""
    return {
        (series, int(history.timestamps[at]), int(history.micro_usd[at]))
        for series, start, end in zip(
            history.series, history.starts, history.starts[1:], strict=False
        )
        for at in range(start, end)
    }


def a_rate(
    instance_type: str = "m5.large",
    *,
    region: str = "us-east-1",
    system: OperatingSystem = OperatingSystem.LINUX,
    bucket: int = 1,
    savings: int = 60,
) -> AdvisorRate:
    return AdvisorRate(
        region=region,
        operating_system=system,
        instance_type=instance_type,
        interruption_bucket=InterruptionBucket(bucket),
        savings_percent=savings,
    )


def an_on_demand_price(
    price: str = "0.096", *, date: str = "2026-01-01", instance_type: str = "m5.large"
) -> OnDemandPrice:
    return OnDemandPrice(
        region="us-east-1",
        instance_type=instance_type,
        operating_system=OperatingSystem.LINUX,
        hourly_price=Decimal(price),
        effective_date=datetime.fromisoformat(date).replace(tzinfo=UTC),
    )


def a_cluster(cluster_id: str = "c1", *, name: str = "prod") -> Cluster:
    return Cluster(
        id=cluster_id,
        customer_id="local",
        name=name,
        region="us-east-1",
        source=ClusterSource.DUMP,
        created_at=NOW,
        updated_at=NOW,
    )


def a_response(request_id: str = "r1", **fields: object) -> DecisionResponse:
    defaults: dict[str, object] = {
        "decision_type": DecisionType.SPOT_OPTIMIZE,
        "engine": EngineIdentity(name="spot_optimizer", version="1"),
        "input_digest": "digest",
        "status": DecisionStatus.OK,
        "confidence_score": 0.5,
    }
    return DecisionResponse(request_id=request_id, **(defaults | fields))  # type: ignore[arg-type]


def a_decision(
    request_id: str = "r1",
    *,
    at: datetime = NOW,
    cluster_id: str = "c1",
    response: DecisionResponse | None = None,
) -> NewDecision:
    return NewDecision(
        created_at=at,
        as_of=at,
        cluster_id=cluster_id,
        response=response or a_response(request_id),
    )


def a_pool(share: float, *, decided: bool = True, zone: str = "us-east-1a") -> PoolShare:
    return PoolShare(
        instance_type="m5.large",
        availability_zone=zone,
        nodes=1,
        share=share,
        risk_score=0.8,
        decided=decided,
    )


def a_violation(
    layer: SafetyLayer = SafetyLayer.POOL_CONCENTRATION,
    *,
    subject: str = "m5.large/us-east-1a",
    inherited: bool = False,
    exception: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Violation:
    return Violation(
        layer=layer,
        severity=severity,
        subject=subject,
        measured=0.3,
        limit=0.2,
        message="too much of the cluster stands in one pool",
        inherited=inherited,
        exception_id=exception,
    )


def a_verdict(
    *,
    action: VerdictAction = VerdictAction.APPROVED,
    violations: tuple[Violation, ...] = (),
    pools: tuple[PoolShare, ...] = (),
    zones: int = 3,
) -> SafetyVerdict:
    return SafetyVerdict(
        is_safe=action is VerdictAction.APPROVED,
        action_taken=action,
        message="as judged",
        violations=violations,
        exceptions=tuple(sorted({one.exception_id for one in violations if one.exception_id})),
        pools=pools,
        zones=tuple(
            ZoneShare(availability_zone=f"us-east-1{letter}", nodes=1, share=1 / zones)
            for letter in "abcdef"[:zones]
        ),
        on_demand_share=0.5,
    )


def a_large_history(series: int, *, first_point: int = 0, points: int = 100) -> SpotPriceHistory:
    """So many series of hourly points, always the same; point ``n`` costs 1,000 + n."""
    numbers = np.arange(first_point, first_point + points, dtype=np.int64)
    keys = sorted(a_series(instance_type=f"m{number:04}.large") for number in range(series))
    return SpotPriceHistory(
        series=tuple(keys),
        starts=np.arange(series + 1, dtype=np.int64) * points,
        timestamps=np.tile(moment("2026-01-01") + 3600 * numbers, series),
        micro_usd=np.tile(1000 + numbers, series),
    )
