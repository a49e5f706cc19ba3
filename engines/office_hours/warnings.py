"""What a reader should know before trusting the answer, and how far to trust it."""

from collections.abc import Iterable, Iterator, Sequence

from engines.contracts.kubernetes import CronJob, Workload
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import Notice
from engines.contracts.snapshot import ClusterSnapshot
from engines.office_hours.calendar import is_open, next_change
from engines.office_hours.nodes import has_node_autoscaler
from engines.office_hours.reasons import WarningCode
from engines.office_hours.reckoning import Changed, Reckoning
from engines.office_hours.recognition import is_kept_by_gitops
from engines.office_hours.selection import Schedules


def warnings_of(
    request: DecisionRequest,
    schedules: Schedules,
    changes: Sequence[Changed],
    reckoning: Reckoning,
) -> tuple[Notice, ...]:
    """All of them, in one order."""
    return (
        *_about_schedules(request, schedules),
        *_about_reading(request.current_state.cluster, changes),
        *_about_changes(request.current_state.cluster, changes, reckoning),
    )


def _about_schedules(request: DecisionRequest, schedules: Schedules) -> Iterator[Notice]:
    for one in schedules.bad:
        yield Notice(
            code=WarningCode.BAD_SCHEDULE,
            message=f"the schedule of environment {one.environment!r} is not understood, so all of"
            f" it stays awake: {one.problem}",
            subjects=(one.environment,),
        )
    never = tuple(
        one.document.environment
        for one in schedules.environments
        if not is_open(one.schedule, request.now) and next_change(one.schedule, request.now) is None
    )
    if never:
        yield Notice(
            code=WarningCode.NEVER_OPEN,
            message="these environments never open: a window that ends when it starts is empty;"
            " write 00:00 to 24:00 for a whole day",
            subjects=never,
        )


def _about_reading(snapshot: ClusterSnapshot, changes: Sequence[Changed]) -> Iterator[Notice]:
    if "namespaces" not in snapshot.listed:
        yield Notice(
            code=WarningCode.NAMESPACES_NOT_READ,
            message="namespaces were not read, so their labels opt nothing in; only namespaces that"
            " a schedule names follow it",
        )
    sleeps = any(one.is_sleep for one in changes)
    if sleeps and "hpas" not in snapshot.listed:
        yield Notice(
            code=WarningCode.AUTOSCALERS_NOT_READ,
            message="autoscalers of workloads were not read; one may undo what sleep does",
        )
    if sleeps and "webhooks" not in snapshot.listed:
        yield Notice(
            code=WarningCode.WEBHOOKS_NOT_READ,
            message="admission webhooks were not read; make sure that none of what sleeps answers"
            " one, or exclude it",
        )
    if sleeps and not has_node_autoscaler(snapshot):
        yield Notice(
            code=WarningCode.NO_NODE_AUTOSCALER,
            message="nothing was found that scales nodes (Cluster Autoscaler, Karpenter), so sleep"
            " saves money only as far as this plan takes empty nodes away",
        )


def _about_changes(
    snapshot: ClusterSnapshot, changes: Sequence[Changed], reckoning: Reckoning
) -> Iterator[Notice]:
    asleep = [one for one in changes if one.is_sleep]
    if unknown := _names(one for one in asleep if reckoning.usd_month(one.verdict) is None):
        yield Notice(
            code=WarningCode.SAVINGS_UNKNOWN,
            message="what these cost is not known (no running pod on a node with a price), so their"
            " sleep is in no sum",
            subjects=unknown,
        )
    late = _names(
        one
        for one in changes
        if not one.is_sleep and _starts_missed_runs(one.verdict.standing.workload)
    )
    if late:
        yield Notice(
            code=WarningCode.MISSED_RUNS,
            message="these start a run that they missed as soon as they wake; set"
            " startingDeadlineSeconds if that is not wanted",
            subjects=late,
        )
    if kept := _names(one for one in asleep if is_kept_by_gitops(one.verdict.standing.workload)):
        yield Notice(
            code=WarningCode.GITOPS,
            message="these are kept by a GitOps controller, which may undo their sleep; let it"
            " ignore spec.replicas and spec.suspend",
            subjects=kept,
        )


def _starts_missed_runs(workload: Workload) -> bool:
    return isinstance(workload, CronJob) and workload.spec.starting_deadline_seconds is None


def _names(changes: Iterable[Changed]) -> tuple[str, ...]:
    return tuple("/".join(one.verdict.key) for one in changes)


def confidence_of(
    request: DecisionRequest,
    schedules: Schedules,
    changes: Sequence[Changed],
    reckoning: Reckoning,
) -> float:
    """0..1: 0.4 x schedules understood + 0.3 x cluster read + 0.3 x savings known.

    The cluster's part is the share of namespaces, autoscalers and webhooks that was read; the last
    is the share of sleeping workloads whose cost is known, 1 where none falls asleep.
    """
    given = len(schedules.environments) + len(schedules.bad)
    understood = len(schedules.environments) / given if given else 1.0
    listed = request.current_state.cluster.listed
    read = sum(name in listed for name in ("namespaces", "hpas", "webhooks")) / 3
    asleep = [one for one in changes if one.is_sleep]
    known = sum(reckoning.usd_month(one.verdict) is not None for one in asleep)
    priced = known / len(asleep) if asleep else 1.0
    return round(0.4 * understood + 0.3 * read + 0.3 * priced, 4)
