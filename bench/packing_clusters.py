"""Seeded clusters for the packing benches: mixed nodes, DaemonSets, and some of everything.

About thirty pods a node ask for some 70 % of it on average, unevenly: some nodes are full, some
nearly empty. Of the workloads a seventh spread over zones, a tenth keep their pods on different
nodes, a tenth are held to one zone, a fifth have a disruption budget, and a few hold their nodes
for good.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from engines.contracts.kubernetes import (
    DaemonSet,
    Node,
    Pod,
    PodDisruptionBudget,
    PodSpec,
)
from engines.contracts.market_rows import OnDemandRow, PriceRow
from engines.contracts.pricing import OperatingSystem
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionType
from engines.contracts.state import ClusterState, CurrentState, compile_state

NOW = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
MIB = 2**20

# type: allocatable millicores and MiB, pods, USD an hour, share of the nodes
TYPES = {
    "m5.xlarge": (3_920, 14_162, 58, 0.192, 0.25),
    "m5.2xlarge": (7_910, 29_317, 58, 0.384, 0.2),
    "m5.4xlarge": (15_890, 57_691, 234, 0.768, 0.12),
    "c5.2xlarge": (7_910, 14_162, 58, 0.34, 0.16),
    "r5.xlarge": (3_920, 29_317, 58, 0.252, 0.15),
    "c5.4xlarge": (15_890, 27_386, 234, 0.68, 0.07),
    "r5.4xlarge": (15_890, 118_300, 234, 1.008, 0.05),
}
PODS_PER_NODE = 34
DAEMONS = {"agent": (50, 128), "network": (50, 64), "logs": (100, 200)}
CPU_MILLICORES = (20, 50, 100, 150, 200, 300, 500, 1_000, 2_000)
CPU_SHARES = (0.2, 0.27, 0.22, 0.12, 0.08, 0.05, 0.035, 0.02, 0.005)
MIB_PER_MILLICORE = (1, 2, 2, 4, 4, 8)


def packing_request(state: ClusterState, **requirements: Any) -> DecisionRequest:
    """The packer's request about a state."""
    return DecisionRequest(
        request_id="bench",
        cluster_id="bench",
        decision_type=DecisionType.BIN_PACK,
        now=NOW,
        current_state=state,
        requirements=requirements,
    )


def packing_state(nodes: int, seed: int, fullness: float = 0.75, only: str = "") -> ClusterState:
    """A cluster of so many nodes whose pods ask for about ``fullness`` of them on average;
    ``only``: the type of all nodes."""
    return compile_state(_Maker(nodes, seed, fullness, only).document(nodes * PODS_PER_NODE))


