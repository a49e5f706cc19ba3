"""What no single reading tells, kept from reading to reading, and given to the engines.

Since when an instance runs without a node and a volume is available (EC2 does not say), which
kills a pod's status has forgotten and which memory they forbid to take back, and which hours an
environment keeps. In the offline look the same facts come as parameters.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from db.ledger_records import IdleKind, KillRecord
from db.measurement_records import MetricType
from db.records import Cluster, ClusterSource, ClusterStatus
from db.repositories import (
    clusters,
    idle_resources,
    metrics_summary,
    oom_kills,
    schedules,
)
from db.session import Database, Reader
from engines.contracts.results import DecisionType
from engines.contracts.state import ClusterState, compile_state
from engines.ghost_probe.judgement import node_instance_ids
from engines.oom_remediation.aftermath import memory_floors
from engines.oom_remediation.kills import gather_kills
from engines.oom_remediation.parameters import OomParameters, RecordedKill
from engines.resource_policy.floors import FLOOR_HOLDS
from engines.volume_cleanup.uses import Uses
from services.workflows.open_cluster import load_latest_document

FRESH = timedelta(minutes=10)
"""A state that is older says nothing about what is idle now."""

HISTORY = timedelta(hours=24)
"""How far OOM remediation looks back for kills to answer; for what became of earlier ones it looks
back as long as a floor holds."""

_RECENT = timedelta(hours=2)


class WasteScan(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan of one region saw; ``not_scanned`` says why it did not look."""

    region: str
    idle_instances: int = 0
    available_volumes: int = 0
    not_scanned: str = ""


class _Seen(NamedTuple):
    cluster: Cluster
    state: ClusterState


def record_kills(database: Database, cluster_id: str, *, at: datetime) -> int:
    """Add the OOM kills that the latest reading shows to the ledger; how many were new."""
    with database.reader() as reader:
        document = load_latest_document(reader, clusters.get(reader, cluster_id))
    found = gather_kills(compile_state(document).cluster, (), at)
    records = [
        KillRecord(
            namespace=container.namespace,
            pod=container.pod,
            container=container.container,
            killed_at=datetime.fromtimestamp(kill.at, UTC),
            limit_bytes=kill.limit_bytes,
        )
        for container, kills in found.by_container.items()
        for kill in kills
    ]
    with database.transaction() as tx:
        return oom_kills.add(tx, cluster_id, records)


def scan_for_waste(database: Database, customer_id: str, *, at: datetime) -> tuple[WasteScan, ...]:
    """Note which instances and volumes of a customer are idle, region by region.

    A region is left out where one of its clusters could not be read just now: everything of that
    cluster would look idle.
    """
    with database.reader() as reader:
        known = _clusters_of(reader, customer_id)
        regions = sorted({one.region for one in known if one.region is not None})
        views = {region: _view(reader, known, region, at) for region in regions}
    return tuple(_scan(database, customer_id, region, view, at) for region, view in views.items())


def live_parameters(
    reader: Reader, cluster: Cluster, decision_type: DecisionType, *, at: datetime
) -> dict[str, Any]:
    """What the ledgers tell an engine about a cluster, under the names of its parameters."""
    match decision_type:
        case DecisionType.GHOST_PROBE:
            return _ghost_parameters(reader, cluster, at)
        case DecisionType.VOLUME_CLEANUP:
            return _volume_parameters(reader, cluster, at)
        case DecisionType.OOMKILLED_REMEDIATE:
            kills = _kills(reader, cluster, at)
            return _given(oom_history=[msgspec.to_builtins(one) for one in kills])
        case DecisionType.RIGHTSIZE:
            return _given(memory_floors=_memory_floors(reader, cluster, at))
        case DecisionType.SCHEDULE:
            hours = schedules.load(reader, cluster.id)
            return _given(schedules=[dict(one.schedule) for one in hours])
        case _:
            return {}


def _scan(
    database: Database, customer_id: str, region: str, view: Sequence[_Seen] | str, at: datetime
) -> WasteScan:
    if isinstance(view, str):
        return WasteScan(region=region, not_scanned=view)
    instances = {one.instance_id: one for seen in view for one in seen.state.instances or ()}
    volumes = {one.volume_id: one for seen in view for one in seen.state.volumes or ()}
    nodes = frozenset().union(*(node_instance_ids(seen.state.cluster) for seen in view))
    idle = {name for name, one in instances.items() if one.state.name == "running"} - nodes
    available = {name for name, one in volumes.items() if one.state == "available"}
    with database.transaction() as tx:
        for kind, found in ((IdleKind.INSTANCE, idle), (IdleKind.VOLUME, available)):
            idle_resources.save_scan(tx, customer_id, kind, region, found, at=at)
    return WasteScan(region=region, idle_instances=len(idle), available_volumes=len(available))


def _view(
    reader: Reader, known: Iterable[Cluster], region: str, at: datetime
) -> Sequence[_Seen] | str:
    """The states of a region's clusters, or why they are not to be trusted."""
    here = [one for one in known if one.region == region]
    for one in here:
        if not _is_readable(one):
            return f"cluster {one.name} cannot be read"
        if not _is_known(one, at):
            return f"the state of cluster {one.name} is older than 10 minutes"
    seen = [_Seen(one, compile_state(load_latest_document(reader, one))) for one in here]
    lacking = [one.cluster.name for one in seen if one.state.instances is None]
    if lacking:
        return f"EC2 was not read with the state of {', '.join(lacking)}"
    return seen


