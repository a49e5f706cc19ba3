"""How far the answer can be trusted: warnings, confidence and the evidence about the input."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from engines.contracts.kubernetes import DaemonSet, Workload
from engines.contracts.results import Json, Notice, Skipped
from engines.contracts.state import ClusterState
from engines.contracts.usage_summary import UsageSummary
from engines.contracts.wording import counted
from engines.cost import UNKNOWN_COST
from engines.resource_policy.templates import is_rolled_out_by_hand, managed_by, rollout_risk
from engines.rightsizing.answer import PricedAdvice
from engines.rightsizing.given import Given
from engines.rightsizing.histories import ContainerHistory, Histories
from engines.rightsizing.reasons import WarningCode, WorkloadReason
from engines.rightsizing.summaries import WINDOW_SECONDS

OLD_USAGE = timedelta(hours=24)
COARSE_SECONDS = 600
NAMED_AT_MOST = 20
_RULES = ("limit_ranges", "resource_quotas", "hpas")
_ENOUGH, _SPAN, _PRICED = 0.5, 0.3, 0.2


def usage_evidence(summary: UsageSummary) -> dict[str, Json]:
    """How much was measured."""
    last = _newest(summary)
    return {
        "containers_measured": int(np.count_nonzero(summary.memory.samples)),
        "samples": int(summary.memory.samples.sum()),
        "seconds_between_samples": _step_seconds(summary),
        "newest_at": None if last is None else last.isoformat(),
    }


def skipped_by_reason(skipped: Iterable[Skipped]) -> dict[str, int]:
    """How often each reason was given."""
    return dict(sorted(Counter(str(one.reason) for one in skipped).items()))


def warnings_of(given: Given, priced: Sequence[PricedAdvice]) -> tuple[Notice, ...]:
    """What a reader should know before trusting the answer."""
    return (
        *_about_usage(given),
        *_about_cluster(given.state, given.costs),
        *_about_changes(given.state, priced),
    )


def _about_usage(given: Given) -> Iterator[Notice]:
    summary, histories = given.summary, given.histories
    newest = _newest(summary)
    if newest is None:
        yield Notice(
            code=WarningCode.NO_USAGE,
            message="nothing was measured in the last 7 days; collect usage, or import it",
        )
    elif given.now - newest > OLD_USAGE:
        yield Notice(
            code=WarningCode.OLD_USAGE,
            message=f"the newest sample is of {newest.isoformat()}; collect usage again",
        )
    step = _step_seconds(summary)
    if step is not None and step > COARSE_SECONDS:
        yield Notice(
            code=WarningCode.COARSE_SAMPLES,
            message=f"samples lie {step} s apart, so short peaks of memory were not seen",
        )
    if histories.unattributed:
        count = len(histories.unattributed)
        yield Notice(
            code=WarningCode.UNATTRIBUTED_USAGE,
            message=f"{counted(count, 'pod that is gone tells', 'pods that are gone tell')} no"
            " workload by name, so that use is in no history;"
            f" the first {NAMED_AT_MOST} are named",
            subjects=histories.unattributed[:NAMED_AT_MOST],
        )


def _about_cluster(state: ClusterState, costs: NDArray[np.int64]) -> Iterator[Notice]:
    names = state.cluster.nodes.names
    if unpriced := tuple(names[row] for row in np.flatnonzero(costs == UNKNOWN_COST).tolist()):
        yield Notice(
            code=WarningCode.UNPRICED_NODES,
            message="the cost of these nodes is not known, so what is freed there counts nothing",
            subjects=unpriced,
        )
    if state.problems:
        unread = counted(len(state.problems), "object or part of one", "objects or parts of them")
        yield Notice(
            code=WarningCode.UNREAD_OBJECTS,
            message=f"{unread} could not be used; see the list of problems",
        )


def _about_changes(state: ClusterState, priced: Sequence[PricedAdvice]) -> Iterator[Notice]:
    unread = tuple(one for one in _RULES if one not in state.cluster.listed)
    if priced and unread:
        yield Notice(
            code=WarningCode.RULES_NOT_READ,
            message="these kinds of objects were not read, so no advice minds them; add them",
            subjects=unread,
        )
    workloads = [one.advice.workload for one in priced]
    cpu = state.cluster.nodes.allocatable_cpu_millicores
    are_unequal = len(cpu) > 0 and int(cpu.max()) > 2 * int(cpu.min())
    concerned: dict[WarningCode, list[Workload]] = {
        WarningCode.MANAGED_BY_GITOPS: [one for one in workloads if managed_by(one)],
        WarningCode.RESTARTS_ALL_PODS: [one for one in workloads if rollout_risk(one)],
        WarningCode.ROLLED_OUT_BY_HAND: [one for one in workloads if is_rolled_out_by_hand(one)],
        WarningCode.UNEQUAL_NODES: [
            one for one in workloads if are_unequal and isinstance(one, DaemonSet)
        ],
    }
    for code, some in concerned.items():
        if some:
            names = (f"{one.kind}/{one.metadata.namespace}/{one.metadata.name}" for one in some)
            yield Notice(code=code, message=_ABOUT_CHANGES[code], subjects=tuple(names))


_ABOUT_CHANGES = {
    WarningCode.MANAGED_BY_GITOPS: "the manifests of these workloads come from Argo CD, Flux or"
    " Helm; change the resources there too, or the change is taken back",
    WarningCode.RESTARTS_ALL_PODS: "a change takes away more than half of the pods of these"
    " workloads at once",
    WarningCode.ROLLED_OUT_BY_HAND: "a change reaches running pods of these workloads only when"
    " somebody lets it (paused, on delete, or a partition)",
    WarningCode.UNEQUAL_NODES: "the nodes differ much in size and a DaemonSet has one size for all"
    " of them: that of its busiest pod",
}


def confidence_of(
    histories: Histories, skipped: Iterable[Skipped], costs: NDArray[np.int64]
) -> float:
    """0..1: 0.5 x containers with enough data + 0.3 x window covered + 0.2 x nodes priced.

    The window is covered as far as the histories that are long enough reach, on average.
    """
    enough = [one for one in histories.by_container.values() if _is_enough(one)]
    missing = sum(one.reason == WorkloadReason.NOT_ENOUGH_DATA for one in skipped)
    share = len(enough) / (len(enough) + missing) if enough else 0.0
    spans = [min(one.cpu.span_seconds, one.memory.span_seconds) for one in enough]
    covered = sum(spans) / (WINDOW_SECONDS * len(spans)) if spans else 0.0
    priced = float(np.mean(costs != UNKNOWN_COST)) if len(costs) else 0.0
    return round(_ENOUGH * share + _SPAN * covered + _PRICED * priced, 4)


def _is_enough(history: ContainerHistory) -> bool:
    return history.cpu.is_enough and history.memory.is_enough


def _newest(summary: UsageSummary) -> datetime | None:
    last = int(max(summary.cpu.last.max(initial=0), summary.memory.last.max(initial=0)))
    return datetime.fromtimestamp(last, UTC) if last else None


def _step_seconds(summary: UsageSummary) -> int | None:
    """The median distance of samples, by container."""
    memory = summary.memory
    several = memory.samples > 1
    if not several.any():
        return None
    spans = (memory.last - memory.first)[several] / (memory.samples[several] - 1)
    return round(float(np.median(spans)))
