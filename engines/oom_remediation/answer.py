"""The answer: fixes with their steps and floors, escalations, warnings, confidence."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.kubernetes import Workload
from engines.contracts.plan import (
    PatchWorkloadResources,
    PlanStep,
    Verify,
    WaitForPods,
    WorkloadRef,
)
from engines.contracts.results import Json, Notice, Recommendation
from engines.contracts.state import ClusterState
from engines.contracts.wording import counted
from engines.cost import UNKNOWN_COST
from engines.oom_remediation.cases import (
    ALLOW_RESTART,
    Case,
    WorkloadCase,
    annotations_of,
    subject_of,
)
from engines.oom_remediation.growth import Growth, Nature
from engines.oom_remediation.kills import Kills
from engines.oom_remediation.parameters import OomParameters
from engines.oom_remediation.reasons import WarningCode
from engines.oom_remediation.remedies import Remedy
from engines.resource_policy.acceptance import freed_of_each_pod
from engines.resource_policy.floors import MemoryFloor
from engines.resource_policy.request_value import Rates, usd_per_month
from engines.resource_policy.settings import (
    Pair,
    Resource,
    as_json,
    resources_as_written,
    step_resources,
)
from engines.resource_policy.templates import (
    REVERTING,
    is_rolled_out_by_hand,
    managed_by,
    rollout_risk,
    scaled_on,
)

RAISE = "raise_memory"
ESCALATE = "escalate_manual_review"
NAMED_AT_MOST = 20
_RULES = ("limit_ranges", "resource_quotas")
_KNOWN, _MEASURED, _READ = 0.6, 0.2, 0.2


def recommendations(
    cases: Iterable[WorkloadCase], parameters: OomParameters, rates: Rates, now: datetime
) -> Iterator[Recommendation]:
    """One recommendation for each container that is fixed or escalated."""
    for found in cases:
        costs = _costs(found, rates)
        for case, usd in zip(found.fixed, costs, strict=True):
            yield _fix(found, case, usd, parameters, now)
        for case in found.escalated:
            yield _escalation(found, case, parameters)


def _costs(found: WorkloadCase, rates: Rates) -> list[Decimal]:
    """What each fix saves: nothing, or less than nothing for the requests that it raises."""
    if found.change is None:
        return []
    freed = freed_of_each_pod(found.change, [one.container.name for one in found.fixed])
    return [usd_per_month(cpu, memory, float(rates[found.row])) for cpu, memory in freed]


def _fix(
    found: WorkloadCase, case: Case, usd: Decimal, parameters: OomParameters, now: datetime
) -> Recommendation:
    new = case.new or case.written
    floor = MemoryFloor(
        namespace=found.workload.metadata.namespace,
        kind=found.workload.kind,
        name=found.workload.metadata.name,
        container=case.container.name,
        bytes=new.memory.request or 0,
        since=now.astimezone(UTC),
    )
    return Recommendation(
        subject=subject_of(found.workload, case.container.name),
        action=RAISE,
        savings_usd_month=usd,
        reason=f"killed for memory {_times(case.times_killed)} in 24 h; memory"
        f" {_mib(_size(case.in_force.memory))} -> {_mib(_size(new.memory))}{_delay(case.growth)}",
        current=as_json(case.written),
        recommended=as_json(new),
        evidence={
            **_evidence(found, case, parameters),
            "memory_floor": msgspec.to_builtins(floor),
            "needs_consent": _missing_consent(found, parameters),
            "has_step": _has_step(found, parameters),
        },
    )


def _escalation(found: WorkloadCase, case: Case, parameters: OomParameters) -> Recommendation:
    return Recommendation(
        subject=subject_of(found.workload, case.container.name),
        action=ESCALATE,
        savings_usd_month=Decimal(0),
        reason=f"killed for memory {_times(case.times_killed)} in 24 h{_restarted(case)}, too often"
        f" for an automatic change; {_looks(case.growth)}",
        current=as_json(case.written),
        recommended={} if case.new is None else as_json(case.new),
        evidence={**_evidence(found, case, parameters), "has_step": False},
    )


def _evidence(found: WorkloadCase, case: Case, parameters: OomParameters) -> dict[str, Json]:
    remedy = case.remedy if isinstance(case.remedy, Remedy) else None
    return {
        "kills": [
            {
                "pod": one.pod,
                "time": datetime.fromtimestamp(one.kill.at, UTC).isoformat(),
                "limit_bytes": one.kill.limit_bytes,
                "source": one.kill.source,
            }
            for one in case.kills
        ],
        "times_killed": case.times_killed,
        "restarts": case.restarts,
        "growth": case.growth.as_json(),
        "base_bytes": remedy.base_bytes if remedy else None,
        "is_base_known": remedy.is_base_known if remedy else False,
        "memory_factor": parameters.memory_factor,
        "capped_by": remedy.cap if remedy else None,
        "max_heap_bytes": case.container.max_heap_bytes,
        "in_force": as_json(case.in_force),
        "managed_by": managed_by(found.workload),
    }


def _looks(growth: Growth) -> str:
    """Leak or load, with the slope that tells it."""
    match growth.nature:
        case Nature.LEAK:
            return (
                f"its memory {_slope(growth)}, as of a leak: more memory only delays the next kill;"
                " look for the leak"
            )
        case Nature.LOAD:
            return (
                f"its memory {_slope(growth)}, so it follows its load; size it by what it needs at"
                " its peak"
            )
        case _:
            return "too little of its memory was measured to tell a leak from load"


def _slope(growth: Growth) -> str:
    mib = (growth.bytes_per_hour or 0) / 1024**2
    moves = "grows" if mib >= 0 else "falls"
    return f"{moves} by {abs(mib):.1f} MiB an hour over {growth.hours:.0f} h"


def _delay(growth: Growth) -> str:
    """What to say beside a raise: nothing unless it looks like a leak."""
    if growth.nature is not Nature.LEAK:
        return ""
    return f"; its memory {_slope(growth)}, as of a leak, which more memory only delays"


def _restarted(case: Case) -> str:
    return f" and restarted {case.restarts} times" if case.restarts > case.times_killed else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _size(pair: Pair) -> int | None:
    return pair.request if pair.limit is None else pair.limit


def _mib(size: int | None) -> str:
    return "not set" if size is None else f"{size / 1024**2:.0f} MiB"


def _missing_consent(found: WorkloadCase, parameters: OomParameters) -> str | None:
    """Why a person has to agree first, or None where that is not so or was done."""
    has_consent = parameters.allow_full_restarts or ALLOW_RESTART in annotations_of(found.workload)
    return None if has_consent else rollout_risk(found.workload)


def _has_step(found: WorkloadCase, parameters: OomParameters) -> bool:
    return (
        found.change is not None
        and managed_by(found.workload) not in REVERTING
        and _missing_consent(found, parameters) is None
    )


def steps(cases: Sequence[WorkloadCase], parameters: OomParameters) -> Iterator[PlanStep]:
    """One patch for each workload that may be changed, then a look at what became of it."""
    ours = [one for one in cases if _has_step(one, parameters)]
    for found in ours:
        metadata = found.workload.metadata
        yield PatchWorkloadResources(
            id=f"raise-memory-{found.workload.kind.lower()}-{metadata.namespace}-{metadata.name}",
            workload=WorkloadRef(
                kind=found.workload.kind, namespace=metadata.namespace, name=metadata.name
            ),
            resources=tuple(
                step_resources(one.container, one.written, one.new)
                for one in found.fixed
                if one.new is not None
            ),
            previous=tuple(resources_as_written(one.container) for one in found.fixed),
        )
    if ours:
        namespaces = sorted({one.workload.metadata.namespace for one in ours})
        yield WaitForPods(id="wait-for-pods", priority=1, namespaces=tuple(namespaces))
        yield Verify(
            id="verify",
            priority=2,
            expectation=f"no container of the {counted(len(ours), 'workload')} is killed"
            " for memory again",
        )


def warnings_of(
    state: ClusterState,
    kills: Kills,
    cases: Sequence[WorkloadCase],
    parameters: OomParameters,
    costs: NDArray[np.int64],
) -> tuple[Notice, ...]:
    """What a reader should know before trusting the answer."""
    fixed = [one for one in cases if one.fixed]
    unread = tuple(one for one in _RULES if one not in state.cluster.listed)
    problems = sorted({f"{one.subject.kind}/{one.subject.name}" for one in state.problems})
    names = state.cluster.nodes.names
    subjects = {
        WarningCode.NEEDS_CONSENT: _named(
            one for one in fixed if _missing_consent(one, parameters) is not None
        ),
        WarningCode.MANAGED_BY_GITOPS: _named(one for one in fixed if managed_by(one.workload)),
        WarningCode.ROLLED_OUT_BY_HAND: _named(
            one for one in fixed if is_rolled_out_by_hand(one.workload)
        ),
        WarningCode.HEAP_ABOVE_MEMORY: _named(one for one in fixed if _has_large_heap(one)),
        WarningCode.HPA_ON_MEMORY: _named(
            one
            for one in fixed
            if any(_is_scaled_on_memory(state, one.workload, case) for case in one.fixed)
        ),
        WarningCode.NODE_OUT_OF_MEMORY: kills.nodes_out_of_memory,
        WarningCode.KILL_WITHOUT_STATUS: kills.unseen,
        WarningCode.UNPRICED_NODES: tuple(
            names[row] for row in np.flatnonzero(costs == UNKNOWN_COST).tolist()
        ),
        WarningCode.UNREAD_OBJECTS: tuple(problems[:NAMED_AT_MOST]),
        WarningCode.RULES_NOT_READ: unread,
    }
    return tuple(
        Notice(code=code, message=_WARNINGS[code], subjects=some)
        for code, some in subjects.items()
        if some
    )


_WARNINGS = {
    WarningCode.NEEDS_CONSENT: "a change takes away more than half of the pods of these workloads"
    " at once, so it has no step; set allow_full_restarts, or the annotation"
    " cloudoptim.io/oom-remediation: allow-restart",
    WarningCode.MANAGED_BY_GITOPS: "the manifests of these workloads come from Argo CD, Flux or"
    " Helm; raise the memory there too, or it is taken back",
    WarningCode.ROLLED_OUT_BY_HAND: "the change reaches running pods of these workloads only when"
    " somebody lets it (paused, on delete, or a partition)",
    WarningCode.HEAP_ABOVE_MEMORY: "the heap of a container of these workloads may grow beyond its"
    " new memory; lower the heap's ceiling",
    WarningCode.HPA_ON_MEMORY: "autoscalers of these workloads measure memory in percent of the"
    " request, so a raised request means fewer pods; give them an absolute target",
    WarningCode.NODE_OUT_OF_MEMORY: "these nodes ran out of memory as a whole; what the kernel"
    " killed there leaves no trace in any container's status",
    WarningCode.KILL_WITHOUT_STATUS: "on these nodes the kernel killed a process at its container's"
    " limit, and no container's status tells of it, for its first process lived on; the nodes'"
    " kernel logs tell which",
    WarningCode.UNPRICED_NODES: "the cost of these nodes is not known, so what is raised there"
    " counts nothing",
    WarningCode.UNREAD_OBJECTS: "objects or parts of them could not be used, these among them; see"
    " the list of problems",
    WarningCode.RULES_NOT_READ: "these kinds of objects were not read, so no advice minds them;"
    " add them",
}


def _named(cases: Iterable[WorkloadCase]) -> tuple[str, ...]:
    found = [one.workload for one in cases]
    return tuple(f"{one.kind}/{one.metadata.namespace}/{one.metadata.name}" for one in found)


def _is_scaled_on_memory(state: ClusterState, workload: Workload, case: Case) -> bool:
    """Whether an autoscaler measures by the request that a fix raises."""
    is_raised = case.new is not None and case.new.memory.request != case.in_force.memory.request
    names = scaled_on(state.cluster.hpas, workload, case.container.name)
    return is_raised and Resource.MEMORY in names


def _has_large_heap(found: WorkloadCase) -> bool:
    return any(
        (case.container.max_heap_bytes or 0) >= (_size(case.new.memory) or 0)
        for case in found.fixed
        if case.new is not None and case.container.max_heap_bytes
    )


def confidence_of(state: ClusterState, cases: Sequence[WorkloadCase]) -> float:
    """0..1: 0.6 x kills whose limit is known + 0.2 x containers measured + 0.2 if pods were read.

    Without any kill the first two count in full: there was nothing to be known.
    """
    killed = [case for one in cases for case in (*one.fixed, *one.escalated)]
    kills = [one.kill for case in killed for one in case.kills]
    known = sum(one.is_limit_known for one in kills) / len(kills) if kills else 1.0
    measured = [case.growth.nature is not Nature.UNKNOWN for case in killed]
    share = sum(measured) / len(measured) if measured else 1.0
    read = "pods" in state.cluster.listed
    return round(_KNOWN * known + _MEASURED * share + _READ * read, 4)