def _ghost_parameters(reader: Reader, cluster: Cluster, at: datetime) -> dict[str, Any]:
    idle = idle_resources.load(reader, cluster.customer_id, IdleKind.INSTANCE)
    others = _others(reader, cluster)
    nodes: set[str] = set()
    for one in others:
        if one.latest_snapshot_digest is not None:
            nodes |= node_instance_ids(compile_state(load_latest_document(reader, one)).cluster)
    return _given(
        first_seen={one.resource_id: one.first_seen_at.isoformat() for one in idle},
        scan_count={one.resource_id: one.scans for one in idle},
        previous_node_count=_recent_node_count(reader, cluster, at),
        nodes_of_other_clusters=sorted(nodes),
        **_neighbours(cluster, others, at),
    )


def _volume_parameters(reader: Reader, cluster: Cluster, at: datetime) -> dict[str, Any]:
    idle = idle_resources.load(reader, cluster.customer_id, IdleKind.VOLUME)
    others = _others(reader, cluster)
    held: set[str] = set()
    for one in others:
        if one.latest_snapshot_digest is not None:
            held |= _held_volumes(compile_state(load_latest_document(reader, one)))
    return _given(
        first_seen={one.resource_id: one.first_seen_at.isoformat() for one in idle},
        volumes_of_other_clusters=sorted(held),
        **_neighbours(cluster, others, at),
    )


def _held_volumes(state: ClusterState) -> set[str]:
    """The volumes of the account that this cluster holds in some way, attached or not."""
    uses = Uses(state.cluster, ())
    return {one.volume_id for one in state.volumes or () if uses.of(one) is not None}


def _neighbours(cluster: Cluster, others: Sequence[Cluster], at: datetime) -> dict[str, Any]:
    """The registered clusters by name, and those of which nothing is known just now.

    The cluster itself may be among the latter: on an old state of it all that joined since looks
    idle. What was opened from a dump is judged as it was dumped.
    """
    live = [one for one in (cluster, *others) if one.source is ClusterSource.API]
    return {
        "cluster_names": sorted({cluster.name, *(one.name for one in others)}),
        "unreadable_clusters": sorted(one.name for one in live if not _is_known(one, at)),
    }


def _is_known(cluster: Cluster, at: datetime) -> bool:
    """Whether the latest state of a cluster is one of now."""
    read_at = cluster.latest_snapshot_at
    return _is_readable(cluster) and read_at is not None and at - read_at <= FRESH


def _kills(reader: Reader, cluster: Cluster, at: datetime) -> list[RecordedKill]:
    """All kills of the last day; of earlier ones the last of each container at each limit."""
    known: dict[tuple[object, ...], RecordedKill] = {}
    for one in oom_kills.load(reader, cluster.id, since=at - FLOOR_HOLDS):
        is_recent = one.killed_at >= at - HISTORY
        key = (one.namespace, one.pod, one.container, one.killed_at if is_recent else None)
        known[(*key, one.limit_bytes)] = RecordedKill(
            namespace=one.namespace,
            pod=one.pod,
            container=one.container,
            time=one.killed_at,
            limit_bytes=one.limit_bytes,
        )
    return sorted(known.values(), key=lambda one: (one.time, one.namespace, one.pod, one.container))


def _memory_floors(reader: Reader, cluster: Cluster, at: datetime) -> list[dict[str, Any]]:
    """Raises after OOM kills that rightsizing must not take back yet."""
    ledger = _kills(reader, cluster, at)
    if not ledger:
        return []
    snapshot = compile_state(load_latest_document(reader, cluster)).cluster
    kills = gather_kills(snapshot, ledger, at)
    floors = memory_floors(snapshot, kills, OomParameters().memory_factor, at)
    return [msgspec.to_builtins(one) for one in floors]


def _recent_node_count(reader: Reader, cluster: Cluster, at: datetime) -> int | None:
    """The most nodes of the last two hours; None: nothing was recorded."""
    lines = metrics_summary.load(
        reader, types=(MetricType.NODES,), since=at - _RECENT, until=at, cluster_id=cluster.id
    )
    return max((int(line.values.max()) for line in lines if len(line.values)), default=None)


def _clusters_of(reader: Reader, customer_id: str) -> list[Cluster]:
    return [
        one
        for one in clusters.list_all(reader)
        if one.customer_id == customer_id and one.source is ClusterSource.API
    ]


def _others(reader: Reader, cluster: Cluster) -> list[Cluster]:
    """The other clusters of the same account and region."""
    return [
        one
        for one in _clusters_of(reader, cluster.customer_id)
        if one.id != cluster.id and one.region == cluster.region
    ]


def _is_readable(cluster: Cluster) -> bool:
    return cluster.status is ClusterStatus.ACTIVE and cluster.latest_snapshot_digest is not None


def _given(**parameters: Any) -> dict[str, Any]:
    """Only what says something: an empty ledger is the engine's own default."""
    return {name: value for name, value in parameters.items() if value not in (None, [], {})}
