"""The offerings of an allocation as columns: what can be bought, in one fixed order.

On-demand types that cost the same in every zone are one **floating** column each: which zones
their nodes stand in is decided afterwards, which spares the search from trying equal answers.

Amounts are vCPUs and GiB, costs USD per hour: numbers of like size, as solvers want them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.allocation.problem import AllocationProblem, Capacity, Offering
from engines.contracts.pricing import MICRO_USD_PER_USD
from engines.contracts.verdict import SafetyLayer

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

_UNITS = np.array([1000.0, 2.0**30, 1.0])  # millicores, bytes and pods in one unit of a row
SHARED = 2  # shares are taken of the first two: vCPU and memory
FLOATING = -1  # the zone of a floating column
NO_POOL = -1
Key = tuple[str, str]  # of a pool: instance type and zone


def amounts(capacity: Capacity) -> Floats:
    """A capacity in the units of the rows."""
    raw = (capacity.cpu_millicores, capacity.memory_bytes, capacity.pods)
    scaled: Floats = np.array(raw, np.float64) / _UNITS
    return scaled


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What can be bought, one row each, in an order that depends on nothing but the offerings."""

    offerings: tuple[tuple[Offering, ...], ...]  # one offering; of a floating column one per zone
    cost: Floats  # expected USD per hour
    usable: Floats  # (columns, 3)
    usable_on_demand: Floats  # (columns, 3); nothing of Spot columns
    allocatable: Floats  # (columns, SHARED)
    zone: Rows  # index into zones, or FLOATING
    pool: Rows  # index of the Spot pool, or NO_POOL
    most: Floats  # upper bound of the count; infinite: none
    zones: tuple[str, ...]
    floating_zones: tuple[str, ...]  # where the nodes of floating columns may stand
    pools: tuple[Key, ...]

    @property
    def is_spot(self) -> Flags:
        """Whether each belongs to a Spot pool."""
        flags: Flags = self.pool != NO_POOL
        return flags

    def __len__(self) -> int:
        return len(self.offerings)


def columns_of(problem: AllocationProblem) -> Columns:
    """The offerings that the problem allows, without those that another one always beats."""
    eligible = [one for one in problem.offerings if _is_eligible(one, problem)]
    fixed, floating = _split(eligible, problem)
    chosen = [(one,) for one in fixed] + list(_undominated(floating))
    chosen.sort(key=lambda group: _order(group[0]))
    zones = sorted({one.availability_zone for group in chosen for one in group})
    pools = sorted({_key(group[0]) for group in chosen if group[0].is_spot})
    zone_index = {zone: index for index, zone in enumerate(zones)}
    pool_index = {pool: index for index, pool in enumerate(pools)}
    heads = [group[0] for group in chosen]
    floats = {id(group) for group in floating}
    return Columns(
        offerings=tuple(chosen),
        cost=np.array([one.expected_micro_usd_per_hour for one in heads]) / MICRO_USD_PER_USD,
        usable=np.array([amounts(one.usable) for one in heads]).reshape(-1, 3),
        usable_on_demand=np.array([amounts(one.on_demand_room) for one in heads]).reshape(-1, 3),
        allocatable=np.array([amounts(one.allocatable) for one in heads]).reshape(-1, 3)[
            :, :SHARED
        ],
        zone=np.array(
            [
                FLOATING if id(group) in floats else zone_index[group[0].availability_zone]
                for group in chosen
            ],
            np.int64,
        ),
        pool=np.array(
            [pool_index[_key(one)] if one.is_spot else NO_POOL for one in heads], np.int64
        ),
        most=np.array([np.inf if one.max_count is None else one.max_count for one in heads]),
        zones=tuple(zones),
        floating_zones=tuple(
            sorted({one.availability_zone for group in floating for one in group})
        ),
        pools=tuple(pools),
    )


def _is_eligible(offering: Offering, problem: AllocationProblem) -> bool:
    """Layer 1, before any arithmetic: a new Spot pool must be known to be safe."""
    if offering.max_count == 0:
        return False
    if not offering.is_spot or offering.is_existing or SafetyLayer.RISK not in problem.layers:
        return True
    return offering.risk_score is not None and offering.risk_score >= problem.limits.min_risk_score


def _split(
    eligible: Iterable[Offering], problem: AllocationProblem
) -> tuple[list[Offering], list[tuple[Offering, ...]]]:
    """The offerings tied to a zone, and the on-demand types that all zones have alike."""
    alike: dict[tuple[object, ...], list[Offering]] = {}
    fixed = []
    for one in eligible:
        if one.is_spot or one.max_count is not None or problem.required_in_zones:
            fixed.append(one)
        else:
            terms = (one.instance_type, one.allocatable, one.usable, one.on_demand_room)
            costs = (one.micro_usd_per_hour, one.expected_micro_usd_per_hour)
            alike.setdefault((*terms, *costs), []).append(one)
    zones = {one.availability_zone for group in alike.values() for one in group}
    floating = []
    for group in alike.values():
        if {one.availability_zone for one in group} == zones:
            floating.append(tuple(sorted(group, key=_order)))
        else:
            fixed.extend(group)
    return fixed, floating


def _undominated(floating: list[tuple[Offering, ...]]) -> Iterable[tuple[Offering, ...]]:
    """Floating columns that no other one beats: as cheap, and as large in every way.

    In any safe allocation the beaten one can be exchanged for the other: room and totals only
    grow, and the on-demand share with them.
    """
    kept = np.empty((0, 9))
    for group in sorted(floating, key=lambda group: _order(group[0])):
        head = group[0]
        rooms = (head.allocatable, head.usable, head.on_demand_room)
        size = np.concatenate([amounts(one) for one in rooms])
        if not np.any(np.all(kept >= size, axis=1)):
            kept = np.vstack([kept, size])
            yield group


def _order(offering: Offering) -> tuple[object, ...]:
    """Cost, then name, then all else that two offerings may differ in."""
    return (
        offering.expected_micro_usd_per_hour,
        not offering.is_existing,
        offering.instance_type,
        offering.availability_zone,
        offering.capacity_type,
        *amounts(offering.allocatable),
        *amounts(offering.usable),
        *amounts(offering.on_demand_room),
        -1 if offering.max_count is None else offering.max_count,
    )


def _key(offering: Offering) -> Key:
    return (offering.instance_type, offering.availability_zone)
