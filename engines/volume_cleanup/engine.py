"""From a request to an answer: every volume is a zombie or stands in ``skipped`` with a reason."""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from decimal import Decimal

from engines.contracts.aws import Volume
from engines.contracts.plan import DeleteVolume, PlanStep, SnapshotVolume, Verify
from engines.contracts.requests import DecisionRequest, convert_part, input_digest, refused
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Json,
    Notice,
    Recommendation,
    Skipped,
    Subject,
)
from engines.contracts.state import ClusterState
from engines.contracts.verdict import SafetyLimits
from engines.contracts.wording import counted
from engines.volume_cleanup.judgement import Inspection, Refusal, Zombie, find_refusal
from engines.volume_cleanup.parameters import VolumeParameters
from engines.volume_cleanup.reasons import WarningCode
from engines.volume_cleanup.uses import Use, claim_of

NAME = "volume_cleanup"
VERSION = "1.0.0"

_CLUSTER_TAG_PREFIX = "kubernetes.io/cluster/"
_LONG_AVAILABLE_DAYS = 30  # after a month hardly anybody comes back for a volume
_SECONDS_PER_DAY = 86_400


def find_zombie_volumes(request: DecisionRequest) -> DecisionResponse:
    """Name the EBS volumes that nothing has used for longer than the grace.

    Raises InvalidInputError for a parameter that cannot be used.
    """
    parameters = convert_part(request.requirements, VolumeParameters, "requirements")
    convert_part(request.constraints, SafetyLimits, "constraints")
    refusal = find_refusal(request.current_state, parameters)
    if refusal is not None:
        return _refused(request, refusal)
    return _answer(request, parameters)


def _refused(request: DecisionRequest, refusal: Refusal) -> DecisionResponse:
    return refused(
        request, EngineIdentity(name=NAME, version=VERSION), refusal.reason, refusal.message
    )


def _answer(request: DecisionRequest, parameters: VolumeParameters) -> DecisionResponse:
    state = request.current_state
    volumes = state.volumes or ()
    inspection = Inspection.of(state, parameters, request.now)
    judged = [(one, inspection.judge(one)) for one in volumes]
    zombies = [verdict for _, verdict in judged if isinstance(verdict, Zombie)]
    recommendations = tuple(_recommendation(one, parameters, request.now) for one in zombies)
    skipped = tuple(
        _skipped(volume, verdict) for volume, verdict in judged if isinstance(verdict, Use)
    )
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.VOLUME_CLEANUP,
        engine=EngineIdentity(name=NAME, version=VERSION),
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations,
        skipped=skipped,
        execution_plan=tuple(_steps(zombies, state, parameters)),
        estimated_savings=sum((one.savings_usd_month for one in recommendations), Decimal(0)),
        confidence_score=_confidence(zombies, state, parameters, request.now),
        warnings=tuple(_warnings(zombies, state, parameters)),
        evidence={
            "volumes": len(volumes),
            "zombies": len(zombies),
            "zombie_gib": sum(one.volume.size_gib for one in zombies),
            "skipped_by_reason": dict(sorted(Counter(one.reason for one in skipped).items())),
            "requires_approval": bool(zombies),
        },
    )


def _subject(volume: Volume) -> Subject:
    return Subject(
        kind="Volume",
        name=volume.tag_values.get("Name", ""),
        volume_id=volume.volume_id,
        availability_zone=volume.availability_zone,
    )


def _skipped(volume: Volume, use: Use) -> Skipped:
    return Skipped(
        subject=_subject(volume),
        reason=use.reason,
        message=f"{volume.volume_id} {use.message}",
        subjects=use.subjects,
    )


def _recommendation(zombie: Zombie, parameters: VolumeParameters, now: datetime) -> Recommendation:
    volume, cost = zombie.volume, zombie.cost
    saving = zombie.saving(with_snapshot=parameters.snapshot_before_delete)
    days = (now - zombie.available_since).total_seconds() / _SECONDS_PER_DAY
    return Recommendation(
        subject=_subject(volume),
        action="delete_volume",
        savings_usd_month=saving or Decimal(0),
        reason=f"{volume.size_gib} GiB of {volume.volume_type} that nothing has used for at least"
        f" {counted(round(days), 'day')}; no claim, pod or tag asks to keep it.",
        current={
            "state": volume.state,
            "volume_type": volume.volume_type,
            "size_gib": volume.size_gib,
            "iops": volume.iops,
            "throughput_mib_s": volume.throughput,
            "usd_month": cost.volume,
        },
        recommended={
            "state": "deleted",
            "snapshot_first": parameters.snapshot_before_delete,
            "snapshot_usd_month_at_most": cost.snapshot
            if parameters.snapshot_before_delete
            else Decimal(0),
        },
        evidence=_evidence(zombie, days),
    )


def _evidence(zombie: Zombie, days: float) -> dict[str, Json]:
    volume, claim = zombie.volume, claim_of(zombie.volume)
    return {
        "available_since": zombie.available_since.isoformat(),
        "available_days": round(days, 3),
        "created_at": None if volume.create_time is None else volume.create_time.isoformat(),
        "storage_usd_month": zombie.cost.storage,
        "performance_usd_month": zombie.cost.performance,
        "snapshots": list(zombie.snapshots),
        "made_for_claim": None if claim is None else f"{claim.namespace}/{claim.name}",
        "cluster_tags": list(_cluster_tags(volume)),
        "encrypted": volume.encrypted,
        "requires_approval": True,
    }


