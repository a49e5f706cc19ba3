"""Open a cluster from a dump: compile it, store its document once, remember it by its name."""

import re
import secrets
from datetime import UTC, datetime

import msgspec

from db.records import Cluster, ClusterSource, ClusterStatus, DocumentKind
from db.repositories import audit, clusters, customers, events, snapshots
from db.session import Database, Reader, Transaction
from engines.contracts.results import Skipped
from engines.contracts.state import (
    ClusterState,
    CurrentState,
    compile_state,
    to_document,
)
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # what EKS allows
_decode = msgspec.json.Decoder(CurrentState).decode
_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


class OpenedCluster(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a dump. ``problems`` are the objects in it that could not be used."""

    cluster: Cluster
    node_count: int
    pod_count: int
    is_unchanged: bool  # the same dump was open already
    problems: tuple[Skipped, ...]


def open_cluster(
    database: Database, *, name: str, dump: CurrentState, actor: Actor, at: datetime
) -> OpenedCluster:
    """Store what was dumped as the latest state of the cluster ``name``, new or known.

    Raises InvalidInputError for a name that cannot be one and for a dump without nodes.
    """
    authorise(actor, Role.OPERATOR, "open a cluster")
    check_cluster_name(name)
    state = compile_state(dump)
    _check_nodes(name, state)
    document = document_with_sources(state)
    with database.transaction() as tx:
        known = clusters.find_by_name(tx, customers.ensure_local(tx, at=at).id, name)
        if known is not None:
            _check_source(known)
        cluster = known or _registered(tx, name, actor, at)
        clusters.set_dump_source(tx, cluster.id, at=at)
        digest = snapshots.save_document(tx, DocumentKind.CLUSTER, document, at=at)
        clusters.set_latest_snapshot(tx, cluster.id, digest, at=_known_at(state, at))
        clusters.set_region(tx, cluster.id, region_of(state), at=at)
        _tell(tx, cluster, state, digest, at)
        stored = clusters.get(tx, cluster.id)
    return OpenedCluster(
        cluster=stored,
        node_count=len(state.cluster.nodes),
        pod_count=len(state.cluster.pods),
        is_unchanged=known is not None and known.latest_snapshot_digest == digest,
        problems=state.problems,
    )


def load_latest_document(reader: Reader, cluster: Cluster) -> CurrentState:
    """The latest document of a cluster, as it was stored."""
    if cluster.latest_snapshot_digest is None:
        raise InvalidInputError(
            f"cluster {cluster.name!r}",
            "nothing was read of it yet",
            next_step="open a dump of it on the Clusters page",
        )
    return decode_document(snapshots.load_document(reader, cluster.latest_snapshot_digest))


def decode_document(document: bytes) -> CurrentState:
    """A stored document; it was written by this program, so nothing in it is unknown."""
    return _decode(document)


def region_of(state: ClusterState) -> str | None:
    """The region that all nodes which tell one stand in; None: none tells, or they differ."""
    found = {region for region in state.cluster.nodes.regions if region is not None}
    return found.pop() if len(found) == 1 else None


def check_cluster_name(name: str) -> None:
    """Raise InvalidInputError for what cannot be the name of a cluster."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "cluster name",
            f"{name!r} cannot be a cluster's name",
            next_step="use up to 100 letters, digits, dots, dashes and underscores",
        )


def free_cluster_id(tx: Transaction, name: str) -> str:
    """The name itself, which reads well in addresses; with a random end where that is taken."""
    taken = {one.id for one in clusters.list_all(tx, include_archived=True)}
    return name if name not in taken else f"{name}-{secrets.token_hex(3)}"


def _check_nodes(name: str, state: ClusterState) -> None:
    if not len(state.cluster.nodes):
        raise InvalidInputError(
            f"dump of cluster {name!r}",
            "it holds no node that could be read",
            next_step="dump again with kubectl get nodes,pods,... -A -o json",
        )


def _check_source(cluster: Cluster) -> None:
    """A dump never takes the place of what is read live; a removed cluster is free again."""
    if cluster.source is ClusterSource.API and cluster.status is not ClusterStatus.ARCHIVED:
        raise InvalidInputError(
            "cluster name",
            f"{cluster.name!r} is read through its API",
            next_step="choose another name for the dump, or remove that cluster first",
        )


def document_with_sources(state: ClusterState) -> bytes:
    """The canonical document and where it came from: a replay needs both."""
    return _encode(to_document(state))


def _known_at(state: ClusterState, at: datetime) -> datetime:
    """The newest moment that a source speaks of; the time of opening where none tells."""
    moments = [one.as_of for one in state.sources if one.as_of is not None and not one.is_ignored]
    return min(max(moments), at).astimezone(UTC) if moments else at


def _registered(tx: Transaction, name: str, actor: Actor, at: datetime) -> Cluster:
    cluster = Cluster(
        id=free_cluster_id(tx, name),
        customer_id=customers.ensure_local(tx, at=at).id,
        name=name,
        region=None,
        source=ClusterSource.DUMP,
        created_at=at,
        updated_at=at,
    )
    clusters.add(tx, cluster)
    audit.append(tx, actor=actor.name, action="cluster.opened", object_name=name, at=at)
    return cluster


def _tell(
    tx: Transaction, cluster: Cluster, state: ClusterState, digest: str, at: datetime
) -> None:
    if digest == cluster.latest_snapshot_digest:
        return
    events.append(
        tx,
        "cluster.state.changed",
        subject=cluster.name,
        at=at,
        cluster_id=cluster.id,
        payload={"nodes": len(state.cluster.nodes), "pods": len(state.cluster.pods)},
    )
