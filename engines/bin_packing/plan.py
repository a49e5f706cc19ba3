"""From nodes that go and come to ordered steps."""

from collections.abc import Iterator, Sequence
from math import ceil

from engines.bin_packing.offers import Launch
from engines.bin_packing.pods import spend_all
from engines.bin_packing.situation import Situation
from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    Verify,
    WaitForNode,
    WaitForPods,
)
from engines.contracts.pricing import CapacityType
from engines.disruption import BudgetLedger


def nodes_at_once(situation: Situation) -> int:
    """How many nodes the disruption budget lets go together: a share of all, rounded up."""
    percent = situation.asked.parameters.disruption_budget_percent
    return max(1, ceil(round(len(situation.state.cluster.nodes) * percent / 100, 9)))


def batches(situation: Situation, gone: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The nodes that go, cut into batches that go at once.

    A batch holds no more nodes than the disruption budget lets go together, and no more pods of a
    PodDisruptionBudget than it allows; the next batch waits until their replacements run. Spot
    nodes go before on-demand ones, so that the on-demand buffer never shrinks first; then the least
    used ones; then by name.
    """
    most = nodes_at_once(situation)
    found: list[tuple[list[int], BudgetLedger]] = []
    for row in sorted(gone, key=lambda row: _turn(situation, row)):
        pods = situation.fates.evicted_on(situation.state.cluster, row)
        for nodes, ledger in found:
            if len(nodes) < most and spend_all(ledger, pods):
                nodes.append(row)
                break
        else:
            ledger = situation.fates.ledger.copy()
            spend_all(ledger, pods)
            found.append(([row], ledger))
    return tuple(tuple(nodes) for nodes, _ in found)


def _turn(situation: Situation, row: int) -> tuple[bool, float, str]:
    nodes = situation.state.cluster.nodes
    is_on_demand = nodes.capacity_types[row] is not CapacityType.SPOT
    return (is_on_demand, float(situation.roles.utilization[row]), nodes.names[row])


def plan_steps(
    situation: Situation, launches: Sequence[Launch], removals: Sequence[Sequence[int]]
) -> tuple[PlanStep, ...]:
    """Launch and wait; cordon all that go, so that no pod is moved twice; then batch by batch
    drain, wait until no pod is pending, terminate; at the end verify."""
    if not removals and not launches:
        return ()
    return tuple(_steps(situation, launches, removals))


def _steps(
    situation: Situation, launches: Sequence[Launch], removals: Sequence[Sequence[int]]
) -> Iterator[PlanStep]:
    nodes = situation.state.cluster.nodes
    for number, one in enumerate(launches, start=1):
        yield LaunchInstance(
            id=f"launch-{number}",
            instance_type=one.offer.instance_type,
            availability_zone=one.zone,
            capacity_type=one.offer.capacity_type,
        )
    for number in range(1, len(launches) + 1):
        yield WaitForNode(id=f"wait-{number}", launch_step=f"launch-{number}")
    for row in (row for batch in removals for row in batch):
        yield CordonNode(id=f"cordon-{nodes.names[row]}", node=nodes.names[row])
    grace = situation.asked.parameters.drain_grace_seconds
    for number, batch in enumerate(removals, start=1):
        names = [nodes.names[row] for row in batch]
        for name in names:
            yield DrainNode(id=f"drain-{name}", node=name, grace_seconds=grace)
        yield WaitForPods(id=f"settle-{number}")
        for row, name in zip(batch, names, strict=True):
            yield TerminateInstance(
                id=f"terminate-{name}", instance_id=nodes.instance_ids[row] or "", node=name
            )
    yield Verify(
        id="verify",
        expectation=f"{sum(map(len, removals))} nodes are gone, {len(launches)} new ones are"
        " Ready, and no pod that the plan moved is pending",
    )
