"""The answer: ranked pools, on-demand fallbacks, the allocation, and a reason for all the rest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import ceil
from typing import NamedTuple

from engines.allocation import AllocationStatus, Capacity, Purchase
from engines.contracts.pricing import HOURS_PER_MONTH, CapacityType, to_usd
from engines.contracts.results import Json, Recommendation, Skipped, Subject
from engines.contracts.wording import counted
from engines.node_capacity import estimate_allocatable
from engines.pools import PoolKey
from engines.spot_optimizer.candidates import Candidate, Finding, PoolReason, skipped_pool
from engines.spot_optimizer.choices import usable_of_new, usd_to_cover
from engines.spot_optimizer.decision import Decision
from engines.spot_optimizer.situation import Situation

BEST_POOLS = 5
FALLBACKS = 5


class Ranked(NamedTuple):
    """A candidate and what covering the whole requirement with it alone would cost per hour."""

    candidate: Candidate
    usd_to_cover: float


def ranked_candidates(situation: Situation) -> tuple[Ranked, ...]:
    """The candidates by risk score; equal ones by cost for the required capacity, then by name."""
    ranked = [
        Ranked(
            one,
            usd_to_cover(
                situation, usable_of_new(situation, one.allocatable), one.micro_usd_per_hour
            ),
        )
        for one in situation.market.candidates
    ]
    ranked.sort(
        key=lambda one: (-one.candidate.facts.score, one.usd_to_cover, *one.candidate.facts.key)
    )
    return tuple(ranked)


def pools_needed(situation: Situation) -> int:
    """The fewest pools that can carry all that may be Spot, within the limit of each."""
    limits = situation.limits
    if limits.max_pool_share <= 0:
        return 0
    return ceil(round((1 - limits.min_on_demand_share) / limits.max_pool_share, 9))


def recommendations(
    situation: Situation, ranked: Sequence[Ranked], decision: Decision, cluster_id: str
) -> tuple[Recommendation, ...]:
    """The best pools, on-demand types where Spot is not enough, and the allocation."""
    bought = counts_by_pool(decision)
    pools = [
        _pool(situation, rank, one, bought.get(one.candidate.facts.key, 0))
        for rank, one in enumerate(ranked[:BEST_POOLS], start=1)
    ]
    fallbacks = list(_fallbacks(situation)) if len(ranked) < pools_needed(situation) else []
    allocation = [] if decision.objection else [_allocation(situation, decision, cluster_id)]
    return (*pools, *fallbacks, *allocation)


def counts_by_pool(decision: Decision) -> Mapping[PoolKey, int]:
    """How many new instances of each Spot pool the allocation has."""
    return {
        (one.offering.instance_type, one.offering.availability_zone): one.count
        for one in decision.wanted.launches
        if one.offering.is_spot
    }


def skipped_pools(
    situation: Situation, ranked: Sequence[Ranked], decision: Decision
) -> Iterator[Skipped]:
    """Every pool that neither the ranking nor the allocation names."""
    yield from situation.market.skipped
    bought = counts_by_pool(decision) if decision.objection is None else {}
    for rank, one in enumerate(ranked[BEST_POOLS:], start=BEST_POOLS + 1):
        facts = one.candidate.facts
        if facts.key not in bought:
            yield skipped_pool(
                facts.key,
                Finding(
                    PoolReason.NOT_AMONG_BEST,
                    f"is safe (risk score {facts.score:g}) and ranks {rank}th; the"
                    f" {BEST_POOLS} best are advised",
                ),
            )


def _monthly(micro_usd_per_hour: int) -> Decimal:
    return to_usd(micro_usd_per_hour) * HOURS_PER_MONTH


def _pool(situation: Situation, rank: int, one: Ranked, count: int) -> Recommendation:
    candidate, facts = one.candidate, one.candidate.facts
    saved = candidate.on_demand_micro_usd_per_hour - candidate.micro_usd_per_hour
    return Recommendation(
        subject=skipped_pool(facts.key, Finding(PoolReason.NOT_AMONG_BEST, "")).subject,
        action="use_spot_pool",
        savings_usd_month=_monthly(saved),
        reason=f"Risk score {facts.score:g} of at least {situation.limits.min_risk_score:g};"
        f" {saved * 100 / candidate.on_demand_micro_usd_per_hour:.0f} % below on-demand.",
        current={
            "capacity_type": CapacityType.ON_DEMAND,
            "usd_per_hour": to_usd(candidate.on_demand_micro_usd_per_hour),
        },
        recommended={
            "capacity_type": CapacityType.SPOT,
            "usd_per_hour": to_usd(candidate.micro_usd_per_hour),
            "instances": count,
        },
        evidence=_pool_evidence(situation, rank, one),
    )


def _pool_evidence(situation: Situation, rank: int, one: Ranked) -> dict[str, Json]:
    candidate, facts = one.candidate, one.candidate.facts
    prediction = candidate.prediction
    return {
        "rank": rank,
        "risk_score": facts.score,
        "components": facts.components._asdict(),
        "interruption_bucket": None if facts.bucket is None else facts.bucket.name,
        "monthly_interruption_probability": candidate.monthly_interruption_probability,
        "expected_usd_per_hour": round(candidate.expected_micro_usd_per_hour / 1e6, 9),
        "usd_per_hour_for_required_capacity": round(one.usd_to_cover, 6),
        "price_age_seconds": int(situation.now.timestamp()) - (facts.priced_at or 0),
        "window_covered_seconds": facts.covered_seconds,
        "vcpu": candidate.instance_type.vcpu,
        "memory_mib": candidate.instance_type.memory_mib,
        "allocatable": capacity_json(candidate.allocatable),
        "prediction": None
        if prediction is None
        else {
            "interruption_probability": prediction.interruption_probability,
            "horizon_hours": prediction.horizon_hours,
            "model": prediction.model,
        },
    }


def _fallbacks(situation: Situation) -> Iterator[Recommendation]:
    """The on-demand types that cover the requirement most cheaply."""
    found = []
    for name, price in situation.on_demand.items():
        known = situation.state.instance_types.get(name)
        if known is None or situation.suitability.finding(known) is not None:
            continue
        usable = usable_of_new(situation, Capacity(*estimate_allocatable(known)))
        found.append((usd_to_cover(situation, usable, price.micro_usd_per_hour), name))
    for rank, (cost, name) in enumerate(sorted(found)[:FALLBACKS], start=1):
        price = situation.on_demand[name]
        yield Recommendation(
            subject=Subject(kind="InstanceType", name=name, instance_type=name),
            action="use_on_demand",
            savings_usd_month=Decimal(0),
            reason=f"Fewer than {pools_needed(situation)} Spot pools are safe enough; this"
            " on-demand type covers what is required at little cost.",
            recommended={
                "capacity_type": CapacityType.ON_DEMAND,
                "usd_per_hour": to_usd(price.micro_usd_per_hour),
            },
            evidence={"rank": rank, "usd_per_hour_for_required_capacity": round(cost, 6)},
        )


def _allocation(situation: Situation, decision: Decision, cluster_id: str) -> Recommendation:
    nodes = len(situation.state.cluster.nodes)
    launched = sum(one.count for one in decision.wanted.launches)
    saving = decision.saving if nodes else 0
    return Recommendation(
        subject=Subject(kind="Cluster", name=cluster_id),
        action="adopt_allocation",
        savings_usd_month=_monthly(saving),
        reason=f"Launch {counted(launched, 'instance')},"
        f" remove {counted(len(decision.removed), 'node')} and keep"
        f" {len(decision.wanted.kept)}: the cheapest capacity within all safety layers.",
        current={
            "usd_per_hour": to_usd(decision.present_bill),
            "replaceable_nodes": len(decision.removed) + len(decision.wanted.kept),
        },
        recommended={
            "usd_per_hour": to_usd(decision.wanted_bill),
            "launch": [purchase_json(one) for one in decision.wanted.launches],
            "remove": list(decision.removed),
            "keep": list(decision.wanted.kept),
        },
        evidence=allocation_evidence(decision),
    )


def allocation_evidence(decision: Decision) -> dict[str, Json]:
    """The proof behind the allocation: its cost, the bound and the distance between the two.

    Weighed costs are what the search minimises: expected cost, kept nodes at a discount.
    """
    allocation = decision.wanted.allocation
    is_solved = allocation.status is AllocationStatus.SOLVED
    costs = {
        "usd_per_hour": to_usd(decision.wanted_bill),
        "weighed_usd_per_hour": round(allocation.expected_micro_usd_per_hour / 1e6, 9),
        "lower_bound_usd_per_hour": round(allocation.bound_micro_usd_per_hour / 1e6, 9),
        "gap": round(allocation.gap, 9),
    }
    return {
        "status": allocation.status,
        **(costs if is_solved else dict.fromkeys(costs)),
        "instances": [purchase_json(one) for one in allocation.purchases],
        "shortfalls": [
            {
                "layer": None if one.layer is None else int(one.layer),
                "limit": one.limit,
                "reachable": one.reachable,
                "message": one.message,
            }
            for one in allocation.shortfalls
        ],
    }


def purchase_json(purchase: Purchase) -> dict[str, Json]:
    """One line of an allocation."""
    one = purchase.offering
    return {
        "instance_type": one.instance_type,
        "availability_zone": one.availability_zone,
        "capacity_type": one.capacity_type,
        "count": purchase.count,
        "is_existing": one.is_existing,
        "usd_per_hour": to_usd(one.micro_usd_per_hour),
        "risk_score": one.risk_score,
    }


def capacity_json(capacity: Capacity) -> dict[str, Json]:
    """A capacity in the units that people read."""
    return {
        "vcpu": capacity.cpu_millicores / 1000,
        "memory_gib": round(capacity.memory_bytes / 1024**3, 3),
        "pods": capacity.pods,
    }


def all_skipped(*groups: Iterable[Skipped]) -> tuple[Skipped, ...]:
    """All entries in one order."""
    entries = [one for group in groups for one in group]
    return tuple(sorted(entries, key=lambda one: (one.subject, one.reason)))
