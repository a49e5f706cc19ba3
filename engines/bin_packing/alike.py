"""Nodes that are there already, and few of a kind: pods shared out by patterns.

Filling them one after the other leaves some pods over where pods are few to a node; patterns look
at all nodes together.
"""

import numpy as np

from engines.bin_packing.assortment import Assortment
from engines.bin_packing.buying import buy_in_turn
from engines.bin_packing.filling import LARGE_FIRST, classes_of
from engines.bin_packing.kernels import Amounts, Flags, Rows
from engines.bin_packing.patterns import MOST_CLASSES, MOST_SIZES, pack_patterns


def alike(rows: Rows, traits: Amounts) -> list[Rows]:
    """The rows in groups of the same traits; ``traits``: one line for each of ``rows``."""
    if not len(rows):
        return []
    _, of_row = np.unique(traits, axis=0, return_inverse=True)
    return [rows[of_row.ravel() == group] for group in range(int(of_row.max()) + 1)]


def share_out(
    requests: Amounts, kind: Rows, open_to: Flags, room: Amounts, turn: Rows
) -> Rows | None:
    """The node of each pod, -1 for those without room; None: pods or nodes are of too many kinds,
    or there is not room enough by sums.

    Arguments as in ``filling.fill_in_turn``; ``room`` is spent where there is an answer.
    """
    if (requests.sum(axis=0) > np.maximum(room[turn], 0).sum(axis=0)).any():
        return None
    classes = classes_of(requests, kind)
    groups = alike(turn, np.column_stack((room[turn], open_to[:, turn].T)))
    if len(classes.sizes) > MOST_CLASSES or not 0 < len(groups) <= MOST_SIZES:
        return None
    first = np.array([group[0] for group in groups], np.int64)
    assortment = Assortment(
        sizes=classes.sizes,
        counts=classes.counts,
        rooms=room[first],
        cost=np.ones(len(groups), np.int64),
        most=np.array([len(group) for group in groups], np.int64),
        open_to=open_to[:, first].T[:, classes.kinds],
    )
    plan = pack_patterns(assortment, buy_in_turn(assortment, (LARGE_FIRST,)))
    next_node = [iter(group.tolist()) for group in groups]
    taken, nodes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for size, pods in plan.nodes:
        node = next(next_node[size])
        room[node] -= pods @ classes.sizes
        taken.append(np.repeat(np.arange(len(pods)), pods))
        nodes.append(np.full(int(pods.sum()), node, np.int64))
    return classes.targets(np.concatenate(taken), np.concatenate(nodes))