class _Maker:
    """Fills nodes with workloads until there are enough pods."""

    def __init__(self, nodes: int, seed: int, fullness: float, only: str) -> None:
        self._rng = np.random.default_rng(seed)
        names = list(TYPES)
        shares = [float(name == only) if only else one[-1] for name, one in TYPES.items()]
        self._types = [names[at] for at in self._rng.choice(len(names), nodes, p=shares)]
        self._zones = np.arange(nodes) % len(ZONES)
        sizes = np.array([TYPES[one][:3] for one in self._types], np.int64)
        used = np.array([sum(one) for one in zip(*DAEMONS.values(), strict=True)])
        wanted = self._rng.beta(5 * fullness, 5 * (1 - fullness), nodes)[:, None]
        self._room = (sizes[:, :2] * wanted).astype(np.int64) - used
        self._slots = sizes[:, 2] - len(DAEMONS)
        self._is_spot = self._rng.random(nodes) < 0.25
        self._objects: list[Any] = []

    def document(self, pods: int) -> CurrentState:
        """The cluster's document, prices included."""
        workloads = list(self._workloads(pods))
        return CurrentState(
            nodes=tuple(self._node(row) for row in range(len(self._types))),
            pods=(*(pod for _, some, _ in workloads for pod in some), *self._daemon_pods()),
            pdbs=tuple(pdb for _, _, some in workloads for pdb in some),
            workloads=tuple(_daemonset(name, *size) for name, size in DAEMONS.items()),
            pvcs=(),
            pvs=(),
            on_demand=tuple(_on_demand(name) for name in TYPES),
            prices=tuple(_spot(name, zone) for name in TYPES for zone in ZONES),
        )

    def _node(self, row: int) -> Node:
        kind, zone = self._types[row], ZONES[self._zones[row]]
        millicores, mib, pods, _, _ = TYPES[kind]
        name = f"node-{row:05}"
        amounts = {"cpu": f"{millicores}m", "memory": f"{mib}Mi", "pods": str(pods)}
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": kind,
            "topology.kubernetes.io/zone": zone,
            "topology.kubernetes.io/region": REGION,
            "eks.amazonaws.com/capacityType": "SPOT" if self._is_spot[row] else "ON_DEMAND",
        }
        return msgspec.convert(
            {
                "metadata": {"name": name, "labels": labels},
                "spec": {"providerID": f"aws:///{zone}/i-{row:017x}"},
                "status": {
                    "capacity": amounts,
                    "allocatable": amounts,
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            },
            Node,
        )

    def _workloads(self, pods: int) -> Iterator[tuple[str, list[Pod], list[PodDisruptionBudget]]]:
        made = number = failures = 0
        while made < pods and failures < 500:
            name = f"app-{number:05}"
            number += 1
            replicas = int(min(2 + self._rng.geometric(0.12), pods - made))
            habit = int(self._rng.integers(0, 100))
            if _is_apart(habit):
                replicas = min(replicas, 5)
            some = list(self._pods(name, replicas, habit))
            made += len(some)
            failures = 0 if some else failures + 1
            budget = [_budget(name, len(some))] if len(some) > 2 and number % 5 == 0 else []
            yield name, some, budget

    def _pods(self, name: str, replicas: int, habit: int) -> Iterator[Pod]:
        """Pods of one workload on nodes with room; those that find none are left out."""
        millicores = int(self._rng.choice(CPU_MILLICORES, p=CPU_SHARES))
        ratio = self._rng.choice(MIB_PER_MILLICORE) * self._rng.uniform(0.7, 1.3)
        size = np.array([millicores, max(16, int(millicores * ratio))])
        start = int(self._rng.integers(0, 3))
        template = _spec(name, size, habit, ZONES[start])
        fits = np.flatnonzero((self._room >= size).all(axis=1) & (self._slots > 0))
        self._rng.shuffle(fits)
        by_zone = [fits[self._zones[fits] == zone].tolist() for zone in range(len(ZONES))]
        for copy in range(replicas):
            zone = start if 24 <= habit < 34 else (start + copy) % len(ZONES)
            if not by_zone[zone]:
                return
            row = by_zone[zone].pop()
            self._room[row] -= size
            self._slots[row] -= 1
            yield _pod(f"{name}-{copy:03}", name, "ReplicaSet", template, f"node-{row:05}")

    def _daemon_pods(self) -> Iterator[Pod]:
        for name, size in DAEMONS.items():
            template = _spec(name, np.array(size), 99)
            for row in range(len(self._types)):
                yield _pod(f"{name}-{row:05}", name, "DaemonSet", template, f"node-{row:05}")


def _is_apart(habit: int) -> bool:
    """Whether the workload keeps its pods on different nodes; such workloads have up to five."""
    return 14 <= habit < 24


def _spec(name: str, size: Any, habit: int, zone: str = "") -> PodSpec:
    requests = {"cpu": f"{int(size[0])}m", "memory": f"{int(size[1])}Mi"}
    spec: dict[str, Any] = {"containers": [{"name": "c", "resources": {"requests": requests}}]}
    selector = {"labelSelector": {"matchLabels": {"app": name}}}
    if habit < 14:
        rule = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone"}
        spec["topologySpreadConstraints"] = [
            rule | {"whenUnsatisfiable": "DoNotSchedule"} | selector
        ]
    elif _is_apart(habit):
        term = {"topologyKey": "kubernetes.io/hostname"} | selector
        required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        spec["affinity"] = {"podAntiAffinity": required}
    elif habit < 34:
        spec["nodeSelector"] = {"topology.kubernetes.io/zone": zone}
    elif habit == 34:
        spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return msgspec.convert(spec, PodSpec)


def _pod(name: str, owner: str, kind: str, template: PodSpec, node: str) -> Pod:
    metadata = {
        "name": name,
        "namespace": "bench",
        "labels": {"app": owner},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": True}
        ],
    }
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = msgspec.convert({"metadata": metadata, "spec": {}, "status": status}, Pod)
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(template, node_name=node))


def _daemonset(name: str, millicores: int, mib: int) -> DaemonSet:
    requests = {"cpu": f"{millicores}m", "memory": f"{mib}Mi"}
    labels = {"app": name}
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "bench", "uid": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "c", "resources": {"requests": requests}}]},
                },
            },
        },
        DaemonSet,
    )


def _budget(name: str, pods: int) -> PodDisruptionBudget:
    allowed = max(1, pods // 4)
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "bench"},
            "spec": {"maxUnavailable": "25%", "selector": {"matchLabels": {"app": name}}},
            "status": {
                "disruptionsAllowed": allowed,
                "currentHealthy": pods,
                "desiredHealthy": pods - allowed,
                "expectedPods": pods,
            },
        },
        PodDisruptionBudget,
    )


def _on_demand(name: str) -> OnDemandRow:
    return OnDemandRow(
        region=REGION,
        instance_type=name,
        operating_system=OperatingSystem.LINUX,
        hourly_price=Decimal(str(TYPES[name][3])),
        effective_date="2026-01-01",
    )


def _spot(name: str, zone: str) -> PriceRow:
    share = 0.32 + 0.04 * (sum(map(ord, name + zone)) % 5)
    return PriceRow(
        instance_type=name,
        availability_zone=zone,
        region=REGION,
        product_description="Linux/UNIX",
        spot_price=Decimal(str(round(TYPES[name][3] * share, 4))),
        timestamp=datetime(2026, 7, 20, tzinfo=UTC),
    )
