"""Where a pod's volumes let it run: zones, attach limits, exclusive claims, claims not bound yet.

Claims are judged as the snapshot has them. What a claim will be bound to once its pod is placed
is not followed, nor the capacity that a storage system has left.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.kubernetes import (
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    StorageClass,
    Volume,
)
from engines.contracts.quantities import parse_quantity
from engines.contracts.snapshot import ClusterSnapshot
from engines.scheduling.labels import Expression
from engines.scheduling.nodes import Mask, NodeIndex
from engines.scheduling.reasons import Refusal, RefusalReason

EBS_DRIVER = "ebs.csi.aws.com"
UNLIMITED = np.iinfo(np.int32).max
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"
_IN_TREE_EBS_PROVISIONER = "kubernetes.io/aws-ebs"
_EBS_VOLUME_ID = re.compile(r"vol-[0-9a-f]+")
_TOPOLOGY_LABELS: Mapping[str, str] = {  # of volumes; the second is the name used on new nodes
    "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}


class VolumeId(NamedTuple):
    """A volume that takes one of a node's attachments."""

    driver: str
    handle: str


class VolumeRule(NamedTuple):
    """Where something about a volume allows the pod, and the refusal elsewhere."""

    refusal: Refusal
    mask: Mask


class PodVolumes(NamedTuple):
    """What a pod's volumes demand. ``blocked``: refusals that hold on every node."""

    blocked: tuple[Refusal, ...] = ()
    rules: tuple[VolumeRule, ...] = ()
    attached: frozenset[VolumeId] = frozenset()
    exclusive: frozenset[str] = frozenset()  # ReadWriteOncePod claims, namespace/name
    disks: frozenset[str] = frozenset()  # EBS volumes named in the pod itself


NO_VOLUMES = PodVolumes()


