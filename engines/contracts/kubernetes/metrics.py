"""metrics.k8s.io: the latest use of nodes and pods, one point each."""

from collections.abc import Mapping

from engines.contracts.json_values import Time, tidy_times
from engines.contracts.kubernetes.meta import (
    KubernetesObject,
    KubernetesStruct,
    Quantity,
)


class NodeMetrics(KubernetesObject, frozen=True, kw_only=True):
    """A node's use over the window that ended at ``timestamp``."""

    timestamp: Time | None = None
    window: str = ""
    usage: Mapping[str, Quantity] = {}

    def __post_init__(self) -> None:
        tidy_times(self, "timestamp")


class ContainerMetrics(KubernetesStruct, frozen=True, kw_only=True):
    """One container's use."""

    name: str
    usage: Mapping[str, Quantity] = {}


class PodMetrics(KubernetesObject, frozen=True, kw_only=True):
    """A pod's use over the window that ended at ``timestamp``, by container."""

    timestamp: Time | None = None
    window: str = ""
    containers: tuple[ContainerMetrics, ...] = ()

    def __post_init__(self) -> None:
        tidy_times(self, "timestamp")
