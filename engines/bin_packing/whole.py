"""A tighter program for small clusters: the aim of the search there, and its bound.

The program of ``relaxation``, tightened by what fractions hide there: nodes are kept or not; large
pods go to nodes in whole numbers, a class of equal ones at a time; and the mixture of CPU and
memory is met in every area that pods cannot leave, as are the quotas of even spreads. Every real
plan meets all rows, so no plan can be below its optimum, nor below what branch and bound proves.

(Without presolve: HiGHS writes a line to stdout when it maps solutions back, less often so then.)
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights
from engines.bin_packing.mixture import directions_of
from engines.bin_packing.problem import PackingProblem
from engines.bin_packing.relaxation import Choice, areas

LARGE_SHARE = 0.3
"""A pod that asks for so much of a typical node's free room is large."""

MOST_WHOLE_PODS = 2_500
"""Pairs of a class of large pods and a node; further classes count among the small ones."""

_SOLVER_TOLERANCE = 1e-5  # of the solver's sums, USD an hour
_MICRO = 1e6


class _Classes(NamedTuple):
    """Large pods that are alike. ``size``: classes x resources. ``of_pod``: -1 for small pods.
    ``node`` and ``kind`` are by pair of a node and a class that it could take ``most`` of."""

    size: Amounts
    of_pod: Rows
    node: Rows
    kind: Rows
    most: Rows


