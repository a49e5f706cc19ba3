"""The volume clean-up's parameters: the ledger, the policy, and prices where ours do not reach."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec

from engines.contracts import aws
from engines.contracts.json_values import Time

Days = Annotated[float, msgspec.Meta(ge=0)]


class SnapshotList(msgspec.Struct, frozen=True, kw_only=True):
    """What ``aws ec2 describe-snapshots`` prints."""

    snapshots: tuple[aws.Snapshot, ...] = msgspec.field(name="Snapshots")


class SavedReplicas(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workload that office hours put to sleep, and how many replicas it had."""

    namespace: str
    kind: str
    name: str
    replicas: int = 1
    slept_to: int = 0
    slept_at: Time | None = None


class VolumeParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may tell the volume clean-up. All have defaults; None: not set."""

    first_seen: Mapping[str, Time] = {}
    """When our scans first saw each volume available, by volume id: EC2 does not tell."""
    min_available_days: Days = 7.0
    """A volume is a zombie after more than so many days."""
    snapshots: tuple[aws.Snapshot, ...] | SnapshotList | None = None
    """Snapshots as ``aws ec2 describe-snapshots`` prints them, beside those of the state."""
    allow_volumes_with_snapshots: bool = False
    """Whether volumes that have snapshots may go: the snapshots may be backups of them."""
    snapshot_before_delete: bool = True
    """Whether a snapshot is taken, and waited for, before a volume is deleted."""
    protected_tags: tuple[str, ...] = ()
    """Further tags that protect a volume: "key", or "key=value"."""
    volume_prices: Mapping[str, Decimal] = {}
    """USD per GiB and month by volume type, over the built-in ones."""
    snapshot_price_gib_month: Decimal | None = None
    """USD per GiB and month of a snapshot, over the built-in one."""
    saved_replicas: tuple[SavedReplicas, ...] = ()
    """Workloads that office hours put to sleep."""
    unreadable_clusters: tuple[str, ...] = ()
    """Registered clusters of the account and region that could not be read just now."""
    volumes_of_other_clusters: tuple[str, ...] = ()
    """Ids of the volumes that PersistentVolumes of other registered clusters name."""
    cluster_names: tuple[str, ...] = ()
    """Names, as in ownership tags, of all registered clusters."""

    def __post_init__(self) -> None:
        for price in (*self.volume_prices.values(), self.snapshot_price_gib_month):
            if price is not None and not (price.is_finite() and price >= 0):
                raise ValueError("a price must be a number that is not negative")

    @property
    def given_snapshots(self) -> tuple[aws.Snapshot, ...] | None:
        """The snapshots of the parameter, however they were given."""
        return (
            self.snapshots.snapshots if isinstance(self.snapshots, SnapshotList) else self.snapshots
        )
