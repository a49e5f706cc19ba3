"""A believable cluster as ``kubectl get ... -o json`` prints it: 42 nodes, about 430 pods.

Mostly on-demand nodes of mixed types in three zones, 60 workloads that ask for too much, budgets
for the important ones. The seed is fixed: every run makes the same bytes. Used by journeys,
screenshots and page benches; also ``python -m tests.believable_cluster > cluster.json``.
"""

import json
import random
import sys
from typing import Any

REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
CREATED = "2026-05-04T09:12:00Z"
# type: vCPU, GiB, pods by the ENI formula, how many nodes on-demand, how many on Spot
NODE_TYPES = {
    "m5.xlarge": (4, 16, 58, 14, 3),
    "c5.2xlarge": (8, 16, 58, 7, 1),
    "r5.xlarge": (4, 32, 58, 6, 1),
    "m5.4xlarge": (16, 64, 234, 5, 0),
    "m5.large": (2, 8, 29, 4, 1),
}
TEAMS = {
    "shop": ("cart", "checkout", "catalogue", "search", "pricing", "inventory", "reviews", "web"),
    "payments": ("gateway", "ledger", "fraud", "invoices", "refunds", "reports"),
    "data": ("ingest", "etl", "features", "scoring", "notebooks", "warehouse-sync"),
    "platform": ("ingress", "auth", "mailer", "webhooks", "audit", "flags", "cdn-purge"),
    "dev": ("preview-a", "preview-b", "preview-c", "load-test", "docs", "demo"),
}
SYSTEM_DAEMONS = {
    "aws-node": ("25m", "0"),
    "kube-proxy": ("100m", "0"),
    "node-exporter": ("50m", "64Mi"),
}
REQUESTS = (("100m", "256Mi"), ("250m", "512Mi"), ("500m", "1Gi"), ("1", "2Gi"), ("1500m", "3Gi"))


def believable_dump(seed: int = 7, taken_at: str = CREATED, scale: float = 1.0) -> bytes:
    """The dump as one JSON document of kind List; nodes last reported at ``taken_at``.

    ``scale`` multiplies the numbers of nodes; pods that find no room are left out.
    """
    items = _items(random.Random(seed), scale)
    for item in items:
        for condition in item.get("status", {}).get("conditions", ()):
            condition["lastHeartbeatTime"] = taken_at
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()


def _items(rng: random.Random, scale: float) -> list[dict[str, Any]]:
    nodes = _nodes(rng, scale)
    room = {node["metadata"]["name"]: _room(node) for node in nodes}
    items = [*nodes, *(_plain("Namespace", name) for name in ("kube-system", *TEAMS))]
    for name, requests in SYSTEM_DAEMONS.items():
        items += _daemonset(name, requests, list(room), room, rng)
    for namespace, names in TEAMS.items():
        for name in names:
            items += _workload(namespace, name, room, rng)
    return items


def _nodes(rng: random.Random, scale: float) -> list[dict[str, Any]]:
    """All nodes, spread over the zones in turn."""
    wanted = [
        (kind, capacity_type)
        for kind, (_, _, _, on_demand, spot) in NODE_TYPES.items()
        for capacity_type in ["ON_DEMAND"] * round(on_demand * scale)
        + ["SPOT"] * round(spot * scale)
    ]
    return [
        _node(position, kind, capacity_type, rng)
        for position, (kind, capacity_type) in enumerate(wanted)
    ]


def _node(position: int, kind: str, capacity_type: str, rng: random.Random) -> dict[str, Any]:
    vcpu, gib, pods, _, _ = NODE_TYPES[kind]
    zone = ZONES[position % len(ZONES)]
    name = f"ip-10-0-{position // 16 + 1}-{position % 16 * 13 + 11}.ec2.internal"
    allocatable = {
        "cpu": f"{vcpu * 1000 - 80}m",
        "memory": f"{int(gib * 1024 * 0.925) - 355 - 11 * pods}Mi",
        "pods": str(pods),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"node-{position:04d}",
            "creationTimestamp": CREATED,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                "node.kubernetes.io/instance-type": kind,
                "topology.kubernetes.io/region": REGION,
                "topology.kubernetes.io/zone": zone,
                "eks.amazonaws.com/capacityType": capacity_type,
                "eks.amazonaws.com/nodegroup": f"general-{kind.replace('.', '-')}",
            },
        },
        "spec": {"providerID": f"aws:///{zone}/i-{rng.getrandbits(68):017x}"},
        "status": {
            "capacity": {"cpu": str(vcpu), "memory": f"{gib}Gi", "pods": str(pods)},
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
        },
    }


def _room(node: dict[str, Any]) -> list[int]:
    """Millicores, MiB and pods that are still free on a node."""
    free = node["status"]["allocatable"]
    return [int(free["cpu"][:-1]), int(free["memory"][:-2]), int(free["pods"])]


def _daemonset(
    name: str,
    requests: tuple[str, str],
    nodes: list[str],
    room: dict[str, list[int]],
    rng: random.Random,
) -> list[dict[str, Any]]:
    owner = _plain("DaemonSet", name, "kube-system", api="apps/v1")
    owner["spec"] = _template(name, requests)
    pods = [
        _pod(f"{name}-{_suffix(rng)}", "kube-system", name, ("DaemonSet", name), requests)
        for _ in nodes
    ]
    for pod, node in zip(pods, nodes, strict=True):
        _bind(pod, node, requests, room)
    return [owner, *pods]


