"""The verdict on a plan: five layers, on every state that the plan leads the cluster through.

Layer 5 is the conjunction: one breach that nothing lets pass, and the plan is rejected. What lets
a breach pass is that the cluster was no better before (inherited), or an exception that is named
and recorded. The judge does not place pods and does not weigh costs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan

from engines.contracts.plan import PlanStep
from engines.contracts.state import ClusterState
from engines.contracts.verdict import (
    Circumstances,
    PoolShare,
    SafetyLayer,
    SafetyLimits,
    SafetyVerdict,
    Severity,
    VerdictAction,
    Violation,
    ZoneShare,
)
from engines.contracts.wording import counted
from engines.risk import SCORE_DECIMALS
from engines.safety.findings import allowance_for, capacity_violations
from engines.safety.fleet import Fleet, Pool, share_of
from engines.safety.simulation import KnownNodes, PlanProblem, Playback, play
from engines.safety.wording import risk_message

PoolRisks = Mapping[tuple[str, str], float | None]
"""Risk scores by (instance type, zone), at the moment of judging; None or absent: not known."""

ORDINARY = Circumstances()


def judge_plan(
    state: ClusterState,
    plan: Sequence[PlanStep],
    limits: SafetyLimits,
    pool_risks: PoolRisks,
    circumstances: Circumstances = ORDINARY,
) -> SafetyVerdict:
    """Judge the cluster as it will be after the plan and in every state on the way there.

    The purpose that ``circumstances`` declare may open a recorded exception, never for layer 1.
    """
    nodes = KnownNodes.of(state, circumstances.nodes_under_notice)
    playback = play(nodes, plan, state.instance_types)
    violations: tuple[Violation, ...] = ()
    if playback.changes_nodes:
        allowance = allowance_for(circumstances, playback)
        violations = (
            *_problem_violations(playback.problems),
            *_risk_violations(playback, limits, pool_risks),
            *capacity_violations(playback.states, limits, allowance),
        )
    return _verdict(nodes, playback, violations, pool_risks)


def _problem_violations(problems: Iterable[PlanProblem]) -> Iterator[Violation]:
    """A step that cannot be judged fails the whole: other figures may be wrong because of it."""
    for problem in sorted(set(problems)):
        yield Violation(
            layer=SafetyLayer.ALL_TOGETHER,
            severity=Severity.ERROR,
            subject=problem.subject,
            measured=1.0,  # steps that cannot be judged
            limit=0.0,
            message=problem.message,
        )


def _risk_violations(
    playback: Playback, limits: SafetyLimits, pool_risks: PoolRisks
) -> Iterator[Violation]:
    """Layer 1: pools that the plan adds must be safe, pools that stay are only pointed out."""
    for pool in sorted({*playback.states[-1].joined.pools, *playback.added}):
        score = score_of(pool, pool_risks)
        if (score or 0.0) >= limits.min_risk_score:
            continue
        is_added = pool in playback.added
        yield Violation(
            layer=SafetyLayer.RISK,
            severity=Severity.ERROR if is_added else Severity.WARNING,
            subject=str(pool),
            measured=score or 0.0,
            limit=limits.min_risk_score,
            message=risk_message(pool, score, limits.min_risk_score, is_added=is_added),
            inherited=not is_added,
        )


def score_of(pool: Pool, pool_risks: PoolRisks) -> float | None:
    """The score that the judge goes by, or None where it is not known."""
    score = pool_risks.get(pool)
    return None if score is None or isnan(score) else round(score, SCORE_DECIMALS)


def _verdict(
    nodes: KnownNodes,
    playback: Playback,
    violations: tuple[Violation, ...],
    pool_risks: PoolRisks,
) -> SafetyVerdict:
    """Layer 5, and the shares as the plan leaves them."""
    errors = [one for one in violations if one.severity is Severity.ERROR]
    end = playback.states[-1].joined
    if not playback.changes_nodes:
        action, message = VerdictAction.NOT_APPLICABLE, "the plan changes no node of the cluster"
    elif errors:
        action, message = VerdictAction.REJECTED, _rejection(errors)
    else:
        action, message = VerdictAction.APPROVED, _approval(len(playback.states) - 1, violations)
    return SafetyVerdict(
        is_safe=not errors,
        action_taken=action,
        message=message + _unclear_note(nodes.unclear),
        violations=violations,
        exceptions=tuple(sorted({one.exception_id for one in violations if one.exception_id})),
        zones=tuple(_zone_shares(end)),
        pools=tuple(_pool_shares(end, playback, pool_risks)),
        on_demand_share=float(share_of(end.on_demand, end.total)) if end.total.nodes else None,
    )


def _rejection(errors: Sequence[Violation]) -> str:
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"layer {errors[0].layer.value} is not met: {errors[0].message}{others}"


def _approval(states: int, violations: Sequence[Violation]) -> str:
    """All layers hold; what was passed over is said."""
    passed = [one for one in violations if one.layer is not SafetyLayer.RISK]
    if not passed:
        where = "the one state" if states == 1 else f"each of the {states} states"
        return f"all five layers hold in {where} that the plan leads to"
    return (
        f"nothing that the plan does breaks a layer in the {counted(states, 'state')} that it leads"
        f" to; {counted(len(passed), 'breach passes', 'breaches pass')} as inherited"
        " or by a recorded exception"
    )


def _unclear_note(unclear: Sequence[str]) -> str:
    if not unclear:
        return ""
    return (
        f"; nothing tells how {counted(len(unclear), 'node is', 'nodes are')} bought"
        f" (first: {unclear[0]!r}), so that counts as Spot"
    )


def _zone_shares(end: Fleet) -> Iterator[ZoneShare]:
    for zone, room in sorted(end.zones.items()):
        yield ZoneShare(
            availability_zone=zone, nodes=room.nodes, share=float(share_of(room, end.total))
        )


def _pool_shares(end: Fleet, playback: Playback, pool_risks: PoolRisks) -> Iterator[PoolShare]:
    for pool, room in sorted(end.pools.items()):
        yield PoolShare(
            instance_type=pool.instance_type,
            availability_zone=pool.availability_zone,
            nodes=room.nodes,
            share=float(share_of(room, end.total)),
            risk_score=score_of(pool, pool_risks),
            decided=pool in playback.added,
        )
