"""A cluster as a packing problem, and the packer that obeys every rule of the scheduler.

Most pods ask for room and certain nodes only; these go through the compiled loop. *Particular*
pods (neighbours, spread, ports, volumes) are placed before them, one by one, by the rules of
``engines/scheduling``, in an occupancy from which the nodes that go have been taken away.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engines.bin_packing.habits import surroundings_of
from engines.bin_packing.kernels import Flags, Rows, matches
from engines.bin_packing.offers import Launch, with_new_nodes
from engines.bin_packing.plain import place_plain
from engines.bin_packing.problem import (
    Limit,
    Packing,
    PackingProblem,
    scarcity,
)
from engines.bin_packing.quotas import spread_quotas
from engines.bin_packing.situation import Situation
from engines.bin_packing.surroundings import Surroundings
from engines.contracts.kubernetes import Node
from engines.scheduling import (
    ClusterContext,
    Occupancy,
    build_context,
    can_run,
    daemon_overhead,
    feasible_nodes,
    why_not,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterProblem:
    """A problem, and what its numbers mean. Node rows are those of ``occupancy``'s context: the
    cluster's nodes, then ``launches``. ``pods`` are the snapshot rows of the problem's pods;
    ``waiting`` pods are not bound yet, and hold room where they could be."""

    situation: Situation
    launches: tuple[Launch, ...]
    added: tuple[Node, ...]
    occupancy: Occupancy
    problem: PackingProblem
    pods: Rows
    is_particular: Flags
    budget_limits: Mapping[int, str]  # by position in the problem's limits: the budget's name
    zone_limits: Mapping[int, str]
    safety_limits: range
    waiting: frozenset[int]

    @property
    def context(self) -> ClusterContext:
        """The compiled cluster, launches included."""
        return self.occupancy.context

    @cached_property
    def row_of_pod(self) -> dict[int, int]:
        """Position in the problem by row in the snapshot."""
        return {pod: row for row, pod in enumerate(self.pods.tolist())}


def build_problem(
    situation: Situation,
    launches: Sequence[Launch] = (),
    added: Sequence[Node] = (),
    *,
    safety: Sequence[Limit] = (),
) -> ClusterProblem:
    """The problem of a situation with the nodes that could be launched."""
    cluster = with_new_nodes(situation.state, added)
    occupancy = Occupancy(build_context(cluster, absent_nodes=[one.name for one in launches]))
    context, roles = occupancy.context, situation.roles
    old = len(situation.state.cluster.nodes)
    if launches:
        occupancy.free[:, old:] -= daemon_overhead(context)[:, old:]
    receives = np.concatenate((roles.may_receive, np.ones(len(launches), np.bool_)))
    is_flexible = np.concatenate((roles.may_go, np.ones(len(launches), np.bool_)))
    waiting = _seat_waiting_pods(occupancy, receives, old)
    homes = np.array(occupancy.node_of, np.int64)
    needs_room = situation.fates.needs_room.copy()
    needs_room[list(waiting)] = True
    on_flexible = needs_room & (homes >= 0)
    on_flexible[on_flexible] = is_flexible[homes[on_flexible]]
    pods = np.flatnonzero(on_flexible)
    kinds = _Kinds(occupancy, receives)
    kind = np.array([kinds.of(pod) for pod in pods.tolist()], np.int64)
    costs = np.concatenate(
        (roles.micro_usd_per_hour, [one.offer.micro_usd_per_hour for one in launches])
    ).astype(np.int64)
    budgets = list(_budget_limits(situation, pods, homes))
    zones = list(_zone_limits(situation, launches, is_flexible))
    limits = [*(one for one, _ in budgets), *(one for one, _ in zones), *safety]
    limits += _apart_limits(context, occupancy, is_flexible)
    problem = PackingProblem(
        cost=np.maximum(costs, 0),
        room=np.where(receives, np.maximum(occupancy.free, 0), 0).T.copy(),
        is_flexible=is_flexible,
        is_new=np.arange(len(costs)) >= old,
        requests=np.ascontiguousarray(context.requests[pods]),
        home=homes[pods],
        kind=kind,
        allowed=kinds.table(),
        limits=tuple(limits),
        quotas=tuple(spread_quotas(occupancy, pods, is_flexible, waiting, limits)),
    )
    return ClusterProblem(
        situation=situation,
        launches=tuple(launches),
        added=tuple(added),
        occupancy=occupancy,
        problem=problem,
        pods=pods,
        is_particular=np.array([_is_particular(context, pod) for pod in pods.tolist()], np.bool_),
        budget_limits={at: name for at, (_, name) in enumerate(budgets)},
        zone_limits={len(budgets) + at: name for at, (_, name) in enumerate(zones)},
        safety_limits=range(len(budgets) + len(zones), len(budgets) + len(zones) + len(safety)),
        waiting=frozenset(waiting),
    )


def _seat_waiting_pods(occupancy: Occupancy, receives: Flags, old: int) -> list[int]:
    """Give pending pods that could run now the room that the scheduler is about to give them.

    Each takes the fullest node. Pods that find no room today are no reason to keep a node.
    """
    pods = occupancy.context.snapshot.pods
    is_waiting = (pods.node < 0) & ~pods.is_finished & ~pods.is_terminating & ~pods.is_daemonset
    seated = []
    for pod in np.flatnonzero(is_waiting).tolist():
        if pods.items[pod].spec.node_name:
            continue  # bound to a node that was not read
        mask = feasible_nodes(pod, occupancy) & receives
        mask[old:] = False
        nodes = np.flatnonzero(mask)
        if len(nodes):
            fullest = int(nodes[np.argmin(occupancy.free[0, nodes])])
            occupancy.place(pod, fullest)
            seated.append(pod)
    return seated


class _Kinds:
    """The distinct sets of nodes that pods could run on, room and neighbours left aside."""

    def __init__(self, occupancy: Occupancy, receives: Flags) -> None:
        self._occupancy = occupancy
        self._receives = receives
        self._known: dict[tuple[int, int, int], int] = {}
        self._position: dict[bytes, int] = {}
        self._masks: list[Flags] = []

    def of(self, pod: int) -> int:
        """The kind of a pod."""
        context = self._occupancy.context
        is_special = pod in context.volumes or pod in context.pins or pod in context.blocked
        key = (context.demand[pod], context.tolerance[pod], pod if is_special else -1)
        if key not in self._known:
            mask = self._mask(pod)
            position = self._position.setdefault(mask.tobytes(), len(self._masks))
            if position == len(self._masks):
                self._masks.append(mask)
            self._known[key] = position
        return self._known[key]

    def table(self) -> Flags:
        """One row of nodes for each kind."""
        return np.array(self._masks or [np.zeros(len(self._receives), np.bool_)], np.bool_)

    def _mask(self, pod: int) -> Flags:
        context = self._occupancy.context
        if pod in context.blocked:
            return np.zeros(len(self._receives), np.bool_)
        tolerance = context.tolerance_of(pod)
        mask: Flags = self._receives & context.affinity_of(pod) & tolerance.mask
        if not tolerance.stands_cordon:
            mask &= ~self._occupancy.cordoned
        if pod in context.pins:
            mask &= np.array([one == context.pins[pod] for one in context.nodes.names], np.bool_)
        for rule in context.volumes_of(pod).rules:
            mask &= rule.mask
        return mask


def _is_particular(context: ClusterContext, pod: int) -> bool:
    """Whether more than room and nodes decides, or others look at the pod."""
    around = context.neighbours_of(pod)
    is_seen = bool(around.counted or around.counted_alive)
    return is_seen or not around.is_indifferent or pod in context.volumes


def _budget_limits(situation: Situation, pods: Rows, homes: Rows) -> Iterator[tuple[Limit, str]]:
    """Of each budget no more pods may go than it allows, in the plan as a whole, where batches do
    not renew it."""
    if situation.asked.parameters.renew_budgets:
        return
    ledger = situation.fates.ledger.copy()
    budgets = ledger.budgets
    guarded: dict[int, list[int]] = {}
    for pod in pods.tolist():
        rows = budgets.of(pod) if situation.fates.is_evicted[pod] else ()
        if len(rows) == 1 and not ledger.objections(pod):
            before = ledger.left(rows[0])
            ledger.spend(pod)
            if ledger.left(rows[0]) < before:
                guarded.setdefault(rows[0], []).append(pod)
                ledger.refund(pod)
    for row in sorted(guarded):
        nodes, counts = np.unique(homes[guarded[row]], return_counts=True)
        at_least = int(counts.sum()) - ledger.left(row)
        if at_least > 0:
            budget = budgets.items[row].metadata
            name = f"{budget.namespace}/{budget.name}"
            yield Limit(nodes, counts.astype(np.int64), at_least), name


def _zone_limits(
    situation: Situation, launches: Sequence[Launch], is_flexible: Flags
) -> Iterator[tuple[Limit, str]]:
    """Every zone that has a node keeps one, or gets one."""
    nodes = situation.state.cluster.nodes
    counts = nodes.ready & ~nodes.deleting
    zones = [*nodes.zones, *(one.zone for one in launches)]
    for zone in sorted({zone for zone in nodes.zones if zone is not None}):
        rows = np.array([row for row, one in enumerate(zones) if one == zone], np.int64)
        able = rows[[row >= len(nodes) or bool(counts[row]) for row in rows.tolist()]]
        has_node_now = bool((able < len(nodes)).any())
        if has_node_now and is_flexible[able].all():
            yield Limit(able, np.ones(len(able), np.int64), 1), zone


def _apart_limits(
    context: ClusterContext, occupancy: Occupancy, is_flexible: Flags
) -> Iterator[Limit]:
    """As many nodes must stay as the largest group of pods has that must be on different nodes.

    The packer would find out by itself; here it makes the bound tighter.
    """
    largest: dict[bytes, tuple[Flags, int]] = {}
    sizes: dict[int, tuple[Flags, int]] = {}
    for pod, node in enumerate(occupancy.node_of):
        around = context.neighbours_of(pod)
        for term in around.anti_affinity if node >= 0 else ():
            slots = term.topology.slots
            is_by_node = len(term.topology.values) == int((slots >= 0).sum())
            if is_by_node and term.counter in around.counted:
                mask, count = sizes.get(term.counter.start, (slots >= 0, 0))
                sizes[term.counter.start] = (mask, count + 1)
    for mask, count in sizes.values():
        held = largest.get(mask.tobytes(), (mask, 0))
        largest[mask.tobytes()] = (mask, max(count, held[1]))
    for mask, count in largest.values():
        if is_flexible[mask].any():
            rows = np.flatnonzero(mask)
            yield Limit(rows, np.ones(len(rows), np.int64), count)


def rules_may_be_overrun(cluster: ClusterProblem) -> bool:
    """Whether pods placed later could break a spread rule of pods placed before them: pods count
    for a rule that they do not have themselves, or have in another form."""
    forms: dict[int, set[tuple[int, int]]] = {}
    neighbourhoods = cluster.context.neighbourhoods
    for one in neighbourhoods:
        for rule in one.spread:
            form = (rule.max_skew, rule.min_domains)
            forms.setdefault(rule.counter.start, set()).add(form)
    if any(len(some) > 1 for some in forms.values()):
        return True
    return any(
        {counter.start for counter in one.counted_alive}
        - {rule.counter.start for rule in one.spread}
        for one in neighbourhoods
    )


class ClusterPacker:
    """Places pods by all of the scheduler's rules."""

    def __init__(self, cluster: ClusterProblem) -> None:
        self._cluster = cluster
        self._may_be_overrun = rules_may_be_overrun(cluster)
        self._weights = scarcity(cluster.problem.requests, cluster.problem.room)

    def is_simple(self, pods: Rows) -> bool:
        """Whether only room and ``allowed`` decide about these pods."""
        return not bool(self._cluster.is_particular[pods].any())

    def surroundings(self) -> Surroundings:
        """What the pods ask of the pods around them."""
        cluster = self._cluster
        return surroundings_of(
            cluster.problem, cluster.occupancy, cluster.pods, cluster.is_particular
        )

    def accepts(self, packing: Packing) -> bool:
        """Whether the scheduler would let every particular pod in where the packing has it."""
        pods, occupancy = self._cluster.pods, self.occupancy_without(packing.kept)
        particular = np.flatnonzero(self._cluster.is_particular[packing.movers])
        places = dict(
            zip(
                pods[packing.movers[particular]].tolist(),
                packing.target[particular].tolist(),
                strict=True,
            )
        )
        for pod, node in places.items():
            occupancy.place(pod, node)
        for pod, node in places.items():
            occupancy.remove(pod)
            if not can_run(pod, node, occupancy):
                return False
            occupancy.place(pod, node)
        return True

    def pack(self, kept: Flags) -> Packing:
        """Place the movers on the kept nodes, as many of them as find room."""
        problem = self._cluster.problem
        movers = problem.movers(kept)
        target = np.full(len(movers), -1, np.int64)
        particular = np.flatnonzero(self._cluster.is_particular[movers])
        room = np.where(kept[:, None], problem.room, 0)
        if len(particular):
            target[particular] = self._place_particular(movers[particular], kept)
            placed = particular[target[particular] >= 0]
            np.subtract.at(room, target[placed], problem.requests[movers[placed]])
        plain = np.flatnonzero(~self._cluster.is_particular[movers])
        whole_room = np.where(kept[:, None], problem.room, 0)
        weights = scarcity(problem.requests[movers], whole_room)
        target[plain] = place_plain(problem, movers[plain], kept, room, weights)
        return Packing(kept, movers, target, room)

    def occupancy_without(self, kept: Flags) -> Occupancy:
        """The cluster after the nodes that go have gone, and before their pods are placed."""
        problem = self._cluster.problem
        occupancy = self._cluster.occupancy.copy()
        for node in np.flatnonzero(kept & problem.is_new).tolist():
            occupancy.add(node)
        for node in np.flatnonzero(~kept & ~problem.is_new).tolist():
            occupancy.take_away(node)
        return occupancy

    def occupancy_with(self, packing: Packing) -> Occupancy:
        """The cluster after a complete packing: nodes have gone, and their pods are placed."""
        occupancy = self.occupancy_without(packing.kept)
        pods = self._cluster.pods[packing.movers]
        for pod, node in zip(pods.tolist(), packing.target.tolist(), strict=True):
            occupancy.place(pod, node)
        return occupancy

    def _place_particular(self, movers: Rows, kept: Flags) -> Rows:
        """The least free pods first; then those that ended where they would not be let in are
        taken out again, as pods that came after them changed the rules' counts."""
        problem, pods = self._cluster.problem, self._cluster.pods
        occupancy = self.occupancy_without(kept)
        freedom = (problem.allowed & kept).sum(axis=1)[problem.kind[movers]]
        size = (problem.requests[movers] * self._weights).max(axis=1)
        target = np.full(len(movers), -1, np.int64)
        for at in np.lexsort((-size, freedom)).tolist():
            row = int(movers[at])
            mask = feasible_nodes(int(pods[row]), occupancy) & kept
            nodes = np.flatnonzero(mask & problem.allowed[problem.kind[row]])
            if len(nodes):
                rooms = np.ascontiguousarray(occupancy.free[:, nodes].T)
                best = int(nodes[np.argmax(matches(problem.requests[row], rooms, self._weights))])
                occupancy.place(int(pods[row]), best)
                target[at] = best
        for at in np.flatnonzero(target >= 0).tolist() if self._may_be_overrun else ():
            pod = int(pods[movers[at]])
            occupancy.remove(pod)
            if why_not(pod, int(target[at]), occupancy):
                target[at] = -1
            else:
                occupancy.place(pod, int(target[at]))
        return target
