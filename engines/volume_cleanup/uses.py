"""What Kubernetes says about EBS volumes: claims, PersistentVolumes, pods, nodes, sleeping sets."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engines.contracts.aws import Volume
from engines.contracts.kubernetes import PersistentVolume, StatefulSet, template_of
from engines.contracts.kubernetes.pods import PodSpec
from engines.contracts.snapshot import ClusterSnapshot
from engines.volume_cleanup.parameters import SavedReplicas
from engines.volume_cleanup.reasons import VolumeReason

_VOLUME_ID = re.compile(r"(?:^|[/^])(vol-[0-9a-zA-Z]+)$")
_CLAIM_NAME_TAG = "kubernetes.io/created-for/pvc/name"
_CLAIM_NAMESPACE_TAG = "kubernetes.io/created-for/pvc/namespace"


class ClaimKey(NamedTuple):
    """A PersistentVolumeClaim by name."""

    namespace: str
    name: str


class Use(NamedTuple):
    """Why a volume is not free; ``subjects`` name who holds it."""

    reason: VolumeReason
    message: str
    subjects: tuple[str, ...] = ()


def volume_id_in(text: str) -> str | None:
    """The id in "vol-x", "aws://zone/vol-x" or "kubernetes.io/csi/...^vol-x"; None: in none."""
    match = _VOLUME_ID.search(text)
    return match[1] if match else None


def claim_of(volume: Volume) -> ClaimKey | None:
    """The claim that the CSI driver made the volume for, by its tags."""
    tags = volume.tag_values
    name, namespace = tags.get(_CLAIM_NAME_TAG), tags.get(_CLAIM_NAMESPACE_TAG)
    return ClaimKey(namespace, name) if name and namespace else None


class Uses:
    """Answers for each volume who in the cluster holds it, if anybody."""

    def __init__(self, snapshot: ClusterSnapshot, saved: tuple[SavedReplicas, ...]) -> None:
        self._sleepers = tuple(_sleepers(snapshot, saved))
        self._claims = {
            ClaimKey(one.metadata.namespace, one.metadata.name): one for one in snapshot.pvcs
        }
        self._volumes: Mapping[str, list[PersistentVolume]] = _by_volume(snapshot.pvs)
        self._named_by_pods = _named_by_pods(snapshot)
        self._named_by_nodes = _named_by_nodes(snapshot)

    def of(self, volume: Volume) -> Use | None:
        """The strongest hold on the volume; None: nobody of this cluster speaks of it."""
        known = volume.volume_id
        held = self._volumes.get(known, ())
        by_volume = [self._use_by(one) for one in held]
        if by_volume:
            return min(by_volume, key=lambda use: (list(VolumeReason).index(use.reason), use))
        if pods := self._named_by_pods.get(known):
            return Use(
                VolumeReason.NAMED_BY_POD,
                "is named by pods or their templates; change these first",
                tuple(sorted(pods)),
            )
        if nodes := self._named_by_nodes.get(known):
            return Use(
                VolumeReason.NAMED_BY_NODE,
                "is attached or in use according to its node; wait until the node lets go of it",
                tuple(sorted(nodes)),
            )
        claim = claim_of(volume)
        return None if claim is None else self._use_by_tag(claim)

    def _use_by(self, volume: PersistentVolume) -> Use:
        """What the phase of a PersistentVolume means for what stands behind it."""
        name, claim = volume.metadata.name, _claim_ref(volume)
        if claim is not None and (sleeper := self._sleeper(claim)) is not None:
            return _asleep(claim, sleeper)
        match volume.status.phase:
            case "Bound":
                label = "a claim" if claim is None else f"claim {claim.namespace}/{claim.name}"
                return Use(
                    VolumeReason.CLAIM_BOUND,
                    f"is bound to {label}, whether a pod runs or not; delete the claim if nobody"
                    " needs it",
                    (name,),
                )
            case "Released" if volume.spec.persistent_volume_reclaim_policy == "Retain":
                return Use(
                    VolumeReason.RELEASED_RETAINED,
                    f"was kept on purpose: PersistentVolume {name} is Released with the policy"
                    " Retain; delete both by hand if the data is not needed",
                    (name,),
                )
            case "Released":
                return Use(
                    VolumeReason.RELEASED_NOT_DELETED,
                    f"should have been deleted by Kubernetes with PersistentVolume {name}; look at"
                    " its finalizers and events",
                    (name,),
                )
            case "Available":
                return Use(
                    VolumeReason.STATIC_VOLUME,
                    f"waits as PersistentVolume {name} for a claim; delete that if none will come",
                    (name,),
                )
            case phase:
                return Use(
                    VolumeReason.VOLUME_NOT_SETTLED,
                    f"belongs to PersistentVolume {name}, which is {phase}; look at its events",
                    (name,),
                )

    def _use_by_tag(self, claim: ClaimKey) -> Use | None:
        """A volume without a PersistentVolume may still be what a waiting claim will ask for."""
        if (sleeper := self._sleeper(claim)) is not None:
            return _asleep(claim, sleeper)
        found = self._claims.get(claim)
        if found is None or found.status.phase == "Bound":
            return None  # bound, but to another volume: this one is of a predecessor of its name
        return Use(
            VolumeReason.CLAIM_WAITS,
            f"was made for claim {claim.namespace}/{claim.name}, which is {found.status.phase};"
            " look at that claim first",
            (f"{claim.namespace}/{claim.name}",),
        )

    def _sleeper(self, claim: ClaimKey) -> "Sleeper | None":
        return next((one for one in self._sleepers if one.owns(claim)), None)


class Sleeper(NamedTuple):
    """A StatefulSet without replicas; ``templates`` None: the set itself is not there."""

    namespace: str
    name: str
    templates: frozenset[str] | None

    def owns(self, claim: ClaimKey) -> bool:
        """Whether the claim is one of the set's: <template>-<set>-<ordinal>."""
        if claim.namespace != self.namespace:
            return False
        front, _, ordinal = claim.name.rpartition("-")
        template = front.removesuffix(f"-{self.name}")
        if not ordinal.isdigit() or template == front:
            return False
        return self.templates is None or template in self.templates


