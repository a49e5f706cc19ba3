"""Sleep, wake or leave: what each workload's wanted state means for what it is now.

Level-triggered: nothing depends on an edge being seen. What a person changed while a workload
slept stays; what we changed is known by the replicas that we gave it (``slept_to``).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from engines.contracts.kubernetes import (
    CronJob,
    HorizontalPodAutoscaler,
    ScaledObject,
    StatefulSet,
    Workload,
)
from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey
from engines.contracts.wording import counted
from engines.office_hours.calendar import last_closing
from engines.office_hours.parameters import SavedReplicas
from engines.office_hours.reasons import WorkloadReason
from engines.office_hours.recognition import is_kept_by_gitops
from engines.office_hours.schedules import Environment
from engines.office_hours.selection import Exempt

SAVED_ANNOTATION = "cloudoptim.io/saved-replicas"
SLEPT_TO_ANNOTATION = "cloudoptim.io/slept-to"

REVERTED_WITHIN = timedelta(minutes=15)
"""So soon after falling asleep nobody is back by hand: a GitOps controller undid the change."""


class Action(StrEnum):
    """What to do with a workload."""

    SLEEP = "sleep"
    WAKE = "wake"


class Change(NamedTuple):
    """A workload to change. ``saved`` is what the ledger must hold afterwards; None: nothing."""

    action: Action
    replicas: int
    saved: int | None
    message: str


class Left(NamedTuple):
    """A workload to leave; ``forget``: what the ledger holds of it is of no use any more."""

    reason: WorkloadReason
    message: str
    forget: bool = False
    subjects: tuple[str, ...] = ()


class Standing(NamedTuple):
    """A workload as it is. A CronJob that runs counts as 1 replica, a suspended one as 0."""

    workload: Workload
    replicas: int
    saved: SavedReplicas | None


def replicas_of(workload: Workload) -> int:
    """The wanted replicas in the workload's spec."""
    if isinstance(workload, CronJob):
        return 0 if workload.spec.suspend else 1
    return workload.spec.replicas if hasattr(workload.spec, "replicas") else 0


def saved_of(
    workload: Workload, ledger: Mapping[WorkloadKey, SavedReplicas]
) -> SavedReplicas | None:
    """What was saved of a workload: by our ledger, else by its own annotations."""
    metadata = workload.metadata
    key = WorkloadKey(workload.kind, metadata.namespace, metadata.name)
    if key in ledger:
        return ledger[key]
    written = metadata.annotations.get(SAVED_ANNOTATION, "")
    slept_to = metadata.annotations.get(SLEPT_TO_ANNOTATION, "0")
    if not (written.isdecimal() and slept_to.isdecimal()):
        return None
    return SavedReplicas(
        namespace=key.namespace,
        kind=key.kind,
        name=key.name,
        replicas=int(written),
        slept_to=int(slept_to),
    )


