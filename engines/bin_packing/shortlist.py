"""Which of many offers are worth having in the search, and how many instances of each.

A small linear program over offers, not instances: keep or exchange each node, buy any number of
each offer, hold what the pods ask for in total. The offers that it buys, and those that come
nearest to being bought, get as many rows in the search as it buys and some to spare. (Where it buys
none, keeping a fraction of a large node was cheapest; whole nodes may still be worth exchanging.)
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from scipy.optimize import linprog

from engines.bin_packing.kernels import Amounts
from engines.bin_packing.offers import Launch, Offer, Place, launches_of
from engines.bin_packing.problem import PackingProblem
from engines.bin_packing.situation import Situation
from engines.contracts.pricing import CapacityType

MOST_LAUNCHES = 3_000
NEAR_MISSES = 8
"""Offers beside the bought ones that get a few rows, nearest to being bought first."""

SPARE_SHARE, SPARE_ROWS, NEAR_MISS_ROWS = 0.1, 2, 3


def shortlist(
    situation: Situation,
    problem: PackingProblem,
    resources: Sequence[str],
    offers: Sequence[Offer],
    place: Place,
) -> tuple[Launch, ...]:
    """Instances that could be launched; () where none is worth its price.

    ``problem`` is the one without launches; ``resources`` names the columns of its amounts.
    """
    flexible = np.flatnonzero(problem.is_flexible)
    rooms = _rooms(situation, resources, offers)
    worth_having = np.flatnonzero((rooms > 0).any(axis=1))
    if not len(flexible) or not len(worth_having):
        return ()
    offers = [offers[at] for at in worth_having.tolist()]
    rooms = rooms[worth_having]
    asked = problem.load.sum(axis=0)
    room = np.maximum(problem.room, 0)
    fixed = room[~problem.is_flexible].sum(axis=0)
    columns = np.concatenate((problem.load[flexible] + room[flexible], rooms)).astype(np.float64)
    prices = [one.micro_usd_per_hour for one in offers]
    cost = np.concatenate((problem.cost[flexible], prices)) / 1e6
    needed = np.maximum(asked - fixed, 0)
    upper = [*np.ones(len(flexible)), *(_most(situation, one, asked) for one in offers)]
    scale = np.maximum(needed, 1.0)
    result = linprog(
        cost,
        A_ub=-(columns / scale).T,
        b_ub=-needed / scale,
        bounds=np.stack((np.zeros(len(upper)), upper), axis=1),
        method="highs-ds",
    )
    if result.x is None:
        return ()
    bought = result.x[len(flexible) :]
    reduced = (cost + (columns / scale) @ np.minimum(result.ineqlin.marginals, 0))[len(flexible) :]
    return launches_of(_counts(offers, bought, reduced / cost[len(flexible) :]), place.zones)


def _counts(offers: Sequence[Offer], bought: Amounts, distance: Amounts) -> dict[Offer, int]:
    counts = {
        offer: ceil(share * (1 + SPARE_SHARE)) + SPARE_ROWS
        for offer, share in zip(offers, bought.tolist(), strict=True)
        if share > 1e-6
    }
    for at in np.argsort(distance, kind="stable")[: NEAR_MISSES + len(counts)].tolist():
        counts.setdefault(offers[at], NEAR_MISS_ROWS)
    shrink = min(1.0, MOST_LAUNCHES / sum(counts.values()))
    return {offer: max(1, int(count * shrink)) for offer, count in counts.items()}


def _rooms(situation: Situation, resources: Sequence[str], offers: Sequence[Offer]) -> Amounts:
    """What one instance of each offer has for pods: allocatable less what DaemonSets take."""
    overhead = _daemon_overhead(situation)
    rooms = np.zeros((len(offers), len(resources)), np.int64)
    for at, one in enumerate(offers):
        own = one.allocatable
        amounts = {"cpu": own.cpu_millicores, "memory": own.memory_bytes, "pods": own.pods}
        for column, name in enumerate(resources):
            if name == "ephemeral-storage":
                nodes = situation.state.cluster.nodes
                rooms[at, column] = nodes.allocatable_ephemeral_storage_bytes.min(initial=0)
            else:
                rooms[at, column] = max(0, amounts.get(name, 0) - overhead.get(name, 0))
    rooms[(rooms[:, [0, 1, -1]] <= 0).any(axis=1)] = 0
    return rooms


def _daemon_overhead(situation: Situation) -> dict[str, int]:
    """The largest sum of DaemonSet pods that one of the nodes has."""
    pods = situation.state.cluster.pods
    sums = np.zeros((len(situation.state.cluster.nodes), 3), np.int64)
    for row in np.flatnonzero(pods.is_daemonset & (pods.node >= 0) & ~pods.is_finished).tolist():
        sums[pods.node[row]] += (
            pods.request_cpu_millicores[row],
            pods.request_memory_bytes[row],
            1,
        )
    most = sums.max(axis=0, initial=0)
    return dict(zip(("cpu", "memory", "pods"), most.tolist(), strict=True))


def _most(situation: Situation, offer: Offer, asked: Amounts) -> float:
    """A Spot pool may carry its share of what is asked for, on-demand any number."""
    if offer.capacity_type is not CapacityType.SPOT:
        return float(MOST_LAUNCHES)
    share = situation.asked.limits.max_pool_share
    nodes = situation.state.cluster.nodes
    cpu = min(int(nodes.allocatable_cpu_millicores.sum()), 2 * int(asked[0]) + 1)
    return max(0.0, float(share * cpu // max(1, offer.allocatable.cpu_millicores)))
