"""The decision: search, see what the scheduler would make of it, and keep what pays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.bin_packing.cluster import ClusterPacker, ClusterProblem, build_problem
from engines.bin_packing.descent import descend
from engines.bin_packing.kernels import Flags
from engines.bin_packing.market import Market, market_bound
from engines.bin_packing.offers import Launch, find_offers, new_nodes, place_of
from engines.bin_packing.plan import batches
from engines.bin_packing.problem import Packing
from engines.bin_packing.rehearsal import MOST_COMPARISONS, Rehearsal
from engines.bin_packing.safety_rows import safety_limits
from engines.bin_packing.search import LARGE_CLUSTER, repair, search
from engines.bin_packing.shortlist import shortlist
from engines.bin_packing.situation import Situation
from engines.contracts.kubernetes import Node

MOST_EXACT_TRIES, MOST_EXACT_WORK = 60, 10_000_000
"""Nodes with particular pods that are tried one by one after the search; and tries x moving pods x
nodes."""

MOST_REHEARSALS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """What goes, what comes, and where the pods would be. ``bound_micro_usd``: an hourly cost that
    no plan under the same rules can be below. ``removals``: the nodes that go, by batch. ``stuck``:
    pods for which nodes came back."""

    cluster: ClusterProblem
    packing: Packing
    bound_micro_usd: int
    removals: tuple[tuple[int, ...], ...]
    launches: tuple[Launch, ...]
    stuck: tuple[int, ...]
    is_rehearsed: bool
    keeps_safety_limits: bool

    @property
    def order(self) -> tuple[int, ...]:
        """The nodes that go, in order."""
        return tuple(row for batch in self.removals for row in batch)

    @property
    def saving_micro_usd(self) -> int:
        """The difference of two bills, an hour."""
        problem = self.cluster.problem
        return problem.present_cost - problem.cost_of(self.packing.kept)

    @property
    def changes_something(self) -> bool:
        """Whether a node goes or comes."""
        return bool(self.removals or self.launches)


def decide(situation: Situation) -> Decision:
    """The cheapest change that was found. Plans within the safety layers come first; where none of
    them saves anything, the best one without them is shown."""
    market = _market(situation)
    if market is None:
        return _decide(situation, (), ())
    decision = _with_market(situation, market)
    bound = market_bound(
        situation,
        market,
        decision.cluster.problem.cost_of(decision.packing.kept),
        keeps_safety_limits=decision.keeps_safety_limits,
    )
    return replace(decision, bound_micro_usd=bound)


def _market(situation: Situation) -> Market | None:
    """What could be launched; None: nothing may be, or there is nothing to be had."""
    rows = np.flatnonzero(situation.roles.may_go).tolist()
    if not situation.may_launch or not rows:
        return None
    place = place_of(situation.state, rows, situation.asked)
    if place is None or not place.zones:
        return None
    offers = find_offers(situation.state, place, situation.asked, situation.now)
    return Market(offers, place) if offers else None


def _with_market(situation: Situation, market: Market) -> Decision:
    """With launches where they pay, else without."""
    launches, added = _launches(situation, market)
    if launches:
        decision = _decide(situation, launches, added)
        if _exchange_pays(situation, decision):
            return decision
    return _decide(situation, (), ())


def _launches(situation: Situation, market: Market) -> tuple[tuple[Launch, ...], tuple[Node, ...]]:
    plain, place = build_problem(situation), market.place
    launches = shortlist(situation, plain.problem, plain.context.resources, market.offers, place)
    return launches, new_nodes(situation.state, place, launches)


def _decide(situation: Situation, launches: Sequence[Launch], added: Sequence[Node]) -> Decision:
    safe = _settle(
        build_problem(situation, launches, added, safety=safety_limits(situation, launches)),
        keeps_safety_limits=True,
    )
    if safe.saving_micro_usd > 0:
        return safe
    bold = _settle(build_problem(situation, launches, added), keeps_safety_limits=False)
    return bold if bold.saving_micro_usd > 0 else safe


def _settle(cluster: ClusterProblem, *, keeps_safety_limits: bool) -> Decision:
    """Search, try what the quick search left alone, and rehearse."""
    packer = ClusterPacker(cluster)
    found = search(cluster.problem, packer)
    packing = found.packing
    if len(cluster.problem.cost) > LARGE_CLUSTER:
        packing = descend(cluster, packer, packing)
    packing = _without_particular_nodes(cluster, packer, packing)
    packing, stuck, is_rehearsed = _rehearsed(cluster, packer, packing)
    problem = cluster.problem
    gone = np.flatnonzero(~packing.kept & ~problem.is_new).tolist()
    old = int((~problem.is_new).sum())
    coming = np.flatnonzero(packing.kept & problem.is_new).tolist()
    return Decision(
        cluster=cluster,
        packing=packing,
        bound_micro_usd=min(found.bound_micro_usd, problem.cost_of(packing.kept)),
        removals=batches(cluster.situation, gone),
        launches=tuple(cluster.launches[row - old] for row in coming),
        stuck=stuck,
        is_rehearsed=is_rehearsed,
        keeps_safety_limits=keeps_safety_limits,
    )


def _without_particular_nodes(
    cluster: ClusterProblem, packer: ClusterPacker, packing: Packing
) -> Packing:
    """Kept nodes whose pods the quick search does not move, the dearest first, one by one."""
    problem = cluster.problem
    involved = np.zeros(len(problem.cost), np.bool_)
    involved[problem.home[cluster.is_particular]] = True
    involved[packing.target[cluster.is_particular[packing.movers]]] = True
    rows = np.flatnonzero(problem.is_flexible & packing.kept & involved)
    work = max(1, len(packing.movers) * len(problem.cost))
    most = min(MOST_EXACT_TRIES, MOST_EXACT_WORK // work)
    for row in rows[np.argsort(-problem.cost[rows], kind="stable")][:most].tolist():
        kept = packing.kept & (np.arange(len(problem.cost)) != row)
        if problem.limits_hold(kept):
            better = packer.pack(kept)
            packing = better if better.is_complete else packing
    return packing


def _rehearsed(
    cluster: ClusterProblem, packer: ClusterPacker, packing: Packing
) -> tuple[Packing, tuple[int, ...], bool]:
    """Bring nodes back until the scheduler would find a place for every pod."""
    problem = cluster.problem
    if (
        not cluster.situation.asked.parameters.rehearse
        or len(packing.movers) * len(cluster.context.snapshot.pods) > MOST_COMPARISONS
    ):
        return packing, (), False
    rehearsal = Rehearsal(cluster) if len(packing.movers) else None
    all_stuck: set[int] = set()
    for _ in range(MOST_REHEARSALS):
        gone = np.flatnonzero(~packing.kept & ~problem.is_new).tolist()
        removals = batches(cluster.situation, gone)
        stuck = rehearsal.stuck_pods(packing.kept, removals) if rehearsal else ()
        if not stuck:
            return packing, tuple(sorted(all_stuck)), True
        all_stuck.update(stuck)
        packing = _with_homes_of(cluster, packer, packing, stuck)
    return packer.pack(~problem.is_new), tuple(sorted(all_stuck)), True


def _with_homes_of(
    cluster: ClusterProblem, packer: ClusterPacker, packing: Packing, stuck: Sequence[int]
) -> Packing:
    """The cheapest node that a stuck pod comes from stays; whatever else that asks for, too."""
    problem = cluster.problem
    homes = {int(problem.home[cluster.row_of_pod[pod]]) for pod in stuck}
    back = min(homes, key=lambda row: (int(problem.cost[row]), row))
    kept: Flags = packing.kept | (np.arange(len(problem.cost)) == back)
    return repair(problem, packer, packer.pack(kept)) or packer.pack(~problem.is_new)


def _exchange_pays(situation: Situation, decision: Decision) -> bool:
    """Whether a plan that launches saves enough of what it replaces, and for what it disturbs."""
    if not decision.launches:
        return True
    problem, roles = decision.cluster.problem, situation.roles
    replaced = int(problem.cost[list(decision.order)].sum())
    saving = decision.saving_micro_usd
    least = situation.asked.parameters.min_launch_saving_percent
    if saving * 100 < least * replaced or saving <= 0:
        return False
    return exchange_ratio(decision) >= situation.asked.parameters.disruption_threshold or not (
        roles.disruption[list(decision.order)].any()
    )


def exchange_ratio(decision: Decision) -> float:
    """(saving / cluster cost) / (disruption / cluster disruption) of the plan as a whole."""
    roles = decision.cluster.situation.roles
    disturbed = float(roles.disruption[list(decision.order)].sum())
    total = float(roles.disruption.sum())
    if disturbed <= 0 or total <= 0:
        return 0.0
    return decision.saving_micro_usd / max(roles.cluster_cost, 1) / (disturbed / total)
