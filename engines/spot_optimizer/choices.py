"""What can be bought and what can be kept, as the allocation wants it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from engines.allocation import AllocationProblem, Capacity, Offering, StayingNodes
from engines.contracts.pricing import MICRO_USD_PER_USD, CapacityType
from engines.node_capacity import estimate_allocatable
from engines.pools import PoolFacts
from engines.safety.fleet import Fleet, least_whole
from engines.safety.simulation import KnownNodes
from engines.spot_optimizer.demand import Amounts, capacity_of, with_headroom
from engines.spot_optimizer.odds import (
    interruption_micro_usd,
    is_vetoed,
    monthly_probability,
)
from engines.spot_optimizer.situation import Situation
from engines.spot_optimizer.wanted import Keepable, kept_weight

UNKNOWN_TYPE = "unknown"  # as the safety layers call a type that nothing tells


class Choices(NamedTuple):
    """The allocation problem of what is new, and the nodes that compete with it.

    ``cheaper_types`` says of each kept group of Spot nodes how many types are cheaper.
    """

    problem: AllocationProblem
    keepable: Keepable
    cheaper_types: Mapping[Offering, int]


def choices_of(situation: Situation) -> Choices:
    """All choices of a situation."""
    keepable = _keepable(situation)
    problem = AllocationProblem(
        offerings=(*_spot_offerings(situation), *_on_demand_offerings(situation)),
        required=situation.required.total,
        required_on_demand=situation.required.on_demand,
        required_in_zones=situation.required.in_zones,
        staying=_staying(situation),
        least_allocatable=least_allocatable(situation),
        limits=situation.limits,
    )
    return Choices(problem, keepable, _cheaper_types(situation, keepable))


def usable_of_new(situation: Situation, allocatable: Capacity) -> Capacity:
    """What a new node gives to the pods of the requirement."""
    left = _amounts(allocatable) - situation.required.overhead
    return capacity_of(_counted(situation, left[None, :])[0])


def _counted(situation: Situation, left: Amounts) -> Amounts:
    """Of what nodes have left for pods, as much as counts; one row for each node."""
    if not situation.counts_by_mixture:
        return left
    mixture = np.maximum(_amounts(situation.required.total), 1)
    parts = np.clip(left, 0, None) / mixture  # of the whole requirement, by each dimension
    held: Amounts = np.floor(parts.min(axis=1, keepdims=True) * mixture).astype(np.int64)
    held[:, 2] = left[:, 2]  # a limit on pods is in the part already; rounded it would bite twice
    return held


def usd_to_cover(situation: Situation, usable: Capacity, micro_usd_per_hour: float) -> float:
    """What it would cost per hour to cover all that is required with one offering alone, in parts
    of nodes: how cheap offerings of different size and shape are for this cluster."""
    required = situation.required.total
    nodes = [
        needed / max(offered, 1)
        for needed, offered in (
            (required.cpu_millicores, usable.cpu_millicores),
            (required.memory_bytes, usable.memory_bytes),
        )
    ]
    if not any(nodes):  # nothing is required: compare by vCPU
        nodes = [1000 / max(usable.cpu_millicores, 1)]
    return max(nodes) * micro_usd_per_hour / MICRO_USD_PER_USD


def _amounts(capacity: Capacity) -> Amounts:
    return np.array([capacity.cpu_millicores, capacity.memory_bytes, capacity.pods], np.int64)


def _spot_offerings(situation: Situation) -> Iterable[Offering]:
    for one in situation.market.candidates:
        yield Offering(
            instance_type=one.facts.instance_type,
            availability_zone=one.facts.availability_zone,
            capacity_type=CapacityType.SPOT,
            allocatable=one.allocatable,
            usable=usable_of_new(situation, one.allocatable),
            micro_usd_per_hour=one.micro_usd_per_hour,
            expected_micro_usd_per_hour=one.expected_micro_usd_per_hour,
            risk_score=one.facts.score,
        )


def _on_demand_offerings(situation: Situation) -> Iterable[Offering]:
    """Suitable types in the zones where they are known to exist: where they are sold on Spot, and
    where a node of that type runs."""
    zones: dict[str, set[str]] = {}
    for pool in situation.pools:
        zones.setdefault(pool.instance_type, set()).add(pool.availability_zone)
    nodes = situation.state.cluster.nodes
    for name, zone in zip(nodes.instance_types, nodes.zones, strict=True):
        if name is not None and zone is not None:
            zones.setdefault(name, set()).add(zone)
    for name, price in situation.on_demand.items():
        known = situation.state.instance_types.get(name)
        if known is None or situation.suitability.finding(known) is not None:
            continue
        allocatable = Capacity(*estimate_allocatable(known))
        for zone in sorted(zones.get(name, ())):
            if situation.suitability.is_in_zone(zone):
                yield Offering(
                    instance_type=name,
                    availability_zone=zone,
                    capacity_type=CapacityType.ON_DEMAND,
                    allocatable=allocatable,
                    usable=usable_of_new(situation, allocatable),
                    micro_usd_per_hour=price.micro_usd_per_hour,
                    expected_micro_usd_per_hour=float(price.micro_usd_per_hour),
                )


def _usable_of_nodes(situation: Situation) -> Amounts:
    """What each node gives to the pods of the requirement: allocatable less its own DaemonSets."""
    nodes, needs = situation.state.cluster.nodes, situation.needs
    taken = with_headroom(
        needs.by_node(needs.stays_with_node, len(nodes)), situation.parameters.headroom_percent
    )
    taken *= np.array([*(not given for given in situation.required.is_given), 1])
    return _counted(situation, _allocatable_of_nodes(situation) - taken)


def _taken_by_others(situation: Situation) -> Amounts | None:
    """What pods that may run anywhere take of each node for as long as it is kept: pods that must
    stay on-demand cannot have it. None: there are no such pods."""
    needs = situation.needs
    if not np.any(needs.moves & needs.is_on_demand_only):
        return None
    free = needs.moves & ~needs.is_on_demand_only
    nodes = len(situation.state.cluster.nodes)
    return with_headroom(needs.by_node(free, nodes), situation.parameters.headroom_percent)


def _allocatable_of_nodes(situation: Situation) -> Amounts:
    nodes = situation.state.cluster.nodes
    return np.column_stack(
        (
            nodes.allocatable_cpu_millicores,
            nodes.allocatable_memory_bytes,
            nodes.allocatable_pods,
        )
    )


def _keepable(situation: Situation) -> Keepable:
    """The replaceable nodes by offering, the busiest first. Those of unsafe pools are not there:
    an allocation must not count on them."""
    nodes = situation.state.cluster.nodes
    pools = {one.key: one for one in situation.pools}
    allocatable, usable = _allocatable_of_nodes(situation), _usable_of_nodes(situation)
    taken = _taken_by_others(situation)
    asked = situation.needs.by_node(situation.needs.moves, len(nodes))[:, 0]
    groups: dict[Offering, list[int]] = {}
    for row in np.flatnonzero(situation.roles.replaceable).tolist():
        pool = pools.get((nodes.instance_types[row] or "", nodes.zones[row] or ""))
        room = _Room(
            allocatable=capacity_of(allocatable[row]),
            usable=capacity_of(usable[row]),
            usable_on_demand=None if taken is None else capacity_of(usable[row] - taken[row]),
        )
        offering = _kept(situation, row, pool, room)
        if not offering.is_spot or is_safe_pool(situation, pool):
            groups.setdefault(offering, []).append(row)
    return Keepable(
        {
            msgspec.structs.replace(offering, max_count=len(rows)): tuple(
                nodes.names[row] for row in sorted(rows, key=lambda row: (-asked[row], row))
            )
            for offering, rows in groups.items()
        }
    )


class _Room(NamedTuple):
    """What a node offers: in all, to pods, and to pods that must stay on-demand."""

    allocatable: Capacity
    usable: Capacity
    usable_on_demand: Capacity | None


def _kept(situation: Situation, row: int, pool: PoolFacts | None, room: _Room) -> Offering:
    nodes, parameters = situation.state.cluster.nodes, situation.parameters
    capacity_type = nodes.capacity_types[row] or CapacityType.SPOT
    price = situation.roles.micro_usd_per_hour[row]
    expected, risk = float(price), None
    if capacity_type is CapacityType.SPOT and pool is not None:
        prediction = situation.predictions.get(pool.key)
        probability = monthly_probability(pool.bucket, prediction)
        expected += interruption_micro_usd(probability, parameters)
        risk = pool.score
    return Offering(
        instance_type=nodes.instance_types[row] or UNKNOWN_TYPE,
        availability_zone=nodes.zones[row] or "",
        capacity_type=capacity_type,
        allocatable=room.allocatable,
        usable=room.usable,
        usable_on_demand=room.usable_on_demand,
        micro_usd_per_hour=price,
        expected_micro_usd_per_hour=expected
        * kept_weight(capacity_type, parameters.spot_to_spot_min_saving_percent),
        risk_score=risk,
        is_existing=True,
    )


def is_safe_pool(situation: Situation, pool: PoolFacts | None) -> bool:
    """Whether a pool may be counted on: known, of a good score, and not vetoed by a model."""
    if pool is None or pool.score < situation.limits.min_risk_score:
        return False
    prediction = situation.predictions.get(pool.key)
    return prediction is None or not is_vetoed(prediction, situation.parameters)


def usable_by_node(situation: Situation) -> Mapping[str, Capacity]:
    """What each node gives to the pods of the requirement if the plan leaves it alone."""
    names = situation.state.cluster.nodes.names
    return dict(zip(names, map(capacity_of, _usable_if_staying(situation)), strict=True))


def _usable_if_staying(situation: Situation) -> Amounts:
    """Closed nodes hold only their own pods, which are not among those that need room; where
    capacity was given by parameter all counts."""
    closed = situation.roles.closed_staying[:, None]
    given = np.array([*situation.required.is_given, False])
    of_closed = np.where(given, _allocatable_of_nodes(situation), 0)
    usable: Amounts = np.where(closed, of_closed, _usable_of_nodes(situation))
    return np.maximum(usable, 0)


def _staying(situation: Situation) -> tuple[StayingNodes, ...]:
    """What the plan leaves alone, one entry for each kind."""
    nodes = situation.state.cluster.nodes
    allocatable, usable = _allocatable_of_nodes(situation), _usable_if_staying(situation)
    taken = _taken_by_others(situation)
    for_on_demand = usable if taken is None else np.maximum(usable - taken, 0)
    groups: dict[tuple[str, str, CapacityType], list[int]] = {}
    for row in np.flatnonzero(situation.roles.staying).tolist():
        key = (
            nodes.instance_types[row] or UNKNOWN_TYPE,
            nodes.zones[row] or "",
            nodes.capacity_types[row] or CapacityType.SPOT,  # unknown: as the safety layers count
        )
        groups.setdefault(key, []).append(row)
    return tuple(
        StayingNodes(
            instance_type=instance_type,
            availability_zone=zone,
            capacity_type=capacity_type,
            count=len(rows),
            allocatable=capacity_of(allocatable[rows].sum(axis=0)),
            usable=capacity_of(usable[rows].sum(axis=0)),
            usable_on_demand=capacity_of(for_on_demand[rows].sum(axis=0)),
        )
        for (instance_type, zone, capacity_type), rows in sorted(groups.items())
    )


def least_allocatable(situation: Situation, held: Iterable[str] = ()) -> Capacity:
    """The cluster in which no pool of nodes that the plan leaves alone, or that are ``held``, has
    too large a share, or a larger one than now."""
    nodes = situation.state.cluster.nodes
    counted = KnownNodes.of(situation.state, situation.parameters.nodes_under_notice).counted
    staying = {*held, *(nodes.names[row] for row in np.flatnonzero(situation.roles.staying))}
    least = least_whole(
        Fleet.of(one for name, one in counted.items() if name in staying),
        Fleet.of(counted.values()),
        situation.limits.max_pool_share,
    )
    return Capacity(least.cpu_millicores, least.memory_bytes)


def _cheaper_types(situation: Situation, keepable: Keepable) -> Mapping[Offering, int]:
    """For each kept group of Spot nodes the number of suitable types that cost less for the same
    room."""
    cheapest: dict[str, float] = {}
    for one in situation.market.candidates:
        usable = usable_of_new(situation, one.allocatable)
        cost = usd_to_cover(situation, usable, one.micro_usd_per_hour)
        name = one.facts.instance_type
        cheapest[name] = min(cost, cheapest.get(name, cost))
    costs = np.sort(np.array(list(cheapest.values())))
    return {
        one: int(
            np.searchsorted(
                costs, usd_to_cover(situation, one.usable, one.micro_usd_per_hour), "left"
            )
        )
        for one in keepable.groups
        if one.is_spot
    }
