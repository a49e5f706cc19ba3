"""Drain plans on existing nodes: savings against a certified bound, and against a naive greedy.

The packer is asked as the product asks it (a whole request, a whole answer, the independent check
included), for any node that may go: no threshold of use or disruption, no rehearsal of the
scheduler, which would give some of the savings back for certainty. The bound is the answer's own,
proven by weak duality or branch and bound. The baseline goes through the nodes, the least used
first as Cluster Autoscaler and the descheduler do, puts each node's pods where they first fit by
the scheduler's complete rules, and skips a node whose pods do not all fit; nodes that took pods in
stay. (The dearest first saves a few percent more.) All of its placements are checked, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.harness import Row, seconds
from bench.packing_clusters import NOW, packing_request, packing_state
from engines.bin_packing import recommend_packing
from engines.bin_packing.pods import utilization
from engines.contracts.results import DecisionResponse
from engines.contracts.state import ClusterState
from engines.cost import node_cost_per_hour
from engines.disruption import BudgetLedger, Disruptions, Mode
from engines.placement_check import check_placement
from engines.scheduling import Occupancy, build_context, feasible_nodes

ROWS = ("drain_100", "drain_100_greedy", "drain_1k", "drain_1k_greedy", "drain_5k")

SETTINGS = {"utilization_threshold": 1.0, "disruption_threshold": 0, "rehearse": False}


class Measured(NamedTuple):
    """USD an hour and seconds."""

    saving: float
    bound: float
    greedy: float
    time: float


def run() -> list[Row]:
    """Measure the three sizes; of the small one three clusters, the median share counts."""
    recommend_packing(packing_request(packing_state(5, 1)))  # compiles the inner loop
    small = sorted(
        (_measure(100, seed) for seed in (1, 2, 3)), key=lambda one: one.saving / one.bound
    )[1]
    middle, large = _measure(1_000, 1), _measure(5_000, 1)
    return [
        _of_bound("drain_100", small, 0.985, 30),
        _of_greedy("drain_100_greedy", small, 1.0, 30),
        _of_bound("drain_1k", middle, 0.97, 60),
        _of_greedy("drain_1k_greedy", middle, 1.45, 60),
        _of_greedy("drain_5k", large, 1.3, 60),
    ]


def _of_bound(name: str, one: Measured, share: float, limit: float) -> Row:
    return Row(
        name=name,
        value=one.saving,
        unit="USD/hour",
        baseline_name="certified bound, USD/hour",
        baseline=one.bound,
        ratio=one.saving / one.bound,
        target=f">= {share:.1%} of the bound in {limit:g} s ({one.time:.1f} s)",
        met=one.saving >= share * one.bound and one.time <= limit,
    )


def _of_greedy(name: str, one: Measured, times: float, limit: float) -> Row:
    return Row(
        name=name,
        value=one.saving,
        unit="USD/hour",
        baseline_name="skip-failures greedy, USD/hour",
        baseline=one.greedy,
        ratio=one.saving / one.greedy,
        target=f">= {times:g}x the greedy in {limit:g} s ({one.time:.1f} s)",
        met=one.saving >= times * one.greedy and one.time <= limit,
    )


def _measure(nodes: int, seed: int) -> Measured:
    state = packing_state(nodes, seed)
    answers: list[DecisionResponse] = []
    request = packing_request(state, **SETTINGS)
    time = seconds(lambda: answers.append(recommend_packing(request)))
    cost = answers[0].evidence["cost"]
    before = float(cost["before_usd_per_hour"])
    _assert_placed(state, answers[0])
    return Measured(
        saving=before - float(cost["after_usd_per_hour"]),
        bound=before - float(cost["lower_bound_usd_per_hour"]),
        greedy=skip_failures_greedy(state),
        time=time,
    )


def _assert_placed(state: ClusterState, answer: DecisionResponse) -> None:
    """Every pod of every node that goes has a place that the independent checker allows."""
    gone = [one.node for one in answer.recommendations]
    assert gone
    assert check_placement(state.cluster, answer.evidence["placement"], removed=gone) == ()


def skip_failures_greedy(state: ClusterState) -> float:
    """USD an hour that the naive way saves."""
    cluster = state.cluster
    occupancy = Occupancy(build_context(cluster))
    disruptions = Disruptions(cluster, NOW)
    ledger = BudgetLedger(disruptions.budgets)
    costs = node_cost_per_hour(state, NOW)
    receives = np.ones(len(costs), np.bool_)
    has_received = np.zeros(len(costs), np.bool_)
    assignment: dict[str, str] = {}
    gone: list[int] = []
    used = utilization(cluster)
    for node in sorted(range(len(costs)), key=lambda row: (float(used[row]), row)):
        pods = [pod for pod in occupancy.pods_on(node) if not cluster.pods.is_daemonset[pod]]
        if has_received[node] or any(
            disruptions.judge(pod, Mode.VOLUNTARY, ledger).is_blocked for pod in pods
        ):
            continue
        receives[node] = False
        targets = _first_fit(pods, node, occupancy, receives)
        if targets is None:
            receives[node] = True
            continue
        gone.append(node)
        has_received[targets] = True
        for pod, target in zip(pods, targets, strict=True):
            assignment[cluster.pods.items[pod].key] = cluster.nodes.names[target]
    removed = [cluster.nodes.names[node] for node in gone]
    assert check_placement(cluster, assignment, removed=removed) == ()
    return float(costs[gone].sum()) / 1e6


def _first_fit(
    pods: Sequence[int], home: int, occupancy: Occupancy, receives: np.ndarray
) -> list[int] | None:
    """Move each pod to the first node by name that takes it; None, and all back, if one fails."""
    targets: list[int] = []
    for pod in pods:
        occupancy.remove(pod)
        nodes = np.flatnonzero(feasible_nodes(pod, occupancy) & receives)
        if not len(nodes):
            occupancy.place(pod, home)
            for moved in pods[: len(targets)]:
                occupancy.remove(moved)
                occupancy.place(moved, home)
            return None
        targets.append(int(nodes[0]))
        occupancy.place(pod, int(nodes[0]))
    return targets
