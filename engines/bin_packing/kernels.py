"""The inner loop of packing, compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Amounts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]
Weights = NDArray[np.float64]


@njit(nogil=True)
def place_in_order(
    order: Rows,
    requests: Amounts,
    kind: Rows,
    open_to: Flags,
    room: Amounts,
    weights: Weights,
) -> Rows:
    """Put pods on nodes, in ``order``; answers the node of each pod, -1 for those without room.

    ``requests`` is pods x resources, ``room`` nodes x resources and is spent; ``open_to`` has a row
    of nodes for each kind of pod. A pod goes where the product of its requests and the room,
    weighed, is largest: to much room of the resources that it wants most. That fills nodes evenly
    in all resources, where "the fullest node" would strand one resource without the other
    (dot-product heuristic of Panigrahy et al., "Heuristics for Vector Bin Packing", 2011).
    """
    target = np.full(requests.shape[0], -1, np.int64)
    for pod in order:
        best, best_score = -1, -1.0
        for node in range(room.shape[0]):
            if open_to[kind[pod], node]:
                score = _match(requests[pod], room[node], weights)
                if score > best_score:
                    best, best_score = node, score
        if best >= 0:
            target[pod] = best
            for resource in range(room.shape[1]):
                room[best, resource] -= requests[pod, resource]
    return target


@njit(nogil=True, inline="always")
def _match(request: Amounts, room: Amounts, weights: Weights) -> float:
    """How well a pod suits a room; -1 where it does not fit."""
    score = 0.0
    for resource in range(len(request)):
        if request[resource] > 0:
            if request[resource] > room[resource]:
                return -1.0
            score += weights[resource] ** 2 * request[resource] * room[resource]
    return score
