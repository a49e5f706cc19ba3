"""What the server fills in when an object is created: defaults and the usual admission plugins."""

from collections.abc import Callable

from sandbox.kube.identity import Identity
from sandbox.kube.objects import Obj

Filler = Callable[[Obj, Identity], None]

_TOKEN_SECONDS = 3607
_TOLERATION_SECONDS = 300
EMPTY_NODE_STATUS: Obj = {
    "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
    "nodeInfo": {
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
        "kernelVersion": "",
        "osImage": "",
        "containerRuntimeVersion": "",
        "kubeletVersion": "",
        "kubeProxyVersion": "",
        "operatingSystem": "",
        "architecture": "",
    },
}
"""What Go writes of a node's status when nothing is known."""

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, no secret


def fill(kind: str, obj: Obj, identity: Identity, *, is_new: bool) -> None:
    """Fills `obj` in place, as defaulting (always) and admission (when new) do."""
    if kind in _DEFAULTS:
        _DEFAULTS[kind](obj, identity)
    if is_new and kind in _ADMISSION:
        _ADMISSION[kind](obj, identity)


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort: from the requests and limits of all containers."""
    containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    resources = [one.get("resources") or {} for one in containers]
    if not any(_counted(one) for one in resources):
        return "BestEffort"
    is_guaranteed = all(_is_guaranteed(one) for one in resources)
    return "Guaranteed" if is_guaranteed else "Burstable"


def _counted(resources: Obj) -> set[str]:
    """Of what is asked for, the two resources that make a difference."""
    asked = {*(resources.get("requests") or ()), *(resources.get("limits") or ())}
    return asked & {"cpu", "memory"}


def _is_guaranteed(resources: Obj) -> bool:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    return all(name in limits and requests.get(name) == limits[name] for name in ("cpu", "memory"))


def _pod_spec(spec: Obj) -> None:
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        _container(container)
    for volume in spec.get("volumes", ()):
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if source in volume:
                volume[source].setdefault("defaultMode", 420)
        if volume.keys() == {"name"}:
            volume["emptyDir"] = {}
        if "hostPath" in volume:
            volume["hostPath"].setdefault("type", "")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")


def _container(container: Obj) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if "image" in container:
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        is_moving = tag in ("", "latest") and "@" not in container["image"]
        container.setdefault("imagePullPolicy", "Always" if is_moving else "IfNotPresent")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    limits = container["resources"].get("limits") or {}
    for name, quantity in limits.items():
        container["resources"].setdefault("requests", {}).setdefault(name, quantity)


def _pod(obj: Obj, identity: Identity) -> None:
    spec = obj["spec"]
    _pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    _tolerate_lost_nodes(spec)
    if spec.get("hostNetwork"):
        for container in spec.get("containers", ()):
            for port in container.get("ports", ()):
                port.setdefault("hostPort", port.get("containerPort"))


def _admit_pod(obj: Obj, identity: Identity) -> None:
    spec = obj["spec"]
    spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = spec["serviceAccountName"]
    _mount_token(spec, f"kube-api-access-{identity.letters(5)}")
    obj["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        gated = {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": obj["metadata"]["creationTimestamp"],
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }
        obj["status"]["conditions"] = [gated]


def _tolerate_lost_nodes(spec: Obj) -> None:
    """DefaultTolerationSeconds, at creation and again at every update."""
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_tolerates_eviction(one, key) for one in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _TOLERATION_SECONDS,
                }
            )


def _tolerates_eviction(toleration: Obj, key: str) -> bool:
    return toleration.get("key") in (None, key) and toleration.get("effect") in (None, "NoExecute")


def _mount_token(spec: Obj, volume: str) -> None:
    containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    if any(
        mount["mountPath"] == _TOKEN_PATH
        for one in containers
        for mount in one.get("volumeMounts", ())
    ):
        return
    sources: list[Obj] = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
        {
            "configMap": {
                "name": "kube-root-ca.crt",
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }
        },
        {
            "downwardAPI": {
                "items": [
                    {
                        "path": "namespace",
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                    }
                ]
            }
        },
    ]
    projected = {"sources": sources, "defaultMode": 420}
    spec.setdefault("volumes", []).append({"name": volume, "projected": projected})
    for container in containers:
        mount = {"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH}
        container.setdefault("volumeMounts", []).append(mount)


def _template(obj: Obj) -> None:
    obj["spec"].setdefault("template", {}).setdefault("metadata", {})
    if "spec" in obj["spec"]["template"]:
        _pod_spec(obj["spec"]["template"]["spec"])


def _deployment(obj: Obj, identity: Identity) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    _template(obj)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _replica_set(obj: Obj, identity: Identity) -> None:
    obj["spec"].setdefault("replicas", 1)
    _template(obj)


def _stateful_set(obj: Obj, identity: Identity) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    _template(obj)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")


def _daemon_set(obj: Obj, identity: Identity) -> None:
    spec = obj["spec"]
    _template(obj)
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)


def _job_spec(spec: Obj) -> None:
    _template({"spec": spec})
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    spec.setdefault("manualSelector", False)
    if "parallelism" not in spec and "completions" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)


def _job(obj: Obj, identity: Identity) -> None:
    _job_spec(obj["spec"])


def _admit_job(obj: Obj, identity: Identity) -> None:
    """The labels by which a Job finds its pods; `metadata.uid` is already set."""
    uid, name = obj["metadata"]["uid"], obj["metadata"]["name"]
    template = obj["spec"]["template"]["metadata"].setdefault("labels", {})
    template.update(
        {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
    )
    obj["metadata"].setdefault("labels", dict(template))
    selector = {"batch.kubernetes.io/controller-uid": uid}
    obj["spec"].setdefault("selector", {"matchLabels": selector})


def _cron_job(obj: Obj, identity: Identity) -> None:
    spec = obj["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    job = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    template = job.setdefault("template", {})
    template.setdefault("metadata", {})
    if "spec" in template:
        _pod_spec(template["spec"])


def _namespace(obj: Obj, identity: Identity) -> None:
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj["status"] = {"phase": "Active", **(obj.get("status") or {})}
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _node(obj: Obj, identity: Identity) -> None:
    obj.setdefault("spec", {})
    status = obj.setdefault("status", {})
    for name, empty in EMPTY_NODE_STATUS.items():
        status.setdefault(name, empty)


def _admit_node(obj: Obj, identity: Identity) -> None:
    """TaintNodesByCondition: a new node is tainted until a controller sees that it is ready."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    taints = obj["spec"].setdefault("taints", [])
    if taint not in taints:
        taints.append(taint)


def _service(obj: Obj, identity: Identity) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {"loadBalancer": {}})


def _volume_claim(obj: Obj, identity: Identity) -> None:
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    obj.setdefault("status", {"phase": "Pending"})


def _volume(obj: Obj, identity: Identity) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")


def _admit_volume_claim(obj: Obj, identity: Identity) -> None:
    obj["metadata"].setdefault("finalizers", []).append("kubernetes.io/pvc-protection")


def _admit_volume(obj: Obj, identity: Identity) -> None:
    obj["metadata"].setdefault("finalizers", []).append("kubernetes.io/pv-protection")
    now = obj["metadata"]["creationTimestamp"]
    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": now}


def _storage_class(obj: Obj, identity: Identity) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


_DEFAULTS: dict[str, Filler] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "ReplicationController": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Namespace": _namespace,
    "Node": _node,
    "Service": _service,
    "PersistentVolumeClaim": _volume_claim,
    "PersistentVolume": _volume,
    "StorageClass": _storage_class,
}
_ADMISSION: dict[str, Filler] = {
    "Pod": _admit_pod,
    "Node": _admit_node,
    "Job": _admit_job,
    "PersistentVolumeClaim": _admit_volume_claim,
    "PersistentVolume": _admit_volume,
}
