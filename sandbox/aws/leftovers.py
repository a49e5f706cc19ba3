"""What lies about in an account: ghosts, strangers, stopped machines, volumes nobody uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.aws.launching import Launcher


@dataclass(frozen=True)
class Extras:
    """Instances that are no nodes, as moto's objects."""

    ghosts: tuple[Any, ...]
    unrelated: tuple[Any, ...]
    stopped: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class DataVolume:
    """A volume behind a PersistentVolumeClaim, attached to the node that its pod runs on."""

    volume_id: str
    zone: str
    size_gib: int
    namespace: str
    claim: str
    instance_id: str


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """Volumes by what they are to the cluster."""

    data: tuple[DataVolume, ...]
    zombies: tuple[str, ...]
    protected: tuple[str, ...]


# namespace, claim, GiB; one replica each of StatefulSets of the believable cluster
_CLAIMS = (
    ("payments", "data-ledger-0", 100),
    ("payments", "data-ledger-1", 100),
    ("payments", "data-ledger-2", 100),
    ("shop", "index-search-0", 50),
    ("shop", "index-search-1", 50),
    ("data", "stage-warehouse-sync-0", 200),
)

# type, GiB, IOPS, age in days, name, further tags
_ZOMBIES: tuple[tuple[str, int, int | None, int, str, dict[str, str]], ...] = (
    ("gp2", 100, None, 210, "old-jenkins-home", {}),
    ("gp3", 500, 3000, 95, "reindex-scratch", {"team": "data"}),
    ("io1", 200, 4000, 160, "postgres-migration", {}),
    ("gp2", 8, None, 400, "", {}),
    (
        "gp3",
        50,
        3000,
        64,
        "",
        {
            "kubernetes.io/created-for/pvc/name": "data-preview-a-0",
            "kubernetes.io/created-for/pvc/namespace": "dev",
            "ebs.csi.aws.com/cluster": "true",
        },
    ),
    ("gp3", 20, 3000, 31, "", {"kubernetes.io/cluster/shop-staging": "owned"}),
    ("st1", 1000, None, 300, "log-archive", {}),
    ("gp3", 40, 3000, 1, "made-yesterday", {}),
)
_PROTECTED: tuple[tuple[str, int, dict[str, str]], ...] = (
    ("gp3", 300, {"backup": "true", "Name": "ledger-restore-point"}),
    ("gp3", 120, {"velero.io/backup": "nightly", "Name": "velero-volume"}),
    ("gp2", 60, {"keep": "forever", "Name": "audit-2024"}),
)


def launch_extras(launcher: Launcher, cluster: str) -> Extras:
    """Instances that run, or stand stopped, without being nodes of the cluster."""
    owned = {"eks:cluster-name": cluster, f"kubernetes.io/cluster/{cluster}": "owned"}
    ghosts = (
        ("m5.2xlarge", 41, owned | {"Name": "shop-prod-general-node"}),
        ("c5.xlarge", 23, owned | {"karpenter.sh/nodepool": "batch"}),
        ("r5.large", 12, {f"kubernetes.io/cluster/{cluster}": "owned"}),
    )
    unrelated = (
        ("t3.micro", 380, {"Name": "bastion"}),
        ("c5.2xlarge", 70, {"Name": "ci-runner", "team": "platform"}),
        ("t3.small", 380, {"Name": "nat-instance"}),
        ("m5.large", 55, {"kubernetes.io/cluster/shop-staging": "owned"}),
    )
    stopped = (
        ("m5.4xlarge", 130, {"Name": "load-test-2025"}),
        ("r5.large", 75, owned | {"Name": "debug-node"}),
    )
    extras = Extras(
        *(
            tuple(
                launcher.launch(kind, position, timedelta(days=days), tags)
                for position, (kind, days, tags) in enumerate(wanted)
            )
            for wanted in (ghosts, unrelated, stopped)
        )
    )
    for instance in extras.stopped:
        instance.stop()
        stopped_at = launcher.anchor - timedelta(days=20)
        instance._reason = f"User initiated ({stopped_at:%Y-%m-%d %H:%M:%S} GMT)"
    return extras


def create_volumes(
    launcher: Launcher, cluster: str, nodes: Sequence[Any], stopped: Sequence[Any]
) -> Volumes:
    """Volumes of claims, volumes of nobody, and those that only look like it."""
    data = tuple(
        _data_volume(launcher, cluster, nodes[position], claim)
        for position, claim in enumerate(_CLAIMS)
    )
    zombies = tuple(_zombie(launcher, position) for position in range(len(_ZOMBIES)))
    protected = tuple(_protected(launcher, position) for position in range(len(_PROTECTED)))
    waste = _volume(launcher, stopped[0].placement.zone, ("gp3", 250, 3000), 130, {})
    launcher.backend.attach_volume(waste.id, stopped[0].id, "/dev/xvdb")
    return Volumes(data=data, zombies=zombies, protected=protected)


def _data_volume(
    launcher: Launcher, cluster: str, node: Any, claim: tuple[str, str, int]
) -> DataVolume:
    namespace, name, size_gib = claim
    tags = {
        "ebs.csi.aws.com/cluster": "true",
        f"kubernetes.io/cluster/{cluster}": "owned",
        "kubernetes.io/created-for/pvc/name": name,
        "kubernetes.io/created-for/pvc/namespace": namespace,
    }
    volume = _volume(launcher, node.placement.zone, ("gp3", size_gib, 3000), 120, tags)
    launcher.backend.attach_volume(volume.id, node.id, "/dev/xvdba")
    for days in (1, 8):
        _snapshot(
            launcher,
            volume,
            days,
            {"aws:dlm:lifecycle-policy-id": "policy-0sandbox", "pvc": name},
        )
    return DataVolume(
        volume_id=volume.id,
        zone=node.placement.zone,
        size_gib=size_gib,
        namespace=namespace,
        claim=name,
        instance_id=node.id,
    )


def _zombie(launcher: Launcher, position: int) -> str:
    kind, size_gib, iops, days, name, tags = _ZOMBIES[position]
    zone = f"{launcher.backend.region_name}{'abc'[position % 3]}"
    tags = tags | ({"Name": name} if name else {})
    volume = _volume(launcher, zone, (kind, size_gib, iops), days, tags)
    if position == 0:
        _snapshot(launcher, volume, days // 2, {"Name": "before-move"})
    return str(volume.id)


def _protected(launcher: Launcher, position: int) -> str:
    kind, size_gib, tags = _PROTECTED[position]
    zone = f"{launcher.backend.region_name}{'abc'[position % 3]}"
    iops = 3000 if kind == "gp3" else None
    return str(_volume(launcher, zone, (kind, size_gib, iops), 150, tags).id)


def _volume(
    launcher: Launcher,
    zone: str,
    form: tuple[str, int, int | None],
    days: int,
    tags: dict[str, str],
) -> Any:
    """``form`` is the type, the size in GiB and the provisioned IOPS."""
    kind, size_gib, iops = form
    volume = launcher.backend.create_volume(size_gib, zone, volume_type=kind, iops=iops)
    volume.create_time = launcher.moment(timedelta(days=days))
    volume.add_tags(tags)
    return volume


def _snapshot(launcher: Launcher, volume: Any, days: int, tags: dict[str, str]) -> None:
    snapshot = launcher.backend.create_snapshot(volume.id, f"snapshot of {volume.id}")
    snapshot.start_time = launcher.moment(timedelta(days=days))
    snapshot.add_tags(tags)
