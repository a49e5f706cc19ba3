"""The answer of the network optimizer: advice with its saving, steps, skipped pairs and pods."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engines.contracts.kubernetes import Workload, template_of
from engines.contracts.plan import (
    PatchServiceRouting,
    PatchWorkloadAffinity,
    PlanStep,
    Verify,
    WaitForPods,
    WorkloadRef,
)
from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.requests import DecisionRequest, input_digest
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Json,
    Notice,
    Recommendation,
    Skipped,
    Subject,
)
from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey
from engines.contracts.state import ClusterState
from engines.contracts.usage import PodKey
from engines.contracts.wording import counted
from engines.network_optimizer.affinity import as_json, in_zone, near_workload
from engines.network_optimizer.decision import Decision
from engines.network_optimizer.parameters import NetworkParameters
from engines.network_optimizer.reasons import PodReason, WarningCode
from engines.network_optimizer.routing import Route
from engines.network_optimizer.traffic import (
    Entity,
    Pair,
    ZoneTraffic,
    cross_zone_bytes,
    zone_of_pod,
)

DAYS_PER_MONTH = HOURS_PER_MONTH / 24
BOTH_WAYS = 2  # what leaves one zone enters another, and both are billed
MICRO_USD = Decimal("0.000001")

_POD_MESSAGES: Mapping[PodReason, str] = {
    PodReason.UNKNOWN_POD: "is in the traffic data and not in the cluster, so its traffic counts"
    " for nothing; import data and cluster of the same time",
    PodReason.UNKNOWN_ZONE: "runs in no known zone, so its traffic counts for nothing; see whether"
    " it is bound and its node has the label topology.kubernetes.io/zone",
}


class _Rate(NamedTuple):
    """USD a month for bytes a day that change zones."""

    parameters: NetworkParameters

    def usd_month(self, bytes_per_day: int) -> Decimal:
        gigabytes = Decimal(bytes_per_day) / self.parameters.bytes_per_gb
        rate = self.parameters.cross_az_rate_per_gb_each_way
        return (gigabytes * BOTH_WAYS * rate * DAYS_PER_MONTH).quantize(MICRO_USD)


def answer(
    request: DecisionRequest,
    engine: EngineIdentity,
    traffic: ZoneTraffic,
    decision: Decision,
    parameters: NetworkParameters,
) -> DecisionResponse:
    """Put together all that was decided."""
    snapshot, rate = request.current_state.cluster, _Rate(parameters)
    moves = tuple(_moves(decision, snapshot))
    recommendations = (
        *(_routed(one, traffic, rate) for one in decision.routes),
        *(_moved(one, decision, traffic, snapshot, rate) for one in moves),
    )
    skipped = (*_skipped_pairs(decision), *_skipped_pods(traffic))
    before = sum(cross_zone_bytes(cells) for cells in traffic.pairs.values())
    measured_at = _measured_at(request.current_state)
    gained = sum(decision.gains.values()) + sum(one.bytes_per_day for one in decision.routes)
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.NETWORK_OPTIMIZE,
        engine=engine,
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations,
        skipped=tuple(sorted(skipped, key=lambda one: (one.subject, one.reason))),
        execution_plan=tuple(_steps(decision.routes, moves)),
        estimated_savings=sum((one.savings_usd_month for one in recommendations), Decimal(0)),
        confidence_score=_confidence(traffic, snapshot),
        warnings=(
            *_warnings(traffic, snapshot, moves),
            *_warning_of_age(measured_at, request.now, parameters),
        ),
        evidence={
            "cross_zone_bytes_per_day": before,
            "cross_zone_bytes_per_day_after": before - gained,
            "cross_zone_usd_month": rate.usd_month(before),
            "cross_zone_usd_month_after": rate.usd_month(before - gained),
            "pairs": len(traffic.pairs),
            "traffic_as_of": None if measured_at is None else measured_at.isoformat(),
            "unknown_bytes_per_day": traffic.unknown_bytes,
            "rate_usd_per_gb_each_way": parameters.cross_az_rate_per_gb_each_way,
            "skipped_by_reason": dict(sorted(Counter(one.reason for one in skipped).items())),
        },
    )


class _Move(NamedTuple):
    """A workload that is drawn into a zone, near a partner that will stand there (or None)."""

    entity: Entity
    workload: Workload
    zone: str
    partner: Entity | None
    affinity_json: str


def _moves(decision: Decision, snapshot: ClusterSnapshot) -> Iterator[_Move]:
    for entity, zone in sorted(decision.moves.items()):
        workload = _workload(snapshot, entity)
        partner = _anchor(entity, zone, decision, snapshot)
        affinity = (
            in_zone(workload, zone)
            if partner is None
            else near_workload(workload, _workload(snapshot, partner))
        )
        yield _Move(entity, workload, zone, partner, as_json(affinity))


def _workload(snapshot: ClusterSnapshot, entity: Entity) -> Workload:
    return snapshot.workloads[snapshot.workload_index[WorkloadKey(*entity)]]


def _anchor(
    entity: Entity, zone: str, decision: Decision, snapshot: ClusterSnapshot
) -> Entity | None:
    """The partner that gains most by the move, stays where it is and stands in that zone alone."""
    gains = sorted(
        (-gain, pair[1] if pair[0] == entity else pair[0])
        for pair, gain in decision.gains.items()
        if entity in pair and gain > 0
    )
    for _, partner in gains:
        row = snapshot.workload_index.get(WorkloadKey(*partner))
        if row is None or partner in decision.moves:
            continue
        pods = snapshot.pods.by_workload.members(row).tolist()
        if {zone_of_pod(snapshot, pod) for pod in pods} == {zone}:
            return partner
    return None


def _routed(route: Route, traffic: ZoneTraffic, rate: _Rate) -> Recommendation:
    namespace, name = route.service
    return Recommendation(
        subject=Subject(kind="Service", namespace=namespace, name=name),
        action="prefer_same_zone_routing",
        savings_usd_month=rate.usd_month(route.bytes_per_day),
        reason=f"Every zone with clients has enough ready pods of {route.server}, so its traffic"
        " need not change zones; no pod moves.",
        current={route.preference.setting: None},
        recommended={route.preference.setting: route.preference.value},
        evidence={
            "bytes_per_day": route.bytes_per_day,
            "pairs": [_pair_evidence(pair, traffic, None) for pair in route.pairs],
        },
    )


def _moved(
    move: _Move,
    decision: Decision,
    traffic: ZoneTraffic,
    snapshot: ClusterSnapshot,
    rate: _Rate,
) -> Recommendation:
    """A pair's gain belongs to the end that moves, to each half of it where both do."""
    entity = move.entity
    mine = {pair: gain for pair, gain in decision.gains.items() if entity in pair}
    share = sum(_share(pair, gain, entity, decision) for pair, gain in mine.items())
    pods = snapshot.pods.by_workload.members(snapshot.workload_index[WorkloadKey(*entity)])
    zones = Counter(zone_of_pod(snapshot, pod) or "" for pod in pods.tolist())
    near = f"near {move.partner}" if move.partner else "by a wish for its nodes"
    return Recommendation(
        subject=Subject(kind=entity.kind, namespace=entity.namespace, name=entity.name),
        action="prefer_zone",
        savings_usd_month=rate.usd_month(share),
        reason=f"Standing in {move.zone}, {near}, it exchanges less across zones; every pod finds"
        " room there, and no zone is lost that it needs.",
        current={"pods_by_zone": dict(sorted(zones.items()))},
        recommended={
            "zone": move.zone,
            "near": None if move.partner is None else str(move.partner),
            "affinity": msgspec.json.decode(move.affinity_json),
        },
        evidence={
            "bytes_per_day": share,
            "pairs": [_pair_evidence(pair, traffic, gain) for pair, gain in mine.items()],
        },
    )


