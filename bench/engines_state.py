"""The state that all engines are asked about at once: 1,000 nodes, and something for each engine.

The packing benches' cluster, with what surrounds one: Deployments above the pods and Services
before them, a market of 180 pools, EC2 instances, volumes, traffic, a week's use of each container,
and OOM kills. Of the workloads that stand in one zone half may leave it, and talk with each other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bench.packing_clusters import NOW, REGION, ZONES, packing_state
from engines.contracts.aws import Instance, Snapshot, Volume
from engines.contracts.kubernetes import (
    Deployment,
    Namespace,
    PersistentVolume,
    Pod,
    ReplicaSet,
    Service,
)
from engines.contracts.market_rows import OnDemandRow, PriceRow
from engines.contracts.pricing import (
    AdvisorRate,
    InstanceType,
    InterruptionBucket,
    OperatingSystem,
)
from engines.contracts.quantities import cpu_millicores, whole_units
from engines.contracts.results import DecisionType
from engines.contracts.state import ClusterState, CurrentState, compile_state, to_document
from engines.contracts.usage import TrafficRow
from engines.contracts.usage_summary import SummaryOfResource, UsageSummaryRow

GHOSTS, STRAYS, CLAIMED, KILLED_PODS, TRAFFIC_ROWS = 60, 1_000, 500, 200, 60_000
PIPELINE_BYTES = 90_000_000_000  # a day from each pod of a stage to one of the next
PRICE_DAYS = 14
STAGING = "staging"
FAMILIES = ("m5", "m5a", "m6i", "m6a", "c5", "c5a", "c6i", "c6a", "r5", "r5a", "r6i", "r6a")
SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32}
GIB_PER_CORE = {"m": 4, "c": 2, "r": 8}
USD_PER_CORE = {"m": 0.048, "c": 0.0425, "r": 0.063}
CHEAPER_BY_MAKER = {"5": 1.0, "5a": 0.9, "6i": 1.0, "6a": 0.9}
LONG_AGO = NOW - timedelta(days=40)
CLUSTER_TAG = {"Key": "kubernetes.io/cluster/bench", "Value": "owned"}


class Surroundings(NamedTuple):
    """The state, what the engines are told besides, and how many subjects each has to name.

    Pools, nodes, Deployments, instances and volumes; for the network optimizer, whose pairs are
    the result of its own sums, there is no number.
    """

    state: ClusterState
    parameters: Mapping[DecisionType, Mapping[str, Any]]
    subjects: Mapping[DecisionType, int]


def surrounded_state(nodes: int, seed: int) -> Surroundings:
    """A cluster of so many nodes and all around it, the same for the same seed."""
    rng = np.random.default_rng(seed)
    document = to_document(packing_state(nodes, seed))
    pods = tuple(map(_housed, document.pods or ()))
    apps = [pod for pod in pods if _is_app(pod)]
    movable = tuple(map(_housed, filter(_may_leave_its_zone, document.pods or ())))
    workloads = {_app(pod): pod for pod in apps}
    killed = [apps[at] for at in rng.choice(len(apps), KILLED_PODS, replace=False)]
    ghosts = tuple(_ghosts())
    full = msgspec.structs.replace(
        document,
        pods=pods,
        namespaces=tuple(map(_namespace, ("bench", STAGING))),
        workloads=(*(document.workloads or ()), *_owners(apps)),
        instances=(*_node_instances(document), *ghosts),
        volumes=tuple(map(_volume, range(STRAYS + CLAIMED))),
        snapshots=tuple(map(_snapshot, range(0, STRAYS, 10))),
        pvs=tuple(map(_persistent_volume, range(STRAYS, STRAYS + CLAIMED))),
        usage_summary=tuple(_use(pod, rng) for pod in pods),
        services=tuple(_service(pod) for pod in workloads.values()),
        traffic=_each_pair_once((*_traffic(apps, rng), *_pipelines(movable))),
        **_market(rng),
    )
    first_seen = dict.fromkeys((one.instance_id for one in ghosts), LONG_AGO)
    first_available = dict.fromkeys(map(_volume_id, range(STRAYS + CLAIMED)), LONG_AGO)
    parameters: dict[DecisionType, Mapping[str, Any]] = {
        DecisionType.SCHEDULE: {"schedules": [_schedule()]},
        DecisionType.GHOST_PROBE: {
            "first_seen": first_seen,
            "scan_count": dict.fromkeys(first_seen, 900),
            "previous_node_count": nodes,
        },
        DecisionType.VOLUME_CLEANUP: {"first_seen": first_available},
        DecisionType.OOMKILLED_REMEDIATE: {"oom_history": list(map(_kill, killed))},
    }
    subjects = {
        DecisionType.SPOT_OPTIMIZE: len(FAMILIES) * len(SIZES) * len(ZONES),
        DecisionType.BIN_PACK: nodes,
        DecisionType.RIGHTSIZE: len(workloads),
        DecisionType.SCHEDULE: len(workloads),
        DecisionType.GHOST_PROBE: GHOSTS,
        DecisionType.VOLUME_CLEANUP: STRAYS + CLAIMED,
        DecisionType.OOMKILLED_REMEDIATE: len(set(map(_app, killed))),
    }
    return Surroundings(compile_state(full), parameters, subjects)


def _app(pod: Pod) -> str:
    return pod.metadata.labels["app"]


def _is_app(pod: Pod) -> bool:
    return _app(pod).startswith("app-")


def _number(pod: Pod) -> int:
    return int(_app(pod).rpartition("-")[2])


def _may_leave_its_zone(pod: Pod) -> bool:
    """Half of the workloads that the packing benches hold in one zone are not held here."""
    return _is_app(pod) and bool(pod.spec.node_selector) and not _number(pod) % 2


def _housed(pod: Pod) -> Pod:
    """Every fifth workload stands in staging (never one with a budget), every other has a limit."""
    if not _is_app(pod):
        return pod
    number = _number(pod)
    metadata, spec = pod.metadata, pod.spec
    if _may_leave_its_zone(pod):
        spec = msgspec.structs.replace(spec, node_selector={})
    if number % 5 == 2:
        metadata = msgspec.structs.replace(metadata, namespace=STAGING)
    if number % 2:
        (container,) = spec.containers
        memory = {"memory": container.resources.requests["memory"]}
        resources = msgspec.structs.replace(container.resources, limits=memory)
        limited = msgspec.structs.replace(container, resources=resources)
        spec = msgspec.structs.replace(spec, containers=(limited,))
    return msgspec.structs.replace(pod, metadata=metadata, spec=spec)


def _owners(apps: Sequence[Pod]) -> Iterator[Deployment | ReplicaSet]:
    """The Deployment and the ReplicaSet of each workload."""
    replicas = Counter(map(_app, apps))
    for name, pod in {_app(pod): pod for pod in apps}.items():
        spec = msgspec.to_builtins(msgspec.structs.replace(pod.spec, node_name=""))
        body = {
            "replicas": replicas[name],
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        }
        status = {"replicas": replicas[name], "readyReplicas": replicas[name]}
        place = {"namespace": pod.metadata.namespace, "name": name}
        uid = f"deployment-{name}"
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid}
        owners = {"uid": name, "ownerReferences": [owner | {"controller": True}]}
        whole = {"spec": body, "status": status}
        yield msgspec.convert(whole | {"metadata": place | {"uid": uid}}, Deployment)
        yield msgspec.convert(whole | {"metadata": place | owners}, ReplicaSet)


def _service(pod: Pod) -> Service:
    spec = {"selector": {"app": _app(pod)}, "clusterIP": "10.0.0.1"}
    metadata = {"namespace": pod.metadata.namespace, "name": _app(pod)}
    return msgspec.convert({"metadata": metadata, "spec": spec}, Service)


def _namespace(name: str) -> Namespace:
    return msgspec.convert(
        {"metadata": {"name": name, "labels": {"cloudoptim.io/environment": name}}}, Namespace
    )


def _node_instances(document: CurrentState) -> Iterator[Instance]:
    for node in document.nodes or ():
        labels = node.metadata.labels
        yield _instance(
            node.spec.provider_id.rpartition("/")[2],
            labels["node.kubernetes.io/instance-type"],
            labels["topology.kubernetes.io/zone"],
        )


def _ghosts() -> Iterator[Instance]:
    for row in range(GHOSTS):
        yield _instance(f"i-f{row:016x}", "m5.xlarge", ZONES[row % len(ZONES)])


def _instance(name: str, kind: str, zone: str) -> Instance:
    return msgspec.convert(
        {
            "InstanceId": name,
            "InstanceType": kind,
            "State": {"Name": "running"},
            "Placement": {"AvailabilityZone": zone},
            "LaunchTime": LONG_AGO,
            "Architecture": "x86_64",
            "PlatformDetails": "Linux/UNIX",
            "Tags": [CLUSTER_TAG],
        },
        Instance,
    )


def _volume_id(row: int) -> str:
    return f"vol-{row:017x}"


def _volume(row: int) -> Volume:
    return msgspec.convert(
        {
            "VolumeId": _volume_id(row),
            "VolumeType": ("gp2", "gp3")[row % 2],
            "State": "available",
            "Size": 10 + row % 200,
            "CreateTime": LONG_AGO,
            "AvailabilityZone": ZONES[row % len(ZONES)],
            "Tags": [CLUSTER_TAG],
        },
        Volume,
    )


def _snapshot(row: int) -> Snapshot:
    return Snapshot(
        snapshot_id=f"snap-{row:017x}",
        volume_id=_volume_id(row),
        state="completed",
        volume_size_gib=10 + row % 200,
        start_time=LONG_AGO,
    )


def _persistent_volume(row: int) -> PersistentVolume:
    driver = {"driver": "ebs.csi.aws.com", "volumeHandle": _volume_id(row)}
    return msgspec.convert(
        {"metadata": {"name": f"pv-{row}"}, "spec": {"csi": driver}}, PersistentVolume
    )


def _use(pod: Pod, rng: np.random.Generator) -> UsageSummaryRow:
    """A week of readings at a fraction of what is asked for."""
    (container,) = pod.spec.containers
    requests = container.resources.requests
    cpu, memory = cpu_millicores(requests["cpu"]) / 1_000, whole_units(requests["memory"])
    busy, full = rng.uniform(0.1, 1.1), rng.uniform(0.2, 0.95)
    summary = partial(SummaryOfResource, samples=10_080, first=NOW - timedelta(days=7), last=NOW)
    return UsageSummaryRow(
        namespace=pod.metadata.namespace,
        pod=pod.metadata.name,
        container=container.name,
        cpu=summary(p95=cpu * busy, peak=cpu * busy * 1.3, average=cpu * busy * 0.6),
        memory=summary(peak=memory * full, average=memory * full * 0.8),
    )


def _traffic(apps: Sequence[Pod], rng: np.random.Generator) -> Iterator[TrafficRow]:
    """Pods call pods near them in the list, so that pairs of workloads exchange much."""
    senders = rng.integers(0, len(apps), TRAFFIC_ROWS)
    receivers = (senders + rng.integers(1, 30, TRAFFIC_ROWS)) % len(apps)
    pairs = sorted(set(zip(senders.tolist(), receivers.tolist(), strict=True)))
    amounts = rng.lognormal(20.5, 1.5, len(pairs)).astype(np.int64).tolist()
    for (sender, receiver), amount in zip(pairs, amounts, strict=True):
        one, other = apps[sender].metadata, apps[receiver].metadata
        yield TrafficRow(
            from_namespace=one.namespace,
            from_pod=one.name,
            to_namespace=other.namespace,
            to_pod=other.name,
            bytes_per_day=amount,
        )


def _each_pair_once(rows: Sequence[TrafficRow]) -> tuple[TrafficRow, ...]:
    """Of two rows about the same pods the later one."""
    return tuple({(row.from_pod, row.to_pod): row for row in rows}.values())


def _pipelines(movable: Sequence[Pod]) -> Iterator[TrafficRow]:
    """Each workload that may leave its zone feeds the next one, pod by pod."""
    stages: dict[str, list[Pod]] = {}
    for pod in movable:
        stages.setdefault(_app(pod), []).append(pod)
    for here, there in pairwise(stages.values()):
        for one, other in zip(here, there, strict=False):
            yield TrafficRow(
                from_namespace=one.metadata.namespace,
                from_pod=one.metadata.name,
                to_namespace=other.metadata.namespace,
                to_pod=other.metadata.name,
                bytes_per_day=PIPELINE_BYTES,
            )


def _market(rng: np.random.Generator) -> dict[str, Any]:
    """Types of twelve families in five sizes, three zones each, two weeks of changes."""
    types = {
        f"{family}.{size}": (family, cores) for family in FAMILIES for size, cores in SIZES.items()
    }
    usd = {name: _usd_per_hour(*one) for name, one in types.items()}
    return {
        "instance_types": tuple(_instance_type(name, *one) for name, one in types.items()),
        "on_demand": tuple(
            OnDemandRow(
                region=REGION,
                instance_type=name,
                operating_system=OperatingSystem.LINUX,
                hourly_price=price,
                effective_date="2026-01-01",
            )
            for name, price in usd.items()
        ),
        "advisor": tuple(
            AdvisorRate(
                region=REGION,
                operating_system=OperatingSystem.LINUX,
                instance_type=name,
                interruption_bucket=InterruptionBucket(int(rng.integers(0, 5))),
                savings_percent=60,
            )
            for name in usd
        ),
        "prices": tuple(
            _spot(name, zone, float(price), day, rng)
            for name, price in usd.items()
            for zone in ZONES
            for day in range(PRICE_DAYS)
        ),
    }


def _usd_per_hour(family: str, cores: int) -> Decimal:
    price = USD_PER_CORE[family[0]] * CHEAPER_BY_MAKER[family[1:]] * cores
    return Decimal(str(round(price, 4)))


def _instance_type(name: str, family: str, cores: int) -> InstanceType:
    return InstanceType(
        instance_type=name,
        vcpu=cores,
        memory_mib=cores * GIB_PER_CORE[family[0]] * 1024,
        architecture="amd64",
        family=family,
        generation=int(family[1]),
        max_pods=58 if cores <= 8 else 234,
    )


def _spot(name: str, zone: str, price: float, day: int, rng: np.random.Generator) -> PriceRow:
    return PriceRow(
        instance_type=name,
        availability_zone=zone,
        region=REGION,
        product_description="Linux/UNIX",
        spot_price=Decimal(str(round(price * rng.uniform(0.3, 0.5), 4))),
        timestamp=NOW - timedelta(days=PRICE_DAYS - day),
    )


def _schedule() -> dict[str, Any]:
    """Staging sleeps at ``NOW``, which is five in the morning in Los Angeles."""
    return {
        "environment": STAGING,
        "timezone": "America/Los_Angeles",
        "namespaces": [STAGING],
        "office_hours": {"weekdays": {"start": "08:00", "end": "20:00"}},
    }


def _kill(pod: Pod) -> dict[str, Any]:
    """A row of the ledger: an hour ago, at the memory that the container asks for."""
    (container,) = pod.spec.containers
    return {
        "namespace": pod.metadata.namespace,
        "pod": pod.metadata.name,
        "container": container.name,
        "time": NOW - timedelta(hours=1),
        "limit_bytes": whole_units(container.resources.requests["memory"]),
    }
