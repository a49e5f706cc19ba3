"""Register clusters that are read through their API; change and remove them.

The credential is sealed before it is stored, and the audit log names it by ``***``. Where a cluster
is reached and with what credential is changed together only: a stored token never goes to an
address that was entered without it.
"""

from datetime import datetime
from typing import Any

import msgspec

from db.records import (
    Cluster,
    ClusterAccess,
    ClusterSource,
    ClusterStatus,
    CustomerStatus,
    LaunchSettings,
)
from db.repositories import clusters, customers
from db.session import Database, Transaction
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError
from services.kube.access import BearerToken, Credential, EksToken, KubeAccess, parse_kubeconfig
from services.secrets import MASK, SecretBox
from services.workflows.endpoints import check_kubernetes_endpoint
from services.workflows.open_cluster import check_cluster_name, free_cluster_id
from services.workflows.record_change import record_change
from services.workflows.register_customer import check_region

__all__ = [
    "LOCAL_CUSTOMER",
    "BearerToken",
    "Cluster",
    "ClusterChange",
    "EksToken",
    "KubeAccess",
    "LaunchSettings",
    "NewCluster",
    "add_cluster",
    "edit_cluster",
    "parse_kubeconfig",
    "remove_cluster",
    "seal_credential",
]

LOCAL_CUSTOMER = customers.LOCAL_ID
"""Who owns clusters of which no customer was named: AWS is asked with this machine's settings."""

_LONGEST_TAG = 128  # of the key of an AWS tag
_encode = msgspec.json.Encoder().encode


class NewCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as a person enters it. ``access`` hides its secrets by itself.

    ``region`` None: its nodes tell. ``cluster_tag`` is the key of the tag that the cluster's
    instances carry; None: kubernetes.io/cluster/NAME.
    """

    name: str
    access: KubeAccess
    customer_id: str = LOCAL_CUSTOMER
    region: str | None = None
    cluster_tag: str | None = None
    launch: LaunchSettings = LaunchSettings()


class ClusterChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster shall be from now on. ``access`` None: as it is."""

    access: KubeAccess | None = None
    region: str | None = None
    cluster_tag: str | None = None
    launch: LaunchSettings = LaunchSettings()


def add_cluster(
    database: Database, new: NewCluster, *, secrets: SecretBox, actor: Actor, at: datetime
) -> Cluster:
    """Register a cluster; its state is read later, by ``collect_state``.

    A cluster of the same name and customer that was opened from a dump, or was removed, is taken
    up again with its history. Raises InvalidInputError for a field that cannot be right, and for a
    name that is taken.
    """
    authorise(actor, Role.OPERATOR, "register a cluster")
    check_cluster_name(new.name)
    _check_details(new.region, new.cluster_tag)
    access = _sealed_access(database, new.access, secrets)
    with database.transaction() as tx:
        _check_customer(tx, new.customer_id, at)
        known = clusters.find_by_name(tx, new.customer_id, new.name)
        if known is None:
            cluster_id = free_cluster_id(tx, new.name)
            clusters.add(tx, _registered(cluster_id, new, at), access)
        elif known.source is ClusterSource.API and known.status is not ClusterStatus.ARCHIVED:
            raise InvalidInputError(
                "cluster name",
                f"{new.name!r} is registered already",
                next_step="edit that cluster, or choose another name",
            )
        else:
            cluster_id = known.id
            clusters.set_access(tx, cluster_id, access, at=at)
            region = known.region if new.region is None else new.region
            clusters.set_details(
                tx, cluster_id, region=region, tag=new.cluster_tag, launch=new.launch, at=at
            )
        cluster = clusters.get(tx, cluster_id)
        record_change(
            tx,
            "cluster.registered",
            cluster.name,
            actor=actor,
            at=at,
            cluster_id=cluster.id,
            after=_shown(cluster),
        )
    return cluster


