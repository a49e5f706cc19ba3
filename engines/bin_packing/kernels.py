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
    of nodes for each kind of pod. A pod goes where ``_match`` is best, which is worked out here for
    all nodes at once, resource by resource, as processors like it.
    """
    nodes = _open_to_any(open_to)
    is_open = np.empty((open_to.shape[0], len(nodes)), np.bool_)
    free = np.empty((room.shape[1], len(nodes)))  # exact below 2^53
    squares = np.zeros(len(nodes))
    for at in range(len(nodes)):
        for row in range(open_to.shape[0]):
            is_open[row, at] = open_to[row, nodes[at]]
        for resource in range(room.shape[1]):
            free[resource, at] = room[nodes[at], resource]
            squares[at] += (weights[resource] * free[resource, at]) ** 2
    product, fits = np.empty(len(nodes)), np.empty(len(nodes), np.bool_)
    target = np.full(requests.shape[0], -1, np.int64)
    for pod in order:
        request = requests[pod]
        square = _multiply(request, free, weights, is_open[kind[pod]], product, fits)
        best = _best_match(product, fits, squares, square)
        if best >= 0:
            target[pod] = nodes[best]
            squares[best] = 0.0
            for resource in range(room.shape[1]):
                room[nodes[best], resource] -= request[resource]
                free[resource, best] -= request[resource]
                squares[best] += (weights[resource] * free[resource, best]) ** 2
    return target


@njit(nogil=True)
def _open_to_any(open_to: Flags) -> Rows:
    """The nodes that some kind of pod may use."""
    nodes = np.empty(open_to.shape[1], np.int64)
    count = 0
    for node in range(open_to.shape[1]):
        for kind in range(open_to.shape[0]):
            if open_to[kind, node]:
                nodes[count] = node
                count += 1
                break
    return nodes[:count]


@njit(nogil=True)
def _multiply(
    request: Amounts, free: Weights, weights: Weights, is_open: Flags, product: Weights, fits: Flags
) -> float:
    """Fill in the weighed product of the request with each room, and whether it fits; answers the
    weighed square of the request."""
    for node in range(len(product)):
        product[node], fits[node] = 0.0, is_open[node]
    square = 0.0
    for resource in range(len(request)):
        asked = float(request[resource])
        if asked > 0.0:
            weighed = weights[resource] * weights[resource] * asked
            square += weighed * asked
            row = free[resource]
            for node in range(len(product)):
                product[node] += weighed * row[node]
                fits[node] &= row[node] >= asked
    return square


@njit(nogil=True)
def _best_match(product: Weights, fits: Flags, squares: Weights, square: float) -> int:
    """The first node of those that suit best; -1 where nothing fits."""
    best, best_score = -1, -1.0
    for node in range(len(product)):
        if fits[node]:
            score = _score(product[node], squares[node] * square)
            if score > best_score:
                best, best_score = node, score
    return best


@njit(nogil=True, inline="always")
def _score(product: float, squares: float) -> float:
    """The product times the sixteenth power of the cosine."""
    cosine_2 = product * product / squares if squares > 0.0 else 0.0
    cosine_4 = cosine_2 * cosine_2
    cosine_8 = cosine_4 * cosine_4
    return product * cosine_8 * cosine_8


@njit(nogil=True, inline="always")
def _match(request: Amounts, room: Amounts, weights: Weights) -> float:
    """How well a pod suits a room; -1 where it does not fit.

    The product of request and room, weighed, as in the dot-product heuristic (Panigrahy et al.,
    "Heuristics for Vector Bin Packing", 2011), times the sixteenth power of the cosine between
    them: pods that want memory go where memory is left over, so that no resource is stranded
    without the others. (Powers from 8 to 32 did equally well in trials, lower ones much worse.)
    """
    product = room_square = request_square = 0.0
    for resource in range(len(request)):
        if request[resource] > 0 and request[resource] > room[resource]:
            return -1.0
        weighed_room = weights[resource] * room[resource]
        weighed_request = weights[resource] * request[resource]
        product += weighed_room * weighed_request
        room_square += weighed_room * weighed_room
        request_square += weighed_request * weighed_request
    return _score(product, room_square * request_square)


@njit(nogil=True)
def matches(request: Amounts, rooms: Amounts, weights: Weights) -> Weights:
    """How well one pod suits each room."""
    scores = np.zeros(rooms.shape[0])
    for node in range(rooms.shape[0]):
        scores[node] = _match(request, rooms[node], weights)
    return scores