def _workload(
    namespace: str, name: str, room: dict[str, list[int]], rng: random.Random
) -> list[dict[str, Any]]:
    """A Deployment, or now and then a StatefulSet, with its pods and often a budget."""
    requests = rng.choices(REQUESTS, weights=(2, 4, 5, 3, 1))[0]
    replicas = rng.choice((3, 6, 8, 12, 16, 20))
    kind = "StatefulSet" if name in {"ledger", "search", "warehouse-sync"} else "Deployment"
    owner = _plain(kind, name, namespace, api="apps/v1")
    owner["spec"] = _template(name, requests) | {"replicas": replicas}
    items = [owner]
    controller = (kind, name)
    if kind == "Deployment":
        controller = ("ReplicaSet", f"{name}-{_suffix(rng, 9)}")
        replica_set = _plain("ReplicaSet", controller[1], namespace, api="apps/v1")
        replica_set["metadata"]["ownerReferences"] = [_owner("Deployment", name, namespace)]
        replica_set["spec"] = _template(name, requests) | {"replicas": replicas}
        items.append(replica_set)
    for number in range(replicas):
        ending = str(number) if kind == "StatefulSet" else _suffix(rng)
        pod = _pod(f"{controller[1]}-{ending}", namespace, name, controller, requests)
        if _place(pod, requests, room, rng):
            items.append(pod)
    if replicas >= 6:
        items.append(_budget(namespace, name, replicas))
    return items


def _place(
    pod: dict[str, Any], requests: tuple[str, str], room: dict[str, list[int]], rng: random.Random
) -> bool:
    """Bind the pod to a node where it fits, as a scheduler that spreads would."""
    millicores, mebibytes = _amounts(requests)
    fitting = [
        name
        for name, free in room.items()
        if free[0] >= millicores and free[1] >= mebibytes and free[2] >= 1
    ]
    if not fitting:
        return False
    candidates = rng.sample(fitting, min(4, len(fitting)))
    _bind(pod, max(candidates, key=lambda name: room[name][0]), requests, room)
    return True


def _bind(
    pod: dict[str, Any], node: str, requests: tuple[str, str], room: dict[str, list[int]]
) -> None:
    millicores, mebibytes = _amounts(requests)
    room[node][0] -= millicores
    room[node][1] -= mebibytes
    room[node][2] -= 1
    pod["spec"]["nodeName"] = node


def _pod(
    name: str, namespace: str, app: str, owner: tuple[str, str], requests: tuple[str, str]
) -> dict[str, Any]:
    pod = _plain("Pod", name, namespace)
    pod["metadata"] |= {"labels": {"app": app}, "ownerReferences": [_owner(*owner, namespace)]}
    pod["spec"] = {
        "containers": [_container(app, requests)],
        "tolerations": [],
        "terminationGracePeriodSeconds": 30,
    }
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return pod


def _budget(namespace: str, app: str, replicas: int) -> dict[str, Any]:
    budget = _plain("PodDisruptionBudget", app, namespace, api="policy/v1")
    budget["spec"] = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": app}}}
    budget["status"] = {
        "disruptionsAllowed": 1,
        "currentHealthy": replicas,
        "desiredHealthy": replicas - 1,
        "expectedPods": replicas,
    }
    return budget


def _template(app: str, requests: tuple[str, str]) -> dict[str, Any]:
    return {
        "selector": {"matchLabels": {"app": app}},
        "template": {
            "metadata": {"labels": {"app": app}},
            "spec": {"containers": [_container(app, requests)]},
        },
    }


def _container(app: str, requests: tuple[str, str]) -> dict[str, Any]:
    wanted = {"cpu": requests[0], "memory": requests[1]}
    return {"name": app, "resources": {"requests": wanted, "limits": {"memory": requests[1]}}}


def _plain(kind: str, name: str, namespace: str = "", api: str = "v1") -> dict[str, Any]:
    metadata = {"name": name, "uid": f"{kind}-{namespace}-{name}", "creationTimestamp": CREATED}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def _owner(kind: str, name: str, namespace: str) -> dict[str, Any]:
    """A reference to the controller that ``_plain`` made."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": name,
        "uid": f"{kind}-{namespace}-{name}",
        "controller": True,
    }


def _amounts(requests: tuple[str, str]) -> tuple[int, int]:
    """Millicores and MiB of a pair of quantities as they are written above."""
    cpu, memory = requests
    millicores = int(cpu[:-1]) if cpu.endswith("m") else int(cpu) * 1000
    factors = {"Mi": 1, "Gi": 1024}
    return millicores, int(memory[:-2] or 0) * factors.get(memory[-2:], 1)


def _suffix(rng: random.Random, length: int = 5) -> str:
    return "".join(rng.choices("bcdfghjklmnpqrstvwxz2456789", k=length))


if __name__ == "__main__":
    sys.stdout.buffer.write(believable_dump())