class WholeNodes:
    """The program of one problem."""

    def __init__(self, problem: PackingProblem, *, with_large_pods: bool = True) -> None:
        self._problem = problem
        self._room = _room_for_pods(problem)
        self._scale = np.maximum(self._room.sum(axis=0), 1).astype(np.float64)
        most = MOST_WHOLE_PODS if with_large_pods else 0
        self._classes = _large_classes(problem, self._room, most)
        is_small = self._classes.of_pod < 0
        self._vectors, self._parts = directions_of(problem, is_small)

    def relaxed(self, waste: float) -> Choice | None:
        """The program in fractions, with so much of the room taken as wasted; None: no plan.

        The bound is worked out anew from the prices, by weak duality, and holds for any prices.
        """
        matrix, least = self._program(1.0 - waste)
        lower, upper = self._bounds()
        cost = self._cost()
        result = linprog(
            cost,
            A_ub=-matrix,
            b_ub=-least,
            bounds=np.stack((lower, upper), axis=1),
            method="highs-ds",
        )
        if result.x is None:
            return None
        nodes = len(self._problem.cost)
        prices = np.maximum(-result.ineqlin.marginals, 0.0)
        reduced = cost - matrix.T @ prices
        proven = least @ prices + np.where(reduced > 0, reduced * lower, reduced * upper).sum()
        return Choice(result.x[:nodes], -reduced[:nodes], float(proven) * _MICRO)

    def proven(self, most_branches: int, gap: float) -> float:
        """The cost in micro-dollars that branch and bound proves no plan to be below."""
        matrix, least = self._program(1.0)
        is_whole = np.ones(self._width())
        is_whole[len(self._problem.cost) : self._first_pair()] = 0.0
        result = milp(
            self._cost(),
            constraints=LinearConstraint(matrix, least, np.inf),
            integrality=is_whole,
            bounds=Bounds(*self._bounds()),
            options={"node_limit": most_branches, "mip_rel_gap": gap, "presolve": False},
        )
        if result.mip_dual_bound is None:
            return 0.0
        return (float(result.mip_dual_bound) - _SOLVER_TOLERANCE) * _MICRO

    def _program(self, usable: float) -> tuple[csr_array, Weights]:
        rows = _RowBook(self._width())
        self._add_rows(rows, usable)
        return rows.program()

    def _cost(self) -> Weights:
        cost = np.zeros(self._width())
        cost[: len(self._problem.cost)] = self._problem.cost / _MICRO
        return cost

    def _bounds(self) -> tuple[Weights, Weights]:
        nodes = len(self._problem.cost)
        lower, upper = np.zeros(self._width()), np.zeros(self._width())
        lower[:nodes][~self._problem.is_flexible] = 1.0
        upper[:nodes] = self._problem.most
        room = (self._room / self._scale)[:, None, :2]
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(self._vectors > 0, room / self._vectors, np.inf).min(axis=2, initial=1)
        upper[nodes : self._first_pair()] = (parts * self._problem.most[:, None]).ravel()
        upper[self._first_pair() :] = self._classes.most * self._problem.most[self._classes.node]
        return lower, upper

    def _width(self) -> int:
        return self._first_pair() + len(self._classes.node)

    def _first_pair(self) -> int:
        return len(self._problem.cost) * (1 + len(self._vectors))

    def _taken(self, nodes: Rows, direction: int) -> Rows:
        """The columns of what nodes take in of a direction."""
        return len(self._problem.cost) + nodes * len(self._vectors) + direction

    def _add_rows(self, rows: "_RowBook", usable: float) -> None:
        for limit in self._problem.limits:
            rows.add(limit.nodes, limit.amounts, limit.at_least)
        for nodes, pods in areas(self._problem):
            self._add_area(rows, nodes, pods, usable)
        self._add_classes(rows)
        for node in np.flatnonzero(self._room.any(axis=1)).tolist():
            self._add_node(rows, node, usable)

    def _add_area(self, rows: "_RowBook", nodes: Flags, pods: Rows, usable: float) -> None:
        """Pods that cannot leave some nodes have room there, in sums and in their mixture."""
        requests = self._problem.requests / self._scale
        own, asked = self._demand(nodes, pods, requests)
        room = np.where(nodes[:, None], usable * self._room / self._scale, 0.0)
        every = np.arange(len(nodes))
        for resource in range(requests.shape[1]):
            rows.add(every, own[:, resource] + room[:, resource], asked[resource])
        own, asked = self._demand(nodes, pods, self._parts)
        inside = np.flatnonzero(nodes & self._room.any(axis=1))
        for direction in range(len(self._vectors)):
            columns = np.concatenate((every, self._taken(inside, direction)))
            rows.add(columns, np.append(own[:, direction], np.ones(len(inside))), asked[direction])

    def _demand(self, nodes: Flags, pods: Rows, parts: Weights) -> tuple[Weights, Weights]:
        """By node what its own pods meet of the area's demand while it is kept; the demand."""
        problem = self._problem
        own = np.zeros((len(nodes), parts.shape[1]))
        np.add.at(own, problem.home[pods], parts[pods])
        asked = parts[pods].sum(axis=0)
        inside = set(pods.tolist())
        for quota in problem.quotas:
            if not (quota.nodes & ~nodes).any() and inside.isdisjoint(quota.pods.tolist()):
                least = parts[quota.pods].min(axis=0)
                here = quota.pods[quota.nodes[problem.home[quota.pods]]]
                np.add.at(own, problem.home[here], least)
                asked = asked + quota.at_least * least
        return own, asked

    def _add_classes(self, rows: "_RowBook") -> None:
        """Every large pod stays or is taken by some node."""
        classes, first = self._classes, self._first_pair()
        homes = self._problem.home
        for kind in range(len(classes.size)):
            pods = np.flatnonzero(classes.of_pod == kind)
            pairs = np.flatnonzero(classes.kind == kind)
            nodes, counts = np.unique(homes[pods], return_counts=True)
            columns = np.concatenate((nodes, first + pairs))
            rows.add(columns, np.append(counts, np.ones(len(pairs))), len(pods))
        for pair, (node, most) in enumerate(zip(classes.node, classes.most, strict=True)):
            rows.add(np.array([node, first + pair]), np.array([most, -1]), 0)
        self._add_quotas(rows)

    def _add_quotas(self, rows: "_RowBook") -> None:
        classes, homes = self._classes, self._problem.home
        for quota in self._problem.quotas:
            kinds = np.unique(classes.of_pod[quota.pods])
            if len(kinds) == 1 and kinds[0] >= 0:
                here = quota.pods[quota.nodes[homes[quota.pods]]]
                nodes, counts = np.unique(homes[here], return_counts=True)
                pairs = np.flatnonzero((classes.kind == kinds[0]) & quota.nodes[classes.node])
                columns = np.concatenate((nodes, self._first_pair() + pairs))
                rows.add(columns, np.append(counts, np.ones(len(pairs))), quota.at_least)

    def _add_node(self, rows: "_RowBook", node: int, usable: float) -> None:
        """What a kept node takes in fits: large pods of every resource, small ones of two."""
        classes = self._classes
        pairs = np.flatnonzero(classes.node == node)
        small = self._taken(np.array([node]), 0) + np.arange(len(self._vectors))
        for resource in range(self._room.shape[1]):
            sizes = classes.size[classes.kind[pairs], resource] / self._scale[resource]
            columns, values = [np.array([node]), self._first_pair() + pairs], [-sizes]
            if resource < 2:
                columns.append(small)
                values.append(-self._vectors[:, resource])
            room = usable * self._room[node, resource] / self._scale[resource]
            rows.add(np.concatenate(columns), np.concatenate(([room], *values)), 0)


