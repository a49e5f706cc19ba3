"""Which kinds of objects the server knows, and what can be done with each."""

from dataclasses import dataclass, field

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """One row of the API: `plural` in `group`/`version`, and the model that describes its kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    model: str
    subresources: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    has_generation: bool = False
    field_labels: tuple[str, ...] = ()
    """Fields beyond metadata.name and metadata.namespace that a field selector may name."""
    categories: tuple[str, ...] = field(default=())

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`: the name used in messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`Node`, `Deployment.apps`: the name used in validation messages."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def _row(  # noqa: PLR0913 - one argument per column of the table below
    api_version: str,
    plural: str,
    kind: str,
    model: str,
    *,
    namespaced: bool = True,
    sub: str = "",
    short: str = "",
    generation: bool = False,
    fields: str = "",
    categories: str = "",
) -> Resource:
    group, _, version = api_version.rpartition("/")
    return Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=namespaced,
        model=model,
        subresources=tuple(sub.split()),
        short_names=tuple(short.split()),
        has_generation=generation,
        field_labels=tuple(fields.split()),
        categories=tuple(categories.split()),
    )


_POD_FIELDS = (
    "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork"
    " status.phase status.podIP status.podIPs status.nominatedNodeName"
)
_EVENT_FIELDS = (
    "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid"
    " involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath"
    " reason reportingComponent source type"
)
_RBAC = "rbac.authorization.k8s.io/v1"

RESOURCES: tuple[Resource, ...] = (
    _row("v1", "configmaps", "ConfigMap", "V1ConfigMap", short="cm"),
    _row("v1", "endpoints", "Endpoints", "V1Endpoints", short="ep"),
    _row("v1", "events", "Event", "CoreV1Event", short="ev", fields=_EVENT_FIELDS),
    _row("v1", "limitranges", "LimitRange", "V1LimitRange", short="limits"),
    _row(
        "v1",
        "namespaces",
        "Namespace",
        "V1Namespace",
        namespaced=False,
        sub="status",
        short="ns",
        fields="status.phase",
    ),
    _row(
        "v1",
        "nodes",
        "Node",
        "V1Node",
        namespaced=False,
        sub="status",
        short="no",
        fields="spec.unschedulable",
    ),
    _row(
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        "V1PersistentVolumeClaim",
        sub="status",
        short="pvc",
    ),
    _row(
        "v1",
        "persistentvolumes",
        "PersistentVolume",
        "V1PersistentVolume",
        namespaced=False,
        sub="status",
        short="pv",
    ),
    _row(
        "v1",
        "pods",
        "Pod",
        "V1Pod",
        sub="binding eviction resize status",
        short="po",
        generation=True,
        fields=_POD_FIELDS,
        categories="all",
    ),
    _row(
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        "V1ReplicationController",
        sub="scale status",
        short="rc",
        generation=True,
        fields="status.replicas",
        categories="all",
    ),
    _row("v1", "resourcequotas", "ResourceQuota", "V1ResourceQuota", sub="status", short="quota"),
    _row("v1", "secrets", "Secret", "V1Secret", fields="type"),
    _row("v1", "serviceaccounts", "ServiceAccount", "V1ServiceAccount", sub="token", short="sa"),
    _row(
        "v1",
        "services",
        "Service",
        "V1Service",
        sub="status",
        short="svc",
        fields="spec.clusterIP spec.type",
        categories="all",
    ),
    _row("apps/v1", "controllerrevisions", "ControllerRevision", "V1ControllerRevision"),
    _row(
        "apps/v1",
        "daemonsets",
        "DaemonSet",
        "V1DaemonSet",
        sub="status",
        short="ds",
        generation=True,
        categories="all",
    ),
    _row(
        "apps/v1",
        "deployments",
        "Deployment",
        "V1Deployment",
        sub="scale status",
        short="deploy",
        generation=True,
        categories="all",
    ),
    _row(
        "apps/v1",
        "replicasets",
        "ReplicaSet",
        "V1ReplicaSet",
        sub="scale status",
        short="rs",
        generation=True,
        fields="status.replicas",
        categories="all",
    ),
    _row(
        "apps/v1",
        "statefulsets",
        "StatefulSet",
        "V1StatefulSet",
        sub="scale status",
        short="sts",
        generation=True,
        categories="all",
    ),
    _row(
        "batch/v1",
        "cronjobs",
        "CronJob",
        "V1CronJob",
        sub="status",
        short="cj",
        generation=True,
        categories="all",
    ),
    _row(
        "batch/v1",
        "jobs",
        "Job",
        "V1Job",
        sub="status",
        generation=True,
        fields="status.successful",
        categories="all",
    ),
    _row(
        "autoscaling/v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "V2HorizontalPodAutoscaler",
        sub="status",
        short="hpa",
        generation=True,
        categories="all",
    ),
    _row(
        "policy/v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        "V1PodDisruptionBudget",
        sub="status",
        short="pdb",
        generation=True,
    ),
    _row("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", "V1EndpointSlice"),
    _row(
        "storage.k8s.io/v1",
        "storageclasses",
        "StorageClass",
        "V1StorageClass",
        namespaced=False,
        short="sc",
    ),
    _row(
        "storage.k8s.io/v1",
        "volumeattachments",
        "VolumeAttachment",
        "V1VolumeAttachment",
        namespaced=False,
        sub="status",
    ),
    _row("storage.k8s.io/v1", "csinodes", "CSINode", "V1CSINode", namespaced=False),
    _row(
        "scheduling.k8s.io/v1",
        "priorityclasses",
        "PriorityClass",
        "V1PriorityClass",
        namespaced=False,
        short="pc",
    ),
    _row(_RBAC, "clusterroles", "ClusterRole", "V1ClusterRole", namespaced=False),
    _row(
        _RBAC,
        "clusterrolebindings",
        "ClusterRoleBinding",
        "V1ClusterRoleBinding",
        namespaced=False,
    ),
    _row(_RBAC, "roles", "Role", "V1Role"),
    _row(_RBAC, "rolebindings", "RoleBinding", "V1RoleBinding"),
    _row(
        "admissionregistration.k8s.io/v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "V1ValidatingWebhookConfiguration",
        namespaced=False,
        categories="api-extensions",
    ),
    _row(
        "admissionregistration.k8s.io/v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "V1MutatingWebhookConfiguration",
        namespaced=False,
        categories="api-extensions",
    ),
    _row(
        "apiregistration.k8s.io/v1",
        "apiservices",
        "APIService",
        "V1APIService",
        namespaced=False,
        sub="status",
        categories="api-extensions",
    ),
)

BY_PATH: dict[tuple[str, str, str], Resource] = {
    (one.group, one.version, one.plural): one for one in RESOURCES
}
BY_PLURAL: dict[str, Resource] = {one.plural: one for one in RESOURCES}
VERSIONS: dict[str, str] = {one.group: one.version for one in RESOURCES}
"""The served version of each group; the core group is the empty string."""

PODS = BY_PLURAL["pods"]
NODES = BY_PLURAL["nodes"]
NAMESPACES = BY_PLURAL["namespaces"]
PDBS = BY_PLURAL["poddisruptionbudgets"]
DEPLOYMENTS = BY_PLURAL["deployments"]
REPLICA_SETS = BY_PLURAL["replicasets"]
STATEFUL_SETS = BY_PLURAL["statefulsets"]
DAEMON_SETS = BY_PLURAL["daemonsets"]
JOBS = BY_PLURAL["jobs"]
EVENTS = BY_PLURAL["events"]
SERVICE_ACCOUNTS = BY_PLURAL["serviceaccounts"]
API_SERVICES = BY_PLURAL["apiservices"]
REPLICATION_CONTROLLERS = BY_PLURAL["replicationcontrollers"]
