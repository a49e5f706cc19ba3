"""What CloudOptim may do in a cluster: one table for the readings, the preflight and the role.

``LISTS`` is read in bulk at each reading, ``GETS`` one by one while a plan runs, ``CHANGES`` are
all changes that a plan may make. ``SUPERFLUOUS`` is never used and better not granted.
"""

from enum import StrEnum
from typing import NamedTuple

from engines.contracts.kubernetes.kinds import KINDS, Kind


class Importance(StrEnum):
    """``essential``: without it there is no reading. ``core``: may be forbidden, then the field is
    not given. ``optional``: an add-on, which may also be absent or out of order."""

    ESSENTIAL = "essential"
    CORE = "core"
    OPTIONAL = "optional"


class Permission(NamedTuple):
    """One verb on one resource ("pods", "pods/eviction") of an API group ("" is the core group)."""

    verb: str
    group: str
    resource: str
    needed_for: str

    @property
    def text(self) -> str:
        """As a person would say it: "list deployments.apps"."""
        if self.verb == "*":
            return "do everything"
        name, slash, subresource = self.resource.partition("/")
        qualified = f"{name}.{self.group}" if self.group else name
        return f"{self.verb} {qualified}{slash}{subresource}"


class ListedKind(NamedTuple):
    """A kind that each reading lists, in all namespaces, and where the API serves it."""

    kind: Kind
    version: str
    resource: str
    importance: Importance
    needed_for: str

    @property
    def group(self) -> str:
        """The API group that is asked."""
        return self.kind.groups[0]

    @property
    def path(self) -> str:
        """Of the list."""
        prefix = f"/apis/{self.group}" if self.group else "/api"
        return f"{prefix}/{self.version}/{self.resource}"


def _listed(
    kind: str,
    resource: str,
    needed_for: str,
    *,
    version: str = "v1",
    importance: Importance = Importance.CORE,
) -> ListedKind:
    return ListedKind(KINDS[kind], version, resource, importance, needed_for)


_EVERYTHING = "every engine: what runs where"
_OWNERS = "who owns a pod, and what it would be replaced by"
_DRAINS = "whether a pod may be moved"
_VOLUMES = "where a pod's volumes let it run; zombie volumes"
_TRAFFIC = "network advice: endpoints per zone"
_ESSENTIAL, _OPTIONAL = Importance.ESSENTIAL, Importance.OPTIONAL

LISTS: tuple[ListedKind, ...] = (
    _listed("Node", "nodes", _EVERYTHING, importance=_ESSENTIAL),
    _listed("Pod", "pods", _EVERYTHING, importance=_ESSENTIAL),
    _listed("Namespace", "namespaces", "namespace selectors; office hours by label"),
    _listed("PodDisruptionBudget", "poddisruptionbudgets", _DRAINS),
    _listed("Deployment", "deployments", _OWNERS),
    _listed("ReplicaSet", "replicasets", _OWNERS),
    _listed("StatefulSet", "statefulsets", _OWNERS),
    _listed("DaemonSet", "daemonsets", _OWNERS + "; overhead of new nodes"),
    _listed("Job", "jobs", _OWNERS),
    _listed("CronJob", "cronjobs", _OWNERS + "; office hours"),
    _listed(
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "rightsizing and office hours: who else changes replicas",
        version="v2",
    ),
    _listed("PersistentVolumeClaim", "persistentvolumeclaims", _VOLUMES),
    _listed("PersistentVolume", "persistentvolumes", _VOLUMES),
    _listed("StorageClass", "storageclasses", _VOLUMES),
    _listed("VolumeAttachment", "volumeattachments", "volumes per node; ends of drains"),
    _listed("CSINode", "csinodes", "volumes per node"),
    _listed("LimitRange", "limitranges", "bounds of rightsizing and of OOM remediation"),
    _listed("ResourceQuota", "resourcequotas", "bounds of rightsizing and of OOM remediation"),
    _listed("Service", "services", _TRAFFIC),
    _listed("EndpointSlice", "endpointslices", _TRAFFIC),
    _listed("Event", "events", "OOM kills and evictions of the last hour"),
    _listed(
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "webhooks that could undo or block a change",
    ),
    _listed(
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "webhooks that could undo or block a change",
    ),
    _listed(
        "ScaledObject",
        "scaledobjects",
        "office hours: what KEDA scales",
        version="v1alpha1",
        importance=_OPTIONAL,
    ),
    _listed(
        "NodeMetrics",
        "nodes",
        "present use of nodes",
        version="v1beta1",
        importance=_OPTIONAL,
    ),
    _listed(
        "PodMetrics",
        "pods",
        "rightsizing: present use of containers",
        version="v1beta1",
        importance=_OPTIONAL,
    ),
)

_LOOK = "plans: looking again right before a step"
_WAIT = "plans: waiting until a step is done"
_HIBERNATE = "office hours: replicas down and up"

GETS: tuple[Permission, ...] = (
    Permission("get", "", "nodes", _WAIT),
    Permission("get", "", "pods", _WAIT),
    Permission("get", "policy", "poddisruptionbudgets", _LOOK),
    Permission("get", "apps", "deployments", _LOOK),
    Permission("get", "apps", "deployments/scale", _HIBERNATE),
    Permission("get", "apps", "statefulsets", _LOOK),
    Permission("get", "apps", "statefulsets/scale", _HIBERNATE),
    Permission("get", "apps", "daemonsets", _LOOK),
    Permission("get", "batch", "cronjobs", _LOOK),
)

CHANGES: tuple[Permission, ...] = (
    Permission("patch", "", "nodes", "cordon, uncordon and the taint of a drain"),
    Permission(
        "create", "", "pods/eviction", "drains: pods leave by eviction, which PDBs can refuse"
    ),
    Permission("patch", "apps", "deployments/scale", _HIBERNATE),
    Permission("update", "apps", "deployments/scale", _HIBERNATE),
    Permission("patch", "apps", "statefulsets/scale", _HIBERNATE),
    Permission("update", "apps", "statefulsets/scale", _HIBERNATE),
    Permission("patch", "apps", "deployments", "rightsizing, OOM remediation and affinity"),
    Permission("patch", "apps", "statefulsets", "rightsizing, OOM remediation and affinity"),
    Permission("patch", "apps", "daemonsets", "rightsizing and OOM remediation"),
    Permission("patch", "batch", "cronjobs", "office hours: suspend; OOM remediation"),
    Permission("patch", "", "services", "network advice: serving clients within their zone"),
)

SUPERFLUOUS: tuple[Permission, ...] = (
    Permission("*", "*", "*", "it is cluster administration"),
    Permission("get", "", "secrets", "secrets are never read"),
    Permission("list", "", "secrets", "secrets are never read"),
    Permission("list", "", "configmaps", "configuration is never read"),
    Permission("patch", "", "pods", "pods are changed through what owns them"),
    Permission("create", "", "pods", "pods are made by what owns them"),
    Permission("create", "", "pods/exec", "nothing is run inside a pod"),
    Permission("delete", "", "nodes", "a node goes when its instance goes"),
)


def reading_permissions() -> tuple[Permission, ...]:
    """What a reading needs."""
    return tuple(Permission("list", one.group, one.resource, one.needed_for) for one in LISTS)