def edit_cluster(
    database: Database,
    cluster_id: str,
    change: ClusterChange,
    *,
    secrets: SecretBox,
    actor: Actor,
    at: datetime,
) -> Cluster:
    """Change how a cluster is read and what its replacements are launched from."""
    authorise(actor, Role.OPERATOR, "change a cluster")
    _check_details(change.region, change.cluster_tag)
    access = None if change.access is None else _sealed_access(database, change.access, secrets)
    with database.transaction() as tx:
        before = clusters.get(tx, cluster_id)
        _check_not_archived(before)
        if access is not None:
            clusters.set_access(tx, cluster_id, access, at=at)
        clusters.set_details(
            tx,
            cluster_id,
            region=change.region,
            tag=change.cluster_tag,
            launch=change.launch,
            at=at,
        )
        after = clusters.get(tx, cluster_id)
        shown_before, shown_after = _shown(before), _shown(after)
        if access is not None:
            shown_after["credential"] = f"{MASK} (new)"
        if shown_before != shown_after:
            record_change(
                tx,
                "cluster.changed",
                after.name,
                actor=actor,
                at=at,
                cluster_id=after.id,
                before=shown_before,
                after=shown_after,
            )
    return after


def remove_cluster(
    database: Database, cluster_id: str, *, confirmed_name: str, actor: Actor, at: datetime
) -> None:
    """Archive a cluster and delete its credential; its decisions and its records stay.

    ``confirmed_name`` is what a person typed to confirm. Raises InvalidInputError where it is not
    the cluster's name.
    """
    authorise(actor, Role.OPERATOR, "remove a cluster")
    with database.transaction() as tx:
        cluster = clusters.get(tx, cluster_id)
        _check_not_archived(cluster)
        if confirmed_name != cluster.name:
            raise InvalidInputError(
                "confirmation",
                f"{confirmed_name!r} is not the name of the cluster",
                next_step=f"type {cluster.name} to remove it",
            )
        clusters.archive(tx, cluster_id, at=at)
        record_change(
            tx,
            "cluster.removed",
            cluster.name,
            actor=actor,
            at=at,
            cluster_id=cluster.id,
            before=_shown(cluster),
        )


def _sealed_access(database: Database, access: KubeAccess, secrets: SecretBox) -> ClusterAccess:
    """The access as it is stored. Raises InvalidInputError for an endpoint of the wrong kind."""
    endpoint = check_kubernetes_endpoint(access.endpoint, database.check().kind)
    credential = access.credential
    return ClusterAccess(
        endpoint=endpoint,
        ca_pem=access.ca_pem,
        credential_kind=str(credential.__struct_config__.tag),
        sealed_credential=seal_credential(credential, secrets),
    )


def seal_credential(credential: Credential, secrets: SecretBox) -> str:
    """A credential as it is stored."""
    return secrets.seal(_encode(credential).decode())


def _check_details(region: str | None, cluster_tag: str | None) -> None:
    if region is not None:
        check_region(region)
    if cluster_tag is not None and not (
        0 < len(cluster_tag) <= _LONGEST_TAG and cluster_tag.isprintable()
    ):
        raise InvalidInputError(
            "cluster tag",
            f"{cluster_tag!r} cannot be the key of a tag",
            next_step=f"give 1 to {_LONGEST_TAG} printable characters, or leave it out",
        )


def _check_customer(tx: Transaction, customer_id: str, at: datetime) -> None:
    if customer_id == customers.LOCAL_ID:
        customers.ensure_local(tx, at=at)
    customer = customers.get(tx, customer_id)
    if customer.status is CustomerStatus.ARCHIVED:
        raise InvalidInputError(
            f"customer {customer.company!r}",
            "was removed",
            next_step="register the customer again first",
        )


def _check_not_archived(cluster: Cluster) -> None:
    if cluster.status is ClusterStatus.ARCHIVED:
        raise InvalidInputError(
            f"cluster {cluster.name!r}",
            "was removed",
            next_step="register it again first",
        )


def _registered(cluster_id: str, new: NewCluster, at: datetime) -> Cluster:
    """The new cluster; endpoint and kind of credential come with its access."""
    return Cluster(
        id=cluster_id,
        customer_id=new.customer_id,
        name=new.name,
        region=new.region,
        source=ClusterSource.API,
        created_at=at,
        updated_at=at,
        cluster_tag=new.cluster_tag,
        launch=new.launch,
    )


def _shown(cluster: Cluster) -> dict[str, Any]:
    """What the audit log shows of how a cluster is read."""
    return {
        "id": cluster.id,
        "customer_id": cluster.customer_id,
        "endpoint": cluster.endpoint,
        "credential_kind": cluster.credential_kind,
        "credential": None if cluster.credential_kind is None else MASK,
        "region": cluster.region,
        "cluster_tag": cluster.cluster_tag,
        "launch": msgspec.to_builtins(cluster.launch),
    }
