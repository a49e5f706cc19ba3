"""One node more goes, and another, from a packing that is complete: all others stay as they are.

Packing anew takes seconds in a cluster of thousands of nodes, and finds a packing that differs
everywhere. Here the pods of one node alone look for room: particular ones by the scheduler's
complete rules, the others as ever; where one finds none the node stays. Between two rounds free
room is gathered (``tidying``).
"""

from collections.abc import Sequence

import numpy as np

from engines.bin_packing.cluster import ClusterPacker, ClusterProblem, rules_may_be_overrun
from engines.bin_packing.kernels import Amounts, Flags, Rows, matches, place_in_order
from engines.bin_packing.problem import Packing, largest_first, scarcity
from engines.bin_packing.relaxation import relax
from engines.bin_packing.tidying import seats_of, tidy
from engines.scheduling import ClusterContext, feasible_nodes

MOST_ROUNDS, TURNS = 3, 2
"""Rounds over all nodes, and turns of the tidying before each."""


def descend(cluster: ClusterProblem, packer: ClusterPacker, packing: Packing) -> Packing:
    """The packing after every node that could go, the least worth keeping first."""
    ideal = relax(cluster.problem)
    if ideal is None or not packing.is_complete:
        return packing
    worth = ideal.surplus / np.maximum(cluster.problem.cost / 1e6, 1e-6)
    descent = _Descent(cluster, packer, packing)
    for _ in range(MOST_ROUNDS):
        descent.gather()
        rows = np.flatnonzero(cluster.problem.is_flexible & descent.kept)
        order = rows[np.argsort(worth[rows], kind="stable")].tolist()
        if not sum([descent.drop(row) for row in order]):
            break
    return descent.packing()


