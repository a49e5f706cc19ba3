"""Read a cluster live: Kubernetes and AWS into one document, stored once by its digest.

What cannot be read leaves the last good state as it is: the error, its time and the age of that
state are what a person sees. AWS failing costs its own part only; a state without nodes is never
taken for the truth.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import structlog

from db.errors import DatabaseError
from db.records import Cluster, ClusterSource, ClusterStatus, DocumentKind
from db.repositories import clusters, events, snapshots
from db.session import Database, Transaction
from engines.contracts.results import Skipped
from engines.contracts.state import (
    ClusterState,
    CurrentState,
    compile_state,
    merge_documents,
    to_document,
)
from services.access import Actor, Role, authorise
from services.aws.reading import read_account
from services.errors import CloudOptimError, InvalidInputError
from services.findings import Finding, FindingState
from services.kube.reading import read_cluster
from services.secrets import SecretBox
from services.settings import Settings
from services.workflows.baseline import baseline_of
from services.workflows.market_data import load_market_data
from services.workflows.open_cluster import decode_document, document_with_sources, region_of
from services.workflows.remote_access import RemoteCluster, RemoteOpener

__all__ = ["Cluster", "CollectedState", "collect_state"]

MOMENTARY = ("sources", "node_metrics", "pod_metrics", "events")
"""Fields that differ from reading to reading though the cluster is the same."""

_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
log = structlog.get_logger(__name__)


class CollectedState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reading. ``is_changed``: more than measurements differ from before.

    ``problems`` are parts that could not be read, ``skipped`` objects that could not be used.
    """

    cluster: Cluster
    node_count: int
    pod_count: int
    is_changed: bool
    bytes_read: int
    read_seconds: float
    problems: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What both sides told, compiled; the parts that are missing; how much was read."""

    state: ClusterState
    problems: tuple[Finding, ...]
    bytes_read: int


def collect_state(
    database: Database,
    cluster_id: str,
    *,
    secrets: SecretBox,
    settings: Settings,
    actor: Actor,
    at: datetime,
) -> CollectedState:
    """Read the cluster now and store what was read as its latest state.

    Raises what hindered the reading (KubernetesError, InvalidInputError, SealedSecretError ...),
    after it is recorded; the last good state stays.
    """
    authorise(actor, Role.OPERATOR, "read a cluster")
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
    began_at_seconds = time.monotonic()
    try:
        reading = _read(RemoteOpener(database, secrets, settings), cluster, at)
    except DatabaseError:  # not the cluster's fault, and not to be written anywhere just now
        raise
    except CloudOptimError as error:
        _note_failure(database, cluster, error, at)
        raise
    seconds = time.monotonic() - began_at_seconds
    is_changed = _store(database, cluster_id, reading, at)
    _freeze_baseline(database, cluster_id, reading.state, at)
    _log_reading(cluster, reading, seconds)
    with database.reader() as reader:
        stored = clusters.get(reader, cluster_id)
    return CollectedState(
        cluster=stored,
        node_count=len(reading.state.cluster.nodes),
        pod_count=len(reading.state.cluster.pods),
        is_changed=is_changed,
        bytes_read=reading.bytes_read,
        read_seconds=seconds,
        problems=reading.problems,
        skipped=reading.state.problems,
    )


def _read(opener: RemoteOpener, cluster: Cluster, at: datetime) -> _Reading:
    """Kubernetes first: its nodes tell the region in which AWS is asked."""
    remote = opener.cluster(cluster.id)
    with opener.kubernetes(remote) as connection:
        kube = read_cluster(connection, at=at)
    nodes = compile_state(CurrentState(nodes=kube.document.nodes))
    _check_nodes(cluster, nodes)
    aws, problems = _read_aws(opener, remote, region_of(nodes) or cluster.region, at)
    sources = (*(kube.document.sources or ()), *(aws.sources or ()))
    merged = merge_documents(kube.document, aws)
    return _Reading(
        state=compile_state(msgspec.structs.replace(merged, sources=sources)),
        problems=(*kube.problems, *problems),
        bytes_read=kube.bytes_read,
    )


def _read_aws(
    opener: RemoteOpener, remote: RemoteCluster, region: str | None, at: datetime
) -> tuple[CurrentState, tuple[Finding, ...]]:
    """What AWS tells, and what of it is missing: at worst all, and the finding says why."""
    try:
        with opener.account(remote.customer.id, region) as account:
            reading = read_account(account, at=at)
    except DatabaseError:
        raise
    except CloudOptimError as error:
        return CurrentState(), (_without_aws(error),)
    return reading.document, reading.problems


def _without_aws(error: CloudOptimError) -> Finding:
    return Finding(
        check="aws: read the account",
        state=FindingState.FAILED,
        message=error.problem,
        needed_for="owners and prices of instances, ghosts, volumes",
        remedy=error.next_step,
    )


def _check_nodes(cluster: Cluster, state: ClusterState) -> None:
    if not len(state.cluster.nodes):
        raise InvalidInputError(
            f"cluster {cluster.name!r}",
            "its API lists no node that could be read, which is not taken for the truth",
            next_step="check with kubectl get nodes; while it has none, its last state stays",
        )


def _store(database: Database, cluster_id: str, reading: _Reading, at: datetime) -> bool:
    """Store the state as the latest; whether the cluster has changed since the one before."""
    document = document_with_sources(reading.state)
    is_changed = _is_changed(database, cluster_id, reading.state)
    with database.transaction() as tx:
        before = clusters.get(tx, cluster_id)
        if not _is_read(before):
            raise InvalidInputError(
                f"cluster {before.name!r}",
                "was removed while it was read",
                next_step="register it again to have it read",
            )
        if before.last_read_at is not None and before.last_read_at > at:
            return False  # another reading began later and ended earlier: its state is newer
        region = region_of(reading.state) or before.region
        digest = snapshots.save_document(tx, DocumentKind.CLUSTER, document, at=at)
        clusters.set_latest_snapshot(tx, cluster_id, digest, at=at)
        clusters.set_region(tx, cluster_id, region, at=at)
        clusters.note_reading(tx, cluster_id, reading.problems, at=at)
        _tell_stored(tx, before, reading.state, is_changed, at)
    return is_changed


def _tell_stored(
    tx: Transaction, before: Cluster, state: ClusterState, is_changed: bool, at: datetime
) -> None:
    counts = {"nodes": len(state.cluster.nodes), "pods": len(state.cluster.pods), "source": "api"}
    if before.last_read_error is not None:
        _tell(tx, "cluster.state.recovered", before, counts, at)
    if is_changed:
        _tell(tx, "cluster.state.changed", before, counts, at)


def _is_read(cluster: Cluster) -> bool:
    """Whether a cluster is still one that is read through its API."""
    return cluster.source is ClusterSource.API and cluster.status is not ClusterStatus.ARCHIVED


def _is_changed(database: Database, cluster_id: str, state: ClusterState) -> bool:
    with database.reader() as reader:
        digest = clusters.get(reader, cluster_id).latest_snapshot_digest
        last = None if digest is None else snapshots.load_document(reader, digest)
    return last is None or _lasting(decode_document(last)) != _lasting(to_document(state))


def _lasting(document: CurrentState) -> bytes:
    """A document without what differs from reading to reading."""
    return _encode(msgspec.structs.replace(document, **dict.fromkeys(MOMENTARY)))


def _note_failure(
    database: Database, cluster: Cluster, error: CloudOptimError, at: datetime
) -> None:
    """Record the error; it is told once, when the readings begin to fail."""
    text = str(error)
    with database.transaction() as tx:
        now = clusters.get(tx, cluster.id)
        if not _is_read(now):
            return
        clusters.note_read_failure(tx, cluster.id, text, at=at)
        if now.last_read_error is None:
            _tell(tx, "cluster.state.failed", cluster, {"error": text}, at)
            log.warning("cluster cannot be read", cluster=cluster.name, error=text)


def _freeze_baseline(
    database: Database, cluster_id: str, state: ClusterState, at: datetime
) -> None:
    """Freeze the baseline at the first reading for which prices are known."""
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
    if cluster.baseline is not None or cluster.region is None:
        return
    market = load_market_data(database, region=cluster.region, at=at)
    priced = replace(state, on_demand=market.on_demand, instance_types=market.instance_types)
    baseline = baseline_of(priced, at=at)
    if baseline is not None:
        with database.transaction() as tx:
            clusters.set_baseline(tx, cluster_id, baseline)


def _log_reading(cluster: Cluster, reading: _Reading, seconds: float) -> None:
    log.info(
        "cluster read" if cluster.last_read_error is None else "cluster read again",
        cluster=cluster.name,
        nodes=len(reading.state.cluster.nodes),
        pods=len(reading.state.cluster.pods),
        bytes_read=reading.bytes_read,
        problems=len(reading.problems),
        seconds=round(seconds, 3),
    )


def _tell(
    tx: Transaction, event: str, cluster: Cluster, payload: Mapping[str, Any], at: datetime
) -> None:
    events.append(tx, event, subject=cluster.name, at=at, cluster_id=cluster.id, payload=payload)
