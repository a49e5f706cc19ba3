"""Layers 2, 3 and 4 on one state of a cluster: how far is each limit from being met?

A state has capacity that has joined and capacity that is on its way: launched, but not yet known
to be Ready. What is on its way may join in any order, so each layer is measured with those joins
that are worst for it: none for the zones, the pool's own alone for a pool's share, all Spot and
no on-demand for the buffer. What passes here passes however the instances come up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from engines.contracts.verdict import SafetyLayer, SafetyLimits
from engines.contracts.wording import counted
from engines.safety.fleet import EMPTY, NO_ROOM, Fleet, Room, share_of

CLUSTER = "cluster"  # the subject of a limit that is about the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactLimits:
    """The limits as exact fractions: 0.2 means one fifth, not the float nearest to it."""

    min_availability_zones: int
    max_pool_share: Fraction
    min_on_demand_share: Fraction

    @classmethod
    def of(cls, limits: SafetyLimits) -> "ExactLimits":
        return cls(
            min_availability_zones=limits.min_availability_zones,
            max_pool_share=Fraction(str(limits.max_pool_share)),
            min_on_demand_share=Fraction(str(limits.min_on_demand_share)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """The capacity at one moment of a plan, as ``moment`` says it in a sentence.

    ``is_growing``: a launch comes next, or launched instances are still on their way, and nothing
    is taken from the cluster in between.
    """

    moment: str
    joined: Fleet
    on_its_way: Fleet = EMPTY
    is_growing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One limit that a state does not meet.

    ``detail`` is what a reader needs beside the figures: the zones that are left, or how many
    whole nodes are missing. ``small_cluster``: the small-cluster rule, where it is switched on,
    lets it pass.
    """

    layer: SafetyLayer
    subject: str
    measured: Fraction
    limit: Fraction
    detail: str
    small_cluster: bool

    @property
    def key(self) -> tuple[SafetyLayer, str]:
        """Which limit, of what: the same in every state."""
        return (self.layer, self.subject)

    @property
    def badness(self) -> Fraction:
        """Greater is worse, for floors and ceilings alike."""
        return self.measured if self.layer is SafetyLayer.POOL_CONCENTRATION else -self.measured


def breaches_of(state: FleetState, limits: ExactLimits) -> Iterator[Breach]:
    """All limits of layers 2 to 4 that the state does not meet, in the order of layer and pool."""
    yield from _zone_breach(state.joined, limits)
    yield from _pool_breaches(state, limits)
    yield from _on_demand_breach(state, limits)


def _zone_breach(joined: Fleet, limits: ExactLimits) -> Iterator[Breach]:
    """Layer 2, over nodes of all capacity types. A node in no known zone counts for none.

    Small-cluster rule: with fewer nodes than zones asked for, each node stands in its own zone.
    """
    zones, nodes = len(joined.zones), joined.total.nodes
    if zones < limits.min_availability_zones:
        yield Breach(
            layer=SafetyLayer.AZ_DISTRIBUTION,
            subject=CLUSTER,
            measured=Fraction(zones),
            limit=Fraction(limits.min_availability_zones),
            detail=", ".join(sorted(joined.zones)) or "none",
            small_cluster=zones == nodes > 0,
        )


def _pool_breaches(state: FleetState, limits: ExactLimits) -> Iterator[Breach]:
    """Layer 3. Small-cluster rule: a pool of one node, where even the average node is too large."""
    joined, coming = state.joined, state.on_its_way.pools
    for pool in sorted({**joined.pools, **coming}):
        on_its_way = coming.get(pool, NO_ROOM)
        part = joined.pools.get(pool, NO_ROOM).plus(on_its_way)
        whole = joined.total.plus(on_its_way)
        if not _exceeds(part, whole, limits.max_pool_share):
            continue
        too_few_nodes = 0 < whole.nodes * limits.max_pool_share < 1
        yield Breach(
            layer=SafetyLayer.POOL_CONCENTRATION,
            subject=str(pool),
            measured=share_of(part, whole),
            limit=limits.max_pool_share,
            detail=f"{part.nodes} of {counted(whole.nodes, 'node')}",
            small_cluster=too_few_nodes and part.nodes == 1,
        )


def _on_demand_breach(state: FleetState, limits: ExactLimits) -> Iterator[Breach]:
    """Layer 4. The share is never rounded, so whole nodes must reach it or pass it."""
    part = state.joined.on_demand
    whole = state.joined.total.plus(state.on_its_way.spot)
    share = share_of(part, whole)
    if whole.nodes and share < limits.min_on_demand_share:
        missing = whole_nodes_missing(state, limits.min_on_demand_share)
        yield Breach(
            layer=SafetyLayer.ON_DEMAND_BUFFER,
            subject=CLUSTER,
            measured=share,
            limit=limits.min_on_demand_share,
            detail=f"{part.nodes} of {counted(whole.nodes, 'node')}; at least {missing} more",
            small_cluster=False,
        )


def whole_nodes_missing(state: FleetState, limit: Fraction) -> int:
    """The fewest Spot nodes which, were they on-demand, would bring the buffer to the limit.

    This is where the rounding up to whole nodes shows: of ten equal nodes 15 % are 1.5, so two.
    Of unequal nodes the largest are counted first; within a pool all have the average size.
    """
    joined, coming = state.joined, state.on_its_way.pools
    pools = [
        joined.pools.get(pool, NO_ROOM).plus(coming.get(pool, NO_ROOM))
        for pool in {**joined.pools, **coming}
    ]
    part, whole = joined.on_demand, joined.total.plus(state.on_its_way.spot)
    by_cpu = _nodes_to_cover(
        limit * whole.cpu_millicores - part.cpu_millicores,
        [(room.cpu_millicores, room.nodes) for room in pools],
    )
    by_memory = _nodes_to_cover(
        limit * whole.memory_bytes - part.memory_bytes,
        [(room.memory_bytes, room.nodes) for room in pools],
    )
    return min(by_cpu, by_memory)


def _nodes_to_cover(missing: Fraction, pools: Iterable[tuple[int, int]]) -> int:
    """How many nodes, largest first, hold ``missing``; ``pools`` are (amount, nodes)."""
    count = 0
    for size, nodes in sorted(((Fraction(*pool), pool[1]) for pool in pools), reverse=True):
        if missing <= 0 or not size:
            break
        taken = min(nodes, ceil(missing / size))
        missing -= taken * size
        count += taken
    return count


def _exceeds(part: Room, whole: Room, limit: Fraction) -> bool:
    """Whether the share of ``part`` lies above the limit, without making a fraction."""
    above, below = limit.numerator, limit.denominator
    return (
        part.cpu_millicores * below > above * whole.cpu_millicores
        or part.memory_bytes * below > above * whole.memory_bytes
    )
