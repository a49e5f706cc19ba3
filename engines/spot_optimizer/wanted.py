"""The capacity that a cluster should have: the cheapest safe allocation, with the brakes on.

Keeping a node competes with buying another one. A kept Spot node is weighed at 90 % of its
expected cost (the parameter's least saving) and a kept on-demand node at 99 %, so that nothing
moves for less. Where too few types are cheaper
than a Spot pool, its nodes are **held**: either they all stay, or nothing new is bought on Spot.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from engines.allocation import (
    Allocation,
    AllocationProblem,
    AllocationStatus,
    Capacity,
    Offering,
    Purchase,
    StayingNodes,
    cheapest_safe_allocation,
)
from engines.contracts.pricing import CapacityType
from engines.contracts.verdict import SafetyLayer
from engines.pools import PoolKey

KEPT_ON_DEMAND_WEIGHT = 0.99


class Keepable(NamedTuple):
    """Nodes that can be kept, by the offering that keeping one of them is."""

    groups: Mapping[Offering, tuple[str, ...]]  # names, those to keep first coming first

    def without(self, offerings: Iterable[Offering]) -> "Keepable":
        """The other groups."""
        gone = set(offerings)
        return Keepable({one: names for one, names in self.groups.items() if one not in gone})


class Wanted(NamedTuple):
    """The allocation chosen, the nodes held in place, and which way it was found."""

    allocation: Allocation
    kept: tuple[str, ...]
    launches: tuple[Purchase, ...]
    held: Mapping[PoolKey, tuple[str, ...]]
    is_brake_overruled: bool = False
    is_small_cluster: bool = False


def find_wanted(
    problem: AllocationProblem, keepable: Keepable, held: Iterable[Offering], least: Capacity
) -> Wanted:
    """The cheapest of the ways that brakes and limits allow.

    ``problem`` offers what can be bought new; ``held`` are groups of ``keepable``, and ``least`` is
    the least allocatable where they all stay.
    """
    held = tuple(held)
    ways = list(_ways(problem, keepable, held, least))
    solved = [one for one in ways if one.allocation.status is AllocationStatus.SOLVED]
    if not solved and held:
        overruled = _solve(problem, keepable)._replace(is_brake_overruled=True)
        solved = [overruled] if overruled.allocation.status is AllocationStatus.SOLVED else []
    if not solved:
        return ways[0]
    return min(solved, key=lambda one: _weight(one, keepable))


def _ways(
    problem: AllocationProblem, keepable: Keepable, held: Sequence[Offering], least: Capacity
) -> Iterable[Wanted]:
    if not held:
        yield _solve(problem, keepable)
    else:
        kept = msgspec.structs.replace(problem, least_allocatable=least)
        yield _all_held(kept, keepable, held)
        yield _nothing_new_on_spot(problem, keepable)
    if problem.limits.allow_small_cluster_exception:
        yield _small_cluster(problem, keepable)


def _weight(wanted: Wanted, keepable: Keepable) -> float:
    """What the search minimises, with the nodes that it was not asked about."""
    held = {name for names in wanted.held.values() for name in names}
    return wanted.allocation.expected_micro_usd_per_hour + sum(
        offering.expected_micro_usd_per_hour * len(held & set(names))
        for offering, names in keepable.groups.items()
    )


def _solve(problem: AllocationProblem, keepable: Keepable) -> Wanted:
    allocation = cheapest_safe_allocation(
        msgspec.structs.replace(problem, offerings=(*problem.offerings, *keepable.groups))
    )
    kept = [
        name
        for one in allocation.purchases
        if one.offering in keepable.groups
        for name in keepable.groups[one.offering][: one.count]
    ]
    launches = tuple(one for one in allocation.purchases if not one.offering.is_existing)
    return Wanted(allocation, tuple(sorted(kept)), launches, {})


def _all_held(problem: AllocationProblem, keepable: Keepable, held: Sequence[Offering]) -> Wanted:
    """Held nodes stay; all else is free."""
    staying = tuple(_staying(one, len(keepable.groups[one])) for one in held)
    wanted = _solve(
        msgspec.structs.replace(problem, staying=(*problem.staying, *staying)),
        keepable.without(held),
    )
    names: dict[PoolKey, tuple[str, ...]] = {}
    for one in held:
        key = (one.instance_type, one.availability_zone)
        names[key] = (*names.get(key, ()), *keepable.groups[one])
    kept = (*wanted.kept, *(name for some in names.values() for name in some))
    return wanted._replace(kept=tuple(sorted(kept)), held=names)


def _staying(offering: Offering, count: int) -> StayingNodes:
    return StayingNodes(
        instance_type=offering.instance_type,
        availability_zone=offering.availability_zone,
        capacity_type=offering.capacity_type,
        count=count,
        allocatable=offering.allocatable.times(count),
        usable=offering.usable.times(count),
    )


def _nothing_new_on_spot(problem: AllocationProblem, keepable: Keepable) -> Wanted:
    """Held nodes may go, but not in exchange for other Spot nodes."""
    on_demand = tuple(one for one in problem.offerings if not one.is_spot)
    return _solve(msgspec.structs.replace(problem, offerings=on_demand), keepable)


def _small_cluster(problem: AllocationProblem, keepable: Keepable) -> Wanted:
    """The small-cluster rule: so few nodes that even an average one is over the pool limit, and
    no more than one of them in any pool."""
    share = problem.limits.max_pool_share
    fewest_over = next((n for n in range(1, 1000) if n * share >= 1), 1000)
    running = {(one.instance_type, one.availability_zone) for one in keepable.groups if one.is_spot}
    singles = tuple(
        msgspec.structs.replace(one, max_count=1) if one.is_spot else one
        for one in problem.offerings
        if not one.is_spot or (one.instance_type, one.availability_zone) not in running
    )
    few = Keepable(
        {
            msgspec.structs.replace(one, max_count=1) if one.is_spot else one: names
            for one, names in keepable.groups.items()
        }
    )
    return _solve(
        msgspec.structs.replace(
            problem,
            offerings=singles,
            max_nodes=fewest_over - 1,
            least_allocatable=Capacity(),
            layers=problem.layers - {SafetyLayer.POOL_CONCENTRATION},
        ),
        few,
    )._replace(is_small_cluster=True)


def held_offerings(
    keepable: Keepable, cheaper_types: Mapping[Offering, int], min_types: int
) -> tuple[Offering, ...]:
    """The groups of Spot nodes that too few types are cheaper than."""
    return tuple(one for one in keepable.groups if one.is_spot and cheaper_types[one] < min_types)


def kept_weight(capacity_type: CapacityType, min_saving_percent: float) -> float:
    """How much of its cost keeping a node is weighed at."""
    if capacity_type is CapacityType.SPOT:
        return 1 - min_saving_percent / 100
    return KEPT_ON_DEMAND_WEIGHT
