"""The sentences of a verdict: subject, what was measured, the limit, the next step."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

from engines.contracts.verdict import ExceptionKind, SafetyLayer
from engines.safety.fleet import Pool
from engines.safety.layers import Breach

_EXCEPTIONS = {
    ExceptionKind.SCHEDULED_SLEEP: "the cluster goes to sleep by its office hours",
    ExceptionKind.INTERRUPTION: "an interrupted node is being replaced",
    ExceptionKind.SMALL_CLUSTER: "the cluster has too few nodes for the limit",
    ExceptionKind.INSTANCES_JOINING: "launched instances are still joining",
    ExceptionKind.LOOSENED_LIMIT: "an admin has loosened this limit of the cluster",
}


def breach_message(breach: Breach, moment: str, passes_because: str) -> str:
    """What is breached, when, by how much, and what to do or why it passes nonetheless."""
    return f"{moment}, {_measured(breach)}; {passes_because or _next_step(breach)}"


def why_exception(kind: ExceptionKind) -> str:
    """Why a breach passes by an exception."""
    return f"it passes by the recorded exception {kind.value}: {_EXCEPTIONS[kind]}"


WHY_INHERITED = "it does not block the plan: the cluster was no better before it"


def risk_message(pool: Pool, score: float | None, limit: float, *, is_added: bool) -> str:
    """A pool below the limit of layer 1."""
    known = (
        "has an unknown risk, which counts as 0.00"
        if score is None
        else f"has the risk score {floor(score * 100) / 100:.2f}"
    )
    verb = "the plan adds" if is_added else "the cluster already uses"
    next_step = (
        "choose a safer pool or on-demand capacity"
        if is_added
        else "the plan does not add to it; move its nodes to a safer pool"
    )
    return f"{verb} pool {pool}, which {known}, below {limit:g}; {next_step}"


def _measured(breach: Breach) -> str:
    match breach.layer:
        case SafetyLayer.AZ_DISTRIBUTION:
            return (
                f"nodes stand in {int(breach.measured)} known zones ({breach.detail}),"
                f" at least {int(breach.limit)} are needed"
            )
        case SafetyLayer.POOL_CONCENTRATION:
            return (
                f"Spot pool {breach.subject} carries {_percent(breach.measured, ceil)} of capacity"
                f" ({breach.detail}), at most {float(breach.limit * 100):g} % is allowed"
            )
        case _:
            return (
                f"{_percent(breach.measured, floor)} of capacity is on-demand ({breach.detail}),"
                f" at least {float(breach.limit * 100):g} % is needed"
            )


def _next_step(breach: Breach) -> str:
    match breach.layer:
        case SafetyLayer.AZ_DISTRIBUTION:
            advice = "launch a node in another zone first, or keep one there"
        case SafetyLayer.POOL_CONCENTRATION:
            advice = "spread the instances over more pools, or launch others first"
        case _:
            advice = "launch on-demand capacity first, or keep more of it"
    small = " (an admin may allow the small-cluster exception)" if breach.small_cluster else ""
    return advice + small


def _percent(share: Fraction, rounded: Callable[[Fraction], int]) -> str:
    """Rounded away from the limit, so that a breach never reads as if the limit were met."""
    return f"{rounded(share * 10_000) / 100:.2f} %"