def _cluster_tags(volume: Volume) -> tuple[str, ...]:
    """The clusters that the volume's tags name."""
    names = (
        name.removeprefix(_CLUSTER_TAG_PREFIX)
        for name in volume.tag_values
        if name.startswith(_CLUSTER_TAG_PREFIX)
    )
    return tuple(sorted(names))


def _steps(
    zombies: Sequence[Zombie], state: ClusterState, parameters: VolumeParameters
) -> Iterator[PlanStep]:
    """A snapshot and a deletion for each; none where claims were not read, so nothing is proven."""
    if not zombies or "pvs" not in state.cluster.listed:
        return
    for one in zombies:
        known = one.volume.volume_id
        if parameters.snapshot_before_delete:
            yield SnapshotVolume(id=f"snapshot-{known}", volume_id=known)
        yield DeleteVolume(id=f"delete-{known}", volume_id=known)
    yield Verify(
        id="verify",
        expectation="the volumes are deleted, and no pod waits for one of them",
    )


def _warnings(
    zombies: Sequence[Zombie], state: ClusterState, parameters: VolumeParameters
) -> Iterator[Notice]:
    if not zombies:
        return
    if "pvs" not in state.cluster.listed:
        yield Notice(
            code=WarningCode.CLAIMS_NOT_READ,
            message="PersistentVolumes were not read, so there are no steps: nothing proves that no"
            " claim holds these volumes; read them, then ask again",
        )
    if state.snapshots is None and parameters.given_snapshots is None:
        yield Notice(
            code=WarningCode.SNAPSHOTS_NOT_READ,
            message="snapshots were not read, so these volumes may have some; give them, then ask"
            " again",
        )
    if state.instances is None:
        yield Notice(
            code=WarningCode.INSTANCES_NOT_READ,
            message="instances were not read, so volumes of stopped ones are not told from others",
        )
    yield from _about_volumes(zombies, parameters)
    if parameters.snapshot_before_delete:
        yield from _about_keys(zombies, {one.arn for one in state.kms_keys or ()})


def _about_volumes(zombies: Sequence[Zombie], parameters: VolumeParameters) -> Iterator[Notice]:
    with_snapshot = parameters.snapshot_before_delete
    if unpriced := _ids(one for one in zombies if one.saving(with_snapshot=with_snapshot) is None):
        yield Notice(
            code=WarningCode.PRICE_UNKNOWN,
            message="the price of these volumes or of their snapshots is not known, so no saving is"
            " claimed; give volume_prices and snapshot_price_gib_month",
            subjects=unpriced,
        )
    ours = set(parameters.cluster_names)
    if foreign := _ids(one for one in zombies if set(_cluster_tags(one.volume)) - ours):
        yield Notice(
            code=WarningCode.FOREIGN_CLUSTER_TAGS,
            message="these carry tags of clusters that are not known to be registered; make sure"
            " that those clusters are gone",
            subjects=foreign,
        )


def _about_keys(zombies: Sequence[Zombie], known: Set[str]) -> Iterator[Notice]:
    """Of encrypted volumes: whose keys were seen to work, and whose nothing is known of."""
    encrypted = [one for one in zombies if one.volume.encrypted]
    if seen := _ids(one for one in encrypted if one.volume.kms_key_id in known):
        yield Notice(
            code=WarningCode.ENCRYPTED,
            message="snapshots of these are readable only as long as their KMS keys are; keep the"
            " keys",
            subjects=seen,
        )
    if unseen := _ids(one for one in encrypted if one.volume.kms_key_id not in known):
        yield Notice(
            code=WarningCode.KEY_STATE_UNKNOWN,
            message="whether the KMS keys of these still work is not known, and without its key no"
            " snapshot of a volume can be taken; allow kms:DescribeKey, or look before deleting",
            subjects=unseen,
        )


def _ids(zombies: Iterator[Zombie]) -> tuple[str, ...]:
    return tuple(one.volume.volume_id for one in zombies)


def _confidence(
    zombies: Sequence[Zombie], state: ClusterState, parameters: VolumeParameters, now: datetime
) -> float:
    """0..1: 0.4 x claims read + 0.2 x snapshots read + 0.3 x time available + 0.1 x price known.

    The last two are means over the zombies; time grows to 1 over 30 days. Without a zombie nothing
    is claimed: 1.
    """
    if not zombies:
        return 1.0
    has_claims = "pvs" in state.cluster.listed
    has_snapshots = state.snapshots is not None or parameters.given_snapshots is not None
    days = [(now - one.available_since).total_seconds() / _SECONDS_PER_DAY for one in zombies]
    time = sum(min(1.0, one / _LONG_AVAILABLE_DAYS) for one in days) / len(zombies)
    priced = sum(one.cost.volume is not None for one in zombies) / len(zombies)
    return round(0.4 * has_claims + 0.2 * has_snapshots + 0.3 * time + 0.1 * priced, 4)
