"""What somebody would have applied for a workload: itself, its Service, its budget, its scaler."""

import zlib
from collections.abc import Iterator

from sandbox.kube.objects import Obj
from sandbox.shop.workloads import Workload

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
CRON_SCHEDULES = {"sitemap": "17 3 * * *", "reconcile": "*/30 * * * *", "exports": "5 * * * *"}

_API_VERSIONS = {"Job": "batch/v1", "CronJob": "batch/v1"}


def manifests(workload: Workload) -> Iterator[Obj]:
    """The workload first, then what refers to it."""
    yield _workload(workload)
    if workload.port is not None:
        yield _service(workload)
    if workload.budget is not None:
        yield _budget(workload)
    if workload.scaled_between is not None:
        yield _scaler(workload, *workload.scaled_between)


def _workload(one: Workload) -> Obj:
    spec: Obj = {"template": _template(one)}
    if one.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        spec["selector"] = {"matchLabels": one.labels}
    if one.kind in ("Deployment", "StatefulSet"):
        spec["replicas"] = one.replicas
    if one.kind == "StatefulSet":
        spec["serviceName"] = one.name
        spec["volumeClaimTemplates"] = [_claim_template(one)]
    if one.kind == "Job":
        spec |= {"parallelism": one.replicas, "completions": one.replicas}
    if one.kind == "CronJob":
        spec["template"]["spec"]["restartPolicy"] = "OnFailure"
        spec = {"schedule": CRON_SCHEDULES[one.name], "jobTemplate": {"spec": spec}}
    head = _head(_API_VERSIONS.get(one.kind, "apps/v1"), one.kind, one)
    return {**head, "spec": spec}


def _head(api_version: str, kind: str, one: Workload) -> Obj:
    metadata = {"name": one.name, "namespace": one.namespace, "labels": one.labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _template(one: Workload) -> Obj:
    containers = [_container(one, one.name, one.millicores, one.mebibytes)]
    if one.sidecar is not None:
        containers.append(_container(one, *one.sidecar))
    metadata: Obj = {"labels": one.labels}
    if one.annotations:
        metadata["annotations"] = dict(one.annotations)
    return {"metadata": metadata, "spec": {"containers": containers, **one.pod}}


def _container(one: Workload, name: str, millicores: int, mebibytes: int) -> Obj:
    resources: Obj = {"requests": {"cpu": f"{millicores}m", "memory": f"{mebibytes}Mi"}}
    if one.memory_limit:
        resources["limits"] = {"memory": f"{round(mebibytes * one.memory_limit)}Mi"}
    container: Obj = {
        "name": name,
        "image": f"{REGISTRY}/{one.namespace}/{name}:{_tag(one)}",
        "resources": resources,
    }
    if one.claim and name == one.name:
        mount = {"name": one.claim, "mountPath": f"/var/lib/{one.name}"}
        container["volumeMounts"] = [mount]
    if one.port is not None and name == one.name:
        container["ports"] = [{"name": "main", "containerPort": one.port}]
    return container


def _tag(one: Workload) -> str:
    """A version such as 2.7.13, for ever the same."""
    number = zlib.crc32(f"{one.namespace}/{one.name}".encode())
    return f"{number % 4 + 1}.{number // 7 % 20}.{number // 131 % 30}"


def _claim_template(one: Workload) -> Obj:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": "50Gi"}},
    }
    return {"metadata": {"name": one.claim}, "spec": spec}


def _service(one: Workload) -> Obj:
    number = zlib.crc32(f"service/{one.namespace}/{one.name}".encode())
    address = f"172.20.{number % 200}.{number // 200 % 250 + 2}"
    port = {"name": "main", "port": one.port, "targetPort": "main"}
    spec: Obj = {"selector": one.labels, "ports": [port], "clusterIP": address}
    if one.kind == "StatefulSet":
        spec["clusterIP"] = "None"
    return {**_head("v1", "Service", one), "spec": spec | {"clusterIPs": [spec["clusterIP"]]}}


def _budget(one: Workload) -> Obj:
    spec = {**(one.budget or {}), "selector": {"matchLabels": one.labels}}
    return {**_head("policy/v1", "PodDisruptionBudget", one), "spec": spec}


def _scaler(one: Workload, least: int, most: int) -> Obj:
    target = {"type": "Utilization", "averageUtilization": 60}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": one.kind, "name": one.name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return {**_head("autoscaling/v2", "HorizontalPodAutoscaler", one), "spec": spec}
