"""The joint placement that keeps most traffic within zones: a small mixed-integer program.

Each movable workload stands in one of the zones that would take it, or stays spread as it is.
Traffic counts as kept where both ends stand in the same zone. What comes into a zone must find room
in it, all together: as sums in the program, and then every pod on a node by kube-scheduler's
filters. A placement that fails there is cut off, and the next best one is tried.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from engines.network_optimizer.movable import SPREAD, Movable, Zones
from engines.network_optimizer.traffic import Cells, Entity, Pair

MOST_MOVABLE = 200
"""More movable workloads than these, by traffic, are left where they are."""

_MOST_ROUNDS = 20
_NODE_LIMIT = 5_000
_STAY_BONUS_GB = 1e-4
"""For each pod that need not restart: of placements that save the same, the calmer one."""

_STATEFUL_WEIGHT = 3  # pods with an identity and data are the last to be moved


class Placement(NamedTuple):
    """The new zone of each workload that moves; ``is_settled`` False: the counted work ran out."""

    moves: Mapping[Entity, str]
    is_settled: bool


def best_placement(
    movables: Sequence[Movable], pairs: Mapping[Pair, Cells], zones: Zones, bytes_per_gb: int
) -> Placement:
    """The placement that keeps most traffic within zones and finds room for every pod."""
    program = _Program(movables, zones)
    for pair, cells in pairs.items():
        program.add_pair(pair, cells, bytes_per_gb)
    for _ in range(_MOST_ROUNDS):
        found = program.solve()
        if found is None:
            break
        moves = {one: zone for one, zone in found.items() if zone != one.stays}
        failed = _without_room(moves, zones)
        if failed is None:
            return Placement({one.entity: zone for one, zone in moves.items()}, True)
        program.cut([one for one in moves if moves[one] == failed], failed)
    return Placement({}, False)


def _without_room(moves: Mapping[Movable, str], zones: Zones) -> str | None:
    """A zone that cannot take all that moves there; None: every pod finds a node."""
    places = zones.take_out([pod for one in moves for pod in one.pods])
    placed: list[int] = []
    failed = None
    for zone in sorted(set(moves.values())):
        coming = [pod for one, target in moves.items() if target == zone for pod in one.pods]
        there = zones.place(coming, zone)
        placed += there
        if len(there) < len(coming):
            failed = zone
            break
    zones.take_out(placed)
    zones.put_back(places)
    return failed


class _Program:
    """Maximise the traffic kept. Columns: one for each workload and choice, and one for each two
    choices of a pair that keep traffic, which may be 1 only where both are made."""

    def __init__(self, movables: Sequence[Movable], zones: Zones) -> None:
        self._choices = [(one, zone) for one in movables for zone in one.choices]
        self._column = {
            (one.entity, zone): index for index, (one, zone) in enumerate(self._choices)
        }
        self._of = {one.entity: one.choices for one in movables}
        self._gains = [
            _stay_bonus(one) if zone == one.stays else 0.0 for one, zone in self._choices
        ]
        self._rows: list[tuple[Mapping[int, float], float, float]] = []
        for one in movables:
            row = {self._column[one.entity, zone]: 1.0 for zone in one.choices}
            self._rows.append((row, 1.0, 1.0))
        for zone in zones.names:
            self._add_room(zone, zones)

    def _add_room(self, zone: str, zones: Zones) -> None:
        """What stands in the zone afterwards needs no more than is free there or was its own."""
        room = zones.room(zone)
        row_of: list[dict[int, float]] = [{} for _ in room]
        limit = list(room)
        for index, (one, target) in enumerate(self._choices):
            own = zones.needs(one.pods, zone)
            coming = zones.needs(one.pods, None) if target == zone else own
            for resource in range(len(room)):
                if target in (zone, SPREAD):
                    row_of[resource][index] = coming[resource]
                if target == one.stays:
                    limit[resource] += own[resource]
        for row, most in zip(row_of, limit, strict=True):
            if row:
                self._rows.append((row, -np.inf, most))

    def add_pair(self, pair: Pair, cells: Cells, bytes_per_gb: int) -> None:
        """Count what the choices of a pair's movable ends keep within zones."""
        one, other = pair
        for mine in self._of.get(one, (SPREAD,)):
            for yours in self._of.get(other, (SPREAD,)):
                if one == other and mine != yours:
                    continue  # peers of one workload, which makes one choice
                kept = kept_bytes(cells, mine, yours) / bytes_per_gb
                ends = ((one, mine), (other, yours))
                columns = sorted({self._column[end] for end in ends if end[0] in self._of})
                if kept and len(columns) == 1:
                    self._gains[columns[0]] += kept
                elif kept and columns:
                    self._rows += [
                        ({len(self._gains): 1.0, end: -1.0}, -1.0, 0.0) for end in columns
                    ]
                    self._gains.append(kept)

    def cut(self, together: Sequence[Movable], zone: str) -> None:
        """Not all of these in this zone again."""
        row = {self._column[one.entity, zone]: 1.0 for one in together}
        self._rows.append((row, 0.0, len(together) - 1.0))

    def solve(self) -> Mapping[Movable, str] | None:
        """The choices of all workloads; None: no answer within the counted work."""
        if not self._choices:
            return {}
        result = milp(
            -np.array(self._gains),
            constraints=self._constraints(),
            integrality=np.ones(len(self._gains)),
            bounds=Bounds(0, 1),
            options={"node_limit": _NODE_LIMIT, "mip_rel_gap": 0.0},
        )
        if result.status != 0:
            return None
        chosen = np.flatnonzero(np.round(result.x[: len(self._choices)]))
        return dict(self._choices[index] for index in chosen.tolist())

    def _constraints(self) -> LinearConstraint:
        entries = [
            (number, column, value)
            for number, (row, _, _) in enumerate(self._rows)
            for column, value in row.items()
        ]
        rows, columns, values = zip(*entries, strict=True)
        matrix = csr_matrix((values, (rows, columns)), (len(self._rows), len(self._gains)))
        low = np.array([one for _, one, _ in self._rows])
        high = np.array([one for _, _, one in self._rows])
        return LinearConstraint(matrix, low, high)


def _stay_bonus(one: Movable) -> float:
    weight = _STATEFUL_WEIGHT if one.entity.kind == "StatefulSet" else 1
    return _STAY_BONUS_GB * weight * len(one.pods)


def kept_bytes(cells: Cells, one: str, other: str) -> int:
    """Bytes a day of a pair that stay within a zone where its ends stand in these zones; SPREAD:
    where they stand now."""
    return sum(
        amount for (here, there), amount in cells.items() if (one or here) == (other or there)
    )
