"""The surroundings of a cluster's pods, worked out from the scheduler's compiled rules."""

from collections.abc import Iterator

import numpy as np

from engines.bin_packing.kernels import Flags, Rows
from engines.bin_packing.problem import PackingProblem
from engines.bin_packing.surroundings import Surroundings
from engines.scheduling import Occupancy
from engines.scheduling.neighbours import Neighbourhood, Term

Slots = tuple[Rows, ...]


def surroundings_of(
    problem: PackingProblem, occupancy: Occupancy, pods: Rows, is_particular: Flags
) -> Surroundings:
    """Work out the habits of the problem's pods; ``pods`` are their rows in the snapshot."""
    context = occupancy.context
    rules = context.neighbourhoods
    crowds = _crowds(rules)
    affinities = {term.counter.start for one in rules for term in one.affinity}
    neighbourhood = np.array(context.neighbourhood, np.int64)
    of_pod = np.where(is_particular, neighbourhood[pods], -1)
    forms, form = np.unique(np.stack((problem.kind, of_pod), axis=1), axis=0, return_inverse=True)
    table = _Masks(problem)
    mask_at = [
        table.rows(problem.allowed[kind], _stays(rules[one], affinities) if one >= 0 else ())
        for kind, one in forms.tolist()
    ]
    crowd_of = np.array([crowds[one] for one in range(len(rules))] or [-1], np.int64)
    is_frozen = np.array(
        [
            bool(row >= 0 and (crowd_of[row] == _FROZEN or pod in context.volumes))
            for pod, row in zip(pods.tolist(), of_pod.tolist(), strict=True)
        ],
        np.bool_,
    )
    return Surroundings(
        masks=table.masks(),
        mask_at=np.array(mask_at, np.int64).reshape(-1, len(problem.cost)),
        form=form.ravel().astype(np.int64),
        crowd=np.where(of_pod >= 0, np.maximum(crowd_of[of_pod], -1), -1),
        present=_present(occupancy, np.maximum(crowd_of, -1), pods),
        is_frozen=is_frozen,
    )


_FROZEN = -2


def _crowds(rules: tuple[Neighbourhood, ...]) -> dict[int, int]:
    """The crowd of each neighbourhood: those of one crowd avoid each other on a node and nobody
    else. -1: avoids nobody; _FROZEN: avoids others, or holds ports."""
    shy = {
        row: {term.counter.start for term in _avoided(one) if _is_by_node(term)}
        for row, one in enumerate(rules)
    }
    counted = {row: {one.start for one in rule.counted} for row, rule in enumerate(rules)}
    foes = {
        row: frozenset(other for other, seen in counted.items() if seen & starts)
        for row, starts in shy.items()
    }
    found: dict[frozenset[int], int] = {}
    crowds = {}
    for row, some in foes.items():
        if rules[row].ports:
            crowds[row] = _FROZEN
        elif not some:
            crowds[row] = -1
        elif all(foes[other] == some for other in some):
            crowds[row] = found.setdefault(some, len(found)) if row in some else _FROZEN
        else:
            crowds[row] = _FROZEN
    return crowds


def _avoided(one: Neighbourhood) -> tuple[Term, ...]:
    return (*one.anti_affinity, *one.shunned_by)


def _is_by_node(term: Term) -> bool:
    slots = term.topology.slots
    return len(term.topology.values) == int((slots >= 0).sum())


def _stays(one: Neighbourhood, affinities: set[int]) -> Slots:
    """The domains that a pod does not leave, so that no count of any rule changes."""
    return tuple(_domains(one, affinities))


def _domains(one: Neighbourhood, affinities: set[int]) -> Iterator[Rows]:
    for term in one.affinity:
        yield term.topology.slots.astype(np.int64)
    for term in _avoided(one):
        if not _is_by_node(term):
            yield term.topology.slots.astype(np.int64)
    for rule in one.spread:
        yield rule.topology.slots.astype(np.int64)
    for counter in one.counted_alive:
        yield counter.domains.slots.astype(np.int64)
    for counter in one.counted:
        if counter.start in affinities:
            yield counter.domains.slots.astype(np.int64)


class _Masks:
    """Distinct sets of nodes."""

    def __init__(self, problem: PackingProblem) -> None:
        self._nodes = len(problem.cost)
        self._position: dict[bytes, int] = {}
        self._masks: list[Flags] = []

    def rows(self, allowed: Flags, stays: Slots) -> list[int]:
        """For each node the set that a pod may move in that belongs there."""
        if not stays:
            return [self._row(allowed)] * self._nodes
        place = np.stack(stays)
        _, first, domain = np.unique(place, axis=1, return_index=True, return_inverse=True)
        rows = [self._row(allowed & (place == place[:, [one]]).all(axis=0)) for one in first]
        return [rows[one] for one in domain.ravel().tolist()]

    def masks(self) -> Flags:
        """All sets, by row."""
        return np.array(self._masks or [np.zeros(self._nodes, np.bool_)], np.bool_)

    def _row(self, mask: Flags) -> int:
        row = self._position.setdefault(mask.tobytes(), len(self._masks))
        if row == len(self._masks):
            self._masks.append(mask)
        return row


def _present(occupancy: Occupancy, crowd_of: Rows, pods: Rows) -> Rows:
    """Pods of each crowd on each node that are none of the problem's."""
    context = occupancy.context
    present = np.zeros((len(context.nodes), int(crowd_of.max(initial=-1)) + 2), np.int64)
    moving = set(pods.tolist())
    for pod, node in enumerate(occupancy.node_of):
        crowd = int(crowd_of[context.neighbourhood[pod]])
        if node >= 0 and crowd >= 0 and pod not in moving:
            present[node, crowd] += 1
    return present
