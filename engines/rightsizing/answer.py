"""The answer about workloads: recommendations, steps, and the numbers behind them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from engines.contracts.plan import (
    PatchWorkloadResources,
    PlanStep,
    Verify,
    WaitForPods,
    WorkloadRef,
)
from engines.contracts.results import Json, Recommendation
from engines.contracts.wording import counted
from engines.resource_policy.settings import (
    as_json,
    resources_as_written,
    step_resources,
)
from engines.resource_policy.templates import REVERTING, managed_by
from engines.rightsizing.containers import millicores, rounded
from engines.rightsizing.histories import ContainerHistory, Histories, History
from engines.rightsizing.savings import Saving
from engines.rightsizing.untouched import subject_of
from engines.rightsizing.workloads import ContainerChange, WorkloadAdvice

ACTION = "resize_container"


class PricedAdvice(NamedTuple):
    """The advice about one workload and what each of its changes saves."""

    advice: WorkloadAdvice
    savings: tuple[Saving, ...]


def workload_recommendations(
    priced: Iterable[PricedAdvice], histories: Histories
) -> Iterator[Recommendation]:
    """One recommendation for each container that changes."""
    for advice, savings in priced:
        for change, saving in zip(advice.containers, savings, strict=True):
            name = change.container.name
            history = histories.of(advice.row, name)
            yield Recommendation(
                subject=subject_of(advice.workload, name),
                action=ACTION,
                savings_usd_month=saving.usd_month,
                reason=_sentence(change, advice, history),
                current=as_json(change.written),
                recommended=as_json(change.new),
                evidence=_evidence(change, advice, saving, history),
            )


def _sentence(change: ContainerChange, advice: WorkloadAdvice, history: ContainerHistory) -> str:
    parts = []
    if change.proposal.cpu.pair is not None:
        parts.append(
            f"CPU request {_amount(change.written.cpu.request, 'm')} ->"
            f" {change.new.cpu.request}m (P95 {millicores(history.cpu.p95)}m,"
            f" peak {millicores(history.cpu.peak)}m)"
        )
    if change.proposal.memory.pair is not None:
        parts.append(
            f"memory request {_mib(change.written.memory.request)} ->"
            f" {_mib(change.new.memory.request)} (peak {_mib(rounded(history.memory.peak))})"
        )
    return f"{'; '.join(parts)}; {counted(advice.change.pods, 'pod runs', 'pods run')} now"


def _amount(amount: int | None, unit: str) -> str:
    return "not set" if amount is None else f"{amount}{unit}"


def _mib(size: int | None) -> str:
    return "not set" if size is None else f"{size / 1024**2:.0f} MiB"


def _evidence(
    change: ContainerChange, advice: WorkloadAdvice, saving: Saving, history: ContainerHistory
) -> dict[str, Json]:
    owner = managed_by(advice.workload)
    return {
        "basis": "usage",
        "cpu": {
            "p95_millicores": millicores(history.cpu.p95),
            **_history(history.cpu, millicores, "millicores"),
        },
        "memory": _history(history.memory, rounded, "bytes"),
        "in_force": as_json(advice.change.before[change.container.name]),
        "kept": {
            resource: outcome.reason
            for resource, outcome in (
                ("cpu", change.proposal.cpu),
                ("memory", change.proposal.memory),
            )
            if outcome.reason is not None
        },
        "qos_class": advice.qos,
        "pods": advice.change.pods,
        "freed_of_each_pod": {
            "cpu_millicores": saving.cpu_millicores,
            "memory_bytes": saving.memory_bytes,
        },
        "realisable": False,
        "realisable_after": "the freed room is money only when nodes go: see nodes_that_could_go",
        "managed_by": owner,
        "has_step": owner not in REVERTING,
    }


def _history(one: History, convert: Callable[[float], int], unit: str) -> dict[str, Json]:
    return {
        "samples": one.samples,
        "span_hours": round(one.span_seconds / 3600, 2),
        "pods": one.pods,
        f"peak_{unit}": convert(one.peak),
        f"average_{unit}": convert(one.average),
    }


def workload_steps(priced: Sequence[PricedAdvice]) -> Iterator[PlanStep]:
    """One patch for each workload, then a look at what became of it.

    Workloads whose manifests a controller puts back get none: change them where they come from.
    """
    ours = [one.advice for one in priced if managed_by(one.advice.workload) not in REVERTING]
    for advice in ours:
        metadata = advice.workload.metadata
        yield PatchWorkloadResources(
            id=f"resize-{advice.workload.kind.lower()}-{metadata.namespace}-{metadata.name}",
            workload=WorkloadRef(
                kind=advice.workload.kind, namespace=metadata.namespace, name=metadata.name
            ),
            resources=tuple(
                step_resources(one.container, one.written, one.new) for one in advice.containers
            ),
            previous=tuple(resources_as_written(one.container) for one in advice.containers),
        )
    if ours:
        namespaces = sorted({one.workload.metadata.namespace for one in ours})
        yield WaitForPods(id="wait-for-pods", priority=1, namespaces=tuple(namespaces))
        yield Verify(
            id="verify",
            priority=2,
            expectation=f"the pods of {counted(len(ours), 'workload')} run with the new requests,"
            " none Pending, none killed for memory",
        )
