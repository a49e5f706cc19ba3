"""Layers 2 to 4 over all states of a plan: which breaches block it, and what lets others pass."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engines.contracts.verdict import (
    Circumstances,
    ExceptionKind,
    PlanPurpose,
    SafetyLayer,
    SafetyLimits,
    Severity,
    Violation,
)
from engines.safety.layers import Breach, ExactLimits, FleetState, breaches_of
from engines.safety.simulation import Playback
from engines.safety.wording import WHY_INHERITED, breach_message, why_exception

LimitKey = tuple[SafetyLayer, str]

_DEFAULT_LIMITS = SafetyLimits()
_SHARE_LAYERS = frozenset({SafetyLayer.POOL_CONCENTRATION, SafetyLayer.ON_DEMAND_BUFFER})
_SPREAD_LAYERS = frozenset({SafetyLayer.AZ_DISTRIBUTION, SafetyLayer.POOL_CONCENTRATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the declared purpose of a plan lets pass, by a recorded exception.

    ``must_heal``: what was broken before the plan must be whole after it.
    """

    exception: ExceptionKind | None = None
    layers: frozenset[SafetyLayer] = frozenset()
    must_heal: bool = False


def allowance_for(circumstances: Circumstances, playback: Playback) -> Allowance:
    """An exception holds only for a plan that does what its purpose says and nothing else.

    Sleep takes nodes away and launches none. The interruption path replaces nodes under notice
    and takes away no other capacity; its layers 2 and 3 may break, its buffer may not.
    """
    is_replacement = circumstances.nodes_under_notice and not playback.removed
    match circumstances.purpose:
        case PlanPurpose.SCHEDULED_SLEEP if not playback.has_launches:
            return Allowance(
                exception=ExceptionKind.SCHEDULED_SLEEP, layers=_SPREAD_LAYERS | _SHARE_LAYERS
            )
        case PlanPurpose.INTERRUPTION if is_replacement:
            return Allowance(exception=ExceptionKind.INTERRUPTION, layers=_SPREAD_LAYERS)
        case PlanPurpose.SCHEDULED_WAKE:
            return Allowance(must_heal=True)
        case _:
            return Allowance()


def capacity_violations(
    states: Sequence[FleetState], limits: SafetyLimits, allowance: Allowance
) -> list[Violation]:
    """Of each limit the worst breach that blocks, or else what passes and why.

    ``states`` begins before the plan: that one is compared with and not judged.
    """
    by_limit: dict[LimitKey, list[Finding]] = {}
    rules = Rules.of(states[0], limits, allowance)
    for state in states[1:]:
        for finding in rules.findings(state, is_end=state is states[-1]):
            by_limit.setdefault(finding.breach.key, []).append(finding)
    reported = [one for key in sorted(by_limit) for one in _reported(by_limit[key])]
    loosened = [one for one in _beyond_defaults(states[-1]) if one.breach.key not in by_limit]
    return [_violation(one) for one in sorted([*reported, *loosened], key=_layer_and_subject)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A breach in one state. It passes as inherited or by an exception, or blocks the plan."""

    breach: Breach
    moment: str
    is_end: bool
    is_inherited: bool = False
    exception: ExceptionKind | None = None

    @property
    def blocks(self) -> bool:
        return not self.is_inherited and self.exception is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a state is compared with: the limits, the state before the plan, the allowance."""

    limits: SafetyLimits
    exact: ExactLimits
    at_start: Mapping[LimitKey, Breach]
    allowance: Allowance

    @classmethod
    def of(cls, start: FleetState, limits: SafetyLimits, allowance: Allowance) -> "Rules":
        exact = ExactLimits.of(limits)
        at_start = {breach.key: breach for breach in breaches_of(start, exact)}
        return cls(limits=limits, exact=exact, at_start=at_start, allowance=allowance)

    def findings(self, state: FleetState, *, is_end: bool = False) -> list[Finding]:
        """All breaches of the state, each with what lets it pass."""
        breaches = breaches_of(state, self.exact)
        return [self._finding(breach, state, is_end) for breach in breaches]

    def _finding(self, breach: Breach, state: FleetState, is_end: bool) -> Finding:
        """Whether the breach passes; the first reason that fits is the one that is recorded."""
        is_inherited, exception = False, None
        if breach.small_cluster and self.limits.allow_small_cluster_exception:
            exception = ExceptionKind.SMALL_CLUSTER
        elif self._is_no_worse(breach) and not (is_end and self.allowance.must_heal):
            is_inherited = True
        elif state.is_growing and breach.layer in _SHARE_LAYERS:
            exception = ExceptionKind.INSTANCES_JOINING
        elif breach.layer in self.allowance.layers:
            exception = self.allowance.exception
        return Finding(
            breach=breach,
            moment=state.moment,
            is_end=is_end,
            is_inherited=is_inherited,
            exception=exception,
        )

    def _is_no_worse(self, breach: Breach) -> bool:
        was = self.at_start.get(breach.key)
        return was is not None and breach.badness <= was.badness


def _beyond_defaults(end: FleetState) -> Iterator[Finding]:
    """What the end may be only because the cluster's limits are looser than the defaults."""
    for breach in breaches_of(end, ExactLimits.of(_DEFAULT_LIMITS)):
        yield Finding(
            breach=breach,
            moment=end.moment,
            is_end=True,
            exception=ExceptionKind.LOOSENED_LIMIT,
        )


def _layer_and_subject(finding: Finding) -> LimitKey:
    return finding.breach.key


def _reported(findings: Sequence[Finding]) -> list[Finding]:
    """One finding where the limit blocks; else one for each exception, and what is inherited.

    Of an inherited breach only what remains at the end is of interest.
    """
    if blocking := [finding for finding in findings if finding.blocks]:
        return [_worst(blocking)]
    kinds = sorted({finding.exception for finding in findings if finding.exception})
    excused = [_worst([one for one in findings if one.exception is kind]) for kind in kinds]
    return [*excused, *(one for one in findings if one.is_inherited and one.is_end)]


def _worst(findings: Sequence[Finding]) -> Finding:
    """The worst breach; of equal ones that at the end, else the first."""
    return max(findings, key=lambda finding: (finding.breach.badness, finding.is_end))


def _violation(finding: Finding) -> Violation:
    breach = finding.breach
    if finding.is_inherited:
        passes_because = WHY_INHERITED
    else:
        passes_because = why_exception(finding.exception) if finding.exception else ""
    return Violation(
        layer=breach.layer,
        severity=Severity.ERROR if finding.blocks else Severity.WARNING,
        subject=breach.subject,
        measured=float(breach.measured),
        limit=float(breach.limit),
        message=breach_message(breach, finding.moment, passes_because),
        inherited=finding.is_inherited,
        exception_id=finding.exception.value if finding.exception else None,
    )
