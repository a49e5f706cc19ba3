"""Valid objects for tests, made through the real parsing path. A test states what it is about.

Every node is an m7i.xlarge in us-east-1a, bought on demand: 4 vCPU and 16 GiB, all of it
allocatable, for 58 pods. Every pod asks for 1 vCPU and 1 GiB and is owned by a ReplicaSet.
``spec``, ``status`` and ``metadata`` are added as Kubernetes' own JSON, over the defaults.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from engines.contracts import aws, kubernetes
from engines.contracts.kubernetes.kinds import KINDS
from engines.contracts.market_rows import OnDemandRow, PriceRow
from engines.contracts.pricing import (
    AdvisorRate,
    InstanceType,
    InterruptionBucket,
    OperatingSystem,
)
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionType
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.state import ClusterState, CurrentState, compile_state

Json = dict[str, Any]

NOW = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)  # a Monday
REGION = "us-east-1"


def an_object(kind: str, content: Json) -> kubernetes.KubernetesObject:
    """Any Kubernetes object from its JSON."""
    return msgspec.json.decode(msgspec.json.encode(content), type=KINDS[kind].type)


def instance_id_for(node_name: str) -> str:
    """The id of the instance behind a node that ``a_node`` made."""
    return "i-" + hashlib.sha256(node_name.encode()).hexdigest()[:17]


def a_node(
    name: str = "node-a",
    *,
    instance_type: str = "m7i.xlarge",
    zone: str = "us-east-1a",
    capacity_type: str = "on-demand",
    cpu: float = 4,
    gib: float = 16,
    max_pods: int = 58,
    is_ready: bool = True,
    unschedulable: bool = False,
    taints: tuple[str, ...] = (),
    labels: Mapping[str, str | None] | None = None,
    annotations: Mapping[str, str] | None = None,
    metadata: Json | None = None,
    spec: Json | None = None,
    status: Json | None = None,
) -> kubernetes.Node:
    """A node. ``taints`` are "key=value:Effect"; a label that is None is left out."""
    all_labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": instance_type,
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": zone[:-1],
        "karpenter.sh/capacity-type": capacity_type,
        **(labels or {}),
    }
    amounts = {"cpu": _cpu(cpu), "memory": _memory(gib), "pods": str(max_pods)}
    node = an_object(
        "Node",
        {
            "metadata": {
                "name": name,
                "uid": f"uid-of-node-{name}",
                "creationTimestamp": "2026-07-01T00:00:00Z",
                "labels": {key: text for key, text in all_labels.items() if text is not None},
                "annotations": dict(annotations or {}),
                **(metadata or {}),
            },
            "spec": {
                "providerID": f"aws:///{zone}/{instance_id_for(name)}",
                "unschedulable": unschedulable,
                "taints": [_taint(text) for text in taints],
                **(spec or {}),
            },
            "status": {
                "capacity": amounts,
                "allocatable": amounts,
                "conditions": [{"type": "Ready", "status": "True" if is_ready else "False"}],
                "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
                **(status or {}),
            },
        },
    )
    assert isinstance(node, kubernetes.Node)
    return node


def a_pod(
    name: str = "web-1",
    *,
    on: str = "",
    namespace: str = "shop",
    cpu: float = 1,
    gib: float = 1,
    owner: tuple[str, str] | None = ("ReplicaSet", "web-6d4b"),
    phase: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    metadata: Json | None = None,
    spec: Json | None = None,
    status: Json | None = None,
) -> kubernetes.Pod:
    """A pod, running where ``on`` names a node, else pending. ``owner`` is (kind, name)."""
    owners = [] if owner is None else [_owner(*owner)]
    pod = an_object(
        "Pod",
        {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-of-pod-{namespace}-{name}",
                "creationTimestamp": "2026-07-02T00:00:00Z",
                "labels": dict(labels if labels is not None else {"app": "web"}),
                "annotations": dict(annotations or {}),
                "ownerReferences": owners,
                **(metadata or {}),
            },
            "spec": {
                "nodeName": on,
                "containers": [_container(cpu, gib)],
                **(spec or {}),
            },
            "status": {
                "phase": phase or ("Running" if on else "Pending"),
                "conditions": [{"type": "Ready", "status": "True"}] if on else [],
                **(status or {}),
            },
        },
    )
    assert isinstance(pod, kubernetes.Pod)
    return pod


def a_workload(
    name: str = "web",
    *,
    kind: str = "Deployment",
    namespace: str = "shop",
    replicas: int = 2,
    cpu: float = 1,
    gib: float = 1,
    owner: tuple[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    metadata: Json | None = None,
    spec: Json | None = None,
    pod_spec: Json | None = None,
    status: Json | None = None,
) -> kubernetes.Workload:
    """A workload of any kind whose pods carry the label app=<name>."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [_container(cpu, gib)], **(pod_spec or {})},
    }
    own: Json = {
        "Job": {"parallelism": replicas, "template": template},
        "CronJob": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}},
        "DaemonSet": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }.get(
        kind,
        {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    )
    workload = an_object(
        kind,
        {
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": uid_of_workload(kind, name),
                "creationTimestamp": "2026-07-01T00:00:00Z",
                "labels": dict(labels or {}),
                "annotations": dict(annotations or {}),
                "ownerReferences": [] if owner is None else [_owner(*owner)],
                **(metadata or {}),
            },
            "spec": {**own, **(spec or {})},
            "status": dict(status or {}),
        },
    )
    assert isinstance(workload, kubernetes.Workload)
    return workload