def _share(pair: Pair, gain: int, entity: Entity, decision: Decision) -> int:
    """The part of a pair's gain that is this end's; the first end takes what cannot be halved."""
    is_joint = pair[0] != pair[1] and pair[0] in decision.moves and pair[1] in decision.moves
    if not is_joint:
        return gain
    half = gain // 2
    return gain - half if entity == pair[0] else half


def _pair_evidence(pair: Pair, traffic: ZoneTraffic, gain: int | None) -> dict[str, Json]:
    crossing = cross_zone_bytes(traffic.pairs[pair])
    return {
        "between": [str(one) for one in pair],
        "cross_zone_bytes_per_day": crossing,
        "kept_bytes_per_day": crossing if gain is None else gain,
    }


def _steps(routes: Sequence[Route], moves: Sequence[_Move]) -> Iterator[PlanStep]:
    """Routes first: they move no pod."""
    for route in routes:
        namespace, name = route.service
        yield PatchServiceRouting(
            id=f"route-{namespace}-{name}",
            namespace=namespace,
            service=name,
            setting=route.preference.setting,
            value=route.preference.value,
            previous=None,
        )
    for one in moves:
        kind, namespace, name = one.entity
        yield PatchWorkloadAffinity(
            id=f"affinity-{kind.lower()}-{namespace}-{name}",
            workload=WorkloadRef(kind=kind, namespace=namespace, name=name),
            affinity_json=one.affinity_json,
            previous_json=as_json(template_of(one.workload).spec.affinity),
        )
    if moves:
        namespaces = sorted({one.entity.namespace for one in moves})
        yield WaitForPods(id="wait", namespaces=tuple(namespaces))
    expected = [
        *(f"Service {'/'.join(one.service)} serves clients in their own zone" for one in routes),
        *(f"{one.entity} runs in {one.zone}" for one in moves),
    ]
    if expected:
        yield Verify(id="verify", expectation="; ".join(expected))


