"""Exchanging pods between nodes, so that free room lies together and in a mixture pods can use.

The room that a packing leaves is scattered: here some CPU, there some memory. Moves of one pod, or
of one for another, are made as long as the sum over all nodes of free CPU times free memory grows.
The product is nothing where one of them is missing, and grows with the square where room is
gathered.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights

MOST_PAIRS = 300_000
"""Pairs of nodes that are looked at in one turn."""

_LEAST_GAIN = 1e-9  # of what the pair has: less is rounding
_NOBODY = -1


class Seats(NamedTuple):
    """Pods that may be moved, all of which have a ``target``: arrays as in
    ``kernels.place_in_order``; ``target`` and ``room`` are changed. ``first`` is a pod of each
    node, ``after`` the next one on the same."""

    requests: Amounts
    kind: Rows
    open_to: Flags
    target: Rows
    room: Amounts
    weights: Weights
    first: Rows
    after: Rows


def seats_of(
    requests: Amounts, kind: Rows, open_to: Flags, target: Rows, room: Amounts, weights: Weights
) -> Seats:
    """Pods where they are."""
    first = np.full(len(room), _NOBODY, np.int64)
    return Seats(requests, kind, open_to, target, room, weights, first, np.empty_like(target))


def tidy(seats: Seats, turns: int) -> None:
    """Move pods: each node exchanges with some others, in each turn with the next ones."""
    nodes = np.flatnonzero(seats.open_to.any(axis=0))
    free = seats.room[nodes] * seats.weights
    nodes = nodes[np.argsort(free[:, 0] - free[:, 1], kind="stable")]
    if len(nodes) > 1 and len(seats.target):
        span = max(1, min(len(nodes) - 1, MOST_PAIRS // len(nodes)))
        _tidy(seats, nodes, span, turns)


@njit(nogil=True)
def _tidy(seats: Seats, nodes: Rows, span: int, turns: int) -> None:
    for pod in range(len(seats.target)):
        _seat(pod, seats.target[pod], seats)
    for turn in range(turns):
        has_gained = False
        for at in range(len(nodes)):
            for step in range(span):
                other = (at + 1 + (turn * span + step) % (len(nodes) - 1)) % len(nodes)
                while _exchange(nodes[at], nodes[other], seats):
                    has_gained = True
        if not has_gained:
            break


@njit(nogil=True)
def _exchange(one: int, other: int, seats: Seats) -> bool:
    """Make the move between two nodes that gains most, if one gains."""
    best = _together(0.0, 0.0, one, other, seats) * (1.0 + _LEAST_GAIN)
    best_leaver, best_comer = _NOBODY, _NOBODY
    leaver = seats.first[one]
    while True:
        comer = seats.first[other]
        while True:
            cpu, memory = _difference(leaver, comer, seats)
            if (
                _together(cpu, memory, one, other, seats) > best
                and _may_move(leaver, other, comer, seats)
                and _may_move(comer, one, leaver, seats)
            ):
                best = _together(cpu, memory, one, other, seats)
                best_leaver, best_comer = leaver, comer
            if comer == _NOBODY:
                break
            comer = seats.after[comer]
        if leaver == _NOBODY:
            break
        leaver = seats.after[leaver]
    if best_leaver != _NOBODY:
        _move(best_leaver, other, seats)
    if best_comer != _NOBODY:
        _move(best_comer, one, seats)
    return best_leaver != _NOBODY or best_comer != _NOBODY


@njit(nogil=True, inline="always")
def _difference(leaver: int, comer: int, seats: Seats) -> tuple[float, float]:
    """CPU and memory, weighed, that a node gains when one pod leaves and another comes."""
    cpu = memory = 0.0
    if leaver != _NOBODY:
        cpu += seats.requests[leaver, 0]
        memory += seats.requests[leaver, 1]
    if comer != _NOBODY:
        cpu -= seats.requests[comer, 0]
        memory -= seats.requests[comer, 1]
    return cpu * seats.weights[0], memory * seats.weights[1]


@njit(nogil=True, inline="always")
def _together(cpu: float, memory: float, one: int, other: int, seats: Seats) -> float:
    """The products of two nodes, when so much room passes from the other to the one."""
    room, weights = seats.room, seats.weights
    here = (weights[0] * room[one, 0] + cpu) * (weights[1] * room[one, 1] + memory)
    there = (weights[0] * room[other, 0] - cpu) * (weights[1] * room[other, 1] - memory)
    return float(here + there)


@njit(nogil=True, inline="always")
def _may_move(pod: int, node: int, leaver: int, seats: Seats) -> bool:
    """Whether a pod may be on the node, and has room there once another one has left."""
    if pod == _NOBODY:
        return True
    if not seats.open_to[seats.kind[pod], node]:
        return False
    for resource in range(seats.room.shape[1]):
        asked = seats.requests[pod, resource]
        room = seats.room[node, resource]
        if leaver != _NOBODY:
            room += seats.requests[leaver, resource]
        if asked > 0 and asked > room:
            return False
    return True


@njit(nogil=True)
def _move(pod: int, node: int, seats: Seats) -> None:
    home = seats.target[pod]
    if seats.first[home] == pod:
        seats.first[home] = seats.after[pod]
    else:
        before = seats.first[home]
        while seats.after[before] != pod:
            before = seats.after[before]
        seats.after[before] = seats.after[pod]
    for resource in range(seats.room.shape[1]):
        seats.room[home, resource] += seats.requests[pod, resource]
        seats.room[node, resource] -= seats.requests[pod, resource]
    seats.target[pod] = node
    _seat(pod, node, seats)


@njit(nogil=True)
def _seat(pod: int, node: int, seats: Seats) -> None:
    seats.after[pod] = seats.first[node]
    seats.first[node] = pod
