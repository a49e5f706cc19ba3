"""Moving pods about until every node has room for what it was given; compiled.

All pods have a node, but some nodes have more than they hold. The node with the largest overload
gives a pod away or exchanges one for another, whatever lowers the overload of the two most. Where
nothing does any more, the overload of the nodes that are stuck is weighed higher, so that others
take it over for a while (breakout; Morris, "The Breakout Method", 1993).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights

LINEAR = 0.02
"""How much overload counts by itself, beside its square (found by trial)."""

STRAIN = 1.6
"""How much higher a stuck node's overload weighs, each time (found by trial)."""


class Loose(NamedTuple):
    """Pods that may move, by row. Equal numbers in ``alike`` are pods that are the same; ``mask``:
    the row of nodes that are open; ``crowd``: -1 for none; ``target``: -1 for no node yet."""

    sizes: Amounts
    alike: Rows
    mask: Rows
    crowd: Rows
    target: Rows


class Places(NamedTuple):
    """Nodes. ``masks``: sets of them; ``present``: nodes x crowds; ``room``: nodes x resources;
    ``scale``: the weight of a unit of overload."""

    masks: Flags
    present: Amounts
    room: Amounts
    scale: Weights


class _State(NamedTuple):
    """What is kept of nodes (``cost``: overload times ``strain``), the chain of each node's pods,
    and which kinds of pods were looked at already (by the ``clock`` of the look)."""

    cost: Weights
    strain: Weights
    first: Rows
    after: Rows
    before: Rows
    seen: Rows
    seen_with: Rows
    clock: Rows


@njit(nogil=True)
def settle(pods: Loose, places: Places, most_work: int, most_strains: int) -> int:
    """Move pods until no room is below zero or the counted work is used up; the work done.

    ``target``, ``room`` and ``present`` are changed. Pods without a node are placed first, each
    where it overloads least; one that may go nowhere stays without.
    """
    nodes = len(places.room)
    cost = np.zeros(nodes)
    for node in range(nodes):
        cost[node] = _overload(places.room[node], places.scale)
    work = _place_all(pods, places, cost)
    first, after, before = _chains(pods.target, nodes)
    seen = np.full(len(pods.target), -1)
    state = _State(
        cost, np.ones(nodes), first, after, before, seen, seen.copy(), np.zeros(1, np.int64)
    )
    is_stuck = np.zeros(nodes, np.bool_)
    strains = 0
    while work <= most_work:
        node = _worst(cost, is_stuck)
        if node < 0:
            if strains == most_strains or cost.max() <= 0.0:
                break
            strains += 1
            _weigh_anew(state, is_stuck)
            continue
        done, giver, taker, other = _best_step(node, pods, places, state)
        work += done
        is_stuck[node] = True
        if giver >= 0:
            _put(giver, other, pods, places, state)
            if taker >= 0:
                _put(taker, node, pods, places, state)
            for one in range(nodes):
                is_stuck[one] = False
    return work


@njit(nogil=True)
def _weigh_anew(state: _State, is_stuck: Flags) -> None:
    """Let overload weigh more where nothing lowers it, and try again."""
    for node in range(len(is_stuck)):
        if state.cost[node] > 0.0:
            state.strain[node] *= STRAIN
            state.cost[node] *= STRAIN
        is_stuck[node] = False


@njit(nogil=True)
def _place_all(pods: Loose, places: Places, cost: Weights) -> int:
    """Give every pod without a node the one that it overloads least; the work done."""
    work = 0
    for pod in range(len(pods.target)):
        if pods.target[pod] < 0:
            work += len(places.room)
            node = _least_overloaded(pod, pods, places, cost)
            if node >= 0:
                pods.target[pod] = node
                for resource in range(len(places.scale)):
                    places.room[node, resource] -= pods.sizes[pod, resource]
                cost[node] = _overload(places.room[node], places.scale)
                if pods.crowd[pod] >= 0:
                    places.present[node, pods.crowd[pod]] += 1
    return work


@njit(nogil=True)
def _least_overloaded(pod: int, pods: Loose, places: Places, cost: Weights) -> int:
    """The node that a pod overloads least, and of those the one that it fills most; -1: none."""
    best, best_cost, best_left = -1, np.inf, np.inf
    for node in range(len(places.room)):
        if places.masks[pods.mask[pod], node] and not _is_met(pod, node, pods, places):
            more, rest = -cost[node], 0.0
            for resource in range(len(places.scale)):
                left = places.room[node, resource] - pods.sizes[pod, resource]
                more += _term(places.scale[resource] * left)
                rest += places.scale[resource] * max(left, 0)
            if more < best_cost - 1e-12 or (more < best_cost + 1e-12 and rest < best_left):
                best, best_cost, best_left = node, more, rest
    return best


@njit(nogil=True)
def _is_met(pod: int, node: int, pods: Loose, places: Places) -> bool:
    """Whether one of the pod's crowd is on the node."""
    return bool(pods.crowd[pod] >= 0 and places.present[node, pods.crowd[pod]] > 0)


