"""Claims, volumes, storage classes and attachments."""

from collections.abc import Mapping

import msgspec

from engines.contracts.kubernetes.meta import (
    KubernetesObject,
    KubernetesStruct,
    ObjectReference,
    Presence,
    Quantity,
)
from engines.contracts.kubernetes.placement import NodeSelector
from engines.contracts.kubernetes.pods import ElasticBlockStore, VolumeClaimSpec

KEPT_STORAGE_PARAMETERS = frozenset({"type", "iops", "iopsPerGB", "throughput", "encrypted"})
"""Parameters of a storage class that bear on price; others may name secrets."""


class PersistentVolumeClaimStatus(KubernetesStruct, frozen=True, kw_only=True):
    """``phase`` is Pending, Bound or Lost."""

    phase: str = "Pending"
    capacity: Mapping[str, Quantity] = {}


class PersistentVolumeClaim(KubernetesObject, frozen=True, kw_only=True):
    """A pod's claim to storage."""

    spec: VolumeClaimSpec = VolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class CsiVolume(KubernetesStruct, frozen=True, kw_only=True):
    """A volume of a CSI driver; for EBS the handle is the volume id."""

    driver: str
    volume_handle: str


class VolumeNodeAffinity(KubernetesStruct, frozen=True, kw_only=True):
    """From where a volume can be reached; several terms are alternatives."""

    required: NodeSelector | None = None


class PersistentVolumeSpec(KubernetesStruct, frozen=True, kw_only=True):
    """``persistent_volume_reclaim_policy`` is Retain, Delete or Recycle."""

    capacity: Mapping[str, Quantity] = {}
    access_modes: tuple[str, ...] = ()
    claim_ref: ObjectReference | None = None
    persistent_volume_reclaim_policy: str = "Retain"
    storage_class_name: str = ""
    volume_mode: str = "Filesystem"
    node_affinity: VolumeNodeAffinity | None = None
    csi: CsiVolume | None = None
    aws_elastic_block_store: ElasticBlockStore | None = None
    local: Presence | None = None
    host_path: Presence | None = None


class PersistentVolumeStatus(KubernetesStruct, frozen=True, kw_only=True):
    """``phase`` is Available, Bound, Released, Failed or Pending."""

    phase: str = "Pending"


class PersistentVolume(KubernetesObject, frozen=True, kw_only=True):
    """A piece of storage."""

    spec: PersistentVolumeSpec = PersistentVolumeSpec()
    status: PersistentVolumeStatus = PersistentVolumeStatus()


class TopologyExpression(KubernetesStruct, frozen=True, kw_only=True):
    """A label that must have one of the values."""

    key: str
    values: tuple[str, ...] = ()


class TopologyTerm(KubernetesStruct, frozen=True, kw_only=True):
    """All of its expressions must hold."""

    match_label_expressions: tuple[TopologyExpression, ...] = ()


class StorageClass(KubernetesObject, frozen=True, kw_only=True):
    """How volumes are made. ``parameters`` keeps ``KEPT_STORAGE_PARAMETERS`` only."""

    provisioner: str = ""
    parameters: Mapping[str, str] = {}
    reclaim_policy: str = "Delete"
    volume_binding_mode: str = "Immediate"
    allow_volume_expansion: bool = False
    allowed_topologies: tuple[TopologyTerm, ...] = ()

    def __post_init__(self) -> None:
        if self.parameters:
            kept = {
                key: value
                for key, value in self.parameters.items()
                if key in KEPT_STORAGE_PARAMETERS
            }
            msgspec.structs.force_setattr(self, "parameters", kept)


class AttachmentSource(KubernetesStruct, frozen=True, kw_only=True):
    """What is attached."""

    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(KubernetesStruct, frozen=True, kw_only=True):
    """Which volume to attach to which node, by which driver."""

    attacher: str = ""
    node_name: str
    source: AttachmentSource = AttachmentSource()


class VolumeAttachmentStatus(KubernetesStruct, frozen=True, kw_only=True):
    """Whether it is attached by now."""

    attached: bool = False


class VolumeAttachment(KubernetesObject, frozen=True, kw_only=True):
    """A volume on a node."""

    spec: VolumeAttachmentSpec
    status: VolumeAttachmentStatus = VolumeAttachmentStatus()