def claim_names(pod: Pod) -> Iterator[tuple[str, bool]]:
    """The claims of a pod, and whether each was made for this pod alone."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name, False
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}", True


class VolumeCompiler:
    """Compiles the volumes of pods against the claims and volumes of a snapshot."""

    def __init__(self, snapshot: ClusterSnapshot, nodes: NodeIndex) -> None:
        self._nodes = nodes
        self._listed = snapshot.listed
        self._claims = {(one.metadata.namespace, one.metadata.name): one for one in snapshot.pvcs}
        self._volumes = {one.metadata.name: one for one in snapshot.pvs}
        self._classes = {one.metadata.name: one for one in snapshot.storage_classes}
        self._csi_nodes = snapshot.csi_nodes
        self._attachments = snapshot.volume_attachments
        self._rows = {name: row for row, name in enumerate(nodes.names)}

    def compile(self, pod: Pod) -> PodVolumes:
        """What the pod's volumes demand of its node."""
        disks = frozenset(_inline_disks(pod.spec.volumes))
        claims = tuple(claim_names(pod))
        if not claims:
            return PodVolumes(disks=disks) if disks else NO_VOLUMES
        if "pvcs" not in self._listed:
            names = tuple(name for name, _ in claims)
            return PodVolumes(blocked=(Refusal(RefusalReason.CLAIMS_NOT_READ, names),))
        parts = [self._claim(pod, name, is_own) for name, is_own in claims]
        return PodVolumes(
            blocked=tuple(one for part in parts for one in part.blocked),
            rules=tuple(one for part in parts for one in part.rules),
            attached=frozenset().union(*(part.attached for part in parts)),
            exclusive=frozenset().union(*(part.exclusive for part in parts)),
            disks=disks,
        )

    def limits(self) -> dict[str, NDArray[np.int32]]:
        """How many volumes of each driver each node can attach."""
        limits: dict[str, NDArray[np.int32]] = {}
        for csi_node in self._csi_nodes:
            row = self._rows.get(csi_node.metadata.name)
            for driver in csi_node.spec.drivers if row is not None else ():
                if driver.allocatable is not None and driver.allocatable.count is not None:
                    column = limits.setdefault(
                        driver.name, np.full(len(self._nodes), UNLIMITED, np.int32)
                    )
                    column[row] = driver.allocatable.count
        return limits

    def attachments(self) -> Iterator[tuple[int, VolumeId]]:
        """Volumes that are attached to a node, whether or not a pod there still uses them."""
        for one in self._attachments:
            row = self._rows.get(one.spec.node_name)
            volume = self._volumes.get(one.spec.source.persistent_volume_name or "")
            identity = None if volume is None else _volume_id(volume)
            if row is not None and identity is not None:
                yield row, identity

    def _claim(self, pod: Pod, name: str, is_own: bool) -> PodVolumes:
        """What one claim demands; the order of the checks is kube-scheduler's."""
        claim = self._claims.get((pod.metadata.namespace, name))
        if claim is None:
            return _blocked(RefusalReason.CLAIM_MISSING, name)
        if is_own and not _is_owned_by(claim, pod):
            return _blocked(RefusalReason.CLAIM_OF_ANOTHER_POD, name)
        if claim.status.phase == "Lost":
            return _blocked(RefusalReason.CLAIM_LOST, name, claim.spec.volume_name)
        if claim.metadata.deletion_timestamp is not None:
            return _blocked(RefusalReason.CLAIM_BEING_DELETED, name)
        exclusive = frozenset(
            {f"{pod.metadata.namespace}/{name}"}
            if "ReadWriteOncePod" in claim.spec.access_modes
            else ()
        )
        demands = self._bound(claim) if _is_bound(claim) else self._unbound(claim)
        return demands._replace(exclusive=exclusive)

    def _bound(self, claim: PersistentVolumeClaim) -> PodVolumes:
        name = claim.spec.volume_name
        nowhere = np.zeros(len(self._nodes), np.bool_)
        if "pvs" not in self._listed:
            refusal = Refusal(RefusalReason.VOLUMES_NOT_READ, (name,))
            return PodVolumes(rules=(VolumeRule(refusal, nowhere),))
        volume = self._volumes.get(name)
        if volume is None:
            refusal = Refusal(RefusalReason.VOLUME_MISSING, (name,))
            return PodVolumes(rules=(VolumeRule(refusal, nowhere),))
        identity = _volume_id(volume)
        return PodVolumes(
            rules=(*self._affinity_rule(volume), *self._zone_rules(volume)),
            attached=frozenset({identity} if identity else ()),
        )

    def _affinity_rule(self, volume: PersistentVolume) -> Iterator[VolumeRule]:
        if volume.spec.node_affinity is not None and volume.spec.node_affinity.required is not None:
            refusal = Refusal(RefusalReason.VOLUME_NODE_AFFINITY, (volume.metadata.name,))
            yield VolumeRule(refusal, self._reachable(volume))

    def _reachable(self, volume: PersistentVolume) -> Mask:
        """The nodes from which the volume's own affinity lets it be reached."""
        affinity = volume.spec.node_affinity
        return self._nodes.in_node_selector(None if affinity is None else affinity.required)

    def _zone_rules(self, volume: PersistentVolume) -> Iterator[VolumeRule]:
        """Volumes labelled with a zone or region want nodes of one of these ("a__b": a or b)."""
        for key, new_key in _TOPOLOGY_LABELS.items():
            if key in volume.metadata.labels:
                wanted = tuple(sorted(volume.metadata.labels[key].split("__")))
                mask = self._nodes.holding(Expression(key, "In", wanted))
                by_new_key = self._nodes.holding(Expression(new_key, "In", wanted))
                mask = mask | (by_new_key & self._nodes.holding(Expression(key, "DoesNotExist")))
                refusal = Refusal(RefusalReason.VOLUME_ZONE, (volume.metadata.name,))
                yield VolumeRule(refusal, mask)

    def _unbound(self, claim: PersistentVolumeClaim) -> PodVolumes:
        """A claim may wait for its pod only where its class says so."""
        storage_class = self._classes.get(_class_name(claim))
        if (
            storage_class is None
            or storage_class.volume_binding_mode != "WaitForFirstConsumer"
            or claim.spec.volume_name  # bound half-way: the controller has to finish first
        ):
            return _blocked(RefusalReason.CLAIM_UNBOUND, claim.metadata.name)
        refusal = Refusal(RefusalReason.VOLUME_NOT_AVAILABLE, (claim.metadata.name,))
        identity = _future_volume_id(claim, storage_class)
        return PodVolumes(
            rules=(VolumeRule(refusal, self._bindable(claim, storage_class)),),
            attached=frozenset({identity} if identity else ()),
        )

    def _bindable(self, claim: PersistentVolumeClaim, storage_class: StorageClass) -> Mask:
        """Nodes on which a volume for the claim lies ready or can be made."""
        mask = np.zeros(len(self._nodes), np.bool_)
        for volume in self._volumes.values():
            if _suits(volume, claim):
                mask |= self._reachable(volume)
        if storage_class.provisioner != _NO_PROVISIONER:
            mask |= self._allowed(storage_class)
        selected_node = claim.metadata.annotations.get(_SELECTED_NODE)
        if selected_node is not None:
            mask &= np.array([name == selected_node for name in self._nodes.names], np.bool_)
        return mask

    def _allowed(self, storage_class: StorageClass) -> Mask:
        """Nodes in the topologies of the class; its terms are alternatives."""
        terms = storage_class.allowed_topologies
        mask = np.full(len(self._nodes), not terms)
        for term in terms:
            allowed = np.ones(len(self._nodes), np.bool_)
            for one in term.match_label_expressions:
                allowed &= self._nodes.holding(Expression(one.key, "In", one.values))
            mask |= allowed
        return mask