def _skipped_pairs(decision: Decision) -> Iterator[Skipped]:
    for pair, left in decision.left.items():
        yield Skipped(
            subject=Subject(kind="TrafficPair", name=" - ".join(str(one) for one in pair)),
            reason=left.reason,
            message=left.message,
            subjects=tuple(dict.fromkeys(str(one) for one in pair)),
        )


def _skipped_pods(traffic: ZoneTraffic) -> Iterator[Skipped]:
    for pod, reason in traffic.unknown.items():
        yield Skipped(
            subject=Subject(kind="Pod", namespace=pod.namespace, name=pod.name),
            reason=reason,
            message=f"{_pod_name(pod)} {_POD_MESSAGES[reason]}",
        )


def _pod_name(pod: PodKey) -> str:
    return f"{pod.namespace}/{pod.name}"


def _warnings(
    traffic: ZoneTraffic, snapshot: ClusterSnapshot, moves: Sequence[_Move]
) -> Iterator[Notice]:
    if traffic.unknown:
        yield Notice(
            code=WarningCode.TRAFFIC_OF_UNKNOWN_PODS,
            message=f"{traffic.unknown_bytes} of {traffic.total_bytes} bytes a day are of pods that"
            " are not known or stand in no known zone; they are in no sum",
        )
    if "services" not in snapshot.listed:
        yield Notice(
            code=WarningCode.SERVICES_NOT_READ,
            message="Services were not read, so routing within zones was not considered",
        )
    without = tuple(
        name
        for name, zone in zip(snapshot.nodes.names, snapshot.nodes.zones, strict=True)
        if zone is None
    )
    if without:
        yield Notice(
            code=WarningCode.NODES_WITHOUT_ZONE,
            message="these nodes have no zone label, which switches routing within zones off for"
            " the whole cluster; label them",
            subjects=without,
        )
    if moves:
        yield Notice(
            code=WarningCode.PODS_RESTART,
            message="a change of affinity replaces the pods of these, by their own update strategy",
            subjects=tuple(str(one.entity) for one in moves),
        )


def _measured_at(state: ClusterState) -> datetime | None:
    """The last moment that the traffic data speak of; None: nothing tells."""
    moments = [one.as_of for one in state.sources if one.kind == "traffic" and one.as_of]
    return max(moments, default=None)


def _warning_of_age(
    measured_at: datetime | None, now: datetime, parameters: NetworkParameters
) -> Iterator[Notice]:
    most = timedelta(days=parameters.max_traffic_age_days)
    if measured_at is not None and now - measured_at > most:
        yield Notice(
            code=WarningCode.TRAFFIC_IS_OLD,
            message=f"the traffic was measured until {measured_at.isoformat()}, more than"
            f" {counted(parameters.max_traffic_age_days, 'day')} ago; import newer data",
        )


def _confidence(traffic: ZoneTraffic, snapshot: ClusterSnapshot) -> float:
    """0..1: 0.8 x share of bytes between known pods in known zones + 0.2 x Services read."""
    known = traffic.total_bytes - traffic.unknown_bytes
    share = known / traffic.total_bytes if traffic.total_bytes else 0.0
    return round(0.8 * share + 0.2 * ("services" in snapshot.listed), 4)
