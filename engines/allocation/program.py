"""The allocation as a linear program: rows of requirements and safety layers over the columns.

Variables: how many of each column; the total allocatable (vCPU, memory) of the cluster as it will
be, which makes every share a linear row; and for each zone whether it has a node.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from engines.allocation.columns import (
    FLOATING,
    NO_POOL,
    SHARED,
    Columns,
    Flags,
    Floats,
    Key,
    Rows,
    amounts,
    columns_of,
)
from engines.allocation.problem import AllocationProblem
from engines.contracts.verdict import SafetyLayer


@dataclass(frozen=True, slots=True, eq=False)
class Staying:
    """What stays, summed for the rows."""

    usable: Floats
    usable_on_demand: Floats
    allocatable: Floats
    allocatable_on_demand: Floats
    in_pools: Floats  # (pools, SHARED)
    in_zones: Mapping[str, Floats]  # usable, of each zone that has a node
    count: int

    @classmethod
    def of(cls, problem: AllocationProblem, pools: tuple[Key, ...]) -> "Staying":
        """Sum the staying nodes of a problem."""
        index = {pool: row for row, pool in enumerate(pools)}
        usable, on_demand = np.zeros(3), np.zeros(3)
        allocatable, allocatable_on_demand = np.zeros(SHARED), np.zeros(SHARED)
        in_pools = np.zeros((len(pools), SHARED))
        in_zones: dict[str, Floats] = {}
        for nodes in problem.staying:
            use, size = amounts(nodes.usable), amounts(nodes.allocatable)[:SHARED]
            usable += use
            allocatable += size
            if not nodes.is_spot:
                on_demand += amounts(nodes.on_demand_room)
                allocatable_on_demand += size
            elif (row := index.get((nodes.instance_type, nodes.availability_zone))) is not None:
                in_pools[row] += size
            if zone := nodes.availability_zone:
                in_zones[zone] = in_zones.get(zone, np.zeros(3)) + use
        count = sum(nodes.count for nodes in problem.staying)
        return cls(usable, on_demand, allocatable, allocatable_on_demand, in_pools, in_zones, count)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What is known of every answer that could still be better than the best one found.

    Counts lie within ``most``, the cluster's totals between ``least_total`` and ``most_total``.
    ``sure`` is the count of each column that meets the pool limit whatever the total.
    """

    columns: Rows
    most: Floats
    sure: Floats
    least_total: Floats
    most_total: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """One linear program, as solvers take it."""

    cost: Floats
    rows: sparse.csr_array
    low: Floats
    high: Floats
    least: Floats
    most: Floats
    is_integer: Flags
    total_at: int  # where the two totals stand among the variables


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A problem in columns. ``margin`` tightens every row by a hair, where float noise matters."""

    problem: AllocationProblem
    columns: Columns
    staying: Staying
    margin: float = 0.0

    @classmethod
    def of(cls, problem: AllocationProblem, margin: float = 0.0) -> "Program":
        """Read a problem into columns."""
        columns = columns_of(problem)
        return cls(problem, columns, Staying.of(problem, columns.pools), margin)

    def holds(self, layer: SafetyLayer) -> bool:
        """Whether the layer binds in this problem."""
        return layer in self.problem.layers

    def whole_window(self) -> Window:
        """Before anything is known: every column, in any number that its pool leaves it."""
        count = len(self.columns)
        most = np.where(self._is_crowded_out(), 0.0, self.columns.most)
        return Window(
            columns=np.flatnonzero(most > 0),
            most=most,
            sure=np.zeros(count),
            least_total=np.zeros(SHARED),
            most_total=np.full(SHARED, np.inf),
        )

    def _is_crowded_out(self) -> Flags:
        """Columns whose pool is over its limit by staying nodes alone, at the smallest total."""
        if not self.holds(SafetyLayer.POOL_CONCENTRATION):
            return np.zeros(len(self.columns), np.bool_)
        bought = np.maximum(amounts(self.problem.required) - self.staying.usable, 0)[:SHARED]
        limit = self.problem.limits.max_pool_share * (self.staying.allocatable + bought)
        over = np.any(self.staying.in_pools > limit, axis=1)
        crowded: Flags = self.columns.is_spot & np.append(over, False)[self.columns.pool]
        return crowded

    def pool_counts(self, total: Floats) -> Floats:
        """How many of each column its pool may hold when the cluster's total is ``total``."""
        counts = np.full(len(self.columns), np.inf)
        if self.holds(SafetyLayer.POOL_CONCENTRATION):
            spot = np.flatnonzero(self.columns.is_spot)
            left = (
                self.problem.limits.max_pool_share * total
                - self.staying.in_pools[self.columns.pool[spot]]
            )
            each = left / np.maximum(self.columns.allocatable[spot], 1e-9)
            counts[spot] = np.floor(np.maximum(each.min(axis=1), 0) + 1e-9)
        return counts

    def matrix(self, window: Window, cost_limit: float | None = None) -> Matrix:
        """The program over the columns of a window; dearer answers than ``cost_limit`` are out."""
        builder = _Builder(self, window)
        builder.add_requirements()
        builder.add_totals()
        builder.add_on_demand_share()
        builder.add_zones()
        builder.add_counts()
        if cost_limit is not None:
            builder.add_row({}, -np.inf, cost_limit, bought=self.columns.cost[window.columns])
        builder.add_pools()
        return builder.finished()


