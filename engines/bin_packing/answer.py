"""The answer: one recommendation a node that goes or comes, and a reason for each that stays."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np

from engines.bin_packing.decision import Decision
from engines.bin_packing.kept import kept_findings
from engines.bin_packing.kernels import Rows
from engines.bin_packing.proof import placement
from engines.bin_packing.reasons import Finding
from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.results import Json, PodMove, Recommendation, Skipped, Subject
from engines.contracts.snapshot import NodeTable


def monthly(micro_usd_per_hour: int) -> Decimal:
    """USD per month."""
    return to_usd(micro_usd_per_hour) * HOURS_PER_MONTH


def launch_steps(decision: Decision) -> Mapping[str, str]:
    """The step that launches each new node, by the name that the search gave the node."""
    return {one.name: f"launch-{at}" for at, one in enumerate(decision.launches, start=1)}


def recommendations(decision: Decision) -> tuple[Recommendation, ...]:
    """The nodes that go, in order, then the instances that are launched for them."""
    return (*_removals(decision), *_launched(decision))


def _removals(decision: Decision) -> Iterator[Recommendation]:
    situation = decision.cluster.situation
    nodes, roles = situation.state.cluster.nodes, situation.roles
    moves = _moves_by_node(decision)
    for row in decision.order:
        cost = int(roles.micro_usd_per_hour[row])
        used = float(roles.utilization[row])
        yield Recommendation(
            subject=node_subject(nodes, row),
            action="drain_and_terminate",
            savings_usd_month=monthly(cost),
            reason=f"Its pods ask for {used:.0%} of it, and all of them have room elsewhere.",
            current={"usd_per_hour": to_usd(cost), "utilization": round(used, 6)},
            recommended={"usd_per_hour": Decimal(0)},
            evidence=_node_evidence(decision, row),
            node=nodes.names[row],
            moves=moves.get(row, ()),
        )


def _node_evidence(decision: Decision, row: int) -> dict[str, Json]:
    """The figures that the threshold compares."""
    roles = decision.cluster.situation.roles
    cost_share = int(roles.micro_usd_per_hour[row]) / max(roles.cluster_cost, 1)
    disrupted = float(roles.disruption[row])
    disruption_share = disrupted / max(float(roles.disruption.sum()), 1e-9)
    return {
        "cost_share": round(cost_share, 9),
        "disruption": round(disrupted, 6),
        "disruption_share": round(disruption_share, 9),
        "ratio": round(cost_share / disruption_share, 6) if disruption_share > 0 else None,
    }


def _moves_by_node(decision: Decision) -> Mapping[int, tuple[PodMove, ...]]:
    """The moves of bound pods; pods that wait to be bound hold room, but do not move."""
    cluster, packing = decision.cluster, decision.packing
    pods, steps = cluster.context.snapshot.pods, launch_steps(decision)
    names = cluster.context.nodes.names
    found: dict[int, list[PodMove]] = {}
    for row, node in zip(packing.movers.tolist(), packing.target.tolist(), strict=True):
        pod, home = int(cluster.pods[row]), int(cluster.problem.home[row])
        if pod not in cluster.waiting:
            target = steps.get(names[node], names[node])
            move = PodMove(pod=pods.items[pod].key, from_node=names[home], to_node=target)
            found.setdefault(home, []).append(move)
    return {home: tuple(sorted(moves, key=lambda one: one.pod)) for home, moves in found.items()}


def _launched(decision: Decision) -> Iterator[Recommendation]:
    for number, one in enumerate(decision.launches, start=1):
        cost = one.offer.micro_usd_per_hour
        yield Recommendation(
            subject=Subject(
                kind="Instance",
                name=f"launch-{number}",
                instance_type=one.offer.instance_type,
                availability_zone=one.zone,
            ),
            action="launch_instance",
            savings_usd_month=-monthly(cost),
            reason="It holds pods of dearer nodes that go.",
            recommended={
                "instance_type": one.offer.instance_type,
                "capacity_type": one.offer.capacity_type,
                "usd_per_hour": to_usd(cost),
            },
        )


def skipped(decision: Decision) -> tuple[Skipped, ...]:
    """Every node that stays, with the reason."""
    situation = decision.cluster.situation
    nodes = situation.state.cluster.nodes
    findings: dict[int, Finding] = {**situation.roles.findings, **kept_findings(decision)}
    return tuple(
        Skipped(
            subject=node_subject(nodes, row),
            reason=findings[row].reason,
            message=findings[row].message,
            subjects=findings[row].subjects,
        )
        for row in sorted(findings)
    )


def node_subject(nodes: NodeTable, row: int) -> Subject:
    """A node, with what else names it."""
    return Subject(
        kind="Node",
        name=nodes.names[row],
        node=nodes.names[row],
        instance_id=nodes.instance_ids[row] or "",
        instance_type=nodes.instance_types[row] or "",
        availability_zone=nodes.zones[row] or "",
    )


def evidence(decision: Decision) -> dict[str, Json]:
    """The bills, the bound and the gap, the placement, the disruption."""
    cluster, packing = decision.cluster, decision.packing
    situation, problem = cluster.situation, cluster.problem
    before, after = problem.present_cost, problem.cost_of(packing.kept)
    bound, steps = decision.bound_micro_usd, launch_steps(decision)
    saved, savable = before - after, before - bound
    return {
        "mode": situation.asked.parameters.mode,
        "cost": {
            "before_usd_per_hour": to_usd(before),
            "after_usd_per_hour": to_usd(after),
            "lower_bound_usd_per_hour": to_usd(bound),
            "gap": round((after - bound) / bound, 9) if bound > 0 else 0.0,
            "share_of_possible_saving": round(saved / savable, 9) if savable > 0 else 1.0,
        },
        "placement": {pod: steps.get(node, node) for pod, node in placement(decision).items()},
        "placement_check": {"verified": True, "pods": len(packing.movers)},
        "disruption": _disruption(decision),
        "rehearsal": {
            "played": decision.is_rehearsed,
            "nodes_kept_for": sorted(_keys(decision, np.array(decision.stuck, np.int64))),
        },
        "safety_limits_kept": decision.keeps_safety_limits,
    }


def _disruption(decision: Decision) -> dict[str, Json]:
    roles = decision.cluster.situation.roles
    disturbed = float(roles.disruption[list(decision.order)].sum())
    return {
        "pods_moved": len(decision.packing.movers),
        "nodes_removed": len(decision.order),
        "nodes_launched": len(decision.launches),
        "disruption": round(disturbed, 6),
        "cluster_disruption": round(float(roles.disruption.sum()), 6),
    }


def _keys(decision: Decision, pods: Rows) -> list[str]:
    items = decision.cluster.context.snapshot.pods.items
    return [items[pod].key for pod in pods.tolist()]