@njit(nogil=True)
def _best_step(node: int, pods: Loose, places: Places, state: _State) -> tuple[int, int, int, int]:
    """The move or exchange that lowers the overload of this node and another one most.

    Answers the work done, the pod that goes (-1: there is no such step), the one that comes back
    (-1: none) and the other node.
    """
    work, best, giver, taker, other = 0, -1e-9, -1, -1, -1
    state.clock[0] += 1
    look = state.clock[0]
    pod = state.first[node]
    while pod >= 0:
        if state.seen[pods.alike[pod]] != look:
            state.seen[pods.alike[pod]] = look
            mine = _changed(places, node, pods.sizes[pod], 1)
            for target in range(len(places.room)):
                if target == node or not places.masks[pods.mask[pod], target]:
                    continue
                if -state.cost[node] - state.cost[target] >= best:
                    continue
                done, change, back = _best_return(
                    pod, node, target, mine, best, pods, places, state
                )
                work += done
                if change < best:
                    best, giver, taker, other = change, pod, back, target
        pod = state.after[pod]
    return work, giver, taker, other


@njit(nogil=True)
def _best_return(  # noqa: PLR0913, PLR0917  # a loop's inner part, compiled
    pod: int,
    node: int,
    target: int,
    mine: Weights,
    best: float,
    pods: Loose,
    places: Places,
    state: _State,
) -> tuple[int, float, int]:
    """What a pod's move does to the overload if nothing (-1) or the best pod comes back for it.

    ``mine``: the room of its node without it, scaled. Only changes below ``best`` count.
    """
    scale, gain = places.scale, -state.cost[node] - state.cost[target]
    theirs = _changed(places, target, pods.sizes[pod], -1)
    is_met = _is_met(pod, target, pods, places)
    work, taker = 1, -1
    if not is_met:
        change = gain + state.strain[node] * _over(mine) + state.strain[target] * _over(theirs)
        best = min(best, change)
    state.clock[0] += 1
    look = state.clock[0]
    back = state.first[target]
    while back >= 0:
        if state.seen_with[pods.alike[back]] != look and places.masks[pods.mask[back], node]:
            state.seen_with[pods.alike[back]] = look
            is_same = pods.crowd[back] >= 0 and pods.crowd[back] == pods.crowd[pod]
            if is_same or not (is_met or _is_met(back, node, pods, places)):
                work += 1
                change = gain
                for resource in range(len(scale)):
                    size = scale[resource] * pods.sizes[back, resource]
                    change += state.strain[node] * _term(mine[resource] - size)
                    change += state.strain[target] * _term(theirs[resource] + size)
                    if change >= best:
                        break
                if change < best:
                    best, taker = change, back
        back = state.after[back]
    return work, best, taker


@njit(nogil=True)
def _changed(places: Places, node: int, size: Rows, sign: int) -> Weights:
    """The room of a node with a pod less (1) or more (-1), scaled."""
    rests = np.empty(len(size))
    for resource in range(len(size)):
        rests[resource] = places.scale[resource] * (
            places.room[node, resource] + sign * size[resource]
        )
    return rests


@njit(nogil=True)
def _put(pod: int, node: int, pods: Loose, places: Places, state: _State) -> None:
    """Move a pod to a node in everything that is kept."""
    source, before, after = pods.target[pod], state.before[pod], state.after[pod]
    if before >= 0:
        state.after[before] = after
    else:
        state.first[source] = after
    if after >= 0:
        state.before[after] = before
    state.before[pod], state.after[pod] = -1, state.first[node]
    if state.first[node] >= 0:
        state.before[state.first[node]] = pod
    state.first[node] = pod
    pods.target[pod] = node
    for resource in range(len(places.scale)):
        places.room[source, resource] += pods.sizes[pod, resource]
        places.room[node, resource] -= pods.sizes[pod, resource]
    if pods.crowd[pod] >= 0:
        places.present[source, pods.crowd[pod]] -= 1
        places.present[node, pods.crowd[pod]] += 1
    for one in (source, node):
        state.cost[one] = state.strain[one] * _overload(places.room[one], places.scale)


@njit(nogil=True)
def _chains(target: Rows, nodes: int) -> tuple[Rows, Rows, Rows]:
    """The pods of each node as a chain: the first one, and for each pod those after and before."""
    first = np.full(nodes, -1)
    after, before = np.full(len(target), -1), np.full(len(target), -1)
    for pod in range(len(target) - 1, -1, -1):
        node = target[pod]
        if node >= 0:
            after[pod] = first[node]
            if first[node] >= 0:
                before[first[node]] = pod
            first[node] = pod
    return first, after, before


@njit(nogil=True)
def _worst(cost: Weights, is_stuck: Flags) -> int:
    """The node with the largest overload among those that are not stuck; -1: none."""
    worst, most = -1, 1e-12
    for node in range(len(cost)):
        if not is_stuck[node] and cost[node] > most:
            worst, most = node, cost[node]
    return worst


@njit(nogil=True)
def _overload(room: Amounts, scale: Weights) -> float:
    total = 0.0
    for resource in range(len(scale)):
        total += _term(scale[resource] * room[resource])
    return total


@njit(nogil=True)
def _over(rests: Weights) -> float:
    total = 0.0
    for resource in range(len(rests)):
        total += _term(rests[resource])
    return total


@njit(nogil=True, inline="always")
def _term(rest: float) -> float:
    """The square of what is missing of a resource, and a little of it by itself."""
    return rest * rest - LINEAR * rest if rest < 0.0 else 0.0
