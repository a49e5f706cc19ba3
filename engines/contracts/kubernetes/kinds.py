"""The kinds of objects that are read, and where each stands in a cluster's state."""

from collections.abc import Mapping
from typing import NamedTuple

from engines.contracts import kubernetes
from engines.contracts.kubernetes.meta import KubernetesObject


class Kind(NamedTuple):
    """One kind of object that CloudOptim reads.

    ``field`` is its place in ``CurrentState`` and ``ClusterSnapshot``; ``groups`` are the API
    groups that serve it ("" is the core group): others use the same names for other things.
    """

    name: str
    field: str
    type: type[KubernetesObject]
    groups: tuple[str, ...]

    @property
    def list_name(self) -> str:
        """What the API calls a list of them."""
        return f"{self.name}List"


_ALL = (
    Kind("Node", "nodes", kubernetes.Node, ("",)),
    Kind("Pod", "pods", kubernetes.Pod, ("",)),
    Kind("Namespace", "namespaces", kubernetes.Namespace, ("",)),
    Kind("PodDisruptionBudget", "pdbs", kubernetes.PodDisruptionBudget, ("policy",)),
    Kind("Deployment", "workloads", kubernetes.Deployment, ("apps", "extensions")),
    Kind("ReplicaSet", "workloads", kubernetes.ReplicaSet, ("apps", "extensions")),
    Kind("StatefulSet", "workloads", kubernetes.StatefulSet, ("apps",)),
    Kind("DaemonSet", "workloads", kubernetes.DaemonSet, ("apps", "extensions")),
    Kind("Job", "workloads", kubernetes.Job, ("batch",)),
    Kind("CronJob", "workloads", kubernetes.CronJob, ("batch",)),
    Kind("HorizontalPodAutoscaler", "hpas", kubernetes.HorizontalPodAutoscaler, ("autoscaling",)),
    Kind("PersistentVolumeClaim", "pvcs", kubernetes.PersistentVolumeClaim, ("",)),
    Kind("PersistentVolume", "pvs", kubernetes.PersistentVolume, ("",)),
    Kind("StorageClass", "storage_classes", kubernetes.StorageClass, ("storage.k8s.io",)),
    Kind(
        "VolumeAttachment", "volume_attachments", kubernetes.VolumeAttachment, ("storage.k8s.io",)
    ),
    Kind("CSINode", "csi_nodes", kubernetes.CSINode, ("storage.k8s.io",)),
    Kind("LimitRange", "limit_ranges", kubernetes.LimitRange, ("",)),
    Kind("ResourceQuota", "resource_quotas", kubernetes.ResourceQuota, ("",)),
    Kind("Service", "services", kubernetes.Service, ("",)),
    Kind("EndpointSlice", "endpoint_slices", kubernetes.EndpointSlice, ("discovery.k8s.io",)),
    Kind("Event", "events", kubernetes.Event, ("", "events.k8s.io")),
    Kind(
        "MutatingWebhookConfiguration",
        "webhooks",
        kubernetes.MutatingWebhookConfiguration,
        ("admissionregistration.k8s.io",),
    ),
    Kind(
        "ValidatingWebhookConfiguration",
        "webhooks",
        kubernetes.ValidatingWebhookConfiguration,
        ("admissionregistration.k8s.io",),
    ),
    Kind("ScaledObject", "scaled_objects", kubernetes.ScaledObject, ("keda.sh",)),
    Kind("NodeMetrics", "node_metrics", kubernetes.NodeMetrics, ("metrics.k8s.io",)),
    Kind("PodMetrics", "pod_metrics", kubernetes.PodMetrics, ("metrics.k8s.io",)),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind that is read, by name."""


def find_kind(name: str, api_version: str) -> Kind | None:
    """The kind that ``apiVersion`` and ``kind`` name, or None where it is not read.

    An empty ``api_version`` (typed lists leave it out of their items) is taken on trust.
    """
    kind = KINDS.get(name)
    if kind is None or not api_version:
        return kind
    group = api_version.rpartition("/")[0]
    return kind if group in kind.groups else None
