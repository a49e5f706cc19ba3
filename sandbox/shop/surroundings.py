"""What a cluster has besides its workloads: namespaces, limits, priorities, storage, webhooks."""

from collections.abc import Iterator, Sequence

from sandbox.aws.leftovers import DataVolume
from sandbox.kube.objects import Obj
from sandbox.shop.workloads import NAMESPACES

EBS_DRIVER = "ebs.csi.aws.com"
ENVIRONMENT_LABEL = "cloudoptim.io/environment"

_PRIORITIES = (
    ("system-cluster-critical", 2_000_000_000, "PreemptLowerPriority"),
    ("system-node-critical", 2_000_001_000, "PreemptLowerPriority"),
    ("shop-critical", 1_000_000, "PreemptLowerPriority"),
    ("batch", -100, "Never"),
)
_QUOTAS = {
    "staging": {"requests.cpu": "12", "requests.memory": "24Gi", "pods": "40"},
    "dev": {"requests.cpu": "20", "requests.memory": "40Gi", "pods": "60"},
}
_WEBHOOKS = (
    (
        "ValidatingWebhookConfiguration",
        "cert-manager-webhook",
        "webhook.cert-manager.io",
        ("cert-manager", "cert-manager-webhook"),
        {"apiGroups": ["cert-manager.io"], "apiVersions": ["v1"], "resources": ["*/*"]},
    ),
    (
        "MutatingWebhookConfiguration",
        "aws-load-balancer-webhook",
        "mpod.elbv2.k8s.aws",
        ("kube-system", "aws-load-balancer-controller"),
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]},
    ),
)


def surroundings(volumes: Sequence[DataVolume]) -> Iterator[Obj]:
    """All of it, in the order in which it has to be made."""
    yield from (_namespace(name, environment) for name, environment in NAMESPACES.items())
    yield from (_priority(*row) for row in _PRIORITIES)
    yield from (_storage_class(kind, is_default=kind == "gp3") for kind in ("gp2", "gp3"))
    for volume in volumes:
        yield _volume(volume)
        yield _claim(volume)
    for namespace, hard in _QUOTAS.items():
        yield _limit_range(namespace)
        yield _named("v1", "ResourceQuota", "compute", namespace) | {"spec": {"hard": hard}}
    yield _budget_of_nobody()
    yield from (_webhook(*row) for row in _WEBHOOKS)


def volume_name(volume: DataVolume) -> str:
    """The PersistentVolume of an EBS volume, named as the provisioner names them."""
    digits = volume.volume_id.removeprefix("vol-").rjust(32, "0")
    return f"pvc-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def _named(api_version: str, kind: str, name: str, namespace: str = "") -> Obj:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _namespace(name: str, environment: str) -> Obj:
    found = _named("v1", "Namespace", name)
    found["metadata"]["labels"] = {ENVIRONMENT_LABEL: environment}
    return found


def _priority(name: str, value: int, preemption: str) -> Obj:
    named = _named("scheduling.k8s.io/v1", "PriorityClass", name)
    return {**named, "value": value, "preemptionPolicy": preemption, "globalDefault": False}


def _storage_class(kind: str, *, is_default: bool) -> Obj:
    found = _named("storage.k8s.io/v1", "StorageClass", kind)
    if is_default:
        marks = {"storageclass.kubernetes.io/is-default-class": "true"}
        found["metadata"]["annotations"] = marks
    return {
        **found,
        "provisioner": EBS_DRIVER,
        "parameters": {"type": kind},
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


def _volume(volume: DataVolume) -> Obj:
    in_zone = {
        "key": "topology.kubernetes.io/zone",
        "operator": "In",
        "values": [volume.zone],
    }
    spec = {
        "capacity": {"storage": f"{volume.size_gib}Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "gp3",
        "volumeMode": "Filesystem",
        "csi": {"driver": EBS_DRIVER, "fsType": "ext4", "volumeHandle": volume.volume_id},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [in_zone]}]}},
    }
    found = _named("v1", "PersistentVolume", volume_name(volume))
    found["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": EBS_DRIVER}
    return found | {"spec": spec}


def _claim(volume: DataVolume) -> Obj:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{volume.size_gib}Gi"}},
        "storageClassName": "gp3",
        "volumeMode": "Filesystem",
        "volumeName": volume_name(volume),
    }
    found = _named("v1", "PersistentVolumeClaim", volume.claim, volume.namespace)
    provisioner = "volume.kubernetes.io/storage-provisioner"
    found["metadata"]["annotations"] = {provisioner: EBS_DRIVER}
    return found | {"spec": spec}


def _limit_range(namespace: str) -> Obj:
    limit = {
        "type": "Container",
        "default": {"memory": "512Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
        "min": {"cpu": "50m", "memory": "64Mi"},
        "max": {"cpu": "4", "memory": "8Gi"},
    }
    return _named("v1", "LimitRange", "containers", namespace) | {"spec": {"limits": [limit]}}


def _budget_of_nobody() -> Obj:
    """A budget whose workload went long ago, and nobody noticed."""
    selector = {"matchLabels": {"app.kubernetes.io/name": "recommendations-v1"}}
    spec = {"minAvailable": 2, "selector": selector}
    return _named("policy/v1", "PodDisruptionBudget", "recommendations-v1", "shop") | {"spec": spec}


def _webhook(kind: str, name: str, hook: str, service: tuple[str, str], rule: Obj) -> Obj:
    webhook = {
        "name": hook,
        "clientConfig": {"service": {"namespace": service[0], "name": service[1], "port": 443}},
        "rules": [{**rule, "operations": ["CREATE"], "scope": "*"}],
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
    }
    return _named("admissionregistration.k8s.io/v1", kind, name) | {"webhooks": [webhook]}