def a_pdb(
    name: str = "web",
    *,
    namespace: str = "shop",
    allowed: int = 1,
    match_labels: Mapping[str, str] | None = None,
    spec: Json | None = None,
    status: Json | None = None,
) -> kubernetes.PodDisruptionBudget:
    """A budget over the pods labelled app=web, of which ``allowed`` may go now."""
    labels = {"app": "web"} if match_labels is None else dict(match_labels)
    pdb = an_object(
        "PodDisruptionBudget",
        {
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-of-pdb-{name}"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}, **(spec or {})},
            "status": {
                "disruptionsAllowed": allowed,
                "currentHealthy": 1 + allowed,
                "desiredHealthy": 1,
                "expectedPods": 1 + allowed,
                **(status or {}),
            },
        },
    )
    assert isinstance(pdb, kubernetes.PodDisruptionBudget)
    return pdb


def a_namespace(
    name: str = "shop", *, labels: Mapping[str, str] | None = None
) -> kubernetes.Namespace:
    """A namespace."""
    content = {"metadata": {"name": name, "labels": dict(labels or {})}}
    namespace = an_object("Namespace", content)
    assert isinstance(namespace, kubernetes.Namespace)
    return namespace


def an_instance(
    instance_id: str,
    *,
    instance_type: str = "m7i.xlarge",
    zone: str = "us-east-1a",
    state: str = "running",
    lifecycle: str | None = None,
    tags: Mapping[str, str] | None = None,
    **fields: Any,
) -> aws.Instance:
    """An EC2 instance; ``fields`` are added as the API names them."""
    content = {
        "InstanceId": instance_id,
        "InstanceType": instance_type,
        "State": {"Name": state},
        "Placement": {"AvailabilityZone": zone},
        "LaunchTime": "2026-07-01T00:00:00Z",
        "InstanceLifecycle": lifecycle,
        "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        **fields,
    }
    return msgspec.json.decode(msgspec.json.encode(content), type=aws.Instance)


def a_volume(
    volume_id: str = "vol-0a1b2c3d4e5f60718",
    *,
    volume_type: str = "gp3",
    gib: int = 100,
    state: str = "available",
    zone: str = "us-east-1a",
    tags: Mapping[str, str] | None = None,
    **fields: Any,
) -> aws.Volume:
    """An EBS volume; ``fields`` are added as the API names them."""
    content = {
        "VolumeId": volume_id,
        "VolumeType": volume_type,
        "Size": gib,
        "State": state,
        "AvailabilityZone": zone,
        "CreateTime": "2026-06-01T00:00:00Z",
        "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        **fields,
    }
    return msgspec.json.decode(msgspec.json.encode(content), type=aws.Volume)