class _Builder:
    """Rows over the variables: purchases, two totals, zones covered, floating nodes by zone."""

    def __init__(self, program: Program, window: Window) -> None:
        self._program = program
        self._columns = program.columns
        self._window = window
        self._kept = window.columns
        self._count = len(window.columns)
        self._zone = self._columns.zone[self._kept]
        self._zones = len(self._columns.zones)
        self._total_at = self._count
        self._zone_at = self._total_at + SHARED
        self._floating_at = self._zone_at + self._zones
        self._width = self._floating_at + self._zones
        self._dense: list[Floats] = []
        self._sparse: list[sparse.csr_array] = []
        self._low: list[float] = []
        self._high: list[float] = []

    def add_row(
        self,
        coefficients: Mapping[int, float],
        low: float,
        high: float,
        bought: Floats | Flags | None = None,
    ) -> None:
        """``low <= coefficients (and ``bought`` for the purchases) x variables <= high``."""
        row = np.zeros(self._width)
        if bought is not None:
            row[: self._count] = bought
        for at, value in coefficients.items():
            row[at] = value
        self._dense.append(row)
        self._low.append(low)
        self._high.append(high)

    def add_requirements(self) -> None:
        """Room for all pods, for those that stay on-demand, and for those tied to a zone."""
        problem, staying = self._program.problem, self._program.staying
        usable = self._columns.usable[self._kept]
        self._add_room(amounts(problem.required) - staying.usable, usable)
        self._add_room(
            amounts(problem.required_on_demand) - staying.usable_on_demand,
            self._columns.usable_on_demand[self._kept],
        )
        for zone, required in sorted(problem.required_in_zones.items()):
            here = self._is_in(zone)
            held = staying.in_zones.get(zone, np.zeros(3))
            self._add_room(amounts(required) - held, usable * here[:, None])

    def _is_in(self, zone: str) -> Flags:
        if zone not in self._columns.zones:
            return np.zeros(self._count, np.bool_)
        flags: Flags = self._zone == self._columns.zones.index(zone)
        return flags

    def _add_room(self, needed: Floats, usable: Floats) -> None:
        for dimension in np.flatnonzero(needed > 0):
            margin = self._program.margin
            self.add_row({}, needed[dimension] + margin, np.inf, bought=usable[:, dimension])

    def add_totals(self) -> None:
        """The totals are what stays and what is bought, and not less than the least."""
        least = amounts(self._program.problem.least_allocatable)
        for dimension in range(SHARED):
            if least[dimension] > 0:
                low = least[dimension] + self._program.margin
                self.add_row({self._total_at + dimension: 1.0}, low, np.inf)
            size = self._columns.allocatable[self._kept, dimension]
            stays = -self._program.staying.allocatable[dimension]
            self.add_row({self._total_at + dimension: -1.0}, stays, stays, bought=size)

    def add_on_demand_share(self) -> None:
        """Layer 4, in both vCPU and memory."""
        if not self._program.holds(SafetyLayer.ON_DEMAND_BUFFER):
            return
        share = self._program.problem.limits.min_on_demand_share
        on_demand = ~self._columns.is_spot[self._kept]
        for dimension in range(SHARED):
            size = self._columns.allocatable[self._kept, dimension] * on_demand
            stays = self._program.staying.allocatable_on_demand[dimension]
            self.add_row(
                {self._total_at + dimension: -share},
                self._program.margin - stays,
                np.inf,
                bought=size,
            )

    def add_zones(self) -> None:
        """Layer 2. A zone is covered by a staying node, by a purchase in it or a floating one."""
        covered = self._program.staying.in_zones.keys()
        limits = self._program.problem.limits
        missing = limits.min_availability_zones - len(covered)
        if missing <= 0 or not self._program.holds(SafetyLayer.AZ_DISTRIBUTION):
            return
        open_zones = [i for i, zone in enumerate(self._columns.zones) if zone not in covered]
        floating = self._columns.floating_zones
        for zone in open_zones:
            marks = {self._zone_at + zone: -1.0}
            if self._columns.zones[zone] in floating:
                marks[self._floating_at + zone] = 1.0
            self.add_row(marks, 0.0, np.inf, bought=self._zone == zone)
        spread = {self._floating_at + zone: -1.0 for zone in open_zones}
        self.add_row(spread, 0.0, np.inf, bought=self._zone == FLOATING)
        self.add_row({self._zone_at + zone: 1.0 for zone in open_zones}, missing, np.inf)

    def add_counts(self) -> None:
        """The limit on the number of nodes, where there is one."""
        if (limit := self._program.problem.max_nodes) is not None:
            left = limit - self._program.staying.count
            self.add_row({}, -np.inf, left, bought=np.ones(self._count))

    def add_pools(self) -> None:
        """Layer 3, for the pools whose limit the bounds of their columns do not imply."""
        if not self._program.holds(SafetyLayer.POOL_CONCENTRATION):
            return
        pool = self._columns.pool[self._kept]
        spot = np.flatnonzero(pool != NO_POOL)
        is_shared = np.bincount(pool[spot], minlength=len(self._columns.pools))[pool[spot]] > 1
        is_loose = self._window.most[self._kept[spot]] > self._window.sure[self._kept[spot]]
        wanted = spot[is_shared | is_loose]
        pools, row = np.unique(pool[wanted], return_inverse=True)
        share = self._program.problem.limits.max_pool_share
        for dimension in range(SHARED):
            size = self._columns.allocatable[self._kept[wanted], dimension]
            every = np.arange(len(pools))
            entries = np.concatenate([size, np.full(len(pools), -share)])
            at = (
                np.concatenate([row, every]),
                np.concatenate([wanted, np.full(len(pools), self._total_at + dimension)]),
            )
            self._sparse.append(sparse.csr_array((entries, at), shape=(len(pools), self._width)))
            self._low.extend([-np.inf] * len(pools))
            stays = self._program.staying.in_pools[pools, dimension]
            self._high.extend(-stays - self._program.margin)

    def finished(self) -> Matrix:
        """All rows together, with the bounds of the variables."""
        most = np.full(self._width, np.inf)
        most[: self._count] = self._window.most[self._kept]
        most[self._zone_at : self._floating_at] = 1.0
        least = np.zeros(self._width)
        least[self._total_at : self._zone_at] = self._window.least_total
        most[self._total_at : self._zone_at] = self._window.most_total
        is_integer = np.zeros(self._width, np.bool_)
        is_integer[: self._count] = True
        is_integer[self._zone_at : self._floating_at] = True
        cost = np.zeros(self._width)
        cost[: self._count] = self._columns.cost[self._kept]
        dense = sparse.csr_array(np.array(self._dense).reshape(-1, self._width))
        return Matrix(
            cost=cost,
            rows=sparse.csr_array(sparse.vstack([dense, *self._sparse])),
            low=np.array(self._low),
            high=np.array(self._high),
            least=least,
            most=most,
            is_integer=is_integer,
            total_at=self._total_at,
        )
