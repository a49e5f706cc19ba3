"""Nodes, and the volume drivers that run on them."""

from collections.abc import Mapping

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times
from engines.contracts.kubernetes.meta import (
    KubernetesObject,
    KubernetesStruct,
    Quantity,
)
from engines.contracts.kubernetes.placement import Taint


class NodeCondition(KubernetesStruct, frozen=True, kw_only=True):
    """One condition; heartbeats are dropped, they change without a change of meaning."""

    type: str
    status: str
    reason: str = ""
    last_transition_time: Time | None = None

    def __post_init__(self) -> None:
        tidy_times(self, "last_transition_time")


class NodeSystemInfo(KubernetesStruct, frozen=True, kw_only=True):
    """What the kubelet says about its machine."""

    architecture: str = ""
    operating_system: str = ""
    kubelet_version: str = ""


class AttachedVolume(KubernetesStruct, frozen=True, kw_only=True):
    """A volume that the attach controller has attached to the node."""

    name: str


class NodeSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a node. ``provider_id`` is "aws:///zone/i-..." on EC2."""

    provider_id: str = msgspec.field(default="", name="providerID")
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(KubernetesStruct, frozen=True, kw_only=True):
    """Capacity is the machine, allocatable what pods may ask for."""

    capacity: Mapping[str, Quantity] = {}
    allocatable: Mapping[str, Quantity] = {}
    conditions: tuple[NodeCondition, ...] = ()
    node_info: NodeSystemInfo = NodeSystemInfo()
    volumes_in_use: tuple[str, ...] = ()
    volumes_attached: tuple[AttachedVolume, ...] = ()


class Node(KubernetesObject, frozen=True, kw_only=True):
    """One node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def is_ready(self) -> bool:
        """Whether the Ready condition is True; a node that says nothing is not ready."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)


class VolumeLimit(KubernetesStruct, frozen=True, kw_only=True):
    """How many volumes of a driver a node can attach; None: not limited, or not known yet."""

    count: Integer | None = None


class CSINodeDriver(KubernetesStruct, frozen=True, kw_only=True):
    """A volume driver on a node."""

    name: str
    node_id: str = msgspec.field(default="", name="nodeID")
    allocatable: VolumeLimit | None = None
    topology_keys: tuple[str, ...] = ()


class CSINodeSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The drivers that have registered on the node."""

    drivers: tuple[CSINodeDriver, ...] = ()


class CSINode(KubernetesObject, frozen=True, kw_only=True):
    """The volume drivers of the node of the same name."""

    spec: CSINodeSpec = CSINodeSpec()