def _sleepers(snapshot: ClusterSnapshot, saved: tuple[SavedReplicas, ...]) -> Iterator[Sleeper]:
    """The StatefulSets that were put to sleep or have no replicas."""
    slept = {(one.namespace, one.name) for one in saved if one.kind == "StatefulSet"}
    for one in snapshot.workloads:
        if isinstance(one, StatefulSet):
            key = (one.metadata.namespace, one.metadata.name)
            if key in slept or one.spec.replicas == 0:
                templates = (each.metadata.name for each in one.spec.volume_claim_templates)
                yield Sleeper(*key, frozenset(templates))
            slept.discard(key)
    for namespace, name in sorted(slept):
        yield Sleeper(namespace, name, None)


def _asleep(claim: ClaimKey, sleeper: Sleeper) -> Use:
    return Use(
        VolumeReason.STATEFUL_SET_ASLEEP,
        f"holds the data of claim {claim.namespace}/{claim.name} of StatefulSet {sleeper.name},"
        " which is asleep; it will be needed when that wakes",
        (f"{sleeper.namespace}/{sleeper.name}",),
    )


def _claim_ref(volume: PersistentVolume) -> ClaimKey | None:
    reference = volume.spec.claim_ref
    return None if reference is None else ClaimKey(reference.namespace, reference.name)


def _by_volume(volumes: tuple[PersistentVolume, ...]) -> Mapping[str, list[PersistentVolume]]:
    found: dict[str, list[PersistentVolume]] = {}
    for one in volumes:
        texts = (
            one.spec.csi.volume_handle if one.spec.csi else "",
            one.spec.aws_elastic_block_store.volume_id if one.spec.aws_elastic_block_store else "",
        )
        for known in {known for text in texts if (known := volume_id_in(text))}:
            found.setdefault(known, []).append(one)
    return found


def _named_by_pods(snapshot: ClusterSnapshot) -> Mapping[str, set[str]]:
    """Volumes that pods, or templates of whatever size, name without a claim."""
    found: dict[str, set[str]] = {}
    for pod in snapshot.pods.items:
        for known in _inline(pod.spec):
            found.setdefault(known, set()).add(pod.key)
    for one in snapshot.workloads:
        for known in _inline(template_of(one).spec):
            found.setdefault(known, set()).add(f"{one.metadata.namespace}/{one.metadata.name}")
    return found


def _inline(spec: PodSpec) -> Iterator[str]:
    for volume in spec.volumes:
        if volume.aws_elastic_block_store is not None:
            known = volume_id_in(volume.aws_elastic_block_store.volume_id)
            if known:
                yield known


def _named_by_nodes(snapshot: ClusterSnapshot) -> Mapping[str, set[str]]:
    """Volumes that nodes report as attached or in use: "kubernetes.io/csi/<driver>^vol-x"."""
    found: dict[str, set[str]] = {}
    for node in snapshot.nodes.items:
        attached = (one.name for one in node.status.volumes_attached)
        for text in (*attached, *node.status.volumes_in_use):
            if known := volume_id_in(text):
                found.setdefault(known, set()).add(node.metadata.name)
    return found
