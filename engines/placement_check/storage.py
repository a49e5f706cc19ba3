"""Volumes: from where they can be reached, how many a node can attach, who may share them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from engines.contracts.kubernetes import (
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    StorageClass,
)
from engines.contracts.quantities import parse_quantity
from engines.contracts.wording import counted
from engines.placement_check.end_state import EndState, claims_of
from engines.placement_check.matching import node_selector_accepts
from engines.placement_check.violations import PlacementRule, PlacementViolation

_R = PlacementRule
_EBS = "ebs.csi.aws.com"
_ZONE_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_OLD_ZONE_LABELS = (
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)


class Storage:
    """The volume rules over one end state."""

    def __init__(self, state: EndState) -> None:
        snapshot = state.snapshot
        self._state = state
        self._claims = {(one.metadata.namespace, one.metadata.name): one for one in snapshot.pvcs}
        self._volumes = {one.metadata.name: one for one in snapshot.pvs}
        self._classes = {one.metadata.name: one for one in snapshot.storage_classes}

    def violations(self) -> Iterator[PlacementViolation]:
        """Every objection to the placed pods on account of their volumes."""
        receiving: set[str] = set()
        for row in self._state.placed:
            pod = self._state.pod(row)
            if any(_wants_storage(pod)):
                receiving.add(self._state.node_of[row])
                node = self._state.node(row)
                for text in self._objections(pod, node):
                    yield self._state.violation(_R.VOLUME, row, text)
        yield from self._shared_too_often()
        yield from self._attached_too_often(receiving)

    def _objections(self, pod: Pod, node: Node) -> Iterator[str]:
        for name, is_own in claims_of(pod):
            if "pvcs" not in self._state.snapshot.listed:
                yield f"the claims were not read, so nothing tells where {name} is"
                continue
            claim = self._claims.get((pod.metadata.namespace, name))
            unusable = _unusable(claim, pod, is_own)
            if claim is None or unusable:
                yield f"claim {name} {unusable}"
            elif _is_bound(claim):
                yield from self._bound(claim, node)
            else:
                yield from self._waiting(claim, node)

    def _bound(self, claim: PersistentVolumeClaim, node: Node) -> Iterator[str]:
        volume = self._volumes.get(claim.spec.volume_name)
        if volume is None:
            yield f"volume {claim.spec.volume_name} is not known"
        elif not _is_reachable(volume, node):
            yield f"volume {volume.metadata.name} cannot be reached from this node"
        elif not _is_in_zone(volume, node):
            yield f"volume {volume.metadata.name} is in another zone"

    def _waiting(self, claim: PersistentVolumeClaim, node: Node) -> Iterator[str]:
        """A claim without a volume is fine where its class waits for the pod."""
        kind = self._classes.get(_class_of(claim))
        if kind is None or kind.volume_binding_mode != "WaitForFirstConsumer":
            yield f"claim {claim.metadata.name} is not bound"
        elif claim.spec.volume_name:
            yield f"claim {claim.metadata.name} is bound half-way"
        elif not self._can_have_volume(claim, kind, node):
            yield f"claim {claim.metadata.name} can have no volume on this node"

    def _can_have_volume(
        self, claim: PersistentVolumeClaim, kind: StorageClass, node: Node
    ) -> bool:
        chosen = claim.metadata.annotations.get("volume.kubernetes.io/selected-node")
        if chosen not in (None, node.metadata.name):
            return False
        if any(_serves(one, claim) and _is_reachable(one, node) for one in self._volumes.values()):
            return True
        is_static = kind.provisioner == "kubernetes.io/no-provisioner"
        return not is_static and _may_be_made_on(kind, node)

    def _shared_too_often(self) -> Iterator[PlacementViolation]:
        """ReadWriteOncePod claims have one user, disks that pods name themselves one on a node."""
        users: dict[object, list[int]] = defaultdict(list)
        for row, node in self._state.node_of.items():
            pod = self._state.pod(row)
            for name, _ in claims_of(pod):
                claim = self._claims.get((pod.metadata.namespace, name))
                if claim is not None and "ReadWriteOncePod" in claim.spec.access_modes:
                    users[claim.metadata.namespace, name].append(row)
            for disk in _own_disks(pod):
                users[disk, node].append(row)
        placed = set(self._state.placed)
        for rows in users.values():
            for row in rows if len(rows) > 1 else ():
                if row in placed:
                    yield self._state.violation(_R.VOLUME, row, "another pod uses its volume")

    def _attached_too_often(self, receiving: set[str]) -> Iterator[PlacementViolation]:
        placed = set(self._state.placed)
        for csi_node in self._state.snapshot.csi_nodes:
            name = csi_node.metadata.name
            for driver in csi_node.spec.drivers if name in receiving else ():
                limit = None if driver.allocatable is None else driver.allocatable.count
                if limit is None:
                    continue
                by_pod = {
                    row: set(self._attachments(self._state.pod(row), driver.name))
                    for row in self._state.pods_on[name]
                }
                there = set().union(*by_pod.values(), self._lingering(name, driver.name))
                newcomers = sorted(row for row, own in by_pod.items() if own and row in placed)
                if len(there) > limit and newcomers:
                    volumes = counted(len(there), "volume")
                    text = f"{volumes} of {driver.name}, at most {limit} can be attached"
                    yield self._state.violation(_R.VOLUME_COUNT, newcomers[0], text)

    def _lingering(self, node: str, driver: str) -> Iterator[str]:
        """Volumes that are attached to the node now, used or not."""
        for one in self._state.snapshot.volume_attachments:
            volume = self._volumes.get(one.spec.source.persistent_volume_name or "")
            if one.spec.node_name == node and volume is not None:
                yield from (handle for name, handle in _handles(volume) if name == driver)

    def _attachments(self, pod: Pod, driver: str) -> Iterator[str]:
        """The volumes of the driver that the pod needs attached."""
        for name, _ in claims_of(pod):
            claim = self._claims.get((pod.metadata.namespace, name))
            if claim is None:
                continue
            volume = self._volumes.get(claim.spec.volume_name)
            if volume is not None:
                yield from (handle for known, handle in _handles(volume) if known == driver)
            elif not claim.spec.volume_name:
                kind = self._classes.get(_class_of(claim))
                made_by = "" if kind is None else kind.provisioner
                if driver == (_EBS if made_by == "kubernetes.io/aws-ebs" else made_by):
                    yield f"{pod.metadata.namespace}/{name}"


def _wants_storage(pod: Pod) -> Iterator[bool]:
    for volume in pod.spec.volumes:
        yield bool(volume.persistent_volume_claim or volume.ephemeral)


def _unusable(claim: PersistentVolumeClaim | None, pod: Pod, is_own: bool) -> str:
    """Why a claim can be used by nobody, or not by this pod; "" if it can."""
    if claim is None:
        return "does not exist"
    owner = claim.metadata.controller
    if is_own and (owner is None or (owner.kind, owner.name) != ("Pod", pod.metadata.name)):
        return "was made for another pod"
    if claim.status.phase == "Lost":
        return "has lost its volume"
    return "is being deleted" if claim.metadata.deletion_timestamp is not None else ""


def _is_bound(claim: PersistentVolumeClaim) -> bool:
    says_so = claim.status.phase == "Bound"
    is_complete = "pv.kubernetes.io/bind-completed" in claim.metadata.annotations
    return bool(claim.spec.volume_name) and (says_so or is_complete)


def _class_of(claim: PersistentVolumeClaim) -> str:
    old = claim.metadata.annotations.get("volume.beta.kubernetes.io/storage-class")
    return (claim.spec.storage_class_name or "") if old is None else old


def _is_reachable(volume: PersistentVolume, node: Node) -> bool:
    affinity = volume.spec.node_affinity
    return affinity is None or node_selector_accepts(affinity.required, node)


def _is_in_zone(volume: PersistentVolume, node: Node) -> bool:
    """Zone and region labels of a volume; nodes may carry the new name of an old label."""
    labels = node.metadata.labels
    for old, new in zip(
        (*_ZONE_LABELS, *_OLD_ZONE_LABELS), (*_ZONE_LABELS, *_ZONE_LABELS), strict=True
    ):
        wanted = volume.metadata.labels.get(old)
        if wanted is not None and labels.get(old, labels.get(new)) not in wanted.split("__"):
            return False
    return True


def _serves(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether a volume that exists, unused or kept for this claim, is what the claim asks for."""
    reference = volume.spec.claim_ref
    mine = (claim.metadata.namespace, claim.metadata.name)
    if reference is None:
        if volume.status.phase not in ("Available", "Pending"):
            return False
    elif (reference.namespace, reference.name) != mine:
        return False
    wanted = parse_quantity(claim.spec.resources.requests.get("storage", 0))
    return (
        volume.metadata.deletion_timestamp is None
        and volume.spec.storage_class_name == _class_of(claim)
        and volume.spec.volume_mode == claim.spec.volume_mode
        and set(claim.spec.access_modes).issubset(volume.spec.access_modes)
        and parse_quantity(volume.spec.capacity.get("storage", 0)) >= wanted
    )


def _may_be_made_on(kind: StorageClass, node: Node) -> bool:
    labels = node.metadata.labels
    return not kind.allowed_topologies or any(
        all(labels.get(one.key) in one.values for one in term.match_label_expressions)
        for term in kind.allowed_topologies
    )


def _handles(volume: PersistentVolume) -> Iterator[tuple[str, str]]:
    if volume.spec.csi is not None:
        yield volume.spec.csi.driver, volume.spec.csi.volume_handle
    elif volume.spec.aws_elastic_block_store is not None:
        yield _EBS, _ebs_id(volume.spec.aws_elastic_block_store.volume_id)


def _own_disks(pod: Pod) -> Iterable[str]:
    for volume in pod.spec.volumes:
        if volume.aws_elastic_block_store is not None:
            yield _ebs_id(volume.aws_elastic_block_store.volume_id)


def _ebs_id(text: str) -> str:
    found = re.search(r"vol-[0-9a-f]+", text)
    return found[0] if found else text
