"""Whether an allocation keeps every limit, in whole numbers and fractions: no float, no search."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from engines.allocation.problem import AllocationProblem, Capacity, Offering, Purchase
from engines.contracts.verdict import SafetyLayer
from engines.contracts.wording import counted


class _Group(NamedTuple):
    """Nodes of one kind, bought or staying; amounts of all of them together."""

    pool: tuple[str, str] | None
    zone: str
    nodes: int
    allocatable: Capacity
    usable: Capacity
    usable_on_demand: Capacity


def broken_limits(problem: AllocationProblem, purchases: Iterable[Purchase]) -> tuple[str, ...]:
    """A sentence for each limit or requirement that the purchases do not keep; none: all is kept.

    The same for every order of the purchases.
    """
    bought = sorted(purchases, key=lambda one: (_name(one.offering), one.count))
    groups = [_bought(one) for one in bought] + [
        _Group(
            (one.instance_type, one.availability_zone) if one.is_spot else None,
            one.availability_zone,
            one.count,
            one.allocatable,
            one.usable,
            one.on_demand_room,
        )
        for one in problem.staying
    ]
    return (
        *_unavailable(problem, bought),
        *_lacking(problem, groups),
        *_unsafe(problem, bought, groups),
    )


def _name(offering: Offering) -> str:
    return (
        f"{offering.capacity_type} {offering.instance_type} in {offering.availability_zone}"
        f"{' (existing)' if offering.is_existing else ''}"
    )


def _bought(purchase: Purchase) -> _Group:
    one, count = purchase.offering, purchase.count
    return _Group(
        (one.instance_type, one.availability_zone) if one.is_spot else None,
        one.availability_zone,
        count,
        one.allocatable.times(count),
        one.usable.times(count),
        one.on_demand_room.times(count),
    )


def _unavailable(problem: AllocationProblem, bought: Iterable[Purchase]) -> Iterator[str]:
    """More than there is, or what layer 1 forbids."""
    limit = problem.limits.min_risk_score
    for one in bought:
        offering = one.offering
        if offering.max_count is not None and one.count > offering.max_count:
            yield f"{_name(offering)}: {one.count} of at most {offering.max_count}"
        is_judged = offering.is_spot and not offering.is_existing
        is_safe = offering.risk_score is not None and offering.risk_score >= limit
        if is_judged and not is_safe and SafetyLayer.RISK in problem.layers:
            yield f"{_name(offering)}: risk score {offering.risk_score} below {limit}"


def _lacking(problem: AllocationProblem, groups: list[_Group]) -> Iterator[str]:
    """Requirements without enough room."""
    yield from _short_of("all pods", problem.required, [one.usable for one in groups])
    on_demand = [one.usable_on_demand for one in groups]
    yield from _short_of("on-demand pods", problem.required_on_demand, on_demand)
    for zone, required in sorted(problem.required_in_zones.items()):
        here = [one.usable for one in groups if one.zone == zone]
        yield from _short_of(f"zone {zone}", required, here)


def _short_of(what: str, required: Capacity, rooms: list[Capacity]) -> Iterator[str]:
    for name in Capacity.__struct_fields__:
        room = sum(getattr(one, name) for one in rooms)
        if 0 < getattr(required, name) > room:
            yield f"{what}: {name} {room} of {getattr(required, name)}"


def _unsafe(
    problem: AllocationProblem, bought: Iterable[Purchase], groups: list[_Group]
) -> Iterator[str]:
    """Layers 2 to 4 and the number of nodes. Pools without a purchase are none of its business."""
    limits, nodes = problem.limits, sum(one.nodes for one in groups)
    if problem.max_nodes is not None and nodes > problem.max_nodes:
        yield f"{nodes} nodes, at most {problem.max_nodes}"
    zones = {one.zone for one in groups if one.zone and one.nodes}
    if SafetyLayer.AZ_DISTRIBUTION in problem.layers and len(zones) < limits.min_availability_zones:
        yield f"{counted(len(zones), 'zone')} of {limits.min_availability_zones}"
    touched = {_bought(one).pool for one in bought if one.count}
    for name in ("cpu_millicores", "memory_bytes"):
        total, on_demand = 0, 0
        pools: Counter[tuple[str, str]] = Counter()
        for one in groups:
            amount = getattr(one.allocatable, name)
            total += amount
            if one.pool is None:
                on_demand += amount
            elif one.pool in touched:
                pools[one.pool] += amount
        yield from _over_share(problem, name, total, pools)
        least = Fraction(str(limits.min_on_demand_share))
        if SafetyLayer.ON_DEMAND_BUFFER in problem.layers and on_demand < least * total:
            yield f"on-demand {name}: {on_demand} of {total}, limit {limits.min_on_demand_share}"


def _over_share(
    problem: AllocationProblem, name: str, total: int, pools: Counter[tuple[str, str]]
) -> Iterator[str]:
    if SafetyLayer.POOL_CONCENTRATION not in problem.layers:
        return
    most = Fraction(str(problem.limits.max_pool_share))
    for pool, amount in sorted(pools.items()):
        if amount > most * total:
            yield f"pool {'/'.join(pool)} {name}: {amount} of {total}, limit {most}"
