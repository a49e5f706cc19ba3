"""Pods: what they ask for, where they may run, what they hold, and how they are."""

from collections.abc import Mapping

import msgspec

from engines.contracts.json_values import Integer
from engines.contracts.kubernetes.containers import (
    Container,
    ContainerStatus,
    ResourceRequirements,
)
from engines.contracts.kubernetes.meta import (
    Condition,
    KubernetesObject,
    KubernetesStruct,
    ObjectMeta,
    Presence,
    Quantity,
)
from engines.contracts.kubernetes.placement import (
    Affinity,
    Toleration,
    TopologySpreadConstraint,
)


class ClaimVolume(KubernetesStruct, frozen=True, kw_only=True):
    """A volume by its PersistentVolumeClaim, in the pod's namespace."""

    claim_name: str
    read_only: bool = False


class EmptyDir(KubernetesStruct, frozen=True, kw_only=True):
    """Scratch space. ``medium`` Memory counts as container memory; else it is local disk."""

    medium: str = ""
    size_limit: Quantity | None = None


class VolumeClaimSpec(KubernetesStruct, frozen=True, kw_only=True):
    """What a claim asks for. ``storage_class_name`` None: the default class, "": none."""

    storage_class_name: str | None = None
    access_modes: tuple[str, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    volume_name: str = ""  # the PersistentVolume, once bound
    volume_mode: str = "Filesystem"


class VolumeClaimTemplate(KubernetesStruct, frozen=True, kw_only=True):
    """A claim that is made for each pod."""

    metadata: ObjectMeta = ObjectMeta()
    spec: VolumeClaimSpec = VolumeClaimSpec()


class EphemeralVolume(KubernetesStruct, frozen=True, kw_only=True):
    """A claim that lives as long as its pod, named <pod>-<volume>."""

    volume_claim_template: VolumeClaimTemplate | None = None


class InlineCsiVolume(KubernetesStruct, frozen=True, kw_only=True):
    """A volume that a CSI driver makes for the pod."""

    driver: str


class ElasticBlockStore(KubernetesStruct, frozen=True, kw_only=True):
    """An EBS volume by the in-tree plugin: "vol-..." or "aws://zone/vol-..."."""

    volume_id: str = msgspec.field(name="volumeID")


class Volume(KubernetesStruct, frozen=True, kw_only=True):
    """One volume. Of configuration volumes only the type is kept, not what they name.

    ``name`` is kept where an annotation or a claim may refer to it.
    """

    name: str = ""
    persistent_volume_claim: ClaimVolume | None = None
    empty_dir: EmptyDir | None = None
    host_path: Presence | None = None
    ephemeral: EphemeralVolume | None = None
    csi: InlineCsiVolume | None = None
    aws_elastic_block_store: ElasticBlockStore | None = None
    config_map: Presence | None = None
    secret: Presence | None = None
    projected: Presence | None = None
    downward_api: Presence | None = msgspec.field(default=None, name="downwardAPI")

    def __post_init__(self) -> None:
        if self.is_configuration and self.name:
            msgspec.structs.force_setattr(self, "name", "")

    @property
    def is_configuration(self) -> bool:
        """Whether the volume only carries configuration: it never holds a pod back."""
        return bool(self.config_map or self.secret or self.projected or self.downward_api)

    @property
    def is_local(self) -> bool:
        """Whether its data would be lost with the node: emptyDir on disk, or hostPath."""
        on_disk = self.empty_dir is not None and self.empty_dir.medium == ""
        return on_disk or self.host_path is not None


class PodResourceClaim(KubernetesStruct, frozen=True, kw_only=True):
    """A device claim (dynamic resource allocation)."""

    name: str
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class SchedulingGate(KubernetesStruct, frozen=True, kw_only=True):
    """A pod with gates is not scheduled until they are gone."""

    name: str


class PodOperatingSystem(KubernetesStruct, frozen=True, kw_only=True):
    """ "linux" or "windows"."""

    name: str


class PodSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a pod, or of the pods of a template. Defaults are those of the API."""

    node_name: str = ""  # empty: not bound
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()  # in the order in which they start
    resources: ResourceRequirements | None = None  # of the pod as a whole
    overhead: Mapping[str, Quantity] = {}
    restart_policy: str = "Always"
    termination_grace_period_seconds: Integer = 30
    node_selector: Mapping[str, str] = {}
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    host_network: bool = False
    volumes: tuple[Volume, ...] = ()
    priority: Integer = 0
    priority_class_name: str = ""
    preemption_policy: str = "PreemptLowerPriority"
    scheduler_name: str = "default-scheduler"
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    runtime_class_name: str | None = None
    resource_claims: tuple[PodResourceClaim, ...] = ()
    os: PodOperatingSystem | None = None


class PodStatus(KubernetesStruct, frozen=True, kw_only=True):
    """The observed state of a pod."""

    phase: str = "Pending"
    reason: str = ""  # "Evicted" ...
    nominated_node_name: str = ""
    qos_class: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    resize: str = ""  # Kubernetes before 1.33; later a condition
    resources: ResourceRequirements | None = None
    allocated_resources: Mapping[str, Quantity] = {}


class Pod(KubernetesObject, frozen=True, kw_only=True):
    """One pod."""

    spec: PodSpec
    status: PodStatus = PodStatus()

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.metadata.namespace}/{self.metadata.name}"


class PodTemplate(KubernetesStruct, frozen=True, kw_only=True):
    """What a workload makes pods from."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