class _Descent:
    """A packing that loses one node after the other. ``target``: the node of every pod."""

    def __init__(self, cluster: ClusterProblem, packer: ClusterPacker, packing: Packing) -> None:
        problem = cluster.problem
        self._cluster, self._problem = cluster, problem
        self.kept = packing.kept.copy()
        self._room = packing.room.copy()
        self._target = problem.home.copy()
        self._target[packing.movers] = packing.target
        self._weights = scarcity(problem.requests, problem.room)
        is_particular = cluster.is_particular[packing.movers]
        self._occupancy = packer.occupancy_without(self.kept)  # plain guests are not in it
        for pod, node in zip(
            cluster.pods[packing.movers[is_particular]].tolist(),
            packing.target[is_particular].tolist(),
            strict=True,
        ):
            self._occupancy.place(pod, node)
        self._is_held = _held_pods(cluster)
        self._amounts = np.zeros((len(problem.limits), len(problem.cost)), np.int64)
        for at, limit in enumerate(problem.limits):
            self._amounts[at, limit.nodes] = limit.amounts
        self._spare = self._amounts @ self.kept - [one.at_least for one in problem.limits]

    def packing(self) -> Packing:
        """What has come of it."""
        movers = self._problem.movers(self.kept)
        return Packing(self.kept, movers, self._target[movers], self._room)

    def gather(self) -> None:
        """Exchange plain movers, so that free room lies together."""
        problem = self._problem
        pods = np.flatnonzero(~self.kept[problem.home] & ~self._cluster.is_particular)
        target = self._target[pods]
        open_to = problem.allowed & self.kept
        requests, kind = problem.requests[pods], problem.kind[pods]
        tidy(seats_of(requests, kind, open_to, target, self._room, self._weights), TURNS)
        self._target[pods] = target

    def drop(self, node: int) -> bool:
        """Let the node go, if all that is on it finds room elsewhere."""
        pods = np.flatnonzero(self._target == node)
        is_particular = self._cluster.is_particular[pods]
        particular, plain = pods[is_particular], pods[~is_particular]
        if (self._spare < self._amounts[:, node]).any() or self._is_held[particular].any():
            return False
        room = self._room.copy()
        self.kept[node] = False
        room[node] = 0
        left = self._take_away(node, particular)
        found = self._place_particular(particular, room)
        targets = self._place_plain(plain, room) if len(found) == len(particular) else None
        if targets is None or not self._is_even(particular):
            self._bring_back(node, particular, left)
            return False
        self._room = room
        self._spare = self._spare - self._amounts[:, node]
        self._target[plain] = targets
        self._target[list(found)] = list(found.values())
        return True

    def _take_away(self, node: int, particular: Rows) -> Sequence[int]:
        """The node goes from the occupancy; answers the pods that went with it."""
        for pod in self._cluster.pods[particular].tolist():
            self._occupancy.remove(pod)
        return self._occupancy.take_away(node)

    def _bring_back(self, node: int, particular: Rows, left: Sequence[int]) -> None:
        """Everything as it was."""
        occupancy = self._occupancy
        pods = self._cluster.pods[particular].tolist()
        for pod in pods:
            if occupancy.node_of[pod] >= 0:
                occupancy.remove(pod)
        occupancy.add(node)
        for pod in (*left, *pods):
            occupancy.place(pod, node)
        self.kept[node] = True

    def _place_particular(self, rows: Rows, room: Amounts) -> dict[int, int]:
        """The nodes of the pods, the largest first, up to the first that finds none."""
        problem, found = self._problem, dict[int, int]()
        order = largest_first(problem.requests[rows], self._weights)
        for row in rows[order].tolist():
            pod, request = int(self._cluster.pods[row]), problem.requests[row]
            mask = feasible_nodes(pod, self._occupancy) & self.kept
            mask &= problem.allowed[problem.kind[row]]
            nodes = np.flatnonzero(mask)
            nodes = nodes[((request <= room[nodes]) | (request == 0)).all(axis=1)]
            if not len(nodes):
                break
            best = int(nodes[np.argmax(matches(request, room[nodes], self._weights))])
            self._occupancy.place(pod, best)
            room[best] -= request
            found[row] = best
        return found

    def _place_plain(self, rows: Rows, room: Amounts) -> Rows | None:
        """The nodes of the pods; None: not all of them find one."""
        problem = self._problem
        requests = problem.requests[rows]
        order = largest_first(requests, self._weights)
        open_to = problem.allowed & self.kept
        found = place_in_order(order, requests, problem.kind[rows], open_to, room, self._weights)
        return None if (found < 0).any() else np.asarray(found)

    def _is_even(self, rows: Rows) -> bool:
        """Whether the spread rules of the pods hold for everybody, for those moved before, too."""
        context = self._cluster.context
        rules = {
            rule.counter.start: rule
            for pod in self._cluster.pods[rows].tolist()
            for rule in context.neighbours_of(pod).spread
        }
        occupancy = self._occupancy
        for rule in rules.values():
            domains = rule.counter.domains
            is_counted = occupancy.counted_nodes[domains.start : domains.start + domains.size] > 0
            pods = rule.counter.by_domain(occupancy.cells)[:-1][is_counted]
            if len(pods) and pods.max() - pods.min() > rule.max_skew:
                return False
        return True


def _held_pods(cluster: ClusterProblem) -> Flags:
    """Particular pods whose going from a node could break a rule of pods that stay there: friends
    of some pod, and pods counted by spread rules of others or with a least number of domains."""
    context = cluster.context
    of_neighbourhood = _held_neighbourhoods(context, rules_may_be_overrun(cluster))
    held = [of_neighbourhood[context.neighbourhood[pod]] for pod in cluster.pods.tolist()]
    return np.array(held, np.bool_)


def _held_neighbourhoods(context: ClusterContext, is_mixed: bool) -> list[bool]:
    friends = {term.counter.start for one in context.neighbourhoods for term in one.affinity}
    return [
        bool(friends.intersection(counter.start for counter in one.counted))
        or (is_mixed and bool(one.counted_alive))
        or any(rule.min_domains > 1 for rule in one.spread)
        for one in context.neighbourhoods
    ]