def _blocked(reason: RefusalReason, *subjects: str) -> PodVolumes:
    return PodVolumes(blocked=(Refusal(reason, subjects),))


def _is_owned_by(claim: PersistentVolumeClaim, pod: Pod) -> bool:
    owner = claim.metadata.controller
    return owner is not None and owner.kind == "Pod" and owner.name == pod.metadata.name


def _is_bound(claim: PersistentVolumeClaim) -> bool:
    """Bound for good: by both sides, as the annotation or the phase says."""
    is_complete = _BIND_COMPLETED in claim.metadata.annotations or claim.status.phase == "Bound"
    return bool(claim.spec.volume_name) and is_complete


def _class_name(claim: PersistentVolumeClaim) -> str:
    annotated = claim.metadata.annotations.get(_CLASS_ANNOTATION)
    return annotated if annotated is not None else claim.spec.storage_class_name or ""


def _volume_id(volume: PersistentVolume) -> VolumeId | None:
    """How the attach limit knows a volume; None: it takes no attachment that is counted."""
    if volume.spec.csi is not None:
        return VolumeId(volume.spec.csi.driver, volume.spec.csi.volume_handle)
    if volume.spec.aws_elastic_block_store is not None:
        return VolumeId(EBS_DRIVER, _ebs_id(volume.spec.aws_elastic_block_store.volume_id))
    return None


def _future_volume_id(claim: PersistentVolumeClaim, storage_class: StorageClass) -> VolumeId | None:
    """A volume that is still to be made, known by its claim."""
    if storage_class.provisioner == _NO_PROVISIONER:
        return None
    driver = storage_class.provisioner
    if driver == _IN_TREE_EBS_PROVISIONER:
        driver = EBS_DRIVER
    return VolumeId(driver, f"{claim.metadata.namespace}/{claim.metadata.name}")


def _ebs_id(volume_id: str) -> str:
    """The id in "aws://zone/vol-..." or "vol-..."."""
    match = _EBS_VOLUME_ID.search(volume_id)
    return match[0] if match else volume_id


def _inline_disks(volumes: Iterable[Volume]) -> Iterator[str]:
    for volume in volumes:
        if volume.aws_elastic_block_store is not None:
            yield _ebs_id(volume.aws_elastic_block_store.volume_id)


def _suits(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether a volume that is free, or kept for this claim, could serve it."""
    held_by = volume.spec.claim_ref
    mine = (claim.metadata.namespace, claim.metadata.name)
    is_free = volume.status.phase in ("Available", "Pending") and held_by is None
    is_kept = held_by is not None and (held_by.namespace, held_by.name) == mine
    wanted = parse_quantity(claim.spec.resources.requests.get("storage", 0))
    return (
        (is_free or is_kept)
        and volume.metadata.deletion_timestamp is None
        and volume.spec.storage_class_name == _class_name(claim)
        and volume.spec.volume_mode == claim.spec.volume_mode
        and set(claim.spec.access_modes) <= set(volume.spec.access_modes)
        and parse_quantity(volume.spec.capacity.get("storage", 0)) >= wanted
    )
