"""Which orders of the engines are tried, so that the plan as a whole ends as cheap as it can.

Each engine alone is tried, so that together they never end dearer than one of them. In large
clusters, where every answer takes seconds, fewer orders are tried; the limits count nodes, so the
same question always tries the same ones.
"""

from collections.abc import Set
from typing import NamedTuple

from engines.contracts.results import DecisionType

MOST_NODES_TO_REPLAN = 1_500
"""Nodes up to which the bin packer is also asked to plan all of them anew; but only once, with the
new sizes if they are clearly smaller: mixed sizes are harder to pack, and take it longer."""

MOST_NODES_FOR_ALL_ORDERS = 300
"""Nodes up to which orders that seldom pay are tried, too."""

REBALANCE = "rebalance"


class Move(NamedTuple):
    """An engine that is asked; ``mode`` where the plan chooses the bin packer's mode itself."""

    decision_type: DecisionType
    mode: str = ""

    @property
    def name(self) -> str:
        """What the move is called in the answer."""
        return self.mode or self.decision_type.value

    @property
    def engines(self) -> frozenset[DecisionType]:
        """Whose work the move does: to plan all nodes anew is to pack and to buy Spot."""
        if self.mode == REBALANCE:
            return frozenset({DecisionType.BIN_PACK, DecisionType.SPOT_OPTIMIZE})
        return frozenset({self.decision_type})


Route = tuple[Move, ...]
"""Moves in the order in which they would be carried out."""

RIGHTSIZE = Move(DecisionType.RIGHTSIZE)
PACK = Move(DecisionType.BIN_PACK)
REPLAN = Move(DecisionType.BIN_PACK, REBALANCE)
SPOT = Move(DecisionType.SPOT_OPTIMIZE)


def engines_of(route: Route) -> frozenset[DecisionType]:
    """Whose work a route does."""
    return frozenset().union(*(move.engines for move in route))


def routes_to_try(
    asked: Set[Move], node_count: int, *, is_resized: bool, is_smaller: bool
) -> tuple[Route, ...]:
    """The routes to try, from the moves that may be made; one of them is to make none.

    ``is_resized``: rightsizing changes requests, so it makes a difference whether it comes first;
    ``is_smaller``: it clearly makes them smaller.
    """
    sizes: Route = (RIGHTSIZE,) if is_resized else ()
    found: list[Route] = [(), *((move,) for move in (PACK, SPOT))]
    found += [(*sizes, *order) for order in ((), (PACK,), (PACK, SPOT))]
    if node_count <= MOST_NODES_FOR_ALL_ORDERS:
        orders = ((SPOT,), (SPOT, PACK), (REPLAN,), (REPLAN, SPOT))
        found += [(*sizes, *order) for order in orders]
        found.append((REPLAN,))
    elif node_count <= MOST_NODES_TO_REPLAN:
        found.append((*sizes, REPLAN) if is_smaller else (REPLAN,))
    return tuple(one for one in dict.fromkeys(found) if asked >= set(one) - {RIGHTSIZE})
