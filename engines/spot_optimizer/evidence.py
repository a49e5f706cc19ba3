"""How far an answer can be trusted: its evidence, its warnings and its confidence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from engines.contracts.pricing import to_usd
from engines.contracts.results import Json, Notice, Skipped
from engines.contracts.wording import counted
from engines.cost import UNKNOWN_COST
from engines.region_clock import local_time
from engines.risk import WINDOW_SECONDS
from engines.spot_optimizer.answer import Ranked, allocation_evidence, capacity_json, pools_needed
from engines.spot_optimizer.choices import is_safe_pool
from engines.spot_optimizer.decision import Decision
from engines.spot_optimizer.situation import Situation

FRESH_PRICES = timedelta(hours=36)  # AWS repeats even an unchanged price about once a day
DEAD_PRICES = timedelta(days=7)  # older ones say nothing about this week
FRESH_RATES = timedelta(days=7)
DEAD_RATES = timedelta(days=90)
UNKNOWN_AGE = 0.5  # the freshness of data that do not tell their age

_PRICES, _RATES, _COVERAGE, _PRICED = 0.4, 0.3, 0.2, 0.1


def evidence_of(
    situation: Situation, ranked: Sequence[Ranked], decision: Decision, skipped: Sequence[Skipped]
) -> dict[str, Json]:
    """The numbers behind the whole answer."""
    nodes = situation.state.cluster.nodes
    costs = situation.roles.micro_usd_per_hour
    newest = _newest_price(situation)
    rates_as_of = _rates_as_of(situation)
    local = local_time(situation.region, situation.now)
    return {
        "region": situation.region,
        "local_time": None if local is None else local.isoformat(),
        "architecture": situation.architecture,
        "product_description": situation.parameters.product_description,
        "spot_prices_newest_at": newest.isoformat(),
        "spot_prices_age_seconds": int((situation.now - newest).total_seconds()),
        "advisor_as_of": None if rates_as_of is None else rates_as_of.isoformat(),
        "pools": len(situation.pools),
        "safe_pools": len(ranked),
        "pools_needed": pools_needed(situation),
        "skipped_by_reason": dict(sorted(Counter(one.reason for one in skipped).items())),
        "required": {
            "total": capacity_json(situation.required.total),
            "on_demand": capacity_json(situation.required.on_demand),
            "in_zones": {
                zone: capacity_json(one) for zone, one in situation.required.in_zones.items()
            },
            "largest_pod_with_daemonsets": capacity_json(situation.required.largest_pod),
            "headroom_percent": situation.parameters.headroom_percent,
        },
        "current": {
            "nodes": len(nodes),
            "replaceable_nodes": int(situation.roles.replaceable.sum()),
            "usd_per_hour": to_usd(sum(cost for cost in costs if cost != UNKNOWN_COST)),
            "unpriced_nodes": [
                nodes.names[row] for row, cost in enumerate(costs) if cost == UNKNOWN_COST
            ],
            "replaceable_usd_per_hour": to_usd(decision.present_bill),
        },
        "allocation": allocation_evidence(decision),
        "placement": {
            "was_tried": decision.placement.was_tried and decision.objection is None,
            "counts_by_mixture": situation.counts_by_mixture,
            "pods_without_place": len(decision.placement.unplaced),
            "was_rehearsed": decision.placement.was_rehearsed and decision.objection is None,
            "pods_left_pending": len(decision.placement.pending),
        },
    }


def warnings_of(situation: Situation, decision: Decision) -> tuple[Notice, ...]:
    """What a reader should know before trusting the answer."""
    return (*_about_data(situation), *_about_choice(situation, decision))


def _about_data(situation: Situation) -> Iterator[Notice]:
    later = tuple(name for name, price in situation.on_demand.items() if price.is_later)
    if later:
        yield Notice(
            code="on_demand_prices_from_later",
            message=f"{counted(len(later), 'on-demand price is', 'on-demand prices are')} from"
            " after the moment judged; the earliest known stands in",
        )
    if situation.now - _newest_price(situation) > FRESH_PRICES:
        yield Notice(
            code="old_spot_prices",
            message=f"the newest Spot price of {situation.region} is from"
            f" {_newest_price(situation).isoformat()}; fetch the prices again",
        )
    as_of = _rates_as_of(situation)
    if as_of is None or abs(situation.now - as_of) > FRESH_RATES:
        told = "does not tell its age" if as_of is None else f"is of {as_of.isoformat()}"
        yield Notice(
            code="old_advisor_data",
            message=f"Spot Advisor's file {told}; fetch it again",
        )
    if local_time(situation.region, situation.now) is None:
        yield Notice(
            code="unknown_region_clock",
            message=f"the time zone of {situation.region} is not known, so the time part of every"
            " risk score is 0.0",
        )
    unpriced = tuple(
        situation.state.cluster.nodes.names[row]
        for row, cost in enumerate(situation.roles.micro_usd_per_hour)
        if cost == UNKNOWN_COST
    )
    if unpriced:
        yield Notice(
            code="unpriced_nodes",
            message="the cost of these nodes is not known, so it is in no sum",
            subjects=unpriced,
        )
    if situation.state.problems:
        count = len(situation.state.problems)
        unread = counted(count, "object or part of one", "objects or parts of them")
        yield Notice(
            code="unread_objects",
            message=f"{unread} could not be used; see the list of problems",
        )
    if "pods" in situation.state.cluster.listed and "pdbs" not in situation.state.cluster.listed:
        yield Notice(
            code="budgets_not_read",
            message="PodDisruptionBudgets were not read; the Eviction API will ask them, and a"
            " drain may wait",
        )


def _about_choice(situation: Situation, decision: Decision) -> Iterator[Notice]:
    wanted = decision.wanted
    if situation.suitability.zones is None and len(situation.state.cluster.nodes):
        yield Notice(
            code="zones_beyond_the_clusters",
            message="the cluster uses fewer zones than the safety limit asks for, so all zones"
            " with prices were considered; make sure that they have subnets",
        )
    if unsafe := _unsafe_pools_in_use(situation):
        yield Notice(
            code="unsafe_pools_in_use",
            message="the cluster runs on Spot pools that are not safe enough to be bought today",
            subjects=unsafe,
        )
    if not decision.placement.was_tried:
        yield Notice(
            code="placement_not_tried",
            message="too many pods would move to place each of them; room was judged in total only",
        )
    elif not decision.placement.was_rehearsed and not decision.placement.unplaced:
        yield Notice(
            code="not_rehearsed",
            message="too many pods would move to play the drains through as kube-scheduler places"
            " them; some may stay pending though there is room in total",
        )
    if pending := decision.placement.pending:
        pods = situation.state.cluster.pods.items
        yield Notice(
            code="pods_may_stay_pending",
            message="there is a place for these pods, but kube-scheduler, which spreads, may use it"
            " up for others; give the cluster more head-room (headroom_percent)",
            subjects=tuple(pods[row].key for row in pending),
        )
    if loose := _kept_from_spot_by_word_alone(situation):
        yield Notice(
            code="nothing_keeps_pods_from_spot",
            message="these pods must not run on Spot, but no selector keeps the scheduler from"
            " putting them there; give them a node selector on the capacity type",
            subjects=loose,
        )
    if wanted.is_brake_overruled:
        yield Notice(
            code="brake_overruled",
            message="no allocation meets the safety layers without moving Spot nodes for which too"
            " few types are cheaper",
        )
    if wanted.is_small_cluster:
        yield Notice(
            code="small_cluster_rule",
            message="the small-cluster rule was used: single nodes of a pool are over its limit",
        )
    burstable = sorted(
        {
            one.offering.instance_type
            for one in wanted.launches
            if situation.state.instance_types[one.offering.instance_type].is_burstable
        }
    )
    if burstable:
        yield Notice(
            code="burstable_types",
            message="these types earn CPU credits: work above their baseline for long is billed on"
            " top; leave their family out of allowed_families for steady load",
            subjects=tuple(burstable),
        )


def _kept_from_spot_by_word_alone(situation: Situation) -> tuple[str, ...]:
    """Pods that stay on on-demand capacity for us, though kube-scheduler does not know it."""
    pods, needs = situation.state.cluster.pods.items, situation.needs
    rows = np.flatnonzero(needs.is_on_demand_only & ~needs.selects_on_demand & needs.moves)
    return tuple(pods[row].key for row in rows.tolist())


def _unsafe_pools_in_use(situation: Situation) -> tuple[str, ...]:
    nodes = situation.state.cluster.nodes
    pools = {one.key: one for one in situation.pools}
    used = {
        (nodes.instance_types[row] or "", nodes.zones[row] or "")
        for row, capacity_type in enumerate(nodes.capacity_types)
        if capacity_type == "spot"
    }
    return tuple(
        "/".join(key) for key in sorted(used) if not is_safe_pool(situation, pools.get(key))
    )


def confidence_of(situation: Situation, ranked: Sequence[Ranked], decision: Decision) -> float:
    """0..1: 0.4 x fresh prices + 0.3 x fresh rates + 0.2 x window covered + 0.1 x nodes priced.

    Prices are fresh (1.0) up to 36 hours and dead (0.0) from 7 days on, rates up to 7 and from 90
    days, in a straight line between; data of unknown age count half. The window is covered as far
    as prices of the pools that are bought (else of the ranked ones) reach back over 7 days.
    """
    prices = _freshness(situation.now - _newest_price(situation), FRESH_PRICES, DEAD_PRICES)
    as_of = _rates_as_of(situation)
    rates = (
        UNKNOWN_AGE if as_of is None else _freshness(situation.now - as_of, FRESH_RATES, DEAD_RATES)
    )
    bought = {
        (one.offering.instance_type, one.offering.availability_zone)
        for one in decision.wanted.allocation.purchases
        if one.offering.is_spot
    }
    known = [one.candidate.facts for one in ranked]
    looked_at = [one for one in known if one.key in bought] or known
    seconds = sum(one.covered_seconds for one in looked_at)
    covered = seconds / (WINDOW_SECONDS * len(looked_at)) if looked_at else 0.0
    costs = situation.roles.micro_usd_per_hour
    priced = sum(cost != UNKNOWN_COST for cost in costs) / len(costs) if costs else 1.0
    score = _PRICES * prices + _RATES * rates + _COVERAGE * covered + _PRICED * priced
    return round(score, 4)


def _freshness(age: timedelta, fresh: timedelta, dead: timedelta) -> float:
    """1.0 up to ``fresh``, 0.0 from ``dead`` on. Data from after the moment age the same way."""
    return min(1.0, max(0.0, (dead - abs(age)) / (dead - fresh)))


def _newest_price(situation: Situation) -> datetime:
    """When the region's newest price in force was set; the situation has at least one."""
    newest = max(one.priced_at for one in situation.pools if one.priced_at is not None)
    return datetime.fromtimestamp(newest, UTC)


def _rates_as_of(situation: Situation) -> datetime | None:
    """The date of Spot Advisor's data, where a source tells it."""
    return max(
        (
            one.as_of
            for one in situation.state.sources
            if one.kind == "spot_advisor" and one.as_of is not None
        ),
        default=None,
    )
