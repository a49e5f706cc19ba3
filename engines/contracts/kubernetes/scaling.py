"""Autoscalers of workloads: HorizontalPodAutoscaler and KEDA's ScaledObject."""

import msgspec

from engines.contracts.json_values import Integer
from engines.contracts.kubernetes.meta import (
    KubernetesObject,
    KubernetesStruct,
    Quantity,
)


class ScaleTarget(KubernetesStruct, frozen=True, kw_only=True):
    """The workload that is scaled, in the autoscaler's namespace."""

    kind: str = "Deployment"  # KEDA's default; an HPA always names it
    name: str
    api_version: str = ""


class MetricTarget(KubernetesStruct, frozen=True, kw_only=True):
    """What a metric is held at. Utilisation is in percent of the **request**."""

    type: str = ""  # Utilization, AverageValue or Value
    average_utilization: Integer | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class ResourceMetric(KubernetesStruct, frozen=True, kw_only=True):
    """CPU or memory of the pods, or of one container of each."""

    name: str
    target: MetricTarget = MetricTarget()
    container: str = ""  # only with type ContainerResource


class MetricSpec(KubernetesStruct, frozen=True, kw_only=True):
    """One metric; of metrics other than resources only the type is kept."""

    type: str
    resource: ResourceMetric | None = None
    container_resource: ResourceMetric | None = None


class HorizontalPodAutoscalerSpec(KubernetesStruct, frozen=True, kw_only=True):
    """``target_cpu`` is set by autoscaling/v1 objects only, in percent of the request."""

    scale_target_ref: ScaleTarget
    max_replicas: Integer
    min_replicas: Integer = 1
    metrics: tuple[MetricSpec, ...] = ()
    target_cpu: Integer | None = msgspec.field(default=None, name="targetCPUUtilizationPercentage")


class HorizontalPodAutoscalerStatus(KubernetesStruct, frozen=True, kw_only=True):
    """What the autoscaler sees and wants."""

    current_replicas: Integer = 0
    desired_replicas: Integer = 0


class HorizontalPodAutoscaler(KubernetesObject, frozen=True, kw_only=True):
    """Sets a workload's replicas from its use."""

    spec: HorizontalPodAutoscalerSpec
    status: HorizontalPodAutoscalerStatus = HorizontalPodAutoscalerStatus()


class ScaledObjectSpec(KubernetesStruct, frozen=True, kw_only=True):
    """KEDA's limits. ``idle_replica_count`` None: no state below the minimum."""

    scale_target_ref: ScaleTarget
    min_replica_count: Integer = 0
    max_replica_count: Integer = 100
    idle_replica_count: Integer | None = None


class ScaledObject(KubernetesObject, frozen=True, kw_only=True):
    """KEDA's autoscaler. Paused by annotations ``autoscaling.keda.sh/paused...``."""

    spec: ScaledObjectSpec