class Autoscalers:
    """The autoscalers of workloads, by what they scale."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._hpas: dict[WorkloadKey, HorizontalPodAutoscaler] = {}
        self._keda: dict[WorkloadKey, ScaledObject] = {}
        for hpa in snapshot.hpas:
            target = hpa.spec.scale_target_ref
            key = WorkloadKey(target.kind, hpa.metadata.namespace, target.name)
            self._hpas.setdefault(key, hpa)
        for scaled in snapshot.scaled_objects:
            ref = scaled.spec.scale_target_ref
            key = WorkloadKey(ref.kind, scaled.metadata.namespace, ref.name)
            self._keda.setdefault(key, scaled)

    def hpa_of(self, workload: Workload) -> HorizontalPodAutoscaler | None:
        """The HorizontalPodAutoscaler that scales the workload."""
        return self._hpas.get(_key(workload))

    def keda_of(self, workload: Workload) -> ScaledObject | None:
        """The ScaledObject that scales the workload."""
        return self._keda.get(_key(workload))


def objection_to_sleep(
    standing: Standing, environment: Environment, autoscalers: Autoscalers
) -> Exempt | None:
    """Why this workload cannot sleep, though its schedule would have it; None: it can."""
    workload, target = standing.workload, sleep_target(standing.workload, environment)
    if (keda := autoscalers.keda_of(workload)) is not None:
        return _keda_objection(keda)
    hpa = autoscalers.hpa_of(workload)
    maker = None if hpa is None else hpa.metadata.controller
    if maker is not None and maker.kind == "ScaledObject":  # which itself was not read
        return _scaled_by_keda(maker.name)
    if isinstance(workload, StatefulSet):
        if target and standing.replicas > target:
            return Exempt(
                WorkloadReason.QUORUM_AT_RISK,
                f"would keep {target} of {counted(standing.replicas, 'replica')}: a set of"
                " peers loses its quorum so; let it sleep to 0 by an annotation of"
                " its own, or exclude it",
            )
        policy = workload.spec.persistent_volume_claim_retention_policy
        if policy.when_scaled == "Delete":
            return Exempt(
                WorkloadReason.CLAIMS_WOULD_BE_DELETED,
                "would lose its data: its claims are deleted when it is scaled down (whenScaled)",
            )
    if hpa is not None and 0 < target < hpa.spec.min_replicas:
        return Exempt(
            WorkloadReason.AUTOSCALER_WOULD_UNDO,
            f"would be scaled up again at once: its autoscaler {hpa.metadata.name} keeps at least"
            f" {hpa.spec.min_replicas}; sleep to 0, which pauses it",
            (hpa.metadata.name,),
        )
    return None


def _keda_objection(keda: ScaledObject) -> Exempt:
    name = keda.metadata.name
    paused = sorted(
        key for key in keda.metadata.annotations if key.startswith("autoscaling.keda.sh/paused")
    )
    if not paused:
        return _scaled_by_keda(name)
    return Exempt(
        WorkloadReason.SCALED_BY_KEDA,
        f"is paused by {', '.join(paused)} on ScaledObject {name}, which is left as it is",
        (name,),
    )


def _scaled_by_keda(name: str) -> Exempt:
    return Exempt(
        WorkloadReason.SCALED_BY_KEDA,
        f"is scaled by KEDA's ScaledObject {name}, which would undo the change; give that a cron"
        " trigger with these hours",
        (name,),
    )


def sleep_target(workload: Workload, environment: Environment) -> int:
    """The replicas of a sleeping workload; a CronJob is suspended or it is not."""
    return 0 if isinstance(workload, CronJob) else environment.document.scale_down_replicas


def decide_closed(
    standing: Standing, environment: Environment, now: datetime, grace: timedelta
) -> Change | Left:
    """The schedule is closed, and nothing speaks against sleeping."""
    target = sleep_target(standing.workload, environment)
    if _is_of_an_earlier_night(standing, environment, now):
        standing = standing._replace(saved=None)
    if standing.saved is not None and standing.saved.replicas > 0:
        return _asleep_already(standing, standing.saved, target, now)
    if standing.replicas <= target:
        return Left(
            WorkloadReason.ALREADY_SMALL,
            f"has {counted(standing.replicas, 'replica')}, no more than sleep would leave,"
            " so nothing is saved and it will not be woken",
            forget=standing.saved is not None,
        )
    if (fresh := _fresh(standing, environment, now, grace)) is not None:
        return fresh
    return Change(
        Action.SLEEP,
        replicas=target,
        saved=standing.replicas,
        message="It is outside of office hours:"
        f" from {counted(standing.replicas, 'replica')} to {target}.",
    )


def _is_of_an_earlier_night(standing: Standing, environment: Environment, now: datetime) -> bool:
    """Whether the workload was awake since it was put to sleep, and only the ledger missed it."""
    saved = standing.saved
    if saved is None or saved.slept_at is None or standing.replicas == saved.slept_to:
        return False
    closed_at = last_closing(environment.schedule, now)
    return closed_at is not None and saved.slept_at < closed_at


def _asleep_already(
    standing: Standing, saved: SavedReplicas, target: int, now: datetime
) -> Change | Left:
    """It sleeps already. Compared is with what it was given then, not with today's wish."""
    if standing.replicas == saved.slept_to:
        if target == saved.slept_to or target >= saved.replicas:
            return Left(
                WorkloadReason.ASLEEP,
                f"sleeps; {counted(saved.replicas, 'replica wakes', 'replicas wake')} with the"
                " schedule",
            )
        return Change(
            Action.SLEEP,
            replicas=target,
            saved=saved.replicas,
            message=f"Its sleep was changed:"
            f" from {counted(standing.replicas, 'replica')} to {target};"
            f" {counted(saved.replicas, 'stays', 'stay')} saved.",
        )
    is_soon = saved.slept_at is not None and now - saved.slept_at <= REVERTED_WITHIN
    if is_soon and (standing.replicas == saved.replicas or is_kept_by_gitops(standing.workload)):
        return Left(
            WorkloadReason.REVERTED,
            "was woken within minutes of falling asleep, so something else keeps its replicas"
            " (GitOps, say); let that ignore replicas, or exclude the workload",
        )
    return Left(
        WorkloadReason.CHANGED_BY_HAND,
        f"was scaled to {standing.replicas} by hand while it slept, and stays so until the schedule"
        " opens",
    )


def _fresh(
    standing: Standing, environment: Environment, now: datetime, grace: timedelta
) -> Left | None:
    """What was made a moment ago, or outside of office hours, is wanted by somebody right now."""
    created = standing.workload.metadata.creation_timestamp
    if created is None:
        return None
    if now - created < grace:
        return Left(
            WorkloadReason.WITHIN_GRACE,
            f"was made at {created.isoformat()}, less than the minutes of grace ago; later runs"
            " judge it",
        )
    closed_at = last_closing(environment.schedule, now)
    if closed_at is not None and created > closed_at:
        return Left(
            WorkloadReason.MADE_WHILE_CLOSED,
            f"was made at {created.isoformat()}, outside of office hours, so it is wanted now; it"
            " sleeps from the next closing on",
        )
    return None


def decide_open(
    standing: Standing, why: Left, hpa: HorizontalPodAutoscaler | None
) -> Change | Left:
    """The workload is to be awake; ``why`` says so where nothing is to be done."""
    saved = standing.saved
    if saved is None:
        return why
    if saved.replicas < 1:
        return Left(
            WorkloadReason.NOTHING_SAVED,
            "was saved with 0 replicas, which is no state to wake to; scale it by hand",
            forget=True,
        )
    if standing.replicas == saved.replicas:
        return why._replace(forget=True)
    if standing.replicas != saved.slept_to:
        return Left(
            WorkloadReason.CHANGED_BY_HAND,
            f"was scaled to {standing.replicas} by hand while it slept, and stays so",
            forget=True,
        )
    ceiling = saved.replicas if hpa is None else max(1, hpa.spec.max_replicas)
    wanted = min(saved.replicas, ceiling)
    capped = "" if wanted == saved.replicas else ", the most that its autoscaler allows now"
    if wanted <= standing.replicas:
        return why._replace(forget=True)
    return Change(
        Action.WAKE,
        replicas=wanted,
        saved=None,
        message="It is to be awake:"
        f" from {counted(standing.replicas, 'replica')} to {wanted}{capped}.",
    )


def _key(workload: Workload) -> WorkloadKey:
    metadata = workload.metadata
    return WorkloadKey(workload.kind, metadata.namespace, metadata.name)
