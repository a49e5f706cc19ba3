"""The cheapest safe allocation: how many instances of each offering to have.

The problem is a small mixed-integer program: whole instances, least expected cost, enough room
for the pods, and the safety layers as constraints on the cluster **as it will be** (what stays
plus what is bought). It is solved with HiGHS (scipy), with counted limits and no clock, so equal
problems give equal answers. The answer carries a lower bound that no safe allocation can beat,
and its own distance from that bound.

It does not place pods: room is judged in total, with the head-room that the caller asks for.
"""

from enum import StrEnum

import msgspec

from engines.contracts.pricing import CapacityType
from engines.contracts.verdict import SafetyLayer, SafetyLimits


class Capacity(msgspec.Struct, frozen=True):
    """An amount of room. As a requirement, zero asks for nothing."""

    cpu_millicores: int = 0
    memory_bytes: int = 0
    pods: int = 0


class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """An instance type in a zone, bought one way: new instances, or nodes that may be kept.

    ``allocatable`` is what safety's shares are measured in, ``usable`` what one node gives to the
    pods of the requirement (allocatable less DaemonSets and head-room). ``expected_micro_usd``
    is what the search minimises: the price and the expected cost of interruptions, per hour.
    """

    instance_type: str
    availability_zone: str
    capacity_type: CapacityType
    allocatable: Capacity
    usable: Capacity
    micro_usd_per_hour: int
    expected_micro_usd_per_hour: float
    risk_score: float | None = None  # Spot only; None: not known, never bought new
    is_existing: bool = False  # nodes that run already: layer 1 does not judge them again
    max_count: int | None = None  # None: as many as wanted


class StayingNodes(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` nodes that stay whatever is bought; they count in every share and zone.

    The capacities are those of all of them together. A price is not needed, so none is asked.
    """

    instance_type: str  # empty: not known; such nodes form no Spot pool with others
    availability_zone: str  # empty: not known; counts as no zone
    capacity_type: CapacityType
    count: int
    allocatable: Capacity
    usable: Capacity


class AllocationProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What to fill, with what, within which limits. The order of the lists does not matter.

    ``required`` must be met by the usable room of everything (staying nodes included),
    ``required_on_demand`` (part of it) by the usable room of on-demand capacity alone.
    """

    offerings: tuple[Offering, ...]
    required: Capacity
    required_on_demand: Capacity = Capacity()
    staying: tuple[StayingNodes, ...] = ()
    limits: SafetyLimits = SafetyLimits()
    layers: frozenset[SafetyLayer] = frozenset(SafetyLayer)  # those that bind; all by default


class AllocationStatus(StrEnum):
    """``solver_limit``: the counted work limit struck before any allocation was found."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    SOLVER_LIMIT = "solver_limit"


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """So many instances of one offering."""

    offering: Offering
    count: int


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that cannot be met: the best value that can be had, with all other limits kept.

    ``layer`` None: the capacity itself. ``reachable`` None: relaxing this limit alone does not
    help either.
    """

    layer: SafetyLayer | None
    limit: float
    reachable: float | None
    message: str


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. Costs are of the purchases (kept nodes included, staying nodes not), per hour.

    ``bound`` is a proven lower bound of the expected cost of any safe allocation and ``gap``
    the relative distance of the expected cost from it.
    """

    status: AllocationStatus
    purchases: tuple[Purchase, ...] = ()
    micro_usd_per_hour: int = 0
    expected_micro_usd_per_hour: float = 0.0
    bound_micro_usd_per_hour: float = 0.0
    gap: float = 0.0
    shortfalls: tuple[Shortfall, ...] = ()


def cheapest_safe_allocation(problem: AllocationProblem) -> Allocation:
    """Fill the requirement at the least expected cost within the limits, or say what is in the way.

    A pool's share is the larger of its vCPU and its memory share; on-demand must reach its share
    in **both**, so the buffer holds whichever of the two runs out first.
    """
    raise NotImplementedError(problem)
