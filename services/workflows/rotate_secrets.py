"""Seal all stored secrets anew with the newest key, in one transaction: all of them or none."""

from datetime import datetime

import msgspec

from db.records import DataKind
from db.repositories import audit, clusters, customers, data_versions
from db.session import Database, Transaction
from services.access import Actor, Role, authorise
from services.secrets import SecretBox, add_key, open_secret_box
from services.settings import Settings


class RotatedSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """How many secrets are sealed with the newest key now, and whether that key is a new one."""

    clusters: int
    customers: int
    is_new_key: bool


def rotate_secrets(
    database: Database, settings: Settings, *, new_key: bool, actor: Actor, at: datetime
) -> RotatedSecrets:
    """Seal every secret with the newest key; with ``new_key`` one is put into the key file first.

    Old keys stay where they are: backups need them. Raises SealedSecretError, and changes no
    secret, where one of them cannot be opened.
    """
    authorise(actor, Role.ADMIN, "rotate the secrets")
    with database.transaction() as tx:
        data_versions.bump(tx, DataKind.CLUSTERS)  # who rotates at the same time waits here
        box = add_key(settings) if new_key else open_secret_box(settings)
        rotated = RotatedSecrets(
            clusters=_reseal_clusters(tx, box),
            customers=_reseal_customers(tx, box),
            is_new_key=new_key,
        )
        audit.append(
            tx,
            actor=actor.name,
            action="secrets.rotated",
            object_name="stored secrets",
            at=at,
            after=rotated,
        )
    return rotated


def _reseal_clusters(tx: Transaction, box: SecretBox) -> int:
    count = 0
    for cluster in clusters.list_all(tx):
        access = clusters.load_access(tx, cluster.id)
        if access is not None:
            what = f"the credential of cluster {cluster.name!r}"
            sealed = box.reseal(access.sealed_credential, what=what)
            clusters.set_sealed_credential(tx, cluster.id, sealed)
            count += 1
    return count


def _reseal_customers(tx: Transaction, box: SecretBox) -> int:
    count = 0
    for customer in customers.list_all(tx):
        secret = customers.load_sealed_secret(tx, customer.id)
        if secret is not None:
            what = f"the AWS secret access key of customer {customer.company!r}"
            customers.set_sealed_secret(tx, customer.id, box.reseal(secret, what=what))
            count += 1
    return count
