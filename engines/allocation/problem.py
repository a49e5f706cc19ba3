"""What an allocation is asked and what it answers.

How many instances of each offering to have, so that the pods have room, the safety layers hold
for the cluster **as it will be** (what stays plus what is bought) and the expected cost is least.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from engines.contracts.pricing import CapacityType
from engines.contracts.verdict import SafetyLayer, SafetyLimits


class Capacity(msgspec.Struct, frozen=True):
    """An amount of room. As a requirement, zero asks for nothing."""

    cpu_millicores: int = 0
    memory_bytes: int = 0
    pods: int = 0

    def times(self, count: int) -> "Capacity":
        """So many of it together."""
        return Capacity(self.cpu_millicores * count, self.memory_bytes * count, self.pods * count)

    def plus(self, other: "Capacity") -> "Capacity":
        """Both together."""
        return Capacity(
            self.cpu_millicores + other.cpu_millicores,
            self.memory_bytes + other.memory_bytes,
            self.pods + other.pods,
        )


NOTHING = Capacity()


class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """An instance type in a zone, bought one way: new instances, or nodes that may be kept.

    ``allocatable`` is what safety's shares are measured in; ``usable`` is what one node gives to
    the pods of the requirement (allocatable less DaemonSets and head-room).
    ``usable_on_demand`` is the part of that which pods that must stay on-demand can have: less,
    where others are there already. ``expected_micro_usd_per_hour`` is what the search minimises;
    it must be positive.
    """

    instance_type: str
    availability_zone: str
    capacity_type: CapacityType
    allocatable: Capacity
    usable: Capacity
    micro_usd_per_hour: int
    expected_micro_usd_per_hour: float
    risk_score: float | None = None  # Spot only; None: not known, never bought new
    usable_on_demand: Capacity | None = None  # None: all of what is usable
    is_existing: bool = False  # nodes that run already: layer 1 does not judge them again
    max_count: int | None = None  # None: as many as wanted

    @property
    def is_spot(self) -> bool:
        """Whether it belongs to a Spot pool; all other capacity counts as on-demand."""
        return self.capacity_type is CapacityType.SPOT

    @property
    def on_demand_room(self) -> Capacity:
        """What one node gives to pods that must stay on-demand."""
        return _on_demand_room(self)


class StayingNodes(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` nodes that stay whatever is bought; they count in every share and zone.

    The capacities are those of all of them together. Their price does not matter, so none is
    asked. A zone that is not known is empty and counts as no zone.
    """

    instance_type: str
    availability_zone: str
    capacity_type: CapacityType
    count: int
    allocatable: Capacity
    usable: Capacity
    usable_on_demand: Capacity | None = None  # None: all of what is usable

    @property
    def is_spot(self) -> bool:
        """Whether the nodes belong to a Spot pool."""
        return self.capacity_type is CapacityType.SPOT

    @property
    def on_demand_room(self) -> Capacity:
        """What all of them give to pods that must stay on-demand."""
        return _on_demand_room(self)


def _on_demand_room(nodes: Offering | StayingNodes) -> Capacity:
    if nodes.is_spot:
        return NOTHING
    return nodes.usable if nodes.usable_on_demand is None else nodes.usable_on_demand


ALL_LAYERS = frozenset(SafetyLayer)


class AllocationProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What to fill, with what, within which limits. The order of the lists does not matter.

    ``required`` must be met by the usable room of everything (staying nodes included),
    ``required_on_demand`` by that of on-demand capacity alone, ``required_in_zones`` by that of
    the zone (pods whose volumes are there). The allocatable of everything together must reach
    ``least_allocatable``: in a smaller cluster some staying pool would have too large a share.
    ``layers`` are those that bind.
    """

    offerings: tuple[Offering, ...]
    required: Capacity
    required_on_demand: Capacity = NOTHING
    required_in_zones: Mapping[str, Capacity] = {}
    least_allocatable: Capacity = NOTHING  # pods are not counted
    staying: tuple[StayingNodes, ...] = ()
    limits: SafetyLimits = SafetyLimits()
    layers: frozenset[SafetyLayer] = ALL_LAYERS
    max_nodes: int | None = None  # of purchases and staying nodes together; None: no limit


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

    ``layer`` None: the capacity itself, as a share of what is required. ``reachable`` None:
    relaxing this limit alone does not help either.
    """

    layer: SafetyLayer | None
    limit: float
    reachable: float | None
    message: str


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. Costs are those of the purchases (kept nodes included, staying nodes not).

    ``bound_micro_usd_per_hour`` is a proven lower bound of the expected cost of any safe
    allocation, ``gap`` the expected cost's distance above it, as a share of it.
    """

    status: AllocationStatus
    purchases: tuple[Purchase, ...] = ()
    micro_usd_per_hour: int = 0
    expected_micro_usd_per_hour: float = 0.0
    bound_micro_usd_per_hour: float = 0.0
    gap: float = 0.0
    shortfalls: tuple[Shortfall, ...] = ()