def a_price(
    usd: str = "0.08",
    *,
    instance_type: str = "m7i.xlarge",
    zone: str = "us-east-1a",
    at: datetime = datetime(2026, 7, 20, tzinfo=UTC),
    product: str = "Linux/UNIX",
) -> PriceRow:
    """A Spot price in force since two weeks before ``NOW``."""
    return PriceRow(
        instance_type=instance_type,
        availability_zone=zone,
        region=zone[:-1],
        product_description=product,
        spot_price=Decimal(usd),
        timestamp=at,
    )


def an_on_demand_price(
    usd: str = "0.20", *, instance_type: str = "m7i.xlarge", region: str = REGION
) -> OnDemandRow:
    """A Linux list price: 0.20 USD an hour is 146 USD a month."""
    return OnDemandRow(
        region=region,
        instance_type=instance_type,
        operating_system=OperatingSystem.LINUX,
        hourly_price=Decimal(usd),
        effective_date="2026-01-01",
    )


def an_advisor_rate(
    bucket: InterruptionBucket = InterruptionBucket.UNDER_5,
    *,
    instance_type: str = "m7i.xlarge",
    region: str = REGION,
) -> AdvisorRate:
    """A Linux rate of Spot Advisor."""
    return AdvisorRate(
        region=region,
        operating_system=OperatingSystem.LINUX,
        instance_type=instance_type,
        interruption_bucket=bucket,
        savings_percent=60,
    )


def an_instance_type(
    name: str = "m7i.xlarge",
    *,
    vcpu: int = 4,
    gib: int = 16,
    architecture: str = "amd64",
    max_pods: int | None = 58,
) -> InstanceType:
    """An instance type of the current generation."""
    family = name.partition(".")[0]
    return InstanceType(
        instance_type=name,
        vcpu=vcpu,
        memory_mib=gib * 1024,
        architecture=architecture,
        family=family,
        generation=7,
        max_pods=max_pods,
    )


def a_document(*objects: kubernetes.KubernetesObject, **fields: Any) -> CurrentState:
    """The document of these objects; ``fields`` are others of ``CurrentState``.

    Nodes, pods, workloads and budgets always count as listed.
    """
    by_field: dict[str, list[Any]] = {"nodes": [], "pods": [], "workloads": [], "pdbs": []}
    for one in objects:
        by_field.setdefault(KINDS[one.kind].field, []).append(one)
    return CurrentState(**{name: tuple(some) for name, some in by_field.items()}, **fields)


def a_state(*objects: kubernetes.KubernetesObject, **fields: Any) -> ClusterState:
    """The compiled state of these objects; ``fields`` (prices=..., usage=...) as in documents."""
    return compile_state(a_document(*objects, **fields))


def a_cluster(*objects: kubernetes.KubernetesObject, **fields: Any) -> ClusterSnapshot:
    """The snapshot of these objects."""
    return a_state(*objects, **fields).cluster


def a_request(
    state: ClusterState,
    *,
    decision_type: DecisionType = DecisionType.SPOT_OPTIMIZE,
    now: datetime = NOW,
    requirements: Mapping[str, Any] | None = None,
    constraints: Mapping[str, Any] | None = None,
) -> DecisionRequest:
    """A request about a state."""
    return DecisionRequest(
        request_id="request-1",
        cluster_id="cluster-1",
        decision_type=decision_type,
        now=now,
        current_state=state,
        requirements=requirements or {},
        constraints=constraints or {},
    )


def uid_of_workload(kind: str, name: str) -> str:
    """The uid that ``a_workload`` gives, and that owner references carry."""
    return f"uid-of-{kind}-{name}"


def _owner(kind: str, name: str) -> Json:
    group = {"Job": "batch/v1", "CronJob": "batch/v1", "Node": "v1"}.get(kind, "apps/v1")
    return {
        "apiVersion": group,
        "kind": kind,
        "name": name,
        "uid": uid_of_workload(kind, name),
        "controller": True,
    }


def _container(cpu: float, gib: float) -> Json:
    requests = {"cpu": _cpu(cpu), "memory": _memory(gib)}
    return {"name": "main", "resources": {"requests": requests}}


def _cpu(cores: float) -> str:
    return f"{round(cores * 1000)}m"


def _memory(gib: float) -> str:
    return str(round(gib * 2**30))


def _taint(text: str) -> Json:
    key_and_value, _, effect = text.rpartition(":")
    key, _, value = key_and_value.partition("=")
    return {"key": key, "value": value, "effect": effect}
