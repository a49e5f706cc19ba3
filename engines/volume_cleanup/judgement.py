"""What each volume is: a zombie, or why it is none. The first rule that applies counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from engines.contracts.aws import KEY_WORKS, Instance, Snapshot, Volume
from engines.contracts.kubernetes import StatefulSet, template_of
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.state import ClusterState
from engines.contracts.wording import counted
from engines.volume_cleanup.parameters import VolumeParameters
from engines.volume_cleanup.prices import PriceTable, VolumeCost
from engines.volume_cleanup.reasons import RefusalReason, VolumeReason
from engines.volume_cleanup.uses import Use, Uses

KEEPER_TAGS = ("backup", "keep", "cloudoptim:ignore", "cloudoptim.io/ignore")
"""Tags that protect a volume unless their value says no; written in any case."""

KEEPER_PREFIXES = ("aws:backup:", "aws:dlm:", "dlm:", "velero.io/", "velero-")
"""AWS Backup, Data Lifecycle Manager and Velero mark what they look after with such tags."""

_NO = ("false", "no", "0")
_LIVING_SNAPSHOTS = ("pending", "completed", "recoverable", "recovering")
_STOPPED = ("stopping", "stopped")


class Refusal(NamedTuple):
    """Why nothing is judged at all."""

    reason: RefusalReason
    message: str


class Zombie(NamedTuple):
    """A volume that nobody uses."""

    volume: Volume
    available_since: datetime  # by our own ledger: it may have been so for longer
    cost: VolumeCost
    snapshots: tuple[str, ...]

    def saving(self, *, with_snapshot: bool) -> Decimal | None:
        """USD a month, less what a snapshot of all of it would cost; None: not known."""
        if self.cost.volume is None or not with_snapshot:
            return self.cost.volume
        return None if self.cost.snapshot is None else self.cost.volume - self.cost.snapshot


def find_refusal(state: ClusterState, parameters: VolumeParameters) -> Refusal | None:
    """Missing knowledge that would make volumes in use look free."""
    if state.volumes is None:
        return Refusal(
            RefusalReason.VOLUMES_NOT_GIVEN,
            "EBS volumes were not read; allow ec2:DescribeVolumes, or give the file of them",
        )
    if parameters.unreadable_clusters:
        names = ", ".join(sorted(parameters.unreadable_clusters))
        return Refusal(
            RefusalReason.UNREADABLE_CLUSTERS,
            f"a volume may be bound in a cluster that could not be read: {names}; make it"
            " readable, or remove it from the registered clusters",
        )
    kinds = ("PersistentVolume", "PersistentVolumeClaim")
    if unread := [one.subject.name for one in state.cluster.unread if one.subject.kind in kinds]:
        count = counted(len(unread), "PersistentVolume or claim", "PersistentVolumes or claims")
        return Refusal(
            RefusalReason.UNREADABLE_CLAIMS,
            f"{count} could not be read (first: {min(unread) or 'without a name'}), and any volume"
            " may be theirs; see the list of problems",
        )
    if "pvs" not in state.cluster.listed and _speaks_of_claims(state.cluster):
        return Refusal(
            RefusalReason.CLAIMS_NOT_GIVEN,
            "the cluster uses claims, but its PersistentVolumes were not read, so volumes in use"
            " would look free; allow listing them, or add them to the file",
        )
    return None


def _speaks_of_claims(snapshot: ClusterSnapshot) -> bool:
    """Whether anything that was read uses a claim; where pods were not read, it may."""
    if "pods" not in snapshot.listed or snapshot.pvcs or snapshot.volume_attachments:
        return True
    specs = [pod.spec for pod in snapshot.pods.items]
    specs += [template_of(one).spec for one in snapshot.workloads]
    volumes = (volume for spec in specs for volume in spec.volumes)
    if any(one.persistent_volume_claim or one.ephemeral for one in volumes):
        return True
    sets = (one for one in snapshot.workloads if isinstance(one, StatefulSet))
    return any(one.spec.volume_claim_templates for one in sets)


class Inspection(NamedTuple):
    """What volumes are judged by."""

    parameters: VolumeParameters
    now: datetime
    uses: Uses
    prices: PriceTable
    instances: Mapping[str, Instance]
    snapshots: Mapping[str, tuple[Snapshot, ...]]  # by volume
    key_states: Mapping[str, str]  # of the KMS keys that could be asked for, by ARN

    @classmethod
    def of(cls, state: ClusterState, parameters: VolumeParameters, now: datetime) -> "Inspection":
        snapshots = (*(state.snapshots or ()), *(parameters.given_snapshots or ()))
        prices = PriceTable(parameters.volume_prices, parameters.snapshot_price_gib_month)
        return cls(
            parameters=parameters,
            now=now,
            uses=Uses(state.cluster, parameters.saved_replicas),
            prices=prices,
            instances={one.instance_id: one for one in state.instances or ()},
            snapshots=_by_volume(snapshots),
            key_states={one.arn: one.key_state for one in state.kms_keys or ()},
        )

    def judge(self, volume: Volume) -> Zombie | Use:
        """A zombie, or why not."""
        return (
            self._by_state(volume)
            or self._by_word(volume)
            or self._by_cluster(volume)
            or self._by_snapshots(volume)
            or self._by_age(volume)
            or self._by_key(volume)
            or self._by_saving(volume)
            or self._zombie(volume)
        )

    def _by_state(self, volume: Volume) -> Use | None:
        match volume.state:
            case "available":
                return None
            case "in-use":
                return self._in_use(volume)
            case "creating":
                return Use(VolumeReason.CREATING, "is being made; it is judged once it is there")
            case "error":
                return Use(
                    VolumeReason.ERROR_STATE,
                    "is in the state error: look at its status checks and its KMS key, then delete"
                    " it by hand",
                )
            case _:
                return Use(VolumeReason.DELETING, "is going or gone already")

    def _in_use(self, volume: Volume) -> Use:
        holders = tuple(sorted(one.instance_id for one in volume.attachments if one.instance_id))
        known = [self.instances[one] for one in holders if one in self.instances]
        is_idle = len(known) == len(holders) > 0 and all(
            one.state.name in _STOPPED for one in known
        )
        if not is_idle:
            return Use(VolumeReason.IN_USE, "is attached", holders)
        cost = self.prices.cost_of(volume).volume
        said = "" if cost is None else f", for {cost.normalize():f} USD a month"
        return Use(
            VolumeReason.ATTACHED_TO_STOPPED_INSTANCE,
            f"is attached to a stopped instance{said}: no zombie, but waste; terminate the"
            " instance, or keep a snapshot instead",
            holders,
        )

    def _by_word(self, volume: Volume) -> Use | None:
        """What its operator and its tags say about touching it."""
        if volume.operator is not None and volume.operator.managed:
            return Use(
                VolumeReason.OPERATOR_MANAGED,
                f"is managed by {volume.operator.principal or 'an AWS service'}; delete it there",
            )
        if keepers := keeper_tags(volume, self.parameters.protected_tags):
            return Use(
                VolumeReason.PROTECTED_BY_TAG,
                f"is tagged {', '.join(keepers)}; remove the tag if nobody needs the data",
                keepers,
            )
        return None

    def _by_cluster(self, volume: Volume) -> Use | None:
        if (use := self.uses.of(volume)) is not None:
            return use
        if volume.volume_id in self.parameters.volumes_of_other_clusters:
            return Use(
                VolumeReason.OTHER_CLUSTER,
                "belongs to a PersistentVolume of another registered cluster; it is judged there",
            )
        return None

    def _by_snapshots(self, volume: Volume) -> Use | None:
        snapshots = self.snapshots.get(volume.volume_id, ())
        running = tuple(one.snapshot_id for one in snapshots if one.state == "pending")
        if running:
            return Use(
                VolumeReason.SNAPSHOT_RUNNING,
                "has a snapshot that is not completed; wait for it",
                running,
            )
        if snapshots and not self.parameters.allow_volumes_with_snapshots:
            return Use(
                VolumeReason.HAS_SNAPSHOTS,
                f"has {counted(len(snapshots), 'snapshot')}, perhaps as its backup; set"
                " allow_volumes_with_snapshots if not",
                tuple(one.snapshot_id for one in snapshots),
            )
        return None

    def _by_age(self, volume: Volume) -> Use | None:
        first = self.parameters.first_seen.get(volume.volume_id)
        grace = timedelta(days=self.parameters.min_available_days)
        if first is not None and self.now - first > grace:
            return None
        seen = "was not seen before" if first is None else f"was first seen {first.isoformat()}"
        return Use(
            VolumeReason.WITHIN_GRACE,
            f"{seen} as available; it is a zombie after more than"
            f" {counted(self.parameters.min_available_days, 'day')} of that, scan again",
        )

    def _by_key(self, volume: Volume) -> Use | None:
        """Without its key nothing can be read of it, so no snapshot can be promised."""
        state = self.key_states.get(volume.kms_key_id, KEY_WORKS)
        if state == KEY_WORKS or not self.parameters.snapshot_before_delete:
            return None
        return Use(
            VolumeReason.KEY_UNUSABLE,
            f"is encrypted with a key in the state {state}, so no snapshot of it can be taken;"
            " make the key work again, or set snapshot_before_delete to false if nobody needs the"
            " data",
            (volume.kms_key_id,),
        )

    def _by_saving(self, volume: Volume) -> Use | None:
        with_snapshot = self.parameters.snapshot_before_delete
        saving = self._zombie(volume).saving(with_snapshot=with_snapshot)
        if saving is None or saving > 0:
            return None
        return Use(
            VolumeReason.SNAPSHOT_COSTS_MORE,
            "a snapshot of all of it would cost as much as the volume or more; set"
            " snapshot_before_delete to false if nobody needs the data",
        )

    def _zombie(self, volume: Volume) -> Zombie:
        snapshots = self.snapshots.get(volume.volume_id, ())
        return Zombie(
            volume=volume,
            available_since=self.parameters.first_seen[volume.volume_id],
            cost=self.prices.cost_of(volume),
            snapshots=tuple(one.snapshot_id for one in snapshots),
        )


def keeper_tags(volume: Volume, further: Sequence[str]) -> tuple[str, ...]:
    """The names of the volume's tags that protect it, sorted."""
    return tuple(
        sorted(
            name
            for name, value in volume.tag_values.items()
            if _keeps(name, value) or {name, f"{name}={value}", f"{name}:{value}"} & set(further)
        )
    )


def _keeps(name: str, value: str) -> bool:
    lowered = name.lower()
    if lowered in KEEPER_TAGS:
        return value.lower() not in _NO
    return lowered.startswith(KEEPER_PREFIXES)


def _by_volume(snapshots: Sequence[Snapshot]) -> Mapping[str, tuple[Snapshot, ...]]:
    """The snapshots that are there or coming, once each, by the volume that they are of."""
    found: dict[str, dict[str, Snapshot]] = {}
    for one in sorted(snapshots, key=lambda one: (one.snapshot_id, one.state != "pending")):
        if one.state in _LIVING_SNAPSHOTS:
            found.setdefault(one.volume_id, {}).setdefault(one.snapshot_id, one)
    return {volume: tuple(by_id.values()) for volume, by_id in found.items()}