class _RowBook:
    """Rows ``values @ x[columns] >= least``, each scaled to a largest value of 1."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._columns: list[Rows] = []
        self._values: list[Weights] = []
        self._least: list[float] = []

    def add(self, columns: Rows, values: NDArray[Any], least: float) -> None:
        """One row more; rows without a value other than zero are none."""
        used = np.flatnonzero(values)
        if len(used):
            size = float(np.abs(values[used]).max())
            self._columns.append(columns[used])
            self._values.append(values[used] / size)
            self._least.append(least / size)

    def program(self) -> tuple[csr_array, Weights]:
        """The matrix and the right-hand side; one row that says nothing where there is none."""
        if not self._columns:
            return csr_array((1, self._width)), np.zeros(1)
        ends = np.concatenate(([0], np.cumsum([len(one) for one in self._columns])))
        shape = (len(self._columns), self._width)
        data = (np.concatenate(self._values), np.concatenate(self._columns), ends)
        return csr_array(data, shape=shape), np.array(self._least)


def _room_for_pods(problem: PackingProblem) -> Amounts:
    """The room of each node, at most what the pods ask for that its slots could take.

    Slots are what every pod asks for some of: with so many of them a node takes so many pods.
    """
    room = np.maximum(problem.room, 0)
    if not len(problem.requests):
        return room
    least = problem.requests.min(axis=0)
    slots = _times(least, room) if least.any() else np.full(len(room), len(problem.requests))
    largest = -np.sort(-problem.requests, axis=0)
    sums = np.concatenate((np.zeros((1, room.shape[1]), np.int64), np.cumsum(largest, axis=0)))
    return np.minimum(room, sums[np.minimum(slots, len(largest))])


def _large_classes(problem: PackingProblem, room: Amounts, most_pairs: int) -> _Classes:
    """Classes of large pods, the largest first, as many as the program can take."""
    receives = room.any(axis=1)
    typical = np.maximum(np.median(room[receives], axis=0), 1.0) if receives.any() else 1.0
    share = (problem.requests / typical).max(axis=1, initial=0)
    of_pod = np.full(len(share), -1, np.int64)
    sizes: list[Rows] = []
    nodes, kinds, most = [], [], []
    keys = np.column_stack((problem.requests, problem.kind))
    distinct, first, member = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    count = 0
    for one in np.argsort(-share[first], kind="stable").tolist():
        size, allowed = distinct[one, :-1], problem.allowed[distinct[one, -1]]
        takes = np.where(allowed, _times(size, room), 0)
        takers = np.flatnonzero(takes)
        if share[first[one]] < LARGE_SHARE or count + len(takers) > most_pairs:
            break
        of_pod[member.ravel() == one] = len(sizes)
        kinds.append(np.full(len(takers), len(sizes)))
        sizes.append(size)
        nodes.append(takers)
        most.append(takes[takers])
        count += len(takers)
    empty = [np.zeros(0, np.int64)]
    return _Classes(
        np.array(sizes, np.int64).reshape(-1, room.shape[1]),
        of_pod,
        *(np.concatenate(empty + one).astype(np.int64) for one in (nodes, kinds, most)),
    )


def _times(size: Rows, room: Amounts) -> Rows:
    """How often a size fits into each room."""
    asked = size > 0
    return np.asarray((room[:, asked] // size[asked]).min(axis=1, initial=len(room) * 2**20))
