"""Which of the nodes that could be launched to buy, given which of those that run stay.

The linear program says what to keep as if nodes could be had in parts. Here whole nodes are bought
for the pods that remain: those of nodes that go, less what finds room on nodes that stay. Each such
choice is one more place where the search can begin.
"""

from collections.abc import Iterator

import numpy as np

from engines.bin_packing.alike import alike
from engines.bin_packing.assortment import Assortment, by_sums, whole_cost
from engines.bin_packing.buying import buy_in_turn
from engines.bin_packing.filling import classes_of, fill_in_turn
from engines.bin_packing.kernels import Flags, Rows
from engines.bin_packing.patterns import MOST_CLASSES, MOST_SIZES, PatternPlan, pack_patterns
from engines.bin_packing.problem import Packer, Packing, PackingProblem
from engines.bin_packing.relaxation import Choice

STAYING_SHARES = (1e-7, 0.5, 1 - 1e-7, 1.0)
"""Nodes of which the program keeps more than this share stay; each is tried, 1.0: all may go."""

LARGE_CLUSTER, STAYING_SHARES_LARGE = 200, (0.5,)
"""Among more nodes than this whole ones differ little from parts, so one share will do."""

MOST_ROUNDS = 3
"""Times that nodes are bought for pods that the packer found no room for."""


def purchases(problem: PackingProblem, packer: Packer, ideal: Choice) -> Iterator[Packing]:
    """Packings on nodes that stay and nodes that are bought; limits are not looked at."""
    if not problem.is_new.any():
        return
    tried: set[bytes] = set()
    shares = STAYING_SHARES if len(problem.cost) <= LARGE_CLUSTER else STAYING_SHARES_LARGE
    for share in shares:
        stays = ~problem.is_new & (~problem.is_flexible | (ideal.share > share))
        if stays.tobytes() not in tried:
            tried.add(stays.tobytes())
            yield _bought(problem, packer, stays)


def cheapest_nodes(assortment: Assortment) -> PatternPlan:
    """Bought one after the other, and where pods and nodes are of few kinds by patterns; with a
    bound on what any nodes for all the pods cost."""
    nodes = buy_in_turn(assortment)
    is_small = len(assortment.sizes) <= MOST_CLASSES and len(assortment.rooms) <= MOST_SIZES
    if nodes and is_small:
        return pack_patterns(assortment, nodes)
    bound = by_sums(assortment, assortment.counts, assortment.most).bound
    return PatternPlan(nodes, whole_cost(assortment, bound))


def _bought(problem: PackingProblem, packer: Packer, stays: Flags) -> Packing:
    """Nodes for the pods that find no room on those that stay, and then for those that the packer,
    which knows all rules, has left over."""
    kept = stays | _nodes_for(problem, _left_over(problem, stays), stays)
    packing = packer.pack(kept)
    for _ in range(MOST_ROUNDS):
        more = _nodes_for(problem, packing.unplaced, kept)
        if not more.any():
            break
        kept = kept | more
        packing = packer.pack(kept)
    return packing


def _left_over(problem: PackingProblem, stays: Flags) -> Rows:
    """Pods of nodes that go for which there is no room on the nodes that stay."""
    movers = problem.movers(stays)
    room = np.where(stays[:, None], problem.room, 0)
    target = fill_in_turn(
        problem.requests[movers],
        problem.kind[movers],
        problem.allowed & stays,
        room,
        np.flatnonzero(stays),
    )
    return np.asarray(movers[target < 0], np.int64)


def _nodes_for(problem: PackingProblem, pods: Rows, kept: Flags) -> Flags:
    """New nodes, beside those kept, for these pods."""
    chosen = np.zeros(len(problem.cost), np.bool_)
    rows = np.flatnonzero(problem.is_new & problem.is_flexible & ~kept)
    traits = (problem.cost[rows], problem.room[rows], problem.allowed[:, rows].T)
    groups = alike(rows, np.column_stack(traits))
    if not len(pods) or not groups:
        return chosen
    classes = classes_of(problem.requests[pods], problem.kind[pods])
    first = np.array([group[0] for group in groups])
    assortment = Assortment(
        sizes=classes.sizes,
        counts=classes.counts,
        rooms=problem.room[first],
        cost=np.maximum(problem.cost[first], 1),
        most=np.array([len(group) for group in groups], np.int64),
        open_to=problem.allowed[:, first].T[:, classes.kinds],
    )
    nodes = cheapest_nodes(assortment).nodes
    for size, group in enumerate(groups):
        chosen[group[: sum(size == one for one, _ in nodes)]] = True
    return chosen
